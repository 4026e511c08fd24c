/** The log of a server whose code is not there any more. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';

const LOG = new URL('../../../src/cli/lazy-log.ts', import.meta.url).href;

test('what cannot be loaded is said, and so is all else: a log that ends the server helps nobody', () => {
  const code = `const { LazyLog } = await import(${JSON.stringify(LOG)});
    const log = new LazyLog('json', async () => { throw new Error('dist was built anew: restart it'); });
    log.write('warn', 'plugin/forward: first');
    await log.flush(1000);
    log.write('info', 'second');
    await log.flush(1000);`;
  const { stdout, stderr, status } = spawnSync(process.execPath, ['--input-type=module', '-e', code], {
    encoding: 'utf8',
  });
  assert.deepEqual([stderr, status], ['', 0]);
  const lines = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, string>);
  assert.deepEqual(
    lines.map(({ level, plugin, msg }) => [level, plugin, msg]),
    [
      ['ERROR', undefined, 'the log is written in the plainest form: dist was built anew: restart it'],
      ['WARN', 'forward', 'first'],
      ['INFO', undefined, 'second'],
    ],
  );
  assert.ok(!Number.isNaN(Date.parse(lines[0]!['time']!)));
});
