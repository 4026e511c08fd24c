/** Objects as the API server sends them, with the fields that DNS does not read too. */

export const OBJECT_TIME = '2026-01-02T03:04:05Z';

export type RawObject = Record<string, unknown> & { readonly metadata: Record<string, unknown> };

/** What a server adds to each object, full of what a splitter may stumble over. */
function metadata(name: string, namespace: string, version: number, labels: Record<string, string>) {
  return {
    name,
    ...(namespace === '' ? {} : { namespace }),
    uid: `0f0e-${version}`,
    resourceVersion: String(version),
    creationTimestamp: OBJECT_TIME,
    labels,
    annotations: { 'note.example/text': 'a "quoted" {brace], a \\ and an \n end, ä € 🙂, \u2028', '"}],': '{"a":[' },
    managedFields: [{ manager: 'kube', operation: 'Update', fieldsV1: { 'f:spec': { 'f:ports': {} } } }],
  };
}

export function rawService(name: string, version = 1): RawObject {
  return {
    metadata: metadata(name, 'prod', version, { app: name }),
    spec: {
      type: 'ClusterIP',
      clusterIP: '10.96.0.7',
      clusterIPs: ['10.96.0.7'],
      externalIPs: ['192.0.2.1'],
      ports: [
        { name: 'http', port: 80, protocol: 'TCP', targetPort: 'web' },
        { name: 'dns', port: 53, protocol: 'UDP', targetPort: 53 },
      ],
      selector: { app: name },
      sessionAffinity: 'None',
    },
    status: { loadBalancer: { ingress: [{ ip: '192.0.2.9' }, { hostname: 'lb.example' }] } },
  };
}

/** @param service  '': a slice of no Service */
export function rawSlice(name: string, service: string, version = 1): RawObject {
  return {
    metadata: metadata(name, 'prod', version, service === '' ? {} : { 'kubernetes.io/service-name': service }),
    addressType: 'IPv4',
    ports: [{ name: '', port: 8080, protocol: 'TCP' }],
    endpoints: [
      {
        addresses: ['10.1.0.1'],
        conditions: { ready: true, serving: true, terminating: false },
        hostname: 'db-0',
        nodeName: 'node-1',
        targetRef: { kind: 'Pod', name: 'db-0', namespace: 'prod', uid: 'x' },
        zone: 'Zone-A',
      },
      { addresses: ['10.1.0.2'], conditions: { ready: false } },
    ],
  };
}

export function rawPod(name: string, phase: string, version = 1): RawObject {
  return {
    metadata: metadata(name, 'prod', version, {}),
    spec: { hostNetwork: true, nodeName: 'node-1', containers: [{ name: 'c', image: 'i' }] },
    status: { phase, podIP: '10.1.0.1', podIPs: [{ ip: '10.1.0.1' }, { ip: 'fd00::1' }] },
  };
}

export function rawNamespace(name: string, version = 1): RawObject {
  return { metadata: metadata(name, '', version, { team: 'a' }), spec: {}, status: { phase: 'Active' } };
}
