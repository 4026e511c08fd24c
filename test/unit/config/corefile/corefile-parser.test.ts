import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import type { ConfigFiles } from '../../../../src/config/corefile/config-files.ts';
import { formatCorefile, hashCorefile } from '../../../../src/config/corefile/corefile-format.ts';
import { parseCorefile } from '../../../../src/config/corefile/corefile-parser.ts';
import type { CorefileLine, CorefileTree } from '../../../../src/config/corefile/corefile-tree.ts';

const ETC = '/etc/dns';

function memoryFiles(texts: Readonly<Record<string, string>>): ConfigFiles {
  const absolute = new Map(Object.entries(texts).map(([name, text]) => [path.resolve(ETC, name), text]));
  return {
    read: (file) => absolute.get(file),
    exists: (file) => absolute.has(file),
    list: (directory) =>
      [...absolute.keys()].filter((file) => path.dirname(file) === directory).map((file) => path.basename(file)),
  };
}

function parse(text: string, texts: Readonly<Record<string, string>> = {}): CorefileTree {
  return parseCorefile(text, 'Corefile', {
    environment: { KEY: 'env.test' },
    directory: ETC,
    files: memoryFiles(texts),
  });
}

/** `keys { name args { options } }` on one line. */
function show(tree: CorefileTree): string[] {
  return tree.blocks.map((block) => `${block.keys.map((key) => key.text).join(' ')} { ${showLines(block.directives)}}`);
}

function showLines(lines: readonly CorefileLine[]): string {
  return lines
    .map((line) => {
      const words = [line.name, ...line.arguments].map((token) => token.text).join(' ');
      return line.options === null ? `${words}; ` : `${words} { ${showLines(line.options)}}; `;
    })
    .join('');
}

const ACCEPTED: readonly { readonly name: string; readonly text: string; readonly blocks: readonly string[] }[] = [
  { name: 'one block', text: '.:53 {\n errors\n log a b\n}\n', blocks: ['.:53 { errors; log a b; }'] },
  { name: 'the brace on the next line', text: '.:53\n{\n whoami\n}', blocks: ['.:53 { whoami; }'] },
  {
    name: 'no braces',
    text: '.:53\nerrors\nhealth {\n lameduck 5s\n}',
    blocks: ['.:53 { errors; health { lameduck 5s; }; }'],
  },
  { name: 'several keys', text: 'a b:5300 10.0.0.0/16 {\n}', blocks: ['a b:5300 10.0.0.0/16 { }'] },
  { name: 'a comma ends a word only', text: 'a, b\n{\n}\nc,d {\n}', blocks: ['a b { }', 'c,d { }'] },
  { name: 'a comma continues on the next line', text: 'a,\nb {\n}', blocks: ['a b { }'] },
  {
    name: 'an empty block, an empty option block',
    text: 'a {\n any {\n }\n whoami { }\n}',
    blocks: ['a { any { }; whoami { }; }'],
  },
  {
    name: 'the first directive behind the brace',
    text: 'a { errors\n hosts { 1.2.3.4 b\n }\n}',
    blocks: ['a { errors; hosts { 1.2.3.4 b; }; }'],
  },
  { name: 'blocks in option blocks', text: 'a {\n x {\n y {\n z\n }\n }\n}', blocks: ['a { x { y { z; }; }; }'] },
  { name: 'repeated directives keep their order', text: 'a {\n f 1\n g\n f 2\n}', blocks: ['a { f 1; g; f 2; }'] },
  { name: 'quoted braces are words', text: 'a {\n x "{" "}"\n}', blocks: ['a { x { }; }'] },
  { name: 'a variable as key', text: '{$KEY}:53 {\n}', blocks: ['env.test:53 { }'] },
  { name: 'keys alone', text: 'a', blocks: ['a { }'] },
  { name: 'nothing', text: '# nothing\n', blocks: [] },
  { name: 'two blocks', text: 'a {\n}\nb {\n}', blocks: ['a { }', 'b { }'] },
  {
    name: 'a snippet',
    text: '(s) {\n errors\n log { \n class all\n }\n}\na {\n import s\n whoami\n}',
    blocks: ['a { errors; log { class all; }; whoami; }'],
  },
  {
    name: 'a snippet twice in a row',
    text: '(s) { errors\n}\na {\n import s\n import s\n}',
    blocks: ['a { errors; errors; }'],
  },
  {
    name: 'a snippet in an option block',
    text: '(s) {\n ttl 5\n}\na {\n hosts {\n import s\n reload 1s\n }\n}',
    blocks: ['a { hosts { ttl 5; reload 1s; }; }'],
  },
  {
    name: 'a snippet of a snippet',
    text: '(s) {\n errors\n}\n(t) {\n import s\n}\na {\n import t\n}',
    blocks: ['a { errors; }'],
  },
  { name: 'an empty snippet', text: '(s) {\n}\na {\n import s\n log\n}', blocks: ['a { log; }'] },
  { name: 'import is a plain word behind a directive', text: 'a {\n log import x\n}', blocks: ['a { log import x; }'] },
];

for (const { name, text, blocks } of ACCEPTED) {
  test(`read: ${name}`, () => {
    assert.deepEqual(show(parse(text)), blocks);
    assert.deepEqual(show(parse(text.replaceAll('\n', '\r\n'))), blocks, 'with CRLF');
  });
}

const REFUSED: readonly {
  readonly name: string;
  readonly text: string;
  readonly place: string;
  readonly says: RegExp;
}[] = [
  { name: 'an end inside a block', text: 'a {\n errors', place: '2:2', says: /end of the file.*'\}'.*Corefile:1:3/ },
  {
    name: 'an end inside an option block',
    text: 'a {\n log {\n class all\n',
    place: '3:8',
    says: /end of the file.*Corefile:2:6/,
  },
  { name: 'a brace too many', text: 'a {\n}\n}', place: '3:1', says: /unexpected '\}'.*server key/ },
  { name: 'a brace that closes nothing', text: 'a\nerrors\n}', place: '3:1', says: /no block is open/ },
  {
    name: 'an option block on one line',
    text: 'a {\n health { lameduck 5s }\n}',
    place: '2:23',
    says: /'\}' after 'lameduck'/,
  },
  { name: 'a server block on one line', text: 'a { whoami }', place: '1:12', says: /'\}' after 'whoami'/ },
  {
    name: 'words behind a closing brace',
    text: 'a {\n log {\n } b\n}',
    place: '3:4',
    says: /unexpected 'b' after '\}'/,
  },
  {
    name: 'an opening brace on its own line',
    text: 'a {\n log\n {\n }\n}',
    place: '3:2',
    says: /'\{' at the start of a line/,
  },
  { name: 'a comma before the brace', text: 'a, {\n}', place: '1:4', says: /after the comma/ },
  { name: 'a comma alone', text: 'a , b {\n}', place: '1:3', says: /expected a server key before it/ },
  { name: 'a comma first', text: ',\nb {\n}', place: '1:1', says: /expected a server key before it/ },
  { name: 'a comma at the end', text: 'a,', place: '1:1', says: /after the comma/ },
  { name: 'no key', text: '{\n errors\n}', place: '1:1', says: /server key/ },
  { name: 'import without argument', text: 'a {\n import\n}', place: '2:2', says: /one argument/ },
  { name: 'import with two arguments', text: 'a {\n import x y\n}', place: '2:11', says: /one argument.*'y'/ },
  { name: 'import of an empty name', text: 'a {\n import {$NONE}\n}', place: '2:9', says: /import of nothing/ },
  { name: 'import of a missing file', text: 'a {\n import x.conf\n}', place: '2:9', says: /not found.*'x.conf'/ },
  { name: 'import with many wildcards', text: 'import *a*\n', place: '1:8', says: /too many wildcards/ },
  { name: 'a snippet declared twice', text: '(s) {\n}\n(s) {\n}', place: '3:1', says: /redeclaration.*'s'/ },
  {
    name: 'a snippet that imports itself',
    text: '(s) {\n import s\n}\na {\n import s\n}',
    place: '2:9',
    says: /imports itself/,
  },
  { name: 'a snippet without a brace', text: '(s)\na {\n}', place: '2:1', says: /expected '\{'/ },
  { name: 'a snippet that never ends', text: '(s) {\n log {\n }', place: '3:2', says: /end of the file/ },
];

for (const { name, text, place, says } of REFUSED) {
  test(`refuse: ${name}`, () => {
    assert.throws(
      () => parse(text),
      (error: Error) => {
        assert.match(error.message, says);
        assert.ok(error.message.startsWith(`Corefile:${place}: `), error.message);
        return true;
      },
    );
  });
}

test('imported files are spliced in place and their words keep their own place', () => {
  const tree = parse('import sub/*.server\na {\n import sub/one.override\n whoami\n}', {
    'sub/x.server': 'x {\n import one.override\n}',
    'sub/y.server': 'y {\n}',
    'sub/one.override': 'errors\nlog {\n class all\n}',
  });
  assert.deepEqual(show(tree), [
    'x { errors; log { class all; }; }',
    'y { }',
    'a { errors; log { class all; }; whoami; }',
  ]);
  const { file, line, column } = tree.blocks[2]!.directives[1]!.options![0]!.name;
  assert.deepEqual([file, line, column], ['sub/one.override', 3, 2]);
  assert.deepEqual(tree.files, [
    '/etc/dns/Corefile',
    '/etc/dns/sub/x.server',
    '/etc/dns/sub/one.override',
    '/etc/dns/sub/y.server',
  ]);
  assert.deepEqual(tree.patterns, ['/etc/dns/sub/*.server']);
});

test('an import is one at the start of a snippet that begins behind its brace', () => {
  assert.deepEqual(show(parse('(t) {\n b {\n }\n}\n(s) { import t\n}\nimport s')), ['b { }']);
});

test('a file of a pattern may import another file of the same pattern', () => {
  const tree = parse('import *.conf', { 'a.conf': 'import b.conf\n', 'b.conf': 'b {\n}' });
  assert.deepEqual(show(tree), ['b { }', 'b { }']);
});

test('the brace of a block that is missing behind that of an option block is a warning', () => {
  const tree = parse('a {\n log {\n class all\n }\n');
  assert.deepEqual(show(tree), ['a { log { class all; }; }']);
  assert.match(tree.warnings[0]!.message, /'\}' is missing for the block opened at Corefile:1:3/);
  assert.throws(() => parse('a {\n log {\n }\n errors'), { message: /^Corefile:4:2: unexpected end of the file/ });
});

test('a pattern that matches nothing is a warning', () => {
  const tree = parse('import none/*.conf\na {\n}');
  assert.deepEqual(
    tree.warnings.map((warning) => [warning.token.line, warning.token.column]),
    [[1, 8]],
  );
  assert.match(tree.warnings[0]!.message, /no file matches/);
});

test('a fault in an imported file names that file', () => {
  const texts = { 'sub/a.conf': 'b {\n  log }\n}' };
  assert.throws(() => parse('import sub/a.conf', texts), { code: 'CONFIG_SYNTAX', message: /^sub\/a\.conf:2:7: / });
});

test('files that import each other in a circle are refused', () => {
  const texts = { 'a.conf': 'import b.conf', 'b.conf': 'import a.conf' };
  assert.throws(() => parse('import a.conf', texts), {
    code: 'CONFIG_IMPORT',
    message: /^b\.conf:1:8: .*imports itself/,
  });
  assert.throws(() => parse('import Corefile', { Corefile: '' }), { code: 'CONFIG_IMPORT', message: /imports itself/ });
});

test('snippets that multiply each other end in an error', () => {
  let text = '(s0) {\n log\n}\n';
  for (let depth = 1; depth < 20; depth++) text += `(s${depth}) {\n${` import s${depth - 1}\n`.repeat(10)}}\n`;
  assert.throws(() => parse(`${text}a {\n import s19\n}`), {
    code: 'CONFIG_IMPORT',
    message: /more than 10000 imports/,
  });
});

test('a million braces end in an error, not in a crash', () => {
  const count = 1_000_000;
  assert.throws(() => parse(`a {\n x ${'{\n y '.repeat(count)}`), {
    code: 'CONFIG_SYNTAX',
    message: /nested more than 16/,
  });
  assert.throws(() => parse('{ '.repeat(count)), { code: 'CONFIG_SYNTAX' });
  assert.throws(() => parse('} '.repeat(count)), { code: 'CONFIG_SYNTAX' });
  assert.throws(() => parse(`(s) {\n${'{ '.repeat(count)}`), { code: 'CONFIG_SYNTAX' });
});

test('what is written from a tree reads as the same tree, and as the same hash', () => {
  const text = String.raw`a b:53 {
    log . "{remote} # \"x\"" # a comment
    template IN A {
      match "^a\.b$"
      answer ""
      x "import" "{" a"b
    }
  }`;
  const tree = parse(text);
  const again = parse(formatCorefile(tree));
  assert.deepEqual(show(again), show(tree));
  assert.equal(hashCorefile(again), hashCorefile(tree));
  assert.notEqual(hashCorefile(parse('a {\n}')), hashCorefile(parse('b {\n}')));
});
