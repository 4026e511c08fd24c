import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';

const LEFTOVERS = new URL('./leftovers.ts', import.meta.url).href;

test('a test file that something keeps running ends, and has failed', (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'skyshard-leftovers-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = path.join(folder, 'open.test.mjs');
  writeFileSync(
    file,
    `import '${LEFTOVERS}'; import { createSocket } from 'node:dgram'; import { test } from 'node:test';
     test('leaves a socket', () => void createSocket('udp4').bind(0, '127.0.0.1'));`,
  );
  const { NODE_TEST_CONTEXT: _, ...environment } = process.env;
  const run = spawnSync(process.execPath, ['--test', file], {
    encoding: 'utf8',
    env: { ...environment, SKYSHARD_TEST_GRACE_MS: '200' },
    timeout: 60_000,
  });
  assert.equal(run.signal, null, 'it did not end');
  assert.equal(run.status, 1);
  assert.match(run.stdout + run.stderr, /open\.test\.mjs: all tests are done, and this keeps it running: .*UDPWrap/);
});
