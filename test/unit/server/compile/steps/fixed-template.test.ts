import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileFixedTemplate } from '../../../../../src/server/compile/steps/fixed-template.ts';
import type { FixedAnswerStep } from '../../../../../src/snapshot/config-description.ts';
import { readPlugin } from '../../../plugins/corefile-fixture.ts';

function compile(text: string): FixedAnswerStep | undefined {
  return compileFixedTemplate(readPlugin('template', text).templates[0]!);
}

function hex(records: readonly Uint8Array[]): string[] {
  return records.map((record) => Buffer.from(record).toString('hex'));
}

test('an answer without records', () => {
  assert.deepEqual(compile('template ANY ANY internal.cloudapp.net { \n rcode NXDOMAIN \n }'), {
    kind: 'fixedAnswer',
    qtype: 255,
    rcode: 3,
    extendedError: -1,
    answers: [],
    authorities: [],
    additionals: [],
  });
});

test('records of the question, of a name, and of the zone', () => {
  const step = compile(`template IN A example.org {
    match ^.*$
    ederror 15
    answer "{{ .Name }} 60 IN {{ .Type }} 192.0.2.1" "{{ .Name }}\t{{ .Class }} A 192.0.2.2"
    additional "ns.example. 5 IN A 192.0.2.53"
    authority "{{ .Zone }} 30 IN NS ns.{{ .Zone }}"
  }`);
  const zone = '076578616d706c65036f726700';
  assert.equal(step?.extendedError, 15);
  assert.deepEqual(hex(step.answers), [
    'c00c000100010000003c0004c0000201',
    // a record without a TTL
    'c00c0001000100000e100004c0000202',
  ]);
  assert.deepEqual(hex(step.authorities), [`${zone}000200010000001e0010026e73${zone}`]);
  assert.deepEqual(hex(step.additionals), ['026e73076578616d706c65000001000100000005' + '0004c0000235']);
});

test('SERVFAIL is bare', () => {
  const step = compile(
    'template IN A { \n rcode SERVFAIL \n ederror 15 \n answer "{{ .Name }} 60 IN A 192.0.2.1" \n }',
  );
  assert.deepEqual([step?.rcode, step?.extendedError, step?.answers], [2, -1, []]);
});

const FIXED_MATCHES = [
  '.*',
  '^.*$',
  '(.*)',
  '^(.+)$',
  '.',
  '^',
  '$',
  '^.*[.]$',
  '\\.$',
  '^a\\.b\\.$ .*',
  '^.*\\.$',
  '.*?',
];
for (const match of FIXED_MATCHES) {
  test(`fixed: match ${match}`, () => {
    assert.equal(compile(`template IN A {\n match ${match}\n rcode NXDOMAIN\n }`)?.rcode, 3);
  });
}

const DYNAMIC: readonly (readonly [lines: string, why: string])[] = [
  ['match ^a\\.', 'a name'],
  ['match ^.$', 'the root alone'],
  ['match ^$', 'no name at all'],
  ['match ^.*\\.\\.$', 'no name at all'],
  ['match ^.\\.$', 'names of one character'],
  ['match ^\\.', 'the root alone'],
  ['match ^.+\\.$', 'not the root'],
  ['match a', 'a letter'],
  ['expr "type() == \'A\'"', 'an expression'],
  ['var x 1', 'a variable'],
  ['ederror 15 "text"', 'a text'],
  ['answer "{{ .Name }} 60 IN CNAME a.example."', 'a target to look up'],
  ['answer "{{ .Name }} 60 IN A {{ .Remote }}"', 'the client'],
  ['answer "{{ .Name }} 60 IN TXT {{ .Name }}"', 'the name in the data'],
  ['answer "a.{{ .Name }} 60 IN A 192.0.2.1"', 'a name below'],
  ['answer "{{ .Name }}a. 60 IN A 192.0.2.1"', 'another name'],
  ['answer "{{ if .Name }}a. 60 IN A 192.0.2.1{{ end }}"', 'a condition'],
  ['answer "{{ .Name }} 60 IN A 192.0.2.256"', 'no record'],
  ['answer ""', 'no record'],
  ['answer "{{ .Name }} 60 IN BOGUS 1"', 'a type that does not exist'],
  ['authority "$INCLUDE x"', 'no record'],
];
for (const [lines, why] of DYNAMIC) {
  test(`not fixed, ${why}: ${lines}`, () => {
    assert.equal(compile(`template IN A {\n ${lines}\n }`), undefined);
  });
}

test('not fixed: another class, several zones, the type of any', () => {
  assert.equal(compile('template CH TXT {\n rcode NXDOMAIN\n }'), undefined);
  assert.equal(compile('template IN A a. b. {\n answer "{{ .Zone }} 1 IN A 192.0.2.1"\n }'), undefined);
  assert.equal(compile('template IN ANY {\n answer "{{ .Name }} 1 IN {{ .Type }} 192.0.2.1"\n }'), undefined);
});

test('a CNAME is fixed where it is asked for', () => {
  const step = compile('template IN CNAME {\n answer "{{ .Name }} 60 IN CNAME a."\n }');
  assert.deepEqual(hex(step!.answers), ['c00c000500010000003c0003016100']);
});
