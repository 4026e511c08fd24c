/** What builds leave behind. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test, type TestContext } from 'node:test';

const BUILD = new URL('../../../scripts/build.mjs', import.meta.url).href;
const { removeLeftovers } = (await import(BUILD)) as { removeLeftovers(dist: string): void };

function folderOf(t: TestContext, ...names: string[]): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'skyshard-build-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  for (const name of names) {
    mkdirSync(path.join(folder, name));
    writeFileSync(path.join(folder, name, 'main.js'), name);
  }
  return folder;
}

/** Of a process that has ended. */
const { pid: gone } = spawnSync(process.execPath, ['-e', '']);

test('what a build left that was killed goes with the next one; what another build works on stays', (t) => {
  const own = `dist.${process.pid}`;
  const folder = folderOf(t, 'dist', `dist.${gone}`, `dist.${gone}.old`, own, 'dist.mine', 'other.1');
  removeLeftovers(path.join(folder, 'dist'));
  assert.deepEqual(readdirSync(folder).sort(), ['dist', own, 'dist.mine', 'other.1'].sort());
});

test('a build that was killed between taking the old one away and putting the new one there: the old one is back', (t) => {
  const folder = folderOf(t, `dist.${gone}`, `dist.${gone}.old`);
  removeLeftovers(path.join(folder, 'dist'));
  assert.deepEqual(readdirSync(folder), ['dist']);
  assert.ok(existsSync(path.join(folder, 'dist', 'main.js')));
});
