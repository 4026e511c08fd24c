/**
 * Manifests → trimmed objects. ns/call is per object of the file, for a generated cluster with its usual mix of Services and
 * slices of 15 endpoints.
 *
 * usage: node native-free-bench/micro/decode-manifest.bench.ts
 */

import { stringify } from 'yaml';
import { decodeObject } from '../../src/kubernetes/decode.ts';
import { parseManifest } from '../../src/manifests/manifest-text.ts';
import { DEFAULT_CLUSTER_SHAPE, generateCluster } from '../dataset/generate-cluster.ts';
import { formatMicroResults, runMicroBenchmark } from './micro-benchmark.ts';
import type { MicroResult } from './micro-benchmark.ts';

export interface DecodeBenchmarkOptions {
  readonly services: number;
  readonly durationMs: number;
}

export async function benchDecodeManifest({ services, durationMs }: DecodeBenchmarkOptions): Promise<MicroResult[]> {
  const cluster = generateCluster({ ...DEFAULT_CLUSTER_SHAPE, services, namespaces: Math.ceil(services / 50) });
  const objects = [...cluster.objects()];
  const json = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects });
  const yaml = objects.map((object) => stringify(object)).join('---\n');
  const callsPerRun = objects.length;
  const parse = async (file: string, text: string): Promise<number> => {
    const { objects: found } = await parseManifest(file, text);
    return found.length;
  };
  return runMicroBenchmark(
    [
      { name: 'JSON text → objects', callsPerRun, run: () => parse('cluster.json', json) },
      { name: 'YAML text → objects', callsPerRun, run: () => parse('cluster.yaml', yaml) },
      {
        name: 'parsed JSON → object, as a watch event',
        callsPerRun,
        run: () => {
          let count = 0;
          for (const object of objects) if (decodeObject(object) !== undefined) count++;
          return count;
        },
      },
    ],
    durationMs,
  );
}

if (import.meta.main) {
  const results = await benchDecodeManifest({ services: 500, durationMs: 2_000 });
  process.stdout.write(formatMicroResults('decode manifests', results));
}
