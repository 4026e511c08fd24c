/** Who may import whom: the ranks of docs/ARCHITECTURE.md, no circles, and what a shard thread may load. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { findImports, ROOT, sourceFiles } from './source-files.ts';

/** The thread, and the module it is told to load; the resolver's thread. */
const SHARD_ENTRIES = [
  'src/shard/shard-thread.ts',
  'src/shard/answer-work.ts',
  'src/resolver/resolver-thread.ts',
  // loaded by the first query that needs it
  'src/compose/composer.ts',
];
const NOT_IN_A_SHARD = [
  'src/config/',
  'src/kubernetes/',
  'src/cluster/',
  'src/records/',
  'src/manifests/',
  'src/apiserver/',
  'src/server/',
  'src/cli/',
];
const PACKAGES_NOT_IN_A_SHARD = ['re2js', 'pino', 'prom-client', 'yaml', 'dns-packet'];

/** `N folder, folder (what it is), …`, one line a rank, in the first block of docs/ARCHITECTURE.md that starts with `0`. */
function readRanks(): Map<string, number> {
  const text = readFileSync(path.join(ROOT, 'docs/ARCHITECTURE.md'), 'utf8');
  const block = /^```[a-z]*\n(0 [^`]*)^```/m.exec(text)?.[1];
  assert.ok(block, 'docs/ARCHITECTURE.md has no block of ranks');
  const ranks = new Map<string, number>();
  for (const line of block.trim().split('\n')) {
    const [, rank, folders] = /^(\d+)\s+(.*)$/.exec(line) ?? assert.fail(`not a rank: ${line}`);
    for (const folder of folders!.replace(/\([^)]*\)/g, '').split(',')) ranks.set(folder.trim(), Number(rank));
  }
  // The entry stands beside cli in the table, and above it.
  ranks.set('main.ts', ranks.get('main.ts')! + 0.5);
  return ranks;
}

/** The folder below src/, or the file's name where it lies in src/ itself. */
function folderOf(file: string): string {
  return file.split('/')[1] ?? '';
}

const files = sourceFiles('src');

test('a file imports from its own folder or from a lower rank', () => {
  const ranks = readRanks();
  const faults: string[] = [];
  for (const file of files) {
    const own = folderOf(file.path);
    const rank = ranks.get(own);
    if (rank === undefined) faults.push(`${file.path}: src/${own} has no rank in docs/ARCHITECTURE.md`);
    for (const { target } of file.imports) {
      if (!target.startsWith('src/')) continue;
      const targetRank = ranks.get(folderOf(target));
      if (!existsSync(path.join(ROOT, target))) faults.push(`${file.path} imports ${target}, which does not exist`);
      else if (folderOf(target) !== own && !(rank! > targetRank!)) {
        faults.push(`${file.path} (rank ${rank}) imports ${target} (rank ${targetRank})`);
      }
    }
  }
  assert.deepEqual(faults, []);
});

test('no files import each other in a circle', () => {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const done = new Set<string>();
  const circles: string[] = [];
  const visit = (at: string, way: readonly string[]): void => {
    const begin = way.indexOf(at);
    if (begin >= 0) circles.push([...way.slice(begin), at].join(' > '));
    if (begin >= 0 || done.has(at)) return;
    for (const { target } of byPath.get(at)?.imports ?? []) visit(target, [...way, at]);
    done.add(at);
  };
  for (const { path: file } of files) visit(file, []);
  assert.deepEqual(circles, []);
});

test('what a shard thread loads is what answering needs', () => {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const cameFrom = new Map<string, string>(SHARD_ENTRIES.map((entry) => [entry, 'the pool']));
  const faults: string[] = [];
  for (const [loaded] of cameFrom) {
    const file = byPath.get(loaded) ?? assert.fail(`${loaded} does not exist`);
    for (const { target, isTypeOnly } of file.imports) {
      if (isTypeOnly || target.startsWith('node:')) continue;
      const isForbidden =
        NOT_IN_A_SHARD.some((folder) => target.startsWith(folder)) || PACKAGES_NOT_IN_A_SHARD.includes(target);
      if (isForbidden) faults.push(`${target}, imported by ${loaded}, imported by ${cameFrom.get(loaded)}`);
      if (target.startsWith('src/') && !cameFrom.has(target)) cameFrom.set(target, loaded);
    }
  }
  assert.deepEqual(faults, []);
});

test('the reader of imports sees every form', () => {
  const text = [
    `import a from './a.ts';`,
    `import type { B } from '../b/b.ts';`,
    `import {\n  c,\n  d,\n} from './c.ts';`,
    `import './side-effect.ts';`,
    `export { e } from './e.ts';`,
    `export * from './f.ts';`,
    `const g = await import('./g.ts');`,
    `import { h } from '@scope/h/deep.js';`,
  ].join('\n');
  const found = findImports('src/x/y.ts', text).map(({ target, isTypeOnly }) =>
    isTypeOnly ? `type ${target}` : target,
  );
  assert.deepEqual(found, [
    'src/x/a.ts',
    'type src/b/b.ts',
    'src/x/c.ts',
    'src/x/side-effect.ts',
    'src/x/e.ts',
    'src/x/f.ts',
    'src/x/g.ts',
    '@scope/h',
  ]);
});
