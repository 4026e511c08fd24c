import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseTemplate } from '../../../../src/config/template/template-parser.ts';
import {
  TemplateFault,
  type Template,
  type TemplateOperand,
  type TemplatePipeline,
} from '../../../../src/config/template/template-tree.ts';

function show(template: Template): string {
  return template
    .map((node) => {
      if (node.kind === 'text') return node.text;
      if (node.kind === 'action') return `<${showPipeline(node.pipeline)}>`;
      return `<${node.kind} ${showPipeline(node.pipeline)}: ${show(node.body)}|${show(node.otherwise)}>`;
    })
    .join('');
}

function showPipeline(pipeline: TemplatePipeline): string {
  const sign = pipeline.isDeclaration ? ':=' : '=';
  const start = pipeline.variables.length === 0 ? '' : `${pipeline.variables.join(',')}${sign}`;
  return start + pipeline.commands.map((command) => command.map(showOperand).join(' ')).join(' | ');
}

function showOperand(operand: TemplateOperand): string {
  switch (operand.kind) {
    case 'literal':
      return JSON.stringify(operand.value);
    case 'function':
      return operand.name;
    case 'dot':
      return `.${operand.fields.join('.')}`;
    case 'variable':
      return [operand.name, ...operand.fields].join('.');
    case 'group':
      return [`(${showPipeline(operand.pipeline)})`, ...operand.fields].join('.');
  }
}

function read(text: string): { readonly shown: string; readonly warnings: readonly string[] } {
  const warnings: string[] = [];
  return { shown: show(parseTemplate(text, (message) => warnings.push(message))), warnings };
}

const READ: readonly (readonly [text: string, shown: string])[] = [
  ['', ''],
  ['no action } } {', 'no action } } {'],
  ['{{ .Name }} 60 IN A 10.{{ .Group.b }}', '<.Name> 60 IN A 10.<.Group.b>'],
  ['{{ index .Match 1 }}', '<index .Match 1>'],
  ['{{ parseInt .Group.b 16 8 }}', '<parseInt .Group.b 16 8>'],
  ['{{.Name}}', '<.Name>'],
  ['a {{- .Name -}} b', 'a<.Name>b'],
  ['a {{- /* c }} */ -}} b', 'ab'],
  ['a {{/* c */}} b', 'a  b'],
  [
    '{{ .Meta "kubernetes/client-namespace" | printf "%s-%d" }}',
    '<.Meta "kubernetes/client-namespace" | printf "%s-%d">',
  ],
  ['{{ $x := .Name }}{{ $x }}{{ $x = "a" }}', '<$x:=.Name><$x><$x="a">'],
  ['{{ if eq .Type "A" }}a{{ else if .Zone }}b{{ else }}c{{ end }}d', '<if eq .Type "A": a|<if .Zone: b|c>>d'],
  [
    '{{ range $i, $e := .Match }}{{ $i }}{{ $e }}{{ .Anything }}{{ else }}x{{ end }}',
    '<range $i,$e:=.Match: <$i><$e><.Anything>|x>',
  ],
  ['{{ with .Question }}{{ .Qtype }}{{ $.Name }}{{ end }}', '<with .Question: <.Qtype><$.Name>|>'],
  ['{{ (index .Match 0) }}{{ ( .Message ).Id }}', '<(index .Match 0)><(.Message).Id>'],
  ['{{ len `a"b` }}{{ "}}" }}{{ \'a\' }}', '<len "a\\"b"><"}}"><97>'],
  ['{{ print -1 0x10 true nil . }}', '<print -1 16 true null .>'],
  ['{{ .Name.Foo .Zone }}', '<.Name.Foo .Zone>'],
];

for (const [text, shown] of READ) {
  test(`read ${text}`, () => {
    assert.deepEqual(read(text), { shown, warnings: [] });
  });
}

const REFUSED: readonly (readonly [text: string, says: RegExp])[] = [
  ['{{', /unclosed action/],
  ['a {{ .Name }', /unclosed action.*character 3/],
  ['{{ "a }}', /unterminated quoted string/],
  ['{{ /* a }}', /unexpected/],
  ['{{/* a }}', /unclosed comment/],
  ['{{ }}', /missing value/],
  ['{{ foo }}', /function "foo" not defined.*character 4/],
  ['{{ html .Name }}', /function "html" not defined/],
  ['{{ $x }}', /undefined variable \$x/],
  ['{{ $x = 1 }}', /undefined variable \$x/],
  ['{{ if .Name }}', /has no \{\{end\}\}/],
  ['{{ if }}a{{ end }}', /missing value/],
  ['{{ end }}', /no block is open/],
  ['{{ else }}', /no block is open/],
  ['{{ if .Name }}{{ else }}{{ else }}{{ end }}', /\{\{else\}\} has no/],
  ['{{ template "x" }}', /not supported/],
  ['{{ define "x" }}{{ end }}', /not supported/],
  ['{{ .Name | 1 }}', /piped/],
  ['{{ 1 2 }}', /cannot take arguments/],
  ['{{ (.Name }}', /unclosed left paren/],
  ['{{ .Name ) }}', /unexpected '\)'/],
  ['{{ "\\q" }}', /unknown escape/],
  ["{{ 'ab' }}", /one character/],
  ['{{ .Name & }}', /unexpected '&'/],
  ['{{ if .Name }}'.repeat(100), /nested more than/],
  [`{{ ${'('.repeat(100)} }}`, /nested more than/],
  ['a'.repeat(70_000), /longer than/],
];

for (const [text, says] of REFUSED) {
  test(`refuse ${text.slice(0, 40)}`, () => {
    assert.throws(() => read(text), { name: 'TemplateFault', message: says });
  });
}

test('a field that the data does not have is a warning where the data is what the dot is', () => {
  assert.match(read('{{ .Grup.d }}').warnings.join(), /no field \.Grup at character 4/);
  assert.match(read('{{ with .Name }}{{ $.Nome }}{{ end }}').warnings.join(), /no field \.Nome/);
  assert.deepEqual(read('{{ with .Question }}{{ .Name2 }}{{ end }}').warnings, []);
});

test('any text is read or refused', () => {
  const piece = fc.oneof(
    fc.constantFrom(
      '{{',
      '}}',
      '{{-',
      '-}}',
      ' ',
      '.Name',
      '$x',
      ':=',
      '|',
      '(',
      ')',
      '"',
      '`',
      "'",
      'if',
      'end',
      'else',
      '/*',
      '*/',
      '\\',
    ),
    fc.string({ maxLength: 3 }),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
      try {
        read(pieces.join(''));
      } catch (error) {
        assert.ok(error instanceof TemplateFault, String(error));
      }
    }),
    { numRuns: 2000 },
  );
});
