/** `rewrite cname` from a Corefile's text to the response; the answers are CoreDNS 1.15.0's where no test says otherwise. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TYPE } from '../../../src/dns/iana.ts';
import { buildQuery } from '../../wire/query.ts';
import { clientKey, signQuery } from '../../wire/tsig-client.ts';
import { ComposedServer, type UpstreamData } from './composed-server.ts';

const UPSTREAM: UpstreamData = {
  'www.test. A': ['www.test. 60 CNAME old.cdn.test.', 'old.cdn.test. 60 A 192.0.2.1'],
  'new.cdn.test. A': ['new.cdn.test. 30 A 192.0.2.2'],
  'www.test. CNAME': ['www.test. 60 CNAME old.cdn.test.'],
  'new.cdn.test. CNAME': 'NODATA',
  'deep.test. A': ['deep.test. 60 CNAME x.test.', 'x.test. 50 CNAME old.cdn.test.', 'old.cdn.test. 60 A 192.0.2.1'],
  'dead.test. A': ['dead.test. 60 CNAME nowhere.test.'],
  'plain.test. A': ['plain.test. 60 A 192.0.2.9'],
};

function serverOf(lines: string, upstream = UPSTREAM): ComposedServer {
  return new ComposedServer({ corefile: `.:53 {\n bind 127.0.0.1\n ${lines}\n forward . 192.0.2.53\n}`, upstream });
}

test('a CNAME record leads elsewhere, and what is there takes the place of what was behind it', () => {
  const server = serverOf('rewrite cname exact old.cdn.test. new.cdn.test.');
  assert.deepEqual(server.ask('www.test A'), [
    'NOERROR',
    'www.test. 60 CNAME new.cdn.test.',
    'new.cdn.test. 30 A 192.0.2.2',
  ]);
  assert.deepEqual(server.asked, ['www.test. A', 'new.cdn.test. A']);
  assert.deepEqual(server.ask('deep.test A'), [
    'NOERROR',
    'deep.test. 60 CNAME x.test.',
    'x.test. 50 CNAME new.cdn.test.',
    'new.cdn.test. 30 A 192.0.2.2',
  ]);
  assert.deepEqual(server.ask('plain.test A'), ['NOERROR', 'plain.test. 60 A 192.0.2.9']);
  assert.equal(server.sum('requests'), 3);
});

test('each kind of match', () => {
  const rules = ['prefix old. new.', 'suffix cdn.test. cdn.test.', 'substring old new', 'regex ^old\\.(.*)$ new.{1}'];
  for (const rule of rules) {
    const target = rule.startsWith('suffix') ? 'old.cdn.test' : 'new.cdn.test';
    const server = serverOf(`rewrite cname ${rule}`, {
      ...UPSTREAM,
      'old.cdn.test. A': ['old.cdn.test. 30 A 192.0.2.2'],
    });
    assert.deepEqual(
      server.ask('www.test A'),
      ['NOERROR', `www.test. 60 CNAME ${target}.`, `${target}. 30 A 192.0.2.2`],
      rule,
    );
  }
  assert.equal(
    serverOf('rewrite cname exact other.test. new.cdn.test.').ask('www.test A')[1],
    'www.test. 60 CNAME old.cdn.test.',
  );
});

test('the rcode is that of the name that the record leads to', () => {
  const server = serverOf(
    'rewrite cname exact old.cdn.test. gone.test.\n rewrite cname exact nowhere.test. new.cdn.test.',
  );
  assert.deepEqual(server.ask('www.test A').slice(0, 2), ['NXDOMAIN', 'www.test. 60 CNAME gone.test.']);
  // A rule that stops is the only one.
  assert.deepEqual(server.ask('dead.test A'), ['NOERROR', 'dead.test. 60 CNAME nowhere.test.']);
});

test('rules that let others follow are all looked at', () => {
  const server = serverOf(
    'rewrite continue cname exact old.cdn.test. new.cdn.test.\n rewrite continue cname exact nowhere.test. new.cdn.test.\n rewrite name suffix .short .test answer auto',
  );
  assert.equal(server.ask('www.test A')[1], 'www.test. 60 CNAME new.cdn.test.');
  assert.equal(server.ask('dead.test A')[2], 'new.cdn.test. 30 A 192.0.2.2');
  assert.deepEqual(server.ask('www.short A'), [
    'NOERROR',
    'www.short. 60 CNAME new.cdn.short.',
    'new.cdn.short. 30 A 192.0.2.2',
  ]);
});

test('targets that go on for ever are followed nine times', () => {
  const upstream = Object.fromEntries(
    Array.from({ length: 30 }, (_, index) => [`n${index}.test. A`, [`n${index}.test. 60 CNAME x${index}.test.`]]),
  );
  const rules = Array.from(
    { length: 30 },
    (_, index) => `rewrite continue cname exact x${index}.test. n${index + 1}.test.`,
  );
  const server = serverOf(rules.join('\n '), upstream);
  const lines = server.ask('n0.test A', { edns: { udpSize: 1232 } });
  assert.equal(lines.length, 11);
  assert.equal(lines.at(-1), 'n9.test. 60 CNAME x9.test.');
  assert.equal(server.asked.length, 10);
});

test('a rule that leads to the name itself ends', () => {
  const server = serverOf('rewrite cname exact old.cdn.test. www.test.');
  assert.deepEqual(server.ask('www.test A'), [
    'NOERROR',
    'www.test. 60 CNAME old.cdn.test.',
    'old.cdn.test. 60 A 192.0.2.1',
  ]);
  assert.deepEqual(server.asked, ['www.test. A']);
});

test('what is asked for a query that was signed right is not asked for a signature, and for others it is', () => {
  const secret = 'c2VjcmV0c2VjcmV0c2VjcmV0';
  const server = serverOf(
    `tsig {\n secret k.test. ${secret}\n require A\n }\n rewrite cname exact old.cdn.test. new.cdn.test.`,
  );
  const key = clientKey('k.test.', 'sha256', secret);
  const client = server.sendMessage(
    signQuery(Buffer.from(buildQuery({ name: 'www.test.', type: TYPE.A })), key).message,
  );
  server.settle();
  const { rcode, answer } = server.responseTo(client)!;
  assert.equal(rcode, 0);
  assert.deepEqual(
    answer.map(({ rdata }) => rdata),
    ['new.cdn.test.', '192.0.2.2'],
  );
  assert.deepEqual(server.ask('www.test A'), ['REFUSED']);
});
