import assert from 'node:assert/strict';
import { test } from 'node:test';

import { parseName, reverseKey4, reverseKey6 } from '../../../src/dns/name.ts';
import { reserveSharedBuffer } from '../../../src/memory/shared-buffer.ts';
import { dumpSnapshot, snapshotSizes } from '../../../src/snapshot/dump.ts';
import { ENTRY_FLAG, ZONE_KIND } from '../../../src/snapshot/snapshot-layout.ts';
import { verifySnapshot } from '../../../src/snapshot/verify.ts';
import { keyOf, KEY_SPACE, labelOf, setUpBuilder } from './snapshot-model.ts';

test('a buffer without a snapshot says so', () => {
  assert.deepEqual([...dumpSnapshot(reserveSharedBuffer({ sizeMax: 1 << 20 }))], ['nothing is published']);
});

test('names are told in DNS order with their records, a reader can follow them', () => {
  const { buffer, builder } = setUpBuilder();
  const dataset = builder.dataset(0);
  const address = { kind: 'address', weight: 100, addresses4: [0x0a60_0014], addresses6: [] } as const;
  dataset.put(keyOf('_http._tcp.whoami.default.svc'), { ...address, ports: [80], targetSkip: 11 });
  dataset.put(keyOf('whoami.default.svc'), { ...address, ports: [80, 9090], targetSkip: 0 });
  dataset.put(keyOf('default.svc'), { kind: 'ent' });
  dataset.put(keyOf('_tcp.whoami.default.svc'), { kind: 'ent' });
  dataset.put(keyOf('db.default.svc'), {
    kind: 'endpoints',
    portSets: [[5432]],
    groups: [{ name: keyOf('db-0'), portSet: 0, addresses4: [0x0a01_0001], addresses6: [] }],
    weight: 100,
    targetSkip: 0,
    flags: 1,
    addresses4: [0x0a01_0001],
    addresses6: [0xfd00_0000, 0, 0, 1],
  });
  dataset.put(keyOf('ext.default.svc'), { kind: 'alias', target: parseName('Example.com')! });
  const txt = [0xc0, 0x0c, 0, 16, 0, 1, 0, 0, 0x70, 0x80, 0, 6, 5, ...Buffer.from('1.1.0')];
  dataset.put(keyOf('dns-version'), { kind: 'raw', rrsets: [{ type: 16, count: 1, records: Uint8Array.from(txt) }] });
  dataset.put(keyOf(''), { kind: 'ent' });
  dataset.point(KEY_SPACE.REVERSE4, reverseKey4(0x0a60_0014), keyOf('whoami.default.svc'), [], true);
  dataset.point(
    KEY_SPACE.REVERSE6,
    reverseKey6([0xfd00_0000, 0, 0, 1]),
    keyOf('db.default.svc'),
    [labelOf('db-0')],
    false,
  );
  dataset.nameServers([{ name: keyOf('ns.dns'), addresses4: [0x0a60_000a], addresses6: [] }]);
  dataset.setSynced(true);
  builder.publish(1_700_000_000);
  const lines = [...dumpSnapshot(buffer)];
  assert.deepEqual(lines.slice(0, 19), [
    'generation 2',
    '',
    'dataset 0  serial 1700000000  names 44  synced',
    '  NS  ns.dns  A 10.96.0.10',
    'names, relative to the zone',
    '  @  ENT',
    '  dns-version  TXT "1.1.0"',
    '  default.svc  ENT',
    '  db.default.svc  A 10.1.0.1  AAAA fd00::1  SRV 0 100 5432 db-0.db.default.svc  (answers for every name below)',
    '  ext.default.svc  CNAME Example.com.',
    '  whoami.default.svc  A 10.96.0.20  SRV 0 100 80 whoami.default.svc  SRV 0 100 9090 whoami.default.svc',
    '  _tcp.whoami.default.svc  ENT',
    '  _http._tcp.whoami.default.svc  A 10.96.0.20  SRV 0 100 80 whoami.default.svc',
    'names below in-addr.arpa',
    '  10  ENT',
    '  96.10  ENT',
    '  0.96.10  ENT',
    '  20.0.96.10  PTR whoami.default.svc  (only the first is answered)',
    'names below ip6.arpa',
  ]);
  assert.match(lines.at(-1)!, /^ {2}1\.0\.0\..*\.d\.f {2}PTR db-0\.db\.default\.svc$/);
  const { kinds, pages } = snapshotSizes(buffer);
  assert.deepEqual(
    Object.values(kinds).map(({ count }) => count),
    [37, 2, 1, 1, 2, 1, 0, 0],
  );
  const total = Object.values(kinds).reduce((sum, { size }) => sum + size, 0) + pages.size;
  assert.ok(total < verifySnapshot(buffer).size && total > 2000, String(total));
});

test('names of other zones and pods are told apart from those of the cluster', () => {
  const { buffer, builder } = setUpBuilder();
  const dataset = builder.dataset(0);
  const { EXTERNAL, EXTERNAL_REVERSE4, CLUSTERSET, CLIENT } = KEY_SPACE;
  const octets = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text));
  const alias = { kind: 'alias', target: parseName('lb.example.com')!, ports: [80], weight: 100 } as const;
  dataset.put(keyOf('web.shop'), alias, EXTERNAL);
  dataset.put(keyOf('svc'), { kind: 'ent', flags: ENTRY_FLAG.FIXED }, CLUSTERSET);
  dataset.point(EXTERNAL_REVERSE4, reverseKey4(0xc000_0201), keyOf('web.shop'), [], true);
  dataset.put(Uint8Array.of(10, 1, 0, 7), { kind: 'client', namespace: octets('shop'), name: octets('web-0') }, CLIENT);
  dataset.nameServers([{ name: keyOf('ns1.dns'), addresses4: [0xc000_0235], addresses6: [] }], ZONE_KIND.EXTERNAL);
  builder.publish(1_700_000_000);
  assert.deepEqual([...dumpSnapshot(buffer)].slice(2), [
    'dataset 0  serial 0  external serial 1700000000  clusterset serial 1700000000  names 7  not synced',
    '  external NS  ns1.dns  A 192.0.2.53',
    'external names, relative to the zone',
    '  web.shop  CNAME lb.example.com.  SRV 0 100 80 lb.example.com.',
    'external names below in-addr.arpa',
    '  192  ENT',
    '  0.192  ENT',
    '  2.0.192  ENT',
    '  1.2.0.192  PTR web.shop',
    'names of the clusterset, relative to the zone',
    '  svc  ENT',
    'pods by address',
    '  10.1.0.7  shop/web-0',
  ]);
});
