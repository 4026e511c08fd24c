/** Objects as the API server has them. */
import type { RawObject } from './fake-api-server.ts';

export function namespace(name: string, labels: Readonly<Record<string, string>> = {}): RawObject {
  return { kind: 'Namespace', metadata: { name, labels } };
}

export function service(name: string, clusterIP: string, labels: Readonly<Record<string, string>> = {}): RawObject {
  return {
    kind: 'Service',
    metadata: { namespace: 'default', name, labels },
    spec: {
      type: 'ClusterIP',
      clusterIP,
      clusterIPs: [clusterIP],
      ports: [{ name: 'http', port: 80, protocol: 'TCP' }],
    },
  };
}

export function endpointSlice(name: string, serviceName: string, addresses: readonly string[]): RawObject {
  return {
    kind: 'EndpointSlice',
    metadata: { namespace: 'default', name, labels: { 'kubernetes.io/service-name': serviceName } },
    addressType: 'IPv4',
    endpoints: addresses.map((address) => ({ addresses: [address], conditions: { ready: true } })),
    ports: [{ name: 'http', port: 80, protocol: 'TCP' }],
  };
}
