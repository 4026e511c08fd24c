/** What a transfer holds: of which names, in which order, in how many messages. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TYPE } from '../../../src/dns/iana.ts';
import { MESSAGE_SIZE_MAX } from '../../../src/transfer/transfer-message.ts';
import { formatName } from '../../wire/names.ts';
import { optOctets } from '../../wire/query.ts';
import { decodeStrictly } from '../../wire/strict-message.ts';
import { external, namespace, pod, port, service, slice } from '../records/cluster.ts';
import { headless, lineOf, Zones } from './zone-fixture.ts';

const SOA = 'cluster.local. SOA ns.dns.cluster.local. hostmaster.cluster.local. 1000 7200 1800 86400 30';
const NS = 'cluster.local. NS ns.dns.cluster.local.';

const OBJECTS = [
  namespace('default'),
  namespace('apps'),
  service('default/web', ['10.96.0.1', 'fd00::1'], ['http/80/TCP', '/81/TCP']),
  slice('default/web/web-1', ['http/8080/TCP'], ['10.1.0.1', '10.1.0.2=named']),
  service('apps/db', ['10.96.0.2'], ['sql/5432/TCP']),
  headless('default/db', 'sql/5432/TCP'),
  slice('default/db/db-1', ['sql/5432/TCP', '/99/TCP'], ['10.2.0.1=db-0', '10.2.0.2', '10.2.0.3']),
  slice('default/db/db-2', ['sql/5432/TCP'], ['fd00:2::1=db-0']),
  headless('default/quiet'),
  slice('default/quiet/quiet-1', [], ['10.3.0.1']),
  external('default/far', 'Example.org'),
  service('default/pending', []),
  slice('default/pending/pending-1', ['http/80/TCP'], ['10.4.0.1']),
  pod('default/one', ['10.2.0.1']),
];

test('a cluster zone: Services by name, with what CoreDNS transfers of each', () => {
  const zones = new Zones({ objects: OBJECTS, records: { pods: 'verified', zonal: true } });
  assert.deepEqual(zones.lines('cluster.local.'), [
    SOA,
    NS,
    'db.apps.svc.cluster.local. A 10.96.0.2',
    'db.apps.svc.cluster.local. SRV 0 100 5432 db.apps.svc.cluster.local.',
    '_sql._tcp.db.apps.svc.cluster.local. SRV 0 100 5432 db.apps.svc.cluster.local.',
    'db.default.svc.cluster.local. A 10.2.0.1',
    'db.default.svc.cluster.local. A 10.2.0.2',
    'db.default.svc.cluster.local. A 10.2.0.3',
    'db.default.svc.cluster.local. AAAA fd00:2::1',
    '10-2-0-2.db.default.svc.cluster.local. A 10.2.0.2',
    '10-2-0-3.db.default.svc.cluster.local. A 10.2.0.3',
    '_sql._tcp.db.default.svc.cluster.local. SRV 0 33 5432 10-2-0-2.db.default.svc.cluster.local.',
    '_sql._tcp.db.default.svc.cluster.local. SRV 0 33 5432 10-2-0-3.db.default.svc.cluster.local.',
    '_sql._tcp.db.default.svc.cluster.local. SRV 0 33 5432 db-0.db.default.svc.cluster.local.',
    '_sql._tcp.db.default.svc.cluster.local. SRV 0 100 5432 db-0.db.default.svc.cluster.local.',
    'db-0.db.default.svc.cluster.local. A 10.2.0.1',
    'db-0.db.default.svc.cluster.local. AAAA fd00:2::1',
    'far.default.svc.cluster.local. CNAME Example.org.',
    'quiet.default.svc.cluster.local. A 10.3.0.1',
    '10-3-0-1.quiet.default.svc.cluster.local. A 10.3.0.1',
    'web.default.svc.cluster.local. A 10.96.0.1',
    'web.default.svc.cluster.local. AAAA fd00::1',
    'web.default.svc.cluster.local. SRV 0 100 80 web.default.svc.cluster.local.',
    'web.default.svc.cluster.local. SRV 0 100 81 web.default.svc.cluster.local.',
    '_http._tcp.web.default.svc.cluster.local. SRV 0 100 80 web.default.svc.cluster.local.',
    SOA,
  ]);
});

test('reverse zones have the PTR records below them, a smaller one those of its network', () => {
  const zones = new Zones({ objects: OBJECTS, zones: ['in-addr.arpa.', '2.10.in-addr.arpa.', 'ip6.arpa.'] });
  const soa = (zone: string): string => `${zone} SOA ns.dns.${zone} hostmaster.${zone} 1000 7200 1800 86400 30`;
  const inner = [
    '1.0.2.10.in-addr.arpa. PTR db-0.db.default.svc.cluster.local.',
    '2.0.2.10.in-addr.arpa. PTR 10-2-0-2.db.default.svc.cluster.local.',
    '3.0.2.10.in-addr.arpa. PTR 10-2-0-3.db.default.svc.cluster.local.',
  ];
  assert.deepEqual(zones.lines('2.10.in-addr.arpa.'), [
    soa('2.10.in-addr.arpa.'),
    '2.10.in-addr.arpa. NS ns.dns.cluster.local.',
    ...inner,
    soa('2.10.in-addr.arpa.'),
  ]);
  assert.deepEqual(zones.lines('in-addr.arpa.').slice(2, -1), [
    '1.0.1.10.in-addr.arpa. PTR 10-1-0-1.web.default.svc.cluster.local.',
    '2.0.1.10.in-addr.arpa. PTR named.web.default.svc.cluster.local.',
    ...inner,
    '1.0.3.10.in-addr.arpa. PTR 10-3-0-1.quiet.default.svc.cluster.local.',
    '1.0.4.10.in-addr.arpa. PTR 10-4-0-1.pending.default.svc.cluster.local.',
    '1.0.96.10.in-addr.arpa. PTR web.default.svc.cluster.local.',
    '2.0.96.10.in-addr.arpa. PTR db.apps.svc.cluster.local.',
  ]);
  assert.equal(zones.lines('ip6.arpa.').filter((line) => line.includes(' PTR ')).length, 2);
});

test('name servers have their addresses once: with their own name, or at once where the zone has it not', () => {
  const dns = [namespace('kube-system'), service('kube-system/kube-dns', ['10.96.0.10'], ['dns/53/UDP'])];
  const local = slice('kube-system/kube-dns/dns-1', ['dns/53/UDP'], ['10.9.0.9']);
  const named = new Zones({ objects: [...dns, local], records: { localAddresses: ['10.9.0.9'] } });
  assert.deepEqual(named.lines('cluster.local.').slice(1, -1), [
    'cluster.local. NS kube-dns.kube-system.svc.cluster.local.',
    'ns.dns.cluster.local. A 10.96.0.10',
    'kube-dns.kube-system.svc.cluster.local. A 10.96.0.10',
    'kube-dns.kube-system.svc.cluster.local. SRV 0 100 53 kube-dns.kube-system.svc.cluster.local.',
    '_dns._udp.kube-dns.kube-system.svc.cluster.local. SRV 0 100 53 kube-dns.kube-system.svc.cluster.local.',
  ]);
  const hidden = new Zones({
    objects: [...dns, local],
    records: { localAddresses: ['10.9.0.9'], namespaces: ['default'] },
  });
  assert.deepEqual(hidden.lines('cluster.local.').slice(1, -1), [
    'cluster.local. NS kube-dns.kube-system.svc.cluster.local.',
    'kube-dns.kube-system.svc.cluster.local. A 10.96.0.10',
    'ns.dns.cluster.local. A 10.96.0.10',
  ]);
  const fallback = new Zones({ objects: [], records: { localAddresses: ['10.9.0.9', 'fd00::9'] } });
  assert.deepEqual(fallback.lines('cluster.local.').slice(1, -1), [
    NS,
    'ns.dns.cluster.local. A 10.9.0.9',
    'ns.dns.cluster.local. AAAA fd00::9',
  ]);
});

test('a large zone comes in messages of limited size, each complete in itself, and every record once', () => {
  const count = 3000;
  const address = (index: number): string => `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`;
  const endpoints = Array.from({ length: count }, (_, index) => address(index));
  const many = Array.from({ length: 300 }, (_, index) => service(`default/s${index}`, [address(70_000 + index)]));
  const zones = new Zones({
    objects: [
      namespace('default'),
      ...many,
      headless('default/all', 'http/80/TCP'),
      slice('default/all/all-1', ['http/80/TCP'], endpoints),
    ],
  });
  const messages = zones.transfer('Cluster.local.', { id: 77, flags: 0x0110 });
  assert.ok(messages.length > 5);
  const lines: string[] = [];
  for (const octets of messages) {
    const message = decodeStrictly(octets);
    assert.ok(octets.length <= MESSAGE_SIZE_MAX);
    const { id, qr, aa, rd, cd, ra, rcode, questions } = message;
    assert.deepEqual(
      { id, qr, aa, rd, cd, ra, rcode },
      { id: 77, qr: true, aa: true, rd: true, cd: true, ra: false, rcode: 0 },
    );
    assert.deepEqual(
      questions.map(({ name, type }) => `${formatName(name)} ${type}`),
      [`Cluster.local. ${TYPE.AXFR}`],
    );
    lines.push(...message.answer.map(lineOf));
  }
  for (const octets of messages.slice(0, -1))
    assert.ok(octets.length > MESSAGE_SIZE_MAX - 120, 'a message has room left');
  assert.equal(lines.length, 2 + 1 + 3 * count + 300);
  assert.equal(new Set(lines.slice(1)).size, lines.length - 1, 'a record came twice');
  const size = messages.reduce((sum, { length }) => sum + length, 0);
  assert.ok(size < 300 * 32 + count * (16 + 32 + 76), `names are not compressed: ${size} octets`);
});

test('the first message alone has the OPT record, behind its records', () => {
  const endpoints = Array.from({ length: 900 }, (_, index) => `10.0.${index >> 8}.${index & 255}`);
  const zones = new Zones({
    objects: [namespace('default'), headless('default/all'), slice('default/all/all-1', [], endpoints)],
  });
  const opt = Uint8Array.from(optOctets({ udpSize: 1232 }));
  const messages = zones.transfer('cluster.local.', {}, opt).map((message) => decodeStrictly(message));
  assert.deepEqual(
    messages.map((message) => message.opt?.udpSize),
    [1232, ...Array.from({ length: messages.length - 1 }, () => undefined)],
  );
});

test('the order does not depend on the order of the table', () => {
  const first = new Zones({ objects: OBJECTS }).lines('cluster.local.');
  for (let round = 0; round < 5; round++) {
    // Each has another secret of its hash.
    assert.deepEqual(new Zones({ objects: OBJECTS.toReversed() }).lines('cluster.local.'), first);
  }
});

test('an external zone: what can be reached from outside, with names of its own in the SOA', () => {
  const outside = (path: string, externalIPs: string[], ...ports: string[]) => ({
    ...service(path, ['10.96.0.9'], ports),
    externalIPs,
  });
  const zones = new Zones({
    objects: [
      namespace('default'),
      outside('default/web', ['192.0.2.1', '2001:db8::1'], 'http/80/TCP'),
      outside('default/balanced', ['lb.example.net'], 'http/80/TCP'),
      outside('default/inside', [], 'http/80/TCP'),
      headless('default/db', 'sql/5432/TCP'),
      slice('default/db/db-1', ['sql/5432/TCP'], ['10.2.0.1=db-0', '10.2.0.2=db-1']),
    ],
    zones: [],
    externalZones: ['example.org.', '2.0.192.in-addr.arpa.'],
  });
  const soa = 'example.org. SOA ns1.dns.example.org. hostmaster.dns.example.org. 1000 7200 1800 86400 30';
  assert.deepEqual(zones.lines('example.org.'), [
    soa,
    'example.org. NS ns1.dns.example.org.',
    'balanced.default.example.org. CNAME lb.example.net.',
    'balanced.default.example.org. SRV 0 100 80 lb.example.net.',
    '_http._tcp.balanced.default.example.org. SRV 0 100 80 lb.example.net.',
    'db.default.example.org. A 10.2.0.1',
    'db.default.example.org. A 10.2.0.2',
    'db.default.example.org. SRV 0 50 5432 db-0.db.default.example.org.',
    'db.default.example.org. SRV 0 50 5432 db-1.db.default.example.org.',
    '_sql._tcp.db.default.example.org. SRV 0 50 5432 db-0.db.default.example.org.',
    '_sql._tcp.db.default.example.org. SRV 0 50 5432 db-1.db.default.example.org.',
    'db-0.db.default.example.org. A 10.2.0.1',
    'db-0.db.default.example.org. SRV 0 100 5432 db-0.db.default.example.org.',
    'db-1.db.default.example.org. A 10.2.0.2',
    'db-1.db.default.example.org. SRV 0 100 5432 db-1.db.default.example.org.',
    'web.default.example.org. A 192.0.2.1',
    'web.default.example.org. AAAA 2001:db8::1',
    'web.default.example.org. SRV 0 100 80 web.default.example.org.',
    '_http._tcp.web.default.example.org. SRV 0 100 80 web.default.example.org.',
    soa,
  ]);
  assert.deepEqual(zones.ttls('example.org.'), ['A 30', 'AAAA 30', 'CNAME 60', 'NS 30', 'SOA 30', 'SRV 60']);
  assert.deepEqual(zones.lines('2.0.192.in-addr.arpa.').slice(1, -1), [
    '2.0.192.in-addr.arpa. NS ns1.dns.2.0.192.in-addr.arpa.',
    '1.2.0.192.in-addr.arpa. PTR web.default.example.org.',
  ]);
});

test('a clusterset zone has endpoint names with their cluster, and SRV records that point there', () => {
  const imported = {
    kind: 'ServiceImport',
    namespace: 'default',
    name: 'db',
    type: 'Headless',
    ips: [],
    ports: [port('sql/5432/TCP')],
  } as const;
  const zones = new Zones({
    objects: [
      namespace('default'),
      imported,
      {
        ...slice('default//db-east', ['sql/5432/TCP'], ['10.5.0.1=db-0']),
        importedService: 'db',
        sourceCluster: 'east',
      },
    ],
    zones: [],
    clustersetZones: ['clusterset.local.'],
  });
  assert.deepEqual(zones.lines('clusterset.local.').slice(1, -1), [
    'clusterset.local. NS ns.dns.clusterset.local.',
    'db.default.svc.clusterset.local. A 10.5.0.1',
    '_sql._tcp.db.default.svc.clusterset.local. SRV 0 100 5432 db-0.east.db.default.svc.clusterset.local.',
    'db-0.east.db.default.svc.clusterset.local. A 10.5.0.1',
  ]);
});
