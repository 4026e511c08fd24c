/** What `k8s_external` answers beside others in a chain. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseName, parseRelativeName, reverseKey4 } from '../../../src/dns/name.ts';
import { RCODE } from '../../../src/dns/iana.ts';
import { PLUGIN_LABELS, RCODE_OTHER, SCOPE_CELLS } from '../../../src/observability/counters/counter-layout.ts';
import type { ExternalStep, RecordsStep } from '../../../src/snapshot/config-description.ts';
import type { RecordSink } from '../../../src/snapshot/entry-content.ts';
import { ENTRY_FLAG, KEY_SPACE } from '../../../src/snapshot/snapshot-layout.ts';
import { Chain } from './chain-fixture.ts';

const key = (text: string): Uint8Array => parseRelativeName(text)!;
const SOA = 'authority out.test. 7 SOA ns1.dns.out.test. hostmaster.dns.out.test. 1 7200 1800 86400 7';

function external(zone: string, isFallthrough = false): ExternalStep {
  const primary = parseName('out.test.')!;
  return {
    kind: 'external',
    zone: parseName(zone)!,
    dataset: 0,
    ttlSeconds: 7,
    primary,
    apex: key('dns'),
    isFallthrough,
  };
}

/** Names are whole here: `hosts` has a dataset of its own in a server. */
const hosts: RecordsStep = { kind: 'records', dataset: 0, ttlSeconds: 60, hasWildcards: false, isPointersOnly: false };

function fill(sink: RecordSink): void {
  const address = { kind: 'address', ports: [80], weight: 100, targetSkip: 0, addresses6: [] } as const;
  sink.put(key('dns'), { kind: 'ent', flags: ENTRY_FLAG.FIXED }, KEY_SPACE.EXTERNAL);
  sink.put(key('shop'), { kind: 'ent' }, KEY_SPACE.EXTERNAL);
  sink.put(key('web.shop'), { ...address, addresses4: [0xc000_0201] }, KEY_SPACE.EXTERNAL);
  for (const [name, target] of [
    ['lb.shop', 'lb.example.'],
    ['lost.shop', 'lost.example.'],
    ['named.shop', 'alias.example.'],
  ] as const) {
    sink.put(
      key(name),
      { kind: 'alias', target: parseName(target)!, ports: [80, 443], weight: 50 },
      KEY_SPACE.EXTERNAL,
    );
  }
  sink.point(KEY_SPACE.EXTERNAL_REVERSE4, reverseKey4(0xc000_0201), key('web.shop'), [], true);
  sink.put(key('lb.example'), {
    ...address,
    ports: [],
    weight: 0,
    addresses4: [0xc000_0208, 0xc000_0209],
    addresses6: [0x2001_0db8, 0, 0, 8],
  });
  sink.put(key('alias.example'), { kind: 'alias', target: parseName('lb.example.')! });
  sink.put(key('ghost.shop.out.test'), { ...address, ports: [], weight: 0, addresses4: [1] });
}

const GLUE = ['A 192.0.2.8', 'A 192.0.2.9', 'AAAA 2001:db8::8'].map((data) => `additional lb.example. 60 ${data}`);

test('SRV at a load balancer’s name: addresses the server knows itself, and no failure of those it does not', () => {
  const routes = { 'out.test.': [external('out.test.')], 'example.': [hosts] };
  const chain = new Chain({ routes, fill, isSynced: true });
  const withoutGlue = (name: string, target: string): string[] => [
    'NOERROR aa',
    `${name}. 7 SRV 0 50 80 ${target}`,
    `${name}. 7 SRV 0 50 443 ${target}`,
  ];
  assert.deepEqual(chain.ask('lb.shop.out.test SRV'), [...withoutGlue('lb.shop.out.test', 'lb.example.'), ...GLUE]);
  assert.deepEqual(chain.ask('lost.shop.out.test SRV'), withoutGlue('lost.shop.out.test', 'lost.example.'));
  assert.deepEqual(chain.ask('named.shop.out.test SRV'), withoutGlue('named.shop.out.test', 'alias.example.'));
  assert.deepEqual(chain.ask('lb.shop.out.test A'), [
    'NOERROR aa',
    'lb.shop.out.test. 7 CNAME lb.example.',
    'lb.example. 60 A 192.0.2.8',
    'lb.example. 60 A 192.0.2.9',
  ]);
  const minimal = new Chain({ routes, fill, isSynced: true, policy: { isMinimal: true } });
  assert.deepEqual(minimal.ask('lb.shop.out.test SRV'), withoutGlue('lb.shop.out.test', 'lb.example.'));
});

test('a response counts for k8s_external, whoever was asked for the addresses', () => {
  const routes = { 'out.test.': [external('out.test.')], 'example.': [hosts] };
  const chain = new Chain({ routes, fill, isSynced: true });
  chain.ask('lb.shop.out.test SRV');
  const { counters } = chain;
  const counted = PLUGIN_LABELS.filter((_, plugin) => {
    const at = SCOPE_CELLS.at.responses + plugin * (RCODE_OTHER + 1) + RCODE.NOERROR;
    return counters.total(1, at) > 0;
  });
  assert.deepEqual(counted, ['k8s_external']);
});

test('fallthrough: a name that does not exist is the next step’s, NODATA is not', () => {
  const chain = new Chain({ routes: { 'out.test.': [external('out.test.', true), hosts] }, fill, isSynced: true });
  assert.deepEqual(chain.ask('ghost.shop.out.test A'), ['NOERROR aa', 'ghost.shop.out.test. 60 A 0.0.0.1']);
  assert.deepEqual(chain.ask('web.shop.out.test AAAA'), ['NOERROR aa', SOA]);
  // What lies below the apex name is the zone's own.
  assert.deepEqual(chain.ask('x.dns.out.test A'), ['NXDOMAIN aa', SOA]);
  assert.deepEqual(chain.ask('a.b.DNS.out.test A'), ['NXDOMAIN aa', SOA]);
  assert.deepEqual(chain.ask('dns.x.out.test A'), ['SERVFAIL']);
  assert.deepEqual(chain.ask('xdns.out.test A'), ['SERVFAIL']);
  const without = new Chain({ routes: { 'out.test.': [external('out.test.'), hosts] }, fill, isSynced: true });
  assert.deepEqual(without.ask('ghost.shop.out.test A'), ['NXDOMAIN aa', SOA]);
});

test('before the first lists are complete only the apex and its fixed names are answered', () => {
  const routes = { 'out.test.': [external('out.test.')], 'in-addr.arpa.': [external('in-addr.arpa.')] };
  const chain = new Chain({ routes, fill });
  for (const question of ['web.shop A', 'shop A', 'ghost.shop A', 'ns1.dns A']) {
    const [name, type] = question.split(' ');
    assert.deepEqual(chain.ask(`${name}.out.test ${type}`, { edns: {} }), ['SERVFAIL aa EDE 14'], question);
  }
  assert.deepEqual(chain.ask('1.2.0.192.in-addr.arpa PTR', { edns: {} }), ['SERVFAIL aa EDE 14']);
  assert.deepEqual(chain.ask('dns.out.test A'), ['NOERROR aa', SOA]);
  assert.equal(chain.ask('out.test SOA')[0], 'NOERROR aa');
});
