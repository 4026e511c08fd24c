import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Chain } from '../chain-fixture.ts';

const WHOAMI = { kind: 'whoami' } as const;
const chain = new Chain({
  routes: {
    '.': [{ kind: 'local', isPrefixAnswered: true }, WHOAMI],
    'off.test.': [{ kind: 'local', isPrefixAnswered: false }, WHOAMI],
  },
});

const soa = (owner: string): string => `${owner} 604800 SOA localhost. root.localhost. 1 0 0 0 604800`;

/** As CoreDNS 1.15.0 answers. */
const CASES: readonly (readonly [question: string, ...lines: readonly string[]])[] = [
  ['localhost. A', 'NOERROR', 'localhost. 604800 A 127.0.0.1'],
  ['LocalHost. AAAA', 'NOERROR', 'LocalHost. 604800 AAAA ::1'],
  ['localhost. NS', 'NOERROR', 'localhost. 604800 NS localhost.'],
  ['localhost. SOA', 'NOERROR', soa('localhost.')],
  ['localhost. MX', 'NOERROR', `authority ${soa('localhost.')}`],
  ['localhost. ANY', 'NOERROR', `authority ${soa('localhost.')}`],
  ['a.localhost. A', 'NOERROR', 'a.localhost. 604800 A 127.0.0.1'],
  ['A.b.LOCALHOST. TXT', 'NOERROR', `authority ${soa('A.b.LOCALHOST.')}`],
  ['a.localhost. NS', 'NOERROR', `authority ${soa('a.localhost.')}`],
  ['localhost.example.org. A', 'NOERROR', 'localhost.example.org. 604800 A 127.0.0.1'],
  ['LOCALHOST.Example.org. AAAA', 'NOERROR', 'LOCALHOST.Example.org. 604800 AAAA ::1'],
  ['localhost.example.org. SOA', 'NOERROR', `authority ${soa('localhost.example.org.')}`],
  ['localhost.0.in-addr.arpa. A', 'NOERROR', 'localhost.0.in-addr.arpa. 604800 A 127.0.0.1'],
  ['0.in-addr.arpa. SOA', 'NOERROR', soa('0.in-addr.arpa.')],
  ['127.in-addr.arpa. A', 'NOERROR', `authority ${soa('127.in-addr.arpa.')}`],
  ['255.in-addr.arpa. NS', 'NOERROR', '255.in-addr.arpa. 604800 NS localhost.'],
  ['127.in-addr.arpa. PTR', 'NOERROR', `authority ${soa('127.in-addr.arpa.')}`],
  ['1.0.0.127.in-addr.arpa. PTR', 'NOERROR', '1.0.0.127.in-addr.arpa. 604800 PTR localhost.'],
  ['1.0.0.127.in-addr.ARPA. A', 'NOERROR', `authority ${soa('127.in-addr.ARPA.')}`],
  ['2.0.0.127.in-addr.arpa. PTR', 'NXDOMAIN', `authority ${soa('127.in-addr.arpa.')}`],
  ['1.1.0.0.127.in-addr.arpa. PTR', 'NXDOMAIN', `authority ${soa('127.in-addr.arpa.')}`],
  ['1.0.0.127.0.in-addr.arpa. PTR', 'NXDOMAIN', `authority ${soa('0.in-addr.arpa.')}`],
  ['1.0.in-addr.arpa. A', 'NXDOMAIN', `authority ${soa('0.in-addr.arpa.')}`],
];
for (const [question, ...lines] of CASES) {
  test(question, () => assert.deepEqual(chain.ask(question), lines));
}

const NEXT = [
  'alocalhost. A',
  'localhosta. A',
  '1.in-addr.arpa. PTR',
  '27.in-addr.arpa. PTR',
  '127.in-addr.arpa.x. A',
  '. NS',
  'localhost.off.test. A',
];
for (const question of NEXT) {
  test(`the next one's: ${question}`, () => assert.match(chain.ask(question)[0]!, /^NOERROR aa$/));
}

test('what it answers for others than the names of the zones is counted', () => {
  const counted = new Chain({ routes: { '.': [{ kind: 'local', isPrefixAnswered: true }] } });
  for (const question of ['localhost. A', 'a.localhost. A', 'localhost.x. MX', '1.0.0.127.in-addr.arpa. PTR', 'x. A']) {
    counted.ask(question);
  }
  assert.equal(counted.counters.localhostRequests, 2);
});
