/** Rules over the sources that neither compiler nor linter checks. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { ROOT, sourceFiles, type SourceFile } from './source-files.ts';

const LINES_MAX = 700;

/** What no file may hold. This file, which names them, is left out. */
const BANNED = [
  { pattern: /(?<![\w.])\/(?:work|home|root|Users)\/\w/, what: 'an absolute path of one machine' },
  { pattern: /registry\.npmjs\.org|registry\.yarnpkg\.com/, what: 'the host of a package registry' },
  { pattern: /\b(?:TODO|FIXME|XXX)\b/, what: 'unfinished work' },
  { pattern: /^(?:<{7}|>{7}) /, what: 'both sides of a merge' },
] as const;

const src = sourceFiles('src');
const own = [
  ...src,
  ...sourceFiles('test'),
  ...sourceFiles('native-free-bench', ['.ts', '.mjs', '.c', '.sh']),
  ...sourceFiles('scripts', ['.ts', '.mjs']),
].filter((file) => file.path !== 'test/architecture/tidy.test.ts');

/** `path:line` of every line that `isFault` says yes to. */
function faultyLines(files: readonly SourceFile[], isFault: (line: string) => boolean): string[] {
  return files.flatMap((file) =>
    file.text
      .split('\n')
      .flatMap((line, index) => (isFault(line) ? [`${file.path}:${index + 1}: ${line.trim()}`] : [])),
  );
}

for (const { pattern, what } of BANNED) {
  test(`no file holds ${what}`, () => {
    assert.deepEqual(
      faultyLines(own, (line) => pattern.test(line)),
      [],
    );
  });
}

test('the lockfile names no registry', () => {
  const lines = readFileSync(path.join(ROOT, 'package-lock.json'), 'utf8').split('\n');
  assert.deepEqual(
    lines.filter((line) => line.includes('"resolved"')),
    [],
  );
});

test('every source file says what it is: a doc comment at its top or at an export', () => {
  const faults = src.filter(({ text }) => {
    const opensWithComment = /^(?:#![^\n]*\n)?\s*\/\*\*/.test(text);
    return !opensWithComment && !/\*\/\nexport\s/.test(text);
  });
  assert.deepEqual(
    faults.map((file) => file.path),
    [],
  );
});

test(`no file is longer than ${LINES_MAX} lines`, () => {
  const faults = own.filter(({ text }) => text.split('\n').length > LINES_MAX);
  assert.deepEqual(
    faults.map((file) => file.path),
    [],
  );
});

test('.ci/run is a script that bash can read', { skip: process.platform === 'win32' }, () => {
  const { status, stderr } = spawnSync('bash', ['-n', path.join(ROOT, '.ci/run')], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
});
