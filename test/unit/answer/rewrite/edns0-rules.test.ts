/** `rewrite edns0`: what the rules make of the options of a query, compared with what CoreDNS 1.15.0 sends upstream. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RewriteRules } from '../../../../src/answer/rewrite/rewrite-program.ts';
import type { OptionFacts } from '../../../../src/answer/rewrite/edns0-rules.ts';
import { compileRewrite } from '../../../../src/server/compile/steps/rewrite.ts';
import { readPlugin } from '../../plugins/corefile-fixture.ts';

const NAME = Buffer.from('\x01a\x04test\x00', 'latin1');

const FACTS: OptionFacts = {
  questionText: () => 'A.test.',
  clientOctets: () => Uint8Array.of(10, 1, 2, 3),
  serverOctets: () => Uint8Array.of(127, 0, 0, 1),
  clientPort: () => 0x1234,
  serverPort: () => 53,
  proto: () => 'udp',
  metadataValue: (label) => ({ 'view/name': 'Inner', 'a/empty': '' })[label],
  hasOption: (code) => code === 0xffee || code === 8,
};

/** Options that go upstream: code in hexadecimal, then the data. */
function optionsOf(rules: string, facts: OptionFacts = FACTS): string[] {
  const compiled = RewriteRules.parse(compileRewrite(readPlugin('rewrite', rules)).program);
  compiled.apply(NAME, 28, 1, facts);
  const options = Buffer.from(compiled.options ?? []);
  const found: string[] = [];
  for (let at = 0; at < options.length; at += 4 + options.readUInt16BE(at + 2)) {
    const data = options.subarray(at + 4, at + 4 + options.readUInt16BE(at + 2));
    found.push(`${options.readUInt16BE(at).toString(16)} ${data.toString('hex')}`.trim());
  }
  return found;
}

test('data as it is written', () => {
  assert.deepEqual(optionsOf('rewrite edns0 local set 0xffed 0x0a0B'), ['ffed 0a0b']);
  assert.deepEqual(optionsOf('rewrite edns0 local append 65517 hello'), ['ffed 68656c6c6f']);
  assert.deepEqual(optionsOf('rewrite edns0 local set 0xffed 0x'), ['ffed']);
  assert.deepEqual(optionsOf('rewrite edns0 nsid set'), ['3']);
});

test('variables of the query', () => {
  const cases = {
    qname: Buffer.from('A.test.').toString('hex'),
    qtype: '001c',
    client_ip: '0a010203',
    client_port: '1234',
    server_ip: '7f000001',
    server_port: '0035',
    protocol: Buffer.from('udp').toString('hex'),
    'view/name': Buffer.from('Inner').toString('hex'),
  };
  for (const [name, hex] of Object.entries(cases)) {
    assert.deepEqual(optionsOf(`rewrite edns0 local set 0xffed {${name}}`), [`ffed ${hex}`], name);
  }
});

test('what is not known makes a rule one for other queries', () => {
  assert.deepEqual(optionsOf('rewrite edns0 local set 0xffed {a/empty}'), []);
  assert.deepEqual(optionsOf('rewrite stop edns0 local set 0xffed {a/none}\nrewrite edns0 local set 0xffec 0x01'), [
    'ffec 01',
  ]);
  const v6 = { ...FACTS, clientOctets: () => new Uint8Array(16).fill(0x20) };
  assert.deepEqual(optionsOf('rewrite edns0 local set 0xffed {server_ip}', v6), []);
  assert.deepEqual(
    optionsOf('rewrite edns0 local set 0xffed {server_ip}', { ...FACTS, serverOctets: () => undefined }),
    [],
  );
});

test('actions: what is there already counts, be it a rule or the client who put it there', () => {
  assert.deepEqual(optionsOf('rewrite edns0 local replace 0xffed 0x01'), []);
  assert.deepEqual(optionsOf('rewrite edns0 local replace 0xffee 0x01'), ['ffee 01']);
  assert.deepEqual(optionsOf('rewrite continue edns0 local set 0xffed 0x01\nrewrite edns0 local replace 0xffed 0x02'), [
    'ffed 02',
  ]);
  assert.deepEqual(optionsOf('rewrite continue edns0 local set 0xffed 0x01\nrewrite edns0 local set 0xffed 0x02'), [
    'ffed 02',
  ]);
  assert.deepEqual(optionsOf('rewrite continue edns0 local set 0xffed 0x01\nrewrite edns0 local append 0xffed 0x02'), [
    'ffed 01',
    'ffed 02',
  ]);
  assert.deepEqual(
    optionsOf('rewrite continue edns0 local set 0xffed 0x01\nrewrite edns0 local append 0xffed {qtype}'),
    ['ffed 01'],
  );
  assert.deepEqual(optionsOf('rewrite continue edns0 local set 0xffed 0x01\nrewrite edns0 local unset 0xffed'), []);
  assert.deepEqual(optionsOf('rewrite continue edns0 local unset 0xffee\nrewrite edns0 local replace 0xffee 0x01'), []);
});

test("the client's network", () => {
  assert.deepEqual(optionsOf('rewrite edns0 subnet set 24 56', { ...FACTS, hasOption: () => false }), [
    '8 000118000a0102',
  ]);
  assert.deepEqual(optionsOf('rewrite edns0 subnet set 23 56'), ['8 000117000a0102']);
  assert.deepEqual(optionsOf('rewrite edns0 subnet set 15 56'), ['8 00010f000a00']);
  assert.deepEqual(optionsOf('rewrite edns0 subnet set 0 56'), ['8 00010000']);
  assert.deepEqual(optionsOf('rewrite edns0 subnet append 24 56'), [], 'the client has said it itself');
  const v6 = { ...FACTS, clientOctets: () => Buffer.from('20010db8ffffffff0000000000000001', 'hex') };
  assert.deepEqual(optionsOf('rewrite edns0 subnet set 24 57', v6), ['8 0002390020010db8ffffff80']);
});

test('without stop, a rule for other queries lets the next one have its say; with it as well', () => {
  const rules =
    'rewrite stop edns0 local replace 0x1 0x01\nrewrite stop edns0 local set 0x2 0x02\nrewrite edns0 local set 0x3 0x03';
  assert.deepEqual(optionsOf(rules), ['2 02']);
});

test('more than there is room for is left out', () => {
  const long = `0x${'ab'.repeat(120)}`;
  assert.deepEqual(
    optionsOf(
      `rewrite continue edns0 local set 0x1 ${long}\nrewrite edns0 local set 0x2 ${long}\nrewrite edns0 local set 0x3 0x03`,
    ).map((option) => option.split(' ')[0]),
    ['1', '3'],
  );
});
