/** A large cluster in which one endpoint of a headless Service moves: on the API server of this folder, or on a real one. */
import { generateCluster, DEFAULT_CLUSTER_SHAPE, type RawObject } from '../dataset/generate-cluster.ts';
import { drawQueries } from '../dataset/query-kinds.ts';
import { startChangingApiServer } from './changing-api-server.ts';

const QUERIES = 10_000;

export interface ChangingCluster {
  /** line of `kubernetes` that says where the API server is */
  readonly access: string;
  /** answered when everything is listed */
  readonly lastName: string;
  /** of dnsperf */
  readonly queryLines: string;
  /** lists of EndpointSlices that were sent whole */
  readonly listCount: number;
  /**
   * Give the endpoint its address of that number.
   *
   * @param program  who is told; all if not given, and where the API server is real
   */
  change(number: number, program?: string): Promise<void>;
  /** The name that the endpoint has then, and never had before. */
  nameOf(number: number): string;
  /** End all watches of a program, so that it lists everything anew. */
  expireWatches(program: string): void;
  stop(): Promise<void>;
}

interface ClusterOptions {
  readonly api: 'fake' | 'real';
  readonly services: number;
  readonly endpoints: number;
  readonly log: (line: string) => void;
}

export function openCluster(options: ClusterOptions): Promise<ChangingCluster> {
  return options.api === 'real' ? openReal(options) : openFake(options);
}

/** Addresses that no generated endpoint has. */
function addressOf(number: number): string {
  return `10.99.${(number >> 8) & 255}.${number & 255}`;
}

function endpointName(number: number, service: string): string {
  return `${addressOf(number).replaceAll('.', '-')}.${service}`;
}

async function openFake({ services, endpoints }: ClusterOptions): Promise<ChangingCluster> {
  const cluster = generateCluster({ ...DEFAULT_CLUSTER_SHAPE, services, endpointsPerService: endpoints });
  const planned = [...cluster.plans()].findLast(
    ({ headless, stateful, endpoints: all }) => headless && !stateful && all.some(({ ready }) => ready),
  );
  if (planned === undefined) throw new Error('the cluster has no headless Service: take more');
  const [slice] = cluster.endpointSlicesOf(planned.index);
  const name = `${planned.name}.${planned.namespace}.svc.cluster.local`;
  const api = await startChangingApiServer(cluster);
  return {
    access: `endpoint http://127.0.0.1:${api.port}`,
    lastName: name,
    queryLines: [...drawQueries(cluster, 'a', QUERIES, 1)].map(({ name: asked }) => `${asked} A\n`).join(''),
    get listCount() {
      return api.listCount;
    },
    async change(number, program) {
      api.change(withLastAddress(slice!, addressOf(number)), program);
    },
    nameOf: (number) => endpointName(number, name),
    expireWatches: (program) => api.expireWatches(program),
    stop: () => api.stop(),
  };
}

function withLastAddress(slice: RawObject, address: string): RawObject {
  const endpoints = slice['endpoints'] as readonly { readonly conditions: object }[];
  const moved = {
    ...endpoints.at(-1)!,
    addresses: [address],
    conditions: { ready: true, serving: true, terminating: false },
  };
  return { ...slice, endpoints: [...endpoints.slice(0, -1), moved] };
}

/** The control plane of the tests: etcd and kube-apiserver on loopback. */
async function openReal({ services, endpoints, log }: ClusterOptions): Promise<ChangingCluster> {
  const { clusterTools } = await import('../../test/cluster/cluster-tools.ts');
  const { ControlPlane } = await import('../../test/cluster/control-plane.ts');
  const { fillCluster, lastHeadless, moveEndpoint } = await import('../../test/cluster/large-cluster.ts');
  const plane = await ControlPlane.start({ tools: await clusterTools(log) });
  const size = { services, endpoints };
  const { index, name } = lastHeadless(size);
  try {
    await fillCluster(plane.client, size);
  } catch (error) {
    await plane.stop();
    throw error;
  }
  return {
    access: `kubeconfig ${plane.kubeconfig('dns')}`,
    lastName: name,
    queryLines: `${name} A\n`,
    listCount: 0,
    change: (number) => moveEndpoint(plane.client, index, size, addressOf(number)),
    nameOf: (number) => endpointName(number, name),
    expireWatches: () => {
      throw new Error('a real API server ends no watches on demand');
    },
    stop: () => plane.stop(),
  };
}
