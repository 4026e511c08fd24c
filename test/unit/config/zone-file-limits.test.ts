/** A zone file has bounds: none of its lines, and nothing it includes or makes, is work without end, or work without a pause. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkZoneFile, readZoneFile } from '../../../src/config/zone-file/zone-file.ts';
import { parseName } from '../../../src/dns/name.ts';
import { parseTtl } from '../../../src/dns/records/rdata-text.ts';
import { testFiles } from '../plugins/corefile-fixture.ts';

const ORIGIN = parseName('example.org.')!;
const LIMITS = { includedSize: 1000, generatedSize: 5000 };

function faultOf(text: string, more: Readonly<Record<string, string>> = {}, limits = LIMITS): string {
  let message = '';
  assert.throws(
    () => {
      for (const _ of readZoneFile(text, '/db', ORIGIN, testFiles(more), limits)) void _;
    },
    (error) => error instanceof Error && error.name === 'ZoneFileFault' && (message = error.message) !== '',
  );
  return message;
}

test('what $GENERATE makes is bounded in octets, over all directives of a zone, at the place of the one too many', () => {
  const line = `$GENERATE 0-9 a$ 5 TXT "${'x'.repeat(200)}"\n`;
  assert.equal(faultOf(line.repeat(3)), '/db:3:1: $GENERATE: more than 5000 characters in one zone');
});

test('a line of $GENERATE is bounded before and after its numbers stand in it', () => {
  const wide = '${0,255,d}'.repeat(300);
  const says = /^\/db:1:11: \$GENERATE: a line of more than 65536 characters$/;
  assert.match(faultOf(`$GENERATE 0-9 a$ 5 TXT ${wide}\n`), says);
  assert.match(faultOf(`$GENERATE 0-9 a$ 5 TXT ${'x'.repeat(70_000)}\n`), says);
});

test('a modifier of $GENERATE that never ends is looked for in a few characters only', () => {
  const limits = { ...LIMITS, generatedSize: 1e6 };
  assert.match(
    faultOf(`$GENERATE 0-1 a$ 5 A ${'${'.repeat(30_000)}\n`, {}, limits),
    /^\/db:1:1: A: '.* is no IPv4 address/,
  );
});

test('all that is included is bounded in octets', () => {
  const more = { 'db.part': `; ${'x'.repeat(400)}\n` };
  const text = '$INCLUDE /etc/coredns/db.part\n';
  assert.equal(faultOf(text.repeat(3), more), '/db:3:10: more than 1000 characters are included in one zone');
});

test('one record is bounded in octets, in one word or in many', () => {
  const says = /^\/db:1:1: a record of more than 524288 characters$/;
  assert.match(faultOf(`a 5 TXT ( ${'x '.repeat(300_000)})`), says);
  assert.match(faultOf(`a 5 TXT ${'\\a'.repeat(300_000)}`), says);
  assert.match(faultOf(`a 5 TXT "${'x'.repeat(600_000)}"`), says);
});

test('a time to live that is none is seen at once, whatever it could be split into', () => {
  assert.equal(parseTtl(`${'1'.repeat(60)}x`), undefined);
  assert.equal(parseTtl('1'.repeat(100_000)), undefined);
  assert.equal(parseTtl('1h30m5'), 5405);
  assert.equal(parseTtl('0000000000300'), 300);
});

test('a name of backslashes that is none is seen at once', () => {
  assert.match(faultOf(`${'\\\\'.repeat(100_000)}x 5 A 192.0.2.1`), /bad owner name/);
});

test('text without records is passed over with pauses', () => {
  const texts = ['$TTL 5\n$ORIGIN example.org.\n'.repeat(4000), '; nothing\n'.repeat(10_000), ' '.repeat(100_000)];
  for (const text of [...texts, `( ${'\n'.repeat(100_000)} )`]) {
    let pauses = 0;
    for (const record of readZoneFile(text, '/db', ORIGIN, testFiles())) if (record === null) pauses++;
    assert.ok(text.length / (pauses + 1) <= 17_000, `${pauses} pauses in ${text.length} characters`);
  }
});

test('a check pauses after 64 records at most', () => {
  const text = '@ 5 SOA a b 1 2 3 4 5\n$GENERATE 1-6400 h$ 5 A 192.0.2.1\n';
  let pauses = 0;
  const steps = checkZoneFile(text, '/db', 'example.org.', testFiles());
  while (steps.next().done !== true) pauses++;
  assert.equal(pauses, 100);
});
