/** Templates as an answering thread runs them; the answers are CoreDNS 1.15.0's where no test says otherwise. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileTemplate } from '../../../../src/server/compile/steps/template.ts';
import type { StepDescription } from '../../../../src/snapshot/config-description.ts';
import { readPlugin } from '../../plugins/corefile-fixture.ts';
import { Chain, type ChainOptions } from '../chain-fixture.ts';

/** The directives of a block that serves everything; fixed answers are at their own zones only. */
function chainOf(
  directives: readonly string[],
  behind: readonly StepDescription[] = [],
  more: Partial<ChainOptions> = {},
): Chain {
  const rules = readPlugin('template', directives.join('\n')).templates;
  const zones = ['.', ...new Set(rules.flatMap((rule) => rule.zones))];
  const routes = zones.map((zone) => {
    const steps = rules
      .filter((rule) => rule.zones.some((own) => `.${zone}`.endsWith(`.${own}`)))
      .map((rule) => compileTemplate(rule));
    return [zone, [...steps, ...behind]] as const;
  });
  return new Chain({ routes: Object.fromEntries(routes), ...more });
}

const REVERSE = `template IN A example {
  match (^|[.])ip-10-(?P<b>[0-9]*)-(?P<c>[0-9]*)-(?P<d>[0-9]*)[.]example[.]$
  answer "{{ .Name }} 60 IN A 10.{{ .Group.b }}.{{ .Group.c }}.{{ .Group.d }}"
  fallthrough
}`;

test('groups of the name, which keeps the letter case of the question', () => {
  const chain = chainOf([REVERSE]);
  assert.deepEqual(chain.ask('A.ip-10-95-12-8.Example. A'), ['NOERROR aa', 'A.ip-10-95-12-8.Example. 60 A 10.95.12.8']);
  assert.deepEqual(chain.ask('x.example. A'), ['SERVFAIL']);
  assert.deepEqual(chain.ask('ip-10-95-12-8.example. AAAA'), ['SERVFAIL']);
});

test('what it falls through to', () => {
  const chain = chainOf([REVERSE], [{ kind: 'whoami' }]);
  assert.match(chain.ask('x.example. A').join(), /additional x\.example\. 0 A 192\.0\.2\.1/);
  const some = chainOf(
    ['template IN ANY example {\n match ^a[.]\n rcode NXDOMAIN\n fallthrough b.example\n }'],
    [{ kind: 'whoami' }],
  );
  assert.deepEqual(some.ask('a.example. A'), ['NXDOMAIN aa']);
  assert.deepEqual(some.ask('x.example. A'), ['SERVFAIL']);
  assert.match(some.ask('x.b.example. A')[0]!, /^NOERROR aa/);
  assert.match(some.ask('other. A')[0]!, /^NOERROR aa/);
});

test('the first pattern that matches gives the groups', () => {
  const chain = chainOf([
    `template IN A example {
      match ^x(1) ^y(2)
      match ^(z)
      answer "{{ .Name }} 60 IN A 192.0.2.{{ len .Match }}"
      additional "{{ .Name }} 60 IN TXT {{ index .Match 1 }}"
    }`,
  ]);
  assert.deepEqual(chain.ask('y2.example. A'), [
    'NOERROR aa',
    'y2.example. 60 A 192.0.2.2',
    'additional y2.example. 60 TXT "2"',
  ]);
  assert.deepEqual(chain.ask('Z.example. A')[2], 'additional Z.example. 60 TXT "z"');
  assert.deepEqual(chain.ask('q.example. A'), ['SERVFAIL']);
});

test('three sections, the zone that is the longest, a record without a TTL', () => {
  const chain = chainOf([
    `template IN A example sub.example {
      answer "x.{{ .Name }} IN A 192.0.2.1"
      authority "{{ .Zone }} 60 IN NS ns.{{ .Zone }}"
      additional "ns.{{ .Zone }} 60 IN A 192.0.2.3"
    }`,
  ]);
  assert.deepEqual(chain.ask('a.sub.example. A'), [
    'NOERROR aa',
    'x.a.sub.example. 3600 A 192.0.2.1',
    'authority sub.example. 60 NS ns.sub.example.',
    'additional ns.sub.example. 60 A 192.0.2.3',
  ]);
  assert.equal(chain.ask('a.example. A')[2], 'authority example. 60 NS ns.example.');
});

test('a question for every type gets the type of the template', () => {
  const template = 'answer "{{ .Name }} 60 IN TXT \\"{{ .Type }} {{ .Remote }} {{ len .Match }}\\""';
  const chain = chainOf([`template IN MX mx. {\n ${template}\n }`, `template ANY ANY any. {\n ${template}\n }`]);
  assert.deepEqual(chain.ask('a.mx. ANY'), ['NOERROR aa', 'a.mx. 60 TXT "MX 192.0.2.1 1"']);
  assert.deepEqual(chain.ask('a.any. ANY'), ['NOERROR aa', 'a.any. 60 TXT "ANY 192.0.2.1 1"']);
  const peer = [0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
  assert.deepEqual(chain.ask('a.any. HTTPS', { peer }), ['NOERROR aa', 'a.any. 60 TXT "HTTPS 2001:db8::1 1"']);
});

test('minimal leaves out what is not asked for, but no denial', () => {
  const lines = `answer "{{ .Name }} 60 IN A 192.0.2.{{ len .Match }}" "ns.x.example. 60 IN A 192.0.2.9"
    authority "example. 60 IN NS ns.{{ .Name }}"
    additional "ns.{{ .Name }} 60 IN A 192.0.2.3"`;
  const fixed = 'answer "{{ .Name }} 60 IN A 192.0.2.1"\n authority "b. 60 IN NS a."';
  const directives = [
    `template IN A example {\n ${lines}\n }`,
    `template IN A b. {\n ${fixed}\n }`,
    'template IN A no. {\n rcode NXDOMAIN\n authority "{{ .Zone }} 60 IN SOA a. b. 1 2 3 4 {{ len .Match }}"\n }',
  ];
  const chain = chainOf(directives, [{ kind: 'whoami' }], { policy: { isMinimal: true } });
  assert.deepEqual(chain.ask('X.example. A'), [
    'NOERROR aa',
    'X.example. 60 A 192.0.2.1',
    'ns.x.example. 60 A 192.0.2.9',
  ]);
  assert.deepEqual(chain.ask('x.b. A'), ['NOERROR aa', 'x.b. 60 A 192.0.2.1']);
  assert.deepEqual(chain.ask('x.no. A'), ['NXDOMAIN aa', 'authority no. 60 SOA a. b. 1 2 3 4 1']);
  assert.deepEqual(chain.ask('else. A'), ['NOERROR aa']);
});

test('what it gives is no record, or it cannot be evaluated', () => {
  for (const answer of [
    '{{ .Name }} 60 IN A {{ len .Match }}',
    '{{ .Name }}',
    '; {{ .Name }}',
    '{{ index .Match 5 }}',
    '{{ .Name.X }}',
  ]) {
    const chain = chainOf([`template IN A . {\n answer "${answer}"\n }`], [{ kind: 'whoami' }]);
    assert.deepEqual(chain.ask('a.example. A'), ['SERVFAIL'], answer);
  }
});

test('rcodes, and extended errors with a text', () => {
  const chain = chainOf([
    'template IN A a. {\n match ^r\n rcode REFUSED\n ederror 15 "blocked by {{ .Name }}"\n }',
    'template IN A b. {\n rcode NXDOMAIN\n ederror 21 "not supported"\n authority "b. 60 IN SOA a. b. 1 2 3 4 5"\n }',
    'template IN A c. {\n match ^s\n rcode SERVFAIL\n ederror 15 text\n }',
  ]);
  const edns = { udpSize: 1232 };
  assert.deepEqual(chain.ask('r.a. A', { edns }), ['REFUSED aa EDE 15 blocked by {{ .Name }}']);
  assert.deepEqual(chain.ask('r.a. A'), ['REFUSED aa']);
  assert.deepEqual(chain.ask('r.b. A', { edns }), [
    'NXDOMAIN aa EDE 21 not supported',
    'authority b. 60 SOA a. b. 1 2 3 4 5',
  ]);
  assert.deepEqual(chain.ask('s.c. A', { edns }), ['SERVFAIL']);
});

const TARGET = `template IN A a.example {
  answer "{{ .Name }} 60 IN A 192.0.2.1"
  authority "a.example. 60 IN NS ns.a.example."
}`;

test('a CNAME is followed for addresses: what is found adds to the answer alone', () => {
  const chain = chainOf([
    TARGET,
    `template IN ANY c.example {
      answer "{{ .Name }} 60 IN CNAME foo.a.example"
      authority "c.example. 60 IN NS ns.c.example."
      additional "ns.c.example. 60 IN A 192.0.2.3"
    }`,
  ]);
  const alias = 'x.c.example. 60 CNAME foo.a.example.';
  const rest = ['authority c.example. 60 NS ns.c.example.', 'additional ns.c.example. 60 A 192.0.2.3'];
  assert.deepEqual(chain.ask('x.c.example. A'), ['NOERROR aa', alias, 'foo.a.example. 60 A 192.0.2.1', ...rest]);
  // nobody knows the target's other address: the client has the CNAME
  assert.deepEqual(chain.ask('x.c.example. AAAA'), ['NOERROR aa', alias, ...rest]);
  for (const type of ['MX', 'ANY', 'CNAME']) {
    assert.deepEqual(chain.ask(`x.c.example. ${type}`), ['NOERROR aa', alias, ...rest]);
  }
});

test('a CNAME whose target has its records beside it', () => {
  const chain = chainOf(['template IN A . {\n answer "{{ .Name }} 60 IN CNAME y.b." "y.b. 60 IN A 192.0.2.7"\n }']);
  assert.deepEqual(chain.ask('x. A'), ['NOERROR aa', 'x. 60 CNAME y.b.', 'y.b. 60 A 192.0.2.7']);
});

test('a CNAME that leads to ever longer names', () => {
  const chain = chainOf(['template IN A . {\n answer "{{ .Name }} 60 IN CNAME x.{{ .Name }}"\n }']);
  assert.deepEqual(chain.ask('a. A').slice(0, 1), ['SERVFAIL aa']);
  // and the next query is another one's
  assert.deepEqual(chainOf([TARGET]).ask('b.a.example. A').length, 3);
});

test('a name as the regex sees it', () => {
  const chain = chainOf([
    'template IN TXT . {\n match ^(.*)$\n answer "{{ .Name }} 60 IN TXT \\"{{ .Name }}|{{ .Question.Name }}\\""\n }',
  ]);
  assert.deepEqual(chain.ask('A\\.b\\032c. TXT')[1], 'A\\.b\\032c. 60 TXT "a.b c.|A.b c."');
  assert.deepEqual(chain.ask('a\\200\\009\\". TXT')[0], 'NOERROR aa');
});

test('an answer that has no room', () => {
  const long = Array.from({ length: 10 }, (_, n) => `"{{ .Name }} 60 IN TXT ${n}{{ .Name }}{{ .Name }}"`).join(' ');
  const chain = chainOf([`template IN TXT . {\n answer ${long}\n }`]);
  const [flags, ...records] = chain.ask(`${'a'.repeat(50)}. TXT`);
  assert.equal(flags, 'NOERROR aa tc');
  assert.ok(records.length >= 2 && records.length < 10, `${records.length}`);
});

test('a template that takes the place of another is another', () => {
  const stepsOf = (address: string): readonly StepDescription[] =>
    readPlugin(
      'template',
      `template IN A . {\n match ^(a)\n answer "{{ .Name }} 60 IN A ${address}{{ len .Match }}"\n }`,
    ).templates.map((rule) => compileTemplate(rule));
  const chain = new Chain({ routes: { '.': stepsOf('192.0.2.') } });
  assert.equal(chain.ask('a. A')[1], 'a. 60 A 192.0.2.2');
  for (let round = 0; round < 4; round++) {
    chain.setRoutes({ '.': stepsOf(`198.51.10${round}.`) });
    assert.equal(chain.ask('a. A')[1], `a. 60 A 198.51.10${round}.2`);
  }
});
