/** `dns64` and `siit` from a Corefile's text to the response; the answers are CoreDNS 1.15.0's where no test says otherwise. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TYPE } from '../../../src/dns/iana.ts';
import { PLUGIN, RCODE_OTHER } from '../../../src/observability/counters/counter-layout.ts';
import { ComposedServer, type UpstreamData } from './composed-server.ts';

const CLIENT6 = '2001:db8::1';
const SOA = 'authority upstream.test. 77 SOA ns.upstream.test. hostmaster.upstream.test. 1 2 3 4 5';

const UPSTREAM: UpstreamData = {
  'four.test. A': ['four.test. 60 A 198.51.100.1', 'four.test. 60 A 198.51.100.2'],
  'four.test. AAAA': 'NODATA',
  'alias.test. A': ['alias.test. 30 CNAME four.test.', 'four.test. 60 A 198.51.100.1'],
  'alias.test. AAAA': ['alias.test. 30 CNAME four.test.'],
  'long.test. A': ['long.test. 200 A 198.51.100.1'],
  'long.test. AAAA': 'NODATA',
  'both.test. A': ['both.test. 60 A 198.51.100.3'],
  'both.test. AAAA': ['both.test. 60 AAAA 2001:db8::3'],
  'six.test. A': 'NODATA',
  'six.test. AAAA': [
    'six.test. 60 AAAA 64:ff9b::c633:6401',
    'six.test. 60 AAAA 2001:db8::3',
    'six.test. 60 AAAA 2001:db8::4',
  ],
  'none.test. A': 'NODATA',
  'none.test. AAAA': 'NODATA',
  'mapped.test. A': ['mapped.test. 60 A 198.51.100.4'],
  'mapped.test. AAAA': ['mapped.test. 60 AAAA ::ffff:198.51.100.4'],
  'broken.test. A': 'SERVFAIL',
  'broken.test. AAAA': 'NODATA',
  'odd.test. A': ['odd.test. 60 A 198.51.100.5'],
  'odd.test. AAAA': 'SERVFAIL',
  'private.test. A': ['private.test. 60 A 10.0.0.1', 'private.test. 60 A 198.51.100.6'],
  'private.test. AAAA': 'NODATA',
  'inside.test. A': ['inside.test. 60 A 10.0.0.1'],
  'inside.test. AAAA': 'NODATA',
  'silent.test. A': 'silent',
  'silent.test. AAAA': 'NODATA',
  '1.100.51.198.in-addr.arpa. PTR': ['1.100.51.198.in-addr.arpa. 50 PTR four.test.'],
};

function serverOf(lines: string, isStream = false): ComposedServer {
  const corefile = `.:53 {\n bind 127.0.0.1\n ${lines}\n forward . 192.0.2.53\n}`;
  return new ComposedServer({ corefile, upstream: UPSTREAM, isStream });
}

for (const isStream of [false, true]) {
  test(`dns64: IPv6 addresses of those that a name has, ${isStream ? 'over streams' : 'over UDP'}`, () => {
    const server = serverOf('dns64', isStream);
    assert.deepEqual(server.ask('four.test AAAA', { peer: CLIENT6 }), [
      'NOERROR',
      'four.test. 60 AAAA 64:ff9b::c633:6401',
      'four.test. 60 AAAA 64:ff9b::c633:6402',
    ]);
    assert.deepEqual(server.asked, ['four.test. AAAA', 'four.test. A']);
    assert.deepEqual(server.ask('alias.test AAAA', { peer: CLIENT6 }), [
      'NOERROR',
      'alias.test. 30 CNAME four.test.',
      'four.test. 60 AAAA 64:ff9b::c633:6401',
    ]);
    // No longer than the denial is good for.
    assert.equal(server.ask('long.test AAAA', { peer: CLIENT6 })[1], 'long.test. 77 AAAA 64:ff9b::c633:6401');
    assert.deepEqual(server.ask('both.test AAAA', { peer: CLIENT6 }), ['NOERROR', 'both.test. 60 AAAA 2001:db8::3']);
    assert.deepEqual(server.ask('nothere.test AAAA', { peer: CLIENT6 }), ['NXDOMAIN', SOA]);
    assert.deepEqual(server.ask('none.test AAAA', { peer: CLIENT6 }), ['NOERROR', SOA]);
    assert.deepEqual(server.ask('broken.test AAAA', { peer: CLIENT6 }), ['SERVFAIL']);
    assert.equal(server.total('composed', 1), 5);
    assert.equal(server.sum('requests'), 7);
    assert.equal(server.sum('responses'), 7);
    assert.equal(server.forwarder.hasClients, false);
  });
}

test('dns64: a failure other than NXDOMAIN is as good as no address (RFC 6147 §5.1.2)', () => {
  const server = serverOf('dns64');
  assert.deepEqual(server.ask('odd.test AAAA', { peer: CLIENT6 }), ['NOERROR', 'odd.test. 60 AAAA 64:ff9b::c633:6405']);
});

test('dns64: for whom, and for which questions', () => {
  const server = serverOf('dns64');
  assert.deepEqual(server.ask('four.test AAAA'), ['NOERROR', SOA]);
  assert.deepEqual(server.ask('four.test A', { peer: CLIENT6 })[0], 'NOERROR');
  const validating = { peer: CLIENT6, flags: 0x0110, edns: { dnssecOk: true } };
  assert.deepEqual(server.ask('four.test AAAA', validating), ['NOERROR', SOA]);
  assert.deepEqual(server.asked, ['four.test. AAAA', 'four.test. A', 'four.test. AAAA']);
  for (const flags of [0x0110, 0x0100]) {
    const isDo = flags === 0x0100;
    const lines = server.ask('four.test AAAA', { peer: CLIENT6, flags, edns: { dnssecOk: isDo } });
    assert.equal(lines[1], 'four.test. 60 AAAA 64:ff9b::c633:6401');
  }
  const open = serverOf('dns64 {\n allow_ipv4\n }');
  assert.equal(open.ask('four.test AAAA')[1], 'four.test. 60 AAAA 64:ff9b::c633:6401');
});

test('dns64: prefixes of every length, translate_all', () => {
  const addresses = {
    '2001:db8::/32': '2001:db8:c633:6401::',
    '2001:db8:100::/40': '2001:db8:1c6:3364:1::',
    '2001:db8:122::/48': '2001:db8:122:c633:64:100::',
    '2001:db8:122:300::/56': '2001:db8:122:3c6:33:6401::',
    '2001:db8:122:344::/64': '2001:db8:122:344:c6:3364:100:0',
    '2001:db8:122:344::/96': '2001:db8:122:344::c633:6401',
  };
  for (const [prefix, address] of Object.entries(addresses)) {
    assert.equal(
      serverOf(`dns64 ${prefix}`).ask('four.test AAAA', { peer: CLIENT6 })[1],
      `four.test. 60 AAAA ${address}`,
    );
  }
  const all = serverOf('dns64 {\n translate_all\n }');
  assert.deepEqual(all.ask('both.test AAAA', { peer: CLIENT6 }), ['NOERROR', 'both.test. 60 AAAA 64:ff9b::c633:6403']);
});

test('dns64: private addresses are not put into the well-known prefix, mapped ones are no addresses (RFC 6052 §3.1, RFC 6147 §5.1.4)', () => {
  const server = serverOf('dns64');
  assert.deepEqual(server.ask('private.test AAAA', { peer: CLIENT6 }), [
    'NOERROR',
    'private.test. 60 AAAA 64:ff9b::c633:6406',
  ]);
  assert.deepEqual(server.ask('inside.test AAAA', { peer: CLIENT6 }), ['NOERROR', SOA]);
  assert.deepEqual(server.ask('mapped.test AAAA', { peer: CLIENT6 }), [
    'NOERROR',
    'mapped.test. 60 AAAA 64:ff9b::c633:6404',
  ]);
  const own = serverOf('dns64 2001:db8:64::/96');
  assert.deepEqual(own.ask('inside.test AAAA', { peer: CLIENT6 }), [
    'NOERROR',
    'inside.test. 60 AAAA 2001:db8:64::a00:1',
  ]);
});

test('dns64: reverse names within the prefix lead to those of the IPv4 address (RFC 6147 §5.3.1)', () => {
  const server = serverOf('dns64');
  const name = '1.0.4.6.3.3.6.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.b.9.f.f.4.6.0.0.ip6.arpa';
  assert.deepEqual(server.ask(`${name} PTR`, { peer: CLIENT6 }), [
    'NOERROR',
    `${name}. 50 CNAME 1.100.51.198.in-addr.arpa.`,
    '1.100.51.198.in-addr.arpa. 50 PTR four.test.',
  ]);
  const other = `9.9.9.9${name.slice(7)}`;
  assert.equal(server.ask(`${other} PTR`, { peer: CLIENT6 })[0], 'NXDOMAIN');
  assert.deepEqual(server.asked, ['1.100.51.198.in-addr.arpa. PTR', '153.153.51.198.in-addr.arpa. PTR']);
  assert.equal(server.ask(`${name.replace('b.9', 'c.9')} PTR`, { peer: CLIENT6 })[0], 'NXDOMAIN');
  assert.equal(server.asked.at(-1), `${name.replace('b.9', 'c.9')}. PTR`);
});

test('siit: IPv4 addresses of those within the prefix and of those that are mapped', () => {
  const server = serverOf('siit {\n eam 192.0.2.7 2001:db8::3\n }');
  assert.deepEqual(server.ask('six.test A'), ['NOERROR', 'six.test. 60 A 198.51.100.1', 'six.test. 60 A 192.0.2.7']);
  assert.deepEqual(server.asked, ['six.test. A', 'six.test. AAAA']);
  assert.deepEqual(server.ask('both.test A'), ['NOERROR', 'both.test. 60 A 198.51.100.3']);
  assert.deepEqual(server.ask('none.test A'), ['NOERROR', SOA]);
  assert.deepEqual(server.ask('nothere.test A'), ['NXDOMAIN', SOA]);
  assert.equal(server.total('composed', 2), 1);
  const unmapped = serverOf('siit {\n ipv6_prefix 2001:db8:9::/96\n }');
  assert.deepEqual(unmapped.ask('six.test A'), ['NOERROR', SOA]);
});

test('how the client asks is known to who answers the other question', () => {
  for (const isStream of [false, true]) {
    const corefile = '.:53 {\n bind 127.0.0.1\n dns64 {\n allow_ipv4\n }\n whoami\n}';
    const server = new ComposedServer({ corefile, isStream });
    const label = isStream ? '_tcp' : '_udp';
    assert.match(server.ask('a.test AAAA').join('\n'), new RegExp(`${label}\\.a\\.test\\. 0 SRV`));
  }
});

test('dns64 and siit in one block do not translate what the other has asked', () => {
  const server = serverOf('dns64 {\n allow_ipv4\n translate_all\n }\n siit');
  assert.deepEqual(server.ask('six.test A'), ['NOERROR', 'six.test. 60 A 198.51.100.1']);
  assert.deepEqual(server.asked, ['six.test. A', 'six.test. AAAA']);
  assert.deepEqual(server.ask('none.test AAAA'), ['NOERROR', SOA]);
  assert.deepEqual(server.asked.slice(2), ['none.test. AAAA', 'none.test. A']);
});

test('what the block does to every response is done once: OPT, minimal, header, rewrite', () => {
  const server = serverOf(
    'dns64\n nsid here\n minimal\n header {\n response clear ra\n }\n rewrite name short.test four.test',
  );
  const message = server.askWire('short.test AAAA', {
    peer: CLIENT6,
    edns: { udpSize: 1232, options: [{ code: 3, data: [] }] },
  });
  assert.equal(message!.answer.length, 2);
  assert.equal(message!.questions[0]!.type, TYPE.AAAA);
  assert.deepEqual(
    message!.answer.map(({ rdata }) => rdata),
    ['64:ff9b::c633:6401', '64:ff9b::c633:6402'],
  );
  assert.equal(message!.opt!.udpSize, 1232);
  assert.equal(Buffer.from(message!.opt!.options[0]!.data).toString(), 'here');
  assert.equal(message!.ra, false);
});

test('a response that is too large for the client comes with TC', () => {
  const addresses = Array.from({ length: 30 }, (_, index) => `big.test. 60 A 198.51.100.${index}`);
  const server = serverOf('dns64');
  server.upstream = { 'big.test. A': addresses, 'big.test. AAAA': 'NODATA' };
  const message = server.askWire('big.test AAAA', { peer: CLIENT6 });
  assert.equal(message!.tc, true);
  assert.equal(message!.answer.length, 17);
  const whole = server.askWire('big.test AAAA', { peer: CLIENT6, edns: { udpSize: 1232 } });
  assert.equal(whole!.tc, false);
  assert.equal(whole!.answer.length, 30);
});

test('a client hears of an upstream that stays silent', () => {
  const server = serverOf('dns64');
  const client = server.send('silent.test AAAA', { peer: CLIENT6, edns: {} });
  server.settle();
  server.pass(6000);
  const message = server.responseTo(client);
  assert.equal(message?.rcode, 2);
  assert.deepEqual(
    message.opt!.options.map(({ data }) => data[1]),
    [22],
  );
  assert.equal(server.sum('responses'), 1);
});

test('header and the plugin of metrics: what is made here is of the plugin that made it, the rest of who wrote it', () => {
  const responsesOf = (server: ComposedServer, plugin: number): number =>
    server.total('responses', plugin * (RCODE_OTHER + 1));
  const flagsOf = (server: ComposedServer, question: string, peer?: string): string => {
    const message = server.askWire(question, { flags: 0x0100, ...(peer !== undefined && { peer }) })!;
    return (['aa', 'rd', 'ra'] as const).filter((flag) => message[flag]).join(' ');
  };
  // As CoreDNS has it: `header` stands behind `dns64`, which makes a response of its own out of the query it has changed.
  const rules = 'header {\n query clear rd\n response set aa rd\n response clear ra\n }';
  const plain = serverOf('dns64');
  const server = serverOf(`dns64\n ${rules}`);
  const flags = flagsOf(plain, 'four.test AAAA', CLIENT6);
  assert.equal(flags, 'rd ra');
  assert.equal(flagsOf(server, 'four.test AAAA', CLIENT6), '');
  assert.deepEqual(
    [PLUGIN.DNS64, PLUGIN.FORWARD].map((plugin) => responsesOf(server, plugin)),
    [1, 0],
  );
  assert.equal(flagsOf(server, 'both.test AAAA', CLIENT6), 'aa rd');
  assert.deepEqual(
    [PLUGIN.DNS64, PLUGIN.FORWARD].map((plugin) => responsesOf(server, plugin)),
    [1, 1],
  );
  const other = serverOf(`siit {\n ipv6_prefix 64:ff9b::/96\n }\n ${rules}`);
  assert.equal(flagsOf(other, 'six.test A'), 'aa');
  assert.equal(responsesOf(other, PLUGIN.SIIT), 1);
});
