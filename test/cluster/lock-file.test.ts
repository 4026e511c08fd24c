/** A lock between processes. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { takeLock } from './lock-file.ts';

const folder = mkdtempSync(path.join(os.tmpdir(), 'skyshard-lock-'));
after(() => rmSync(folder, { recursive: true, force: true }));

test('a lock is had by one at a time', () => {
  const file = path.join(folder, 'one');
  const release = takeLock(file);
  assert.ok(release !== undefined);
  assert.equal(takeLock(file), undefined);
  release();
  assert.equal(existsSync(file), false);
  takeLock(file)!();
});

test('the lock of a process that has died is taken over', () => {
  const file = path.join(folder, 'dead');
  const { pid } = spawnSync('true');
  writeFileSync(file, String(pid));
  const release = takeLock(file);
  assert.ok(release !== undefined);
  assert.equal(takeLock(file), undefined);
  release();
});

test('the lock of another process that lives is not', () => {
  const file = path.join(folder, 'other');
  writeFileSync(file, String(process.ppid));
  assert.equal(takeLock(file), undefined);
});
