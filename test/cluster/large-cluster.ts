/** Fills an API server with many Services, each with one slice; of every seven one is headless. */
import type { ApiClient } from './api-client.ts';

const PARALLEL = 16;
const NAMESPACES = 20;
const HEADLESS_EVERY = 7;
const PORTS = [
  { name: 'http', port: 80, protocol: 'TCP' },
  { name: 'grpc', port: 9090, protocol: 'TCP' },
];

export interface ClusterSize {
  readonly services: number;
  /** of each Service */
  readonly endpoints: number;
}

/** @throws ApiError */
export async function fillCluster(client: ApiClient, { services, endpoints }: ClusterSize): Promise<void> {
  await each(NAMESPACES, (index) =>
    client.request('POST', '/api/v1/namespaces', { metadata: { name: `large-${index}` } }),
  );
  await each(services, async (index) => {
    const namespace = namespaceOf(index);
    const isHeadless = index % HEADLESS_EVERY === 0;
    const clusterIP = isHeadless ? 'None' : `10.100.${index >> 8}.${index & 255}`;
    await client.request('POST', `/api/v1/namespaces/${namespace}/services`, {
      metadata: { name: `s${index}` },
      spec: { clusterIP, ports: PORTS },
    });
    await client.request('POST', slicesPath(index), sliceOf(index, endpoints));
  });
}

/** Give the last endpoint of a Service another address. */
export async function moveEndpoint(
  client: ApiClient,
  index: number,
  size: ClusterSize,
  address: string,
): Promise<void> {
  const slice = sliceOf(index, size.endpoints);
  slice.endpoints.at(-1)!.addresses = [address];
  await client.patch(`${slicesPath(index)}/${slice.metadata.name}`, { endpoints: slice.endpoints });
}

/** The name of a headless Service near the end of all, and its number: it is answered when all is listed. */
export function lastHeadless({ services }: ClusterSize): { readonly index: number; readonly name: string } {
  const index = Math.floor((services - 1) / HEADLESS_EVERY) * HEADLESS_EVERY;
  return { index, name: `s${index}.${namespaceOf(index)}.svc.cluster.local` };
}

function sliceOf(index: number, count: number) {
  const endpoints = Array.from({ length: count }, (_, k) => {
    const number = index * count + k;
    return {
      addresses: [`10.${128 + ((number >> 16) & 127)}.${(number >> 8) & 255}.${number & 255}`],
      conditions: { ready: true, serving: true, terminating: false },
      nodeName: `node-${number % 100}`,
      zone: 'z1',
      targetRef: { kind: 'Pod', namespace: namespaceOf(index), name: `s${index}-${k}` },
    };
  });
  const metadata = { name: `s${index}-1`, labels: { 'kubernetes.io/service-name': `s${index}` } };
  return { metadata, addressType: 'IPv4', ports: PORTS, endpoints };
}

function namespaceOf(index: number): string {
  return `large-${index % NAMESPACES}`;
}

function slicesPath(index: number): string {
  return `/apis/discovery.k8s.io/v1/namespaces/${namespaceOf(index)}/endpointslices`;
}

async function each(count: number, run: (index: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < count) await run(next++);
  };
  await Promise.all(Array.from({ length: PARALLEL }, work));
}
