/**
 * One endpoint of one Service becomes unready and ready again: from the decoded slice to the published snapshot. ns/call is
 * per change. What it costs must not depend on how large the cluster is.
 *
 * usage: node native-free-bench/micro/publish-endpoint-change.bench.ts [ENDPOINTS PER SERVICE]
 */

import type { EndpointSlice, ObjectChange } from '../../src/kubernetes/objects.ts';
import { DEFAULT_CLUSTER_SHAPE } from '../dataset/generate-cluster.ts';
import type { RawObject } from '../dataset/generate-cluster.ts';
import { formatMicroResults, runMicroBenchmark } from './micro-benchmark.ts';
import type { MicroCase, MicroResult } from './micro-benchmark.ts';
import { decodeChange, serveCluster } from './served-cluster.ts';
import type { ServedCluster } from './served-cluster.ts';

export interface PublishBenchmarkOptions {
  /** a cluster of each size is measured */
  readonly serviceCounts: readonly number[];
  readonly endpointsPerService: number;
  readonly durationMs: number;
}

/** Slices that change in turn, so that no single one stays in the CPU's caches. */
const CHANGING_SLICES = 100;

export async function benchPublishEndpointChange(options: PublishBenchmarkOptions): Promise<MicroResult[]> {
  const { serviceCounts, endpointsPerService, durationMs } = options;
  const results: MicroResult[] = [];
  for (const services of serviceCounts) {
    const namespaces = Math.ceil(services / 50);
    const served = serveCluster({ ...DEFAULT_CLUSTER_SHAPE, services, endpointsPerService, namespaces });
    results.push(...(await runMicroBenchmark([changeCase(served, false), changeCase(served, true)], durationMs)));
  }
  return results;
}

/** @param headless  whether the Services that change are headless: their own records change, not just the endpoint's */
function changeCase(served: ServedCluster, headless: boolean): MicroCase {
  const { cluster, publish } = served;
  const pairs: (readonly [ObjectChange, ObjectChange])[] = [];
  for (const service of cluster.plans()) {
    if (service.index <= 1 || service.headless !== headless || service.dualStack) continue;
    pairs.push(changesOfSlice(findSlice(served, service.index)));
    if (pairs.length === CHANGING_SLICES) break;
  }
  let next = 0;
  const run = (): number => {
    // First each slice in turn loses an endpoint, then each gets it back.
    const [smaller, whole] = pairs[next % pairs.length]!;
    const isLoss = Math.floor(next / pairs.length) % 2 === 0;
    next++;
    const publication = publish([isLoss ? smaller : whole]);
    if (publication === undefined) throw new Error('the change changed nothing');
    return publication.writtenSize;
  };
  const sizes = `${cluster.shape.services} Services × ${cluster.shape.endpointsPerService}`;
  return { name: `${sizes}, ${headless ? 'headless' : 'cluster IP'}`, callsPerRun: 1, run };
}

function findSlice(served: ServedCluster, serviceIndex: number): RawObject {
  const { namespace, name } = served.cluster.plan(serviceIndex);
  for (const slice of served.cluster.endpointSlicesOf(serviceIndex)) return slice;
  throw new Error(`${namespace}/${name} has no slice`);
}

/** The slice without its last ready endpoint, and as it is. */
function changesOfSlice(raw: RawObject): readonly [ObjectChange, ObjectChange] {
  const whole = decodeChange(raw);
  if (whole.op !== 'put') throw new Error('a slice is put');
  const slice = whole.object as EndpointSlice;
  return [{ op: 'put', object: { ...slice, endpoints: slice.endpoints.slice(0, -1) } }, whole];
}

if (import.meta.main) {
  const endpointsPerService = Number(process.argv[2] ?? 3);
  const options = { serviceCounts: [1_000, 100_000], endpointsPerService, durationMs: 2_000 };
  process.stdout.write(
    formatMicroResults('publish the change of one endpoint', await benchPublishEndpointChange(options)),
  );
}
