import assert from 'node:assert/strict';
import { test } from 'node:test';
import { external, load, namespace, pod, service, slice } from './cluster.ts';

const DB = 'db.default.svc';
const ns = namespace('default');

/** The objects of the worked vectors. */
const vectors = [
  ns,
  service('default/kubernetes', ['10.96.0.1'], ['https/443/TCP']),
  service('default/dual', ['10.96.0.9', 'fd00::9'], ['http/80/TCP']),
  service('default/db', ['None'], ['pg/5432/TCP']),
  slice('default/db/db-1', ['pg/5432/TCP'], ['10.1.0.1=db-0', '10.1.0.3']),
  external('default/ext', 'example.com'),
  service('default/none', ['None']),
];

test('the worked vectors', () => {
  const { sink } = load(vectors);
  assert.deepEqual(sink.dump(), {
    names: {
      '10-1-0-3.db.default.svc': '10.1.0.3 · srv 100 5432 skip 0',
      '_http._tcp.dual.default.svc': '10.96.0.9 fd00::9 · srv 50 80 skip 11',
      '_https._tcp.kubernetes.default.svc': '10.96.0.1 · srv 100 443 skip 12',
      '_pg._tcp.db.default.svc': '10.1.0.1 10.1.0.3 · srv 50 10-1-0-3:5432=10.1.0.3 db-0:5432=10.1.0.1 skip 9',
      '_tcp.db.default.svc': 'ENT',
      '_tcp.dual.default.svc': 'ENT',
      '_tcp.kubernetes.default.svc': 'ENT',
      'db-0.db.default.svc': '10.1.0.1 · srv 100 5432 skip 0',
      'db.default.svc': '10.1.0.1 10.1.0.3 · srv 50 10-1-0-3:5432=10.1.0.3 db-0:5432=10.1.0.1 skip 0',
      'default.pod': 'ENT',
      'default.svc': 'ENT',
      dns: 'ENT',
      'dns-version': 'TYPE16 1 c00c0010000100007080000605312e312e30',
      'dual.default.svc': '10.96.0.9 fd00::9 · srv 50 80 skip 0',
      'ext.default.svc': 'CNAME example.com.',
      'kubernetes.default.svc': '10.96.0.1 · srv 100 443 skip 0',
      'ns.dns': 'ENT',
      pod: 'ENT',
      svc: 'ENT',
    },
    pointers: {
      '10.1.0.1 db.default.svc': 'db-0',
      '10.1.0.3 db.default.svc': '10-1-0-3',
      '10.96.0.1 kubernetes.default.svc': 'cluster IP',
      '10.96.0.9 dual.default.svc': 'cluster IP',
      'fd00::9 dual.default.svc': 'cluster IP',
    },
    servers: [],
    externalServers: [],
  });
});

test('several ports: one SRV a distinct port, weights by pairs of port and cluster IP', () => {
  const ports = ['http/80/TCP', 'https/443/TCP', 'dns/53/UDP', 'dns-tcp/53/TCP', '/9/SCTP'];
  const { sink } = load([ns, service('default/web', ['10.96.0.2', 'fd00::2'], ports)]);
  assert.equal(sink.names.get('web.default.svc'), '10.96.0.2 fd00::2 · srv 10 9+53+80+443 skip 0');
  assert.equal(sink.names.get('_dns._udp.web.default.svc'), '10.96.0.2 fd00::2 · srv 50 53 skip 10');
  assert.deepEqual(sink.below('web.default.svc'), [
    '',
    '_dns-tcp._tcp',
    '_dns._udp',
    '_http._tcp',
    '_https._tcp',
    '_tcp',
    '_udp',
  ]);
});

test('a port name belongs to its protocol', () => {
  const ports = ['dns/53/UDP', 'dns/5353/TCP'];
  const { sink } = load([
    ns,
    service('default/dns', ['10.96.0.2'], ports),
    service('default/head', ['None']),
    slice('default/head/a', ports, ['10.1.0.1']),
  ]);
  assert.equal(sink.names.get('_dns._udp.dns.default.svc'), '10.96.0.2 · srv 100 53 skip 10');
  assert.equal(sink.names.get('_dns._tcp.dns.default.svc'), '10.96.0.2 · srv 100 5353 skip 10');
  assert.equal(sink.names.get('_dns._udp.head.default.svc'), '10.1.0.1 · srv 100 10-1-0-1:53=10.1.0.1 skip 10');
});

test('ports of a slice without ready endpoints give a headless Service no name', () => {
  const { sink } = load([
    ns,
    service('default/db', ['None']),
    slice('default/db/a', ['pg/5432/TCP'], ['10.1.0.1']),
    slice('default/db/b', ['metrics/9187/UDP'], []),
  ]);
  assert.deepEqual(sink.below(DB), ['', '10-1-0-1', '_pg._tcp', '_tcp']);
});

test('a weight is at least 1', () => {
  const ports = Array.from({ length: 150 }, (_, index) => `p${index}/${1000 + index}/TCP`);
  const { sink } = load([ns, service('default/web', ['10.96.0.2'], ports)]);
  assert.match(sink.names.get('web.default.svc')!, /srv 1 1000\+/);
});

test('a Service without ports or without cluster IP exists', () => {
  const { sink } = load([ns, service('default/bare', ['10.96.0.3']), service('default/pending', [], ['http/80/TCP'])]);
  assert.equal(sink.names.get('bare.default.svc'), '10.96.0.3');
  assert.equal(sink.names.get('pending.default.svc'), 'ENT');
  assert.equal(sink.names.get('_http._tcp.pending.default.svc'), 'ENT');
  assert.deepEqual(sink.below('bare.default.svc'), ['']);
});

test('a ClusterIP Service has its endpoints by name too, whatever their ports are', () => {
  const { sink } = load([
    ns,
    service('default/web', ['10.96.0.2'], ['http/80/TCP']),
    slice('default/web/a', ['http/8080/TCP', '/8081/TCP'], ['10.1.0.1', '10.1.0.2=first']),
  ]);
  assert.equal(sink.names.get('10-1-0-1.web.default.svc'), '10.1.0.1 · srv 50 8080+8081 skip 0');
  assert.equal(sink.names.get('first.web.default.svc'), '10.1.0.2 · srv 50 8080+8081 skip 0');
  assert.equal(sink.names.get('web.default.svc'), '10.96.0.2 · srv 100 80 skip 0');
  assert.equal(sink.pointers.get('10.1.0.2 web.default.svc'), 'first');
});

test('a hostname shared by several addresses is one target with all of them', () => {
  const { sink } = load([
    ns,
    service('default/db', ['None']),
    slice('default/db/v4', ['pg/5432/TCP'], ['10.1.0.1=db-0', '10.1.0.2=db-0']),
    slice('default/db/v6', ['pg/5432/TCP'], ['fd01::1=db-0']),
  ]);
  const all = '10.1.0.1 10.1.0.2 fd01::1';
  assert.equal(sink.names.get('db-0.db.default.svc'), `${all} · srv 33 5432 skip 0`);
  assert.equal(sink.names.get(DB), `${all} · srv 33 db-0:5432=10.1.0.1+10.1.0.2+fd01::1 skip 0`);
});

test('an address in several slices appears once, and counts for the weight as often as it is there', () => {
  const { sink } = load([
    ns,
    service('default/db', ['None']),
    slice('default/db/a', ['pg/5432/TCP'], ['10.1.0.1']),
    slice('default/db/b', ['pg/5432/TCP', 'metrics/9187/TCP'], ['10.1.0.1', '10.1.0.1']),
  ]);
  assert.equal(sink.names.get('10-1-0-1.db.default.svc'), '10.1.0.1 · srv 20 5432+9187 skip 0');
  assert.equal(sink.names.get(DB), '10.1.0.1 · srv 20 10-1-0-1:5432+9187=10.1.0.1 skip 0');
  assert.equal(sink.names.get('_metrics._tcp.db.default.svc'), '10.1.0.1 · srv 50 10-1-0-1:9187=10.1.0.1 skip 14');
});

test('a slice without ports has addresses and no SRV, and its share of the weight', () => {
  const { sink } = load([
    ns,
    service('default/db', ['None']),
    slice('default/db/a', [], ['10.1.0.1']),
    slice('default/db/b', ['pg/5432/TCP'], ['10.1.0.2']),
  ]);
  assert.equal(sink.names.get('10-1-0-1.db.default.svc'), '10.1.0.1');
  assert.equal(sink.names.get(DB), '10.1.0.1 10.1.0.2 · srv 50 10-1-0-2:5432=10.1.0.2 skip 0');
});

test('a port of a slice that stands for all ports has a name, a share of the weight, and no SRV', () => {
  const { sink } = load([
    ns,
    service('default/db', ['None']),
    slice('default/db/a', ['pg/5432/TCP', 'any/0/TCP'], ['10.1.0.1']),
  ]);
  assert.equal(sink.names.get('_any._tcp.db.default.svc'), '10.1.0.1');
  assert.equal(sink.names.get('10-1-0-1.db.default.svc'), '10.1.0.1 · srv 50 5432 skip 0');
});

test('endpoint labels: hostname, then pod name if asked for, then the address as written', () => {
  const endpoints = ['10.1.0.1=host>pod', '10.1.0.2>Pod-2', '10.1.0.3', 'fd01::', 'FD01:0::5', '::1'];
  const objects = [ns, service('default/db', ['None']), slice('default/db/a', [], endpoints)];
  const labels = (sink: { below(suffix: string): string[] }) => sink.below(DB).filter((name) => name !== '');
  assert.deepEqual(labels(load(objects).sink), ['--1', '10-1-0-2', '10-1-0-3', 'fd01--0', 'fd01-0--5', 'host']);
  assert.deepEqual(
    labels(
      load([...objects.slice(0, 2), slice('default/db/a', [], ['10.1.0.2>pod-2', '10.1.0.1=host>pod'])], {
        endpointPodNames: true,
      }).sink,
    ),
    ['host', 'pod-2'],
  );
});

test('names of a Service need its Namespace, and a slice needs its Service', () => {
  const objects = [
    service('default/web', ['10.96.0.2'], ['http/80/TCP']),
    slice('default/web/a', ['http/80/TCP'], ['10.1.0.1']),
    slice('default/gone/b', ['http/80/TCP'], ['10.1.0.2']),
  ];
  const { sink, records } = load(objects);
  assert.deepEqual(sink.below('default.svc'), []);
  assert.equal(sink.pointers.size, 0);
  records.apply([{ op: 'put', object: ns }]);
  assert.deepEqual(sink.below('default.svc'), ['', '10-1-0-1.web', '_http._tcp.web', '_tcp.web', 'web']);
  assert.deepEqual([...sink.pointers.keys()].toSorted(), ['10.1.0.1 web.default.svc', '10.96.0.2 web.default.svc']);
});

test('namespaces and namespace_labels hide names, reverse ones too', () => {
  const objects = [
    namespace('a', { team: 'x' }),
    namespace('b', { team: 'y' }),
    service('a/web', ['10.96.0.2']),
    service('b/web', ['10.96.0.3']),
    slice('b/web/s', [], ['10.1.0.1']),
  ];
  for (const options of [{ namespaces: ['a'] }, { namespaceLabels: 'team=x' }]) {
    const { sink } = load(objects, options);
    assert.deepEqual(sink.below('svc'), ['', 'a', 'web.a']);
    assert.deepEqual([...sink.pointers.keys()], ['10.96.0.2 web.a.svc']);
    assert.equal(sink.names.has('b.pod'), false);
  }
});

test('an ExternalName has only its CNAME; an IP address as target is no name', () => {
  const { sink } = load([
    ns,
    external('default/ext', 'Db.Example.COM.'),
    external('default/ip', '192.0.2.1'),
    external('default/ip6', '2001:db8::1'),
    slice('default/ext/a', ['http/80/TCP'], ['10.1.0.1']),
  ]);
  assert.deepEqual(sink.below('default.svc'), ['', 'ext']);
  assert.equal(sink.names.get('ext.default.svc'), 'CNAME Db.Example.COM.');
  assert.equal(sink.pointers.size, 0);
});

test('ignore empty_service: a ClusterIP Service without ready endpoints has no names', () => {
  const objects = [
    ns,
    service('default/empty', ['10.96.0.2'], ['http/80/TCP']),
    service('default/full', ['10.96.0.3'], ['http/80/TCP']),
    slice('default/full/a', ['http/80/TCP'], ['10.1.0.1']),
    slice('default/empty/b', ['http/80/TCP'], []),
    external('default/ext', 'example.com'),
  ];
  const { sink, records } = load(objects, { ignoreEmptyService: true });
  assert.deepEqual(sink.below('empty.default.svc'), []);
  assert.deepEqual(sink.below('full.default.svc'), ['', '10-1-0-1', '_http._tcp', '_tcp']);
  assert.deepEqual(sink.below('ext.default.svc'), ['']);
  records.apply([{ op: 'put', object: slice('default/empty/b', ['http/80/TCP'], ['10.1.0.2']) }]);
  assert.deepEqual(sink.below('empty.default.svc'), ['', '10-1-0-2', '_http._tcp', '_tcp']);
  records.apply([{ op: 'delete', kind: 'EndpointSlice', namespace: 'default', name: 'b' }]);
  assert.deepEqual(sink.below('empty.default.svc'), []);
});

test('noendpoints: no endpoint names, headless Services have none', () => {
  const { sink } = load([...vectors, slice('default/kubernetes/k', [], ['192.0.2.7'])], {
    noEndpoints: true,
    localAddresses: ['192.0.2.7'],
  });
  assert.deepEqual(sink.below(DB), []);
  assert.deepEqual(sink.below('kubernetes.default.svc'), ['', '_https._tcp', '_tcp']);
  assert.deepEqual(sink.servers, ['ns.dns 192.0.2.7']);
});

test('pods: disabled, insecure, verified', () => {
  const objects = [
    ns,
    namespace('b'),
    pod('default/a', ['10.1.0.1', 'fd01::1']),
    pod('default/host', ['10.1.0.1']),
    pod('gone/c', ['10.1.0.3']),
    pod('b/v6', ['fd01::']),
  ];
  assert.deepEqual(load(objects, { pods: 'disabled' }).sink.below('pod'), ['']);
  assert.deepEqual(load(objects).sink.below('pod'), ['', 'b', 'default']);
  const { sink, records } = load(objects, { pods: 'verified' });
  const all = ['', '10-1-0-1.default', 'b', 'default', 'fd01--.b', 'fd01--1.default'];
  assert.deepEqual(sink.below('pod'), all);
  assert.equal(sink.names.get('fd01--.b.pod'), 'fd01::');
  assert.equal(sink.names.get('10-1-0-1.default.pod'), '10.1.0.1');
  records.apply([{ op: 'delete', kind: 'Pod', namespace: 'default', name: 'a' }]);
  assert.deepEqual(sink.below('pod'), all.slice(0, -1), 'the host has the address of the other pod');
  records.apply([{ op: 'put', object: pod('default/host', ['10.1.0.9']) }]);
  assert.deepEqual(sink.below('default.pod'), ['', '10-1-0-9']);
  records.apply([{ op: 'delete', kind: 'Namespace', namespace: '', name: 'default' }]);
  assert.deepEqual(sink.below('pod'), ['', 'b', 'fd01--.b']);
});

test('name servers: the Services that select this server, else ns.dns', () => {
  const objects = [
    ns,
    namespace('kube-system'),
    service('kube-system/kube-dns', ['10.96.0.10', 'fd00::a']),
    slice('kube-system/kube-dns/a', [], ['10.2.0.5', '10.2.0.6']),
    service('kube-system/dns-pods', ['None']),
    slice('kube-system/dns-pods/b', [], ['10.2.0.5', '10.2.0.6=second']),
    slice('kube-system/dns-pods/c', [], ['10.2.0.9']),
  ];
  const { sink, records } = load(objects, { localAddresses: ['10.2.0.5', 'fd02::5'] });
  assert.deepEqual(sink.servers.toSorted(), [
    '10-2-0-5.dns-pods.kube-system.svc 10.2.0.5',
    'kube-dns.kube-system.svc 10.96.0.10 fd00::a',
    'second.dns-pods.kube-system.svc 10.2.0.6',
  ]);
  assert.equal(sink.names.get('ns.dns'), '10.2.0.5 10.2.0.6 10.96.0.10 fd00::a');
  records.apply([
    { op: 'delete', kind: 'EndpointSlice', namespace: 'kube-system', name: 'a' },
    { op: 'delete', kind: 'EndpointSlice', namespace: 'kube-system', name: 'b' },
  ]);
  assert.deepEqual(sink.servers, ['ns.dns 10.2.0.5 fd02::5']);
  assert.equal(sink.names.get('ns.dns'), '10.2.0.5 fd02::5');
});

test('zonal: pin and prefer below _zone, for headless Services with endpoints only', () => {
  const objects = [
    ns,
    service('default/db', ['None']),
    slice('default/db/a', ['pg/5432/TCP'], ['10.1.0.1@eu.west', '10.1.0.2@us', '10.1.0.3']),
    service('default/none', ['None']),
    service('default/web', ['10.96.0.2']),
    slice('default/web/w', [], ['10.1.0.7@us']),
  ];
  const { sink, records } = load(objects, { zonal: true });
  const zoneNames = (): string[] => sink.below('svc').filter((name) => name.includes('_zone'));
  assert.deepEqual(zoneNames(), [
    '_zone.db.default',
    'eu.west.pin._zone.db.default',
    'eu.west.prefer._zone.db.default',
    'pin._zone.db.default',
    'prefer._zone.db.default',
    'us.pin._zone.db.default',
    'us.prefer._zone.db.default',
  ]);
  assert.equal(sink.names.get('_zone.db.default.svc'), 'ENT');
  assert.equal(sink.names.get('pin._zone.db.default.svc'), 'no address · flags 2');
  assert.equal(sink.names.get('eu.west.pin._zone.db.default.svc'), '10.1.0.1 · srv 100 10-1-0-1:5432=10.1.0.1 skip 18');
  assert.match(
    sink.names.get('prefer._zone.db.default.svc')!,
    /^10\.1\.0\.1 10\.1\.0\.2 10\.1\.0\.3 · srv 33 .* skip 13 · flags 5$/,
  );
  records.apply([{ op: 'put', object: slice('default/db/a', ['pg/5432/TCP'], ['10.1.0.1@us']) }]);
  assert.deepEqual(zoneNames(), [
    '_zone.db.default',
    'pin._zone.db.default',
    'prefer._zone.db.default',
    'us.pin._zone.db.default',
    'us.prefer._zone.db.default',
  ]);
  records.apply([{ op: 'put', object: slice('default/db/a', ['pg/5432/TCP'], []) }]);
  assert.deepEqual(zoneNames(), []);
  assert.deepEqual(
    load(objects)
      .sink.below('svc')
      .filter((name) => name.includes('_zone')),
    [],
  );
});

test('an address of several Services points to each of them', () => {
  const { sink } = load([
    ns,
    service('default/a', ['None']),
    service('default/b', ['10.96.0.2']),
    slice('default/a/s', [], ['10.1.0.1', '10.1.0.1=x']),
    slice('default/b/t', [], ['10.1.0.1']),
  ]);
  assert.deepEqual(sink.dump()['pointers'], {
    '10.1.0.1 a.default.svc': '10-1-0-1 x',
    '10.1.0.1 b.default.svc': '10-1-0-1',
    '10.96.0.2 b.default.svc': 'cluster IP',
  });
});
