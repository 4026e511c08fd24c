/** What a thread that lowered its own priority hands on, and what a shard gets back: as root and without capabilities. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { nativeUnavailableReason } from '../../../src/native/libc.ts';
import { hasDefaultPriority } from '../../../src/native/thread-priority.ts';

const skip = nativeUnavailableReason() ?? false;
const PROBE = new URL('./thread-priority-probe.ts', import.meta.url);

interface Probe {
  readonly lowered: { readonly helperCount: number; readonly main: string };
  readonly main: readonly number[];
  readonly inherited: readonly number[];
  readonly isRestored: boolean;
  readonly restored: readonly number[];
}

function probe(prefix: readonly string[]): Probe {
  const [command = '', ...args] = [...prefix, process.execPath, PROBE.pathname];
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout) as Probe;
}

/** [nice value, scheduling policy] */
const DEFAULT = [0, 0];

function check({ lowered, main, inherited, isRestored, restored }: Probe): void {
  assert.ok(lowered.helperCount >= 1);
  assert.notDeepEqual(main, DEFAULT);
  assert.deepEqual(inherited, main, 'a thread begins with what its maker has');
  assert.deepEqual(restored, DEFAULT);
  assert.ok(isRestored);
}

test('a shard has the default priority, whatever main has', { skip }, () => check(probe([])));

const drop = ['setpriv', '--no-new-privs', '--bounding-set=-all', '--inh-caps=-all'];
const cannotDrop =
  spawnSync('setpriv', [...drop.slice(1), 'true']).status !== 0 && 'setpriv cannot drop capabilities here';

test('without CAP_SYS_NICE too', { skip: skip || cannotDrop }, () => {
  const result = probe(drop);
  check(result);
  assert.equal(result.lowered.main, 'batch', 'a nice value would have been for good');
});

test('a priority that cannot be read is left as it is', () => {
  assert.equal(hasDefaultPriority('/nonexistent/stat'), false);
});
