import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeObject, decodeObjectOf, decodeObjects } from '../../../src/kubernetes/decode.ts';
import { parseLabelSelector } from '../../../src/kubernetes/label-selector.ts';
import { ObjectError } from '../../../src/kubernetes/object-error.ts';

type Raw = Record<string, unknown>;

function service(spec: Raw, metadata: Raw = {}): Raw {
  return { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web', ...metadata }, spec };
}

function slice(rest: Raw, labels: Raw = { 'kubernetes.io/service-name': 'web' }): Raw {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: 'web-abc', namespace: 'shop', labels },
    addressType: 'IPv4',
    ...rest,
  };
}

function pod(status: Raw, metadata: Raw = {}): Raw {
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web-0', ...metadata }, status };
}

function refused(raw: unknown, message: RegExp): ObjectError {
  let caught: unknown;
  try {
    decodeObjects(raw);
  } catch (error) {
    caught = error;
  }
  assert.ok(caught instanceof ObjectError, `not refused: ${JSON.stringify(raw)}`);
  assert.equal(caught.code, 'MANIFEST_OBJECT');
  assert.match(caught.message, message);
  return caught;
}

test('a Service is trimmed', () => {
  assert.deepEqual(
    decodeObjects(
      service(
        {
          type: 'LoadBalancer',
          clusterIP: '10.96.0.9',
          clusterIPs: ['10.96.0.9', 'fd00::9'],
          selector: { app: 'web' },
          ports: [
            { name: 'HTTP', port: 80, targetPort: 'http' },
            { name: 'dns', port: 53, protocol: 'UDP' },
          ],
        },
        { namespace: 'Shop', name: 'Web' },
      ),
    ),
    [
      {
        kind: 'Service',
        namespace: 'shop',
        name: 'web',
        type: 'ClusterIP',
        clusterIPs: ['10.96.0.9', 'fd00::9'],
        externalName: '',
        externalIPs: [],
        ports: [
          { name: 'http', port: 80, protocol: 'TCP' },
          { name: 'dns', port: 53, protocol: 'UDP' },
        ],
      },
    ],
  );
});

test('cluster IPs: the list, else the single field; None and nothing', () => {
  const clusterIPs = (spec: Raw): unknown => {
    const [object] = decodeObjects(service(spec));
    return object?.kind === 'Service' ? object.clusterIPs : undefined;
  };
  assert.deepEqual(clusterIPs({ clusterIP: '10.0.0.1' }), ['10.0.0.1']);
  assert.deepEqual(clusterIPs({ clusterIP: '10.0.0.1', clusterIPs: [] }), ['10.0.0.1']);
  assert.deepEqual(clusterIPs({ clusterIP: 'None', clusterIPs: ['None'] }), ['None']);
  assert.deepEqual(clusterIPs({ clusterIP: 'None' }), ['None']);
  assert.deepEqual(clusterIPs({ clusterIP: '' }), []);
  assert.deepEqual(clusterIPs({}), []);
  assert.deepEqual(clusterIPs({ type: 'ExternalName', externalName: 'a.b', clusterIP: '10.0.0.1' }), []);
});

test('ready endpoints are kept: ready true or absent, whatever serving and terminating say', () => {
  const [object] = decodeObjects(
    slice({
      ports: [
        { name: '', port: 8080 },
        { name: 'all', port: null },
      ],
      endpoints: [
        { addresses: ['10.1.0.1'], conditions: { ready: true }, hostname: 'Web-0', zone: 'EU-1a' },
        { addresses: ['10.1.0.2'], conditions: { ready: false, serving: true } },
        {
          addresses: ['10.1.0.3', '10.1.0.4'],
          conditions: { ready: null, terminating: true },
          targetRef: { name: 'p'.repeat(63) },
        },
        { addresses: ['10.1.0.5'], targetRef: { name: 'p'.repeat(64) } },
        { addresses: ['10.1.0.6'], targetRef: { name: '_tcp' } },
      ],
    }),
  );
  assert.deepEqual(object, {
    kind: 'EndpointSlice',
    namespace: 'shop',
    name: 'web-abc',
    service: 'web',
    importedService: '',
    sourceCluster: '',
    triggerTimeMs: 0,
    ports: [
      { name: '', port: 8080, protocol: 'TCP' },
      { name: 'all', port: 0, protocol: 'TCP' },
    ],
    endpoints: [
      { addresses: ['10.1.0.1'], hostname: 'web-0', targetName: '', zone: 'eu-1a' },
      { addresses: ['10.1.0.3', '10.1.0.4'], hostname: '', targetName: 'p'.repeat(63), zone: '' },
      { addresses: ['10.1.0.5'], hostname: '', targetName: '', zone: '' },
      { addresses: ['10.1.0.6'], hostname: '', targetName: '', zone: '' },
    ],
  });
});

test('external IPs: those of the spec, then the ingresses of the load balancer, whatever the type', () => {
  const externalIPs = (spec: Raw, ingress: Raw[] = []): unknown => {
    const [object] = decodeObjects({ ...service(spec), status: { loadBalancer: { ingress } } });
    return object?.kind === 'Service' ? object.externalIPs : undefined;
  };
  assert.deepEqual(
    externalIPs({ externalIPs: ['192.0.2.1', '2001:db8::1'] }, [
      { ip: '192.0.2.2', hostname: 'ignored.example' },
      { hostname: 'lb.example.com' },
      {},
    ]),
    ['192.0.2.1', '2001:db8::1', '192.0.2.2', 'lb.example.com'],
  );
  assert.deepEqual(externalIPs({ type: 'ExternalName', externalName: 'a.b', externalIPs: ['192.0.2.1'] }), [
    '192.0.2.1',
  ]);
  refused(service({ externalIPs: ['lb.example.com'] }), /^spec\.externalIPs\[0\]: must be an IP address/);
  refused(
    { ...service({}), status: { loadBalancer: { ingress: [{ hostname: 'a..b' }] } } },
    /^status\.loadBalancer\.ingress\[0\]\.hostname: must be a domain name/,
  );
});

test('a slice knows the ServiceImport and the cluster it comes from, and when it was changed', () => {
  const [object] = decodeObjects({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: 'imported-db-x',
      labels: {
        'multicluster.kubernetes.io/service-name': 'DB',
        'multicluster.kubernetes.io/source-cluster': 'Cluster-B',
      },
      annotations: { 'endpoints.kubernetes.io/last-change-trigger-time': '2026-03-01T12:00:00.123456789Z' },
    },
    endpoints: [],
  });
  assert.ok(object?.kind === 'EndpointSlice');
  assert.deepEqual(
    [object.service, object.importedService, object.sourceCluster, object.triggerTimeMs],
    ['', 'db', 'cluster-b', Date.UTC(2026, 2, 1, 12, 0, 0, 123)],
  );
  for (const value of ['yesterday', '2026-03-01', 7, null]) {
    const annotations = { 'endpoints.kubernetes.io/last-change-trigger-time': value };
    const labels = { 'kubernetes.io/service-name': 'web' };
    const [other] = decodeObjects({ ...slice({}), metadata: { name: 'a', labels, annotations } });
    assert.equal(other?.kind === 'EndpointSlice' ? other.triggerTimeMs : undefined, 0, String(value));
  }
});

test('a ServiceImport: the addresses of the cluster set, none if it is headless', () => {
  const decoded = (spec: Raw): unknown => {
    const metadata = { name: 'DB', namespace: 'Shop' };
    return decodeObjects({ apiVersion: 'multicluster.x-k8s.io/v1alpha1', kind: 'ServiceImport', metadata, spec })[0];
  };
  const name = { kind: 'ServiceImport', namespace: 'shop', name: 'db' };
  assert.deepEqual(decoded({ type: 'ClusterSetIP', ips: ['10.42.0.1'], ports: [{ name: 'PG', port: 5432 }] }), {
    ...name,
    type: 'ClusterSetIP',
    ips: ['10.42.0.1'],
    ports: [{ name: 'pg', port: 5432, protocol: 'TCP' }],
  });
  assert.deepEqual(
    decoded({ type: 'Headless', ips: ['10.42.0.1'], ports: [{ port: 1 }, { port: 2, protocol: 'UDP' }] }),
    {
      ...name,
      type: 'Headless',
      ips: [],
      ports: [
        { name: '', port: 1, protocol: 'TCP' },
        { name: '', port: 2, protocol: 'UDP' },
      ],
    },
  );
  assert.throws(() => decoded({ type: 'None' }), /^ObjectError: spec\.type: must be one of ClusterSetIP, Headless/);
  assert.throws(() => decoded({ ips: ['x'] }), /spec\.ips\[0\]: must be an IP address/);
  assert.throws(() => decoded({ ports: [{}] }), /spec\.ports\[0\]\.port: is required/);
});

test('a slice of no Service is passed over; one with host names has no endpoints', () => {
  assert.deepEqual(decodeObjects(slice({ endpoints: [] }, {})), []);
  const [object] = decodeObjects(slice({ addressType: 'FQDN', endpoints: [{ addresses: ['a.example'] }] }));
  assert.deepEqual(object?.kind === 'EndpointSlice' ? object.endpoints : undefined, []);
});

test('what is stored: each address is what it is, whatever its slice says; who writes one by hand is told', () => {
  const mixed = ['10.1.0.1', 'fd00::1', 'a.example', '', '10.1'];
  const endpoints = [{ addresses: mixed }, { addresses: ['x'] }, { addresses: ['y'], conditions: { ready: false } }];
  for (const addressType of ['IPv4', 'IPv6', '', 'FQDN', 'IPX']) {
    const faults: ObjectError[] = [];
    const stored = decodeObjectOf('EndpointSlice', slice({ addressType, endpoints }), faults);
    assert.deepEqual(
      stored?.kind === 'EndpointSlice' ? stored.endpoints.map(({ addresses }) => addresses) : undefined,
      [['10.1.0.1', 'fd00::1']],
      addressType,
    );
    assert.deepEqual(
      faults.map(({ message }) => message),
      addressType === 'FQDN'
        ? []
        : [
            'endpoints[0].addresses[2]: must be an IP address, not "a.example"',
            'endpoints[0].addresses[3]: is required',
            'endpoints[0].addresses[4]: must be an IP address, not "10.1"',
            'endpoints[1].addresses[0]: must be an IP address, not "x"',
          ],
    );
  }
  const written = slice({ addressType: 'IPv6', endpoints: [{ addresses: ['10.1.0.1'] }] });
  assert.throws(() => decodeObjects(written), /addresses\[0\]: must be an IPv6 address, not "10\.1\.0\.1"/);
});

test('pods: every address, not after the end', () => {
  assert.deepEqual(
    decodeObjects(pod({ phase: 'Running', podIP: '10.0.0.9', podIPs: [{ ip: '10.0.0.9' }, { ip: 'fd01::1' }] })),
    [
      {
        kind: 'Pod',
        namespace: 'default',
        name: 'web-0',
        podIPs: ['10.0.0.9', 'fd01::1'],
        isHostNetwork: false,
        isTerminating: false,
      },
    ],
  );
  for (const phase of ['Succeeded', 'Failed', 'Unknown']) assert.deepEqual(decodeObjects(pod({ phase })), []);
  const [ending] = decodeObjects(pod({}, { deletionTimestamp: '2026-01-01T00:00:00Z' }));
  assert.equal(ending?.kind === 'Pod' && ending.isTerminating, true);
  const [host] = decodeObjects({ ...pod({}), spec: { hostNetwork: true } });
  assert.equal(host?.kind === 'Pod' && host.isHostNetwork, true);
  const [pending] = decodeObjects(pod({ phase: 'Pending', podIP: '10.0.0.9' }));
  assert.deepEqual(pending?.kind === 'Pod' ? pending.podIPs : undefined, []);
});

test('a Namespace has the label that the API server gives it', () => {
  assert.deepEqual(
    decodeObjects({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop', labels: { team: 'a' } } }),
    [{ kind: 'Namespace', name: 'shop', labels: { team: 'a', 'kubernetes.io/metadata.name': 'shop' } }],
  );
});

test('lists, typed and nested; other kinds and empty documents are passed over', () => {
  const objects = decodeObjects({
    apiVersion: 'v1',
    kind: 'List',
    items: [
      { apiVersion: 'v1', kind: 'ServiceList', items: [{ metadata: { name: 'a' }, spec: {} }] },
      { apiVersion: 'apps/v1', kind: 'Deployment', metadata: 'whatever' },
      { apiVersion: 'serving.knative.dev/v1', kind: 'Service', metadata: { name: 'Not.A.Service' } },
      {
        apiVersion: 'discovery.k8s.io/v1',
        kind: 'EndpointSliceList',
        items: [{ metadata: { name: 'a.b', labels: { 'kubernetes.io/service-name': 'a' } }, endpoints: [] }],
      },
    ],
  });
  assert.deepEqual(
    objects.map((object) => `${object.kind} ${object.name}`),
    ['Service a', 'EndpointSlice a.b'],
  );
  assert.deepEqual(decodeObjects(null), []);
  assert.deepEqual(decodeObjects(undefined), []);
});

test('the selector passes over Services, slices and pods, neither Namespaces nor ServiceImports', () => {
  const labels = parseLabelSelector('team=a');
  assert.equal(decodeObjects(service({}, { labels: { team: 'a' } }), { labels }).length, 1);
  assert.equal(decodeObjects(service({}), { labels }).length, 0);
  assert.equal(decodeObjects(pod({}), { labels }).length, 0);
  assert.equal(decodeObjects(slice({}), { labels }).length, 0);
  assert.equal(decodeObjects({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'x' } }, { labels }).length, 1);
  const imported = { apiVersion: 'multicluster.x-k8s.io/v1alpha1', kind: 'ServiceImport', metadata: { name: 'x' } };
  assert.equal(decodeObjects(imported, { labels }).length, 1);
});

test('faults name the field', () => {
  refused('text', /must be a mapping/);
  refused({ kind: 'Service', metadata: { name: 'a' } }, /^apiVersion: is required/);
  refused({ apiVersion: 'v1', metadata: { name: 'a' } }, /^kind: is required/);
  refused(
    { apiVersion: 'v2', kind: 'Service', metadata: { name: 'a' } },
    /^apiVersion: Service is read from v1, not v2/,
  );
  refused({ apiVersion: 'v1', kind: 'Service' }, /^metadata\.name: is required/);
  refused(service({}, { name: 'a.b' }), /^metadata\.name: /);
  refused(service({}, { name: 'x'.repeat(64) }), /^metadata\.name: /);
  refused(service({}, { name: 7 }), /^metadata\.name: must be a string, not 7/);
  refused(service({}, { labels: { 'a/b': true } }), /^metadata\.labels\["a\/b"\]: must be a string/);
  refused(service({ type: 'Headless' }), /^spec\.type: must be one of ClusterIP, .*, not "Headless"/);
  refused(service({ clusterIP: '10.0.0.256' }), /^spec\.clusterIP: must be an IP address, not "10\.0\.0\.256"/);
  refused(service({ clusterIPs: ['10.0.0.1', 'x'] }), /^spec\.clusterIPs\[1\]: /);
  refused(
    service({ ports: [{ port: '80' }] }),
    /^spec\.ports\[0\]\.port: must be a whole number from 1 to 65535, not "80"/,
  );
  refused(
    service({
      ports: [
        { port: 80, name: 'a' },
        { port: 0, name: 'b' },
      ],
    }),
    /^spec\.ports\[1\]\.port: /,
  );
  refused(service({ ports: [{ port: 80 }, { port: 81 }] }), /^spec\.ports\[0\]\.name: is required/);
  refused(
    service({
      ports: [
        { name: 'a', port: 80 },
        { name: 'a', port: 81 },
      ],
    }),
    /^spec\.ports\[1\]\.name: "a" is there twice/,
  );
  refused(service({ ports: [{ port: 80, protocol: 'tcp' }] }), /^spec\.ports\[0\]\.protocol: /);
  refused(service({ ports: { port: 80 } }), /^spec\.ports: must be a list/);
  refused(service({ type: 'ExternalName' }), /^spec\.externalName: is required/);
  refused(service({ type: 'ExternalName', externalName: 'a..b' }), /^spec\.externalName: /);
  refused(slice({ endpoints: [{ addresses: [] }] }), /^endpoints\[0\]\.addresses: is required/);
  refused(
    slice({ endpoints: [{ addresses: ['fd00::1'] }] }),
    /^endpoints\[0\]\.addresses\[0\]: must be an IPv4 address/,
  );
  refused(slice({ endpoints: [{ addresses: ['10.0.0.1'], hostname: 'a.b' }] }), /^endpoints\[0\]\.hostname: /);
  refused(
    slice({ endpoints: [{ addresses: ['10.0.0.1'], conditions: { ready: 'yes' } }] }),
    /^endpoints\[0\]\.conditions\.ready: must be true or false/,
  );
  refused(pod({ podIPs: [{ ip: '10.0.0' }] }), /^status\.podIPs\[0\]\.ip: /);
});

test('a fault inside a list has the whole path', () => {
  const error = refused(
    { apiVersion: 'v1', kind: 'List', items: [service({}), service({ ports: [{}] })] },
    /^items\[1\]\.spec\.ports\[0\]\.port: is required/,
  );
  assert.deepEqual(error.path, ['items', 1, 'spec', 'ports', 0, 'port']);
  assert.throws(
    () => decodeObject(service({ ports: [{}] }), {}, ['object']),
    (thrown) => thrown instanceof ObjectError && thrown.message === 'object.spec.ports[0].port: is required',
  );
});

test('what an API server has stored need not be what its rules ask for today', () => {
  const ports = [
    { port: 53, protocol: 'udp' },
    { name: 'dns', port: 53, protocol: 'TCP' },
    { name: 'dns', port: 54, protocol: 'SCTP' },
  ];
  const read = [
    { name: '', port: 53, protocol: 'UDP' },
    { name: 'dns', port: 53, protocol: 'TCP' },
    { name: 'dns', port: 54, protocol: 'SCTP' },
  ];
  const stored = decodeObjectOf('Service', service({ clusterIP: '10.96.0.1', ports }));
  assert.deepEqual(stored?.kind === 'Service' && stored.ports, read);
  refused(service({ clusterIP: '10.96.0.1', ports }), /^spec\.ports\[0\]/);

  const endpoints = [{ addresses: [] }, { addresses: ['10.1.0.1'] }];
  const sliced = decodeObjectOf('EndpointSlice', slice({ ports, endpoints }));
  assert.deepEqual(sliced?.kind === 'EndpointSlice' && sliced.ports, read);
  assert.deepEqual(sliced?.kind === 'EndpointSlice' && sliced.endpoints.map(({ addresses }) => addresses), [
    ['10.1.0.1'],
  ]);
});
