/**
 * A whole cluster loaded: from decoded-on-the-fly objects to the first snapshot, and the memory it takes. ns/call is per
 * object. Sizes are those that the cluster state and the snapshot's builder count themselves.
 *
 * usage: node native-free-bench/micro/load-cluster.bench.ts [SERVICES] [ENDPOINTS PER SERVICE]
 */

import { DEFAULT_CLUSTER_SHAPE } from '../dataset/generate-cluster.ts';
import { serveCluster } from './served-cluster.ts';

export interface LoadResult {
  readonly objectCount: number;
  readonly loadMs: number;
  readonly stateMiB: number;
  readonly snapshotMiB: number;
}

const MIB = 2 ** 20;

export function benchLoadCluster(services: number, endpointsPerService: number): LoadResult {
  const namespaces = Math.ceil(services / 50);
  const startMs = performance.now();
  const { records, builder, objectCount } = serveCluster({
    ...DEFAULT_CLUSTER_SHAPE,
    services,
    endpointsPerService,
    namespaces,
  });
  return {
    objectCount,
    loadMs: performance.now() - startMs,
    stateMiB: records.state.byteSize / MIB,
    snapshotMiB: builder.liveSize / MIB,
  };
}

/** One line for people. */
export function formatLoadResult(result: LoadResult): string {
  const { objectCount, loadMs, stateMiB, snapshotMiB } = result;
  const usPerObject = ((loadMs * 1000) / objectCount).toFixed(1);
  const sizes = `state ${stateMiB.toFixed(1)} MiB + snapshot ${snapshotMiB.toFixed(1)} MiB`;
  return `${objectCount} objects in ${loadMs.toFixed(0)} ms, ${usPerObject} µs each, generated and decoded on the way; ${sizes}`;
}

if (import.meta.main) {
  const [services = '10000', endpoints = '15'] = process.argv.slice(2);
  process.stdout.write(`${formatLoadResult(benchLoadCluster(Number(services), Number(endpoints)))}\n`);
}
