/** The log in processes of its own, because what matters is what their stdout is. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { LogOutput } from '../../../src/observability/log-output.ts';

const TIMEOUT = { timeout: 30_000 };
const LOG_MODULE = new URL('../../../src/observability/log.ts', import.meta.url).href;
const ERROR_MODULE = new URL('../../../src/base/skyshard-error.ts', import.meta.url).href;
const PREPARE = `
  import { createLog } from ${JSON.stringify(LOG_MODULE)};
  import { SkyshardError } from ${JSON.stringify(ERROR_MODULE)};
  import { writeSync } from 'node:fs';
  const log = createLog();
  const say = (text) => writeSync(2, text + '\\n');
  const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
`;

/**
 * Run a program that logs, with its stdout as `stdout` says: a descriptor, 'pipe' (which Node makes a socket), or what a shell
 * has behind `|`.
 */
function runLogger(t: TestContext, code: string, stdout: 'pipe' | number | { readonly shell: string }) {
  const env = { ...process.env, CODE: PREPARE + code, NODE: process.execPath };
  const node = '"$NODE" --input-type=module -e "$CODE" </dev/null';
  const child =
    typeof stdout === 'object'
      ? spawn('sh', ['-c', `exec 3<&0; { ${node}; echo "exit $?" >&2; } | ${stdout.shell}`], { env })
      : spawn('sh', ['-c', `${node}; echo "exit $?" >&2`], { env, stdio: ['pipe', stdout, 'pipe'] });
  t.after(() => child.kill());
  let said = '';
  let output = '';
  const waiting: (() => void)[] = [];
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said += text;
    for (const resume of waiting.splice(0)) resume();
  });
  const read = () => child.stdout?.setEncoding('utf8').on('data', (text: string) => (output += text));
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  return {
    read,
    ended,
    output: () => output,
    send: (text: string) => child.stdin?.write(text),
    /** what it says on stderr, once it matches */
    saying: async (pattern: RegExp): Promise<RegExpExecArray> => {
      for (;;) {
        const match = pattern.exec(said);
        if (match !== null) return match;
        await new Promise<void>((resolve) => void waiting.push(resolve));
      }
    },
  };
}

const parseLines = (text: string) =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

test(
  'a line is an object with time, level and msg; a fault has code and place, a bug its stack',
  TIMEOUT,
  async (t) => {
    const child = runLogger(
      t,
      `log.info('started', { shards: 2 });
     log.warn('slow');
     const place = { file: 'a.yaml', line: 3, column: 5 };
     log.error('kept', { error: new SkyshardError('MANIFEST_SYNTAX', 'broken', { place, cause: new TypeError('inner') }) });
     log.error('bug', { error: new SkyshardError('INTERNAL_ASSERTION', 'impossible') });
     await log.flush(10_000);`,
      'pipe',
    );
    child.read();
    await child.ended;
    const lines = parseLines(child.output());
    assert.deepEqual(
      lines.map(({ level, msg }) => [level, msg]),
      [
        ['INFO', 'started'],
        ['WARN', 'slow'],
        ['ERROR', 'kept'],
        ['ERROR', 'bug'],
      ],
    );
    for (const { time } of lines) assert.match(String(time), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z$/);
    assert.equal(lines[0]?.['shards'], 2);
    assert.deepEqual(Object.keys(lines[1]!).sort(), ['level', 'msg', 'time']);
    const { cause, ...fault } = lines[2]!['error'] as Record<string, Record<string, unknown>>;
    assert.deepEqual(fault, {
      code: 'MANIFEST_SYNTAX',
      message: 'a.yaml:3:5: broken',
      file: 'a.yaml',
      line: 3,
      column: 5,
    });
    assert.equal(cause?.['message'], 'inner');
    assert.match(String((lines[3]!['error'] as Record<string, unknown>)['stack']), /impossible\n +at /);
  },
);

test('a full pipe holds nobody: lines are dropped and counted, and the count is in the log', TIMEOUT, async (t) => {
  const child = runLogger(
    t,
    `for (let n = 0; n < 40_000; n++) log.info('x'.repeat(40), { n });
     await pause(100);
     say('stalled ' + log.droppedLines);
     await log.flush(20_000);
     log.info('after', { n: -1 });
     await log.flush(20_000);
     say('dropped ' + log.droppedLines);`,
    { shell: '{ read go <&3; cat; }' },
  );
  const stalled = Number((await child.saying(/stalled (\d+)/))[1]);
  assert.ok(stalled > 1000, `${stalled}`);
  child.read();
  child.send('go\n');
  const dropped = Number((await child.saying(/dropped (\d+)/))[1]);
  await child.ended;
  const lines = parseLines(child.output());
  const numbered = lines.filter(({ n }) => typeof n === 'number' && n >= 0);
  assert.deepEqual(
    numbered.map(({ n }) => n),
    numbered.map((_, index) => index),
    'what is there is complete and in order',
  );
  assert.equal(numbered.length + dropped, 40_000);
  const reported = lines.filter(({ msg }) => msg === 'log lines were dropped');
  assert.deepEqual(
    reported.map((line) => line['dropped']),
    [dropped],
  );
  assert.equal(lines.at(-1)?.['msg'], 'after');
});

test('a full pipe does not keep the process from ending', TIMEOUT, async (t) => {
  const child = runLogger(
    t,
    `for (let n = 0; n < 5000; n++) log.info('x'.repeat(40), { n });
     await pause(100);
     await log.flush(50);
     process.exit(3);`,
    { shell: '{ read go <&3; cat >/dev/null; }' },
  );
  await child.saying(/exit 3/);
  child.send('go\n');
  await child.ended;
});

test('a closed pipe is no fault of the process: its lines count as dropped', TIMEOUT, async (t) => {
  const child = runLogger(
    t,
    `while (log.droppedLines === 0) { log.info('into the void'); await pause(1); }
     const before = log.droppedLines;
     log.info('one more');
     await log.flush(1000);
     say('more ' + (log.droppedLines - before));`,
    { shell: 'true' },
  );
  await child.saying(/more 1/);
  await child.saying(/exit 0/);
});

test('a socket that nobody reads from holds nobody either', TIMEOUT, async (t) => {
  const child = runLogger(
    t,
    `for (let n = 0; n < 40_000; n++) log.info('x'.repeat(40), { n });
     await pause(100);
     say('stalled ' + log.droppedLines);
     await log.flush(20_000);
     say('dropped ' + log.droppedLines);`,
    'pipe',
  );
  const stalled = Number((await child.saying(/stalled (\d+)/))[1]);
  assert.ok(stalled > 1000, `${stalled}`);
  child.read();
  const dropped = Number((await child.saying(/dropped (\d+)/))[1]);
  await child.ended;
  const lines = parseLines(child.output());
  assert.equal(lines.filter(({ n }) => n !== undefined).length + dropped, 40_000);
});

test('a file gets every line, behind what it holds', TIMEOUT, async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'skyshard-log-'));
  t.after(() => rm(directory, { recursive: true }));
  const path = join(directory, 'log');
  const file = await open(path, 'a');
  await file.write('{"first":true}\n');
  const child = runLogger(
    t,
    `for (let n = 0; n < 3000; n++) log.info('äöü', { n }); await log.flush(10_000);`,
    file.fd,
  );
  await child.saying(/exit 0/);
  await file.close();
  const lines = parseLines(await readFile(path, 'utf8'));
  assert.equal(lines[0]?.['first'], true);
  assert.deepEqual(
    lines.slice(1).map(({ n }) => n),
    Array.from({ length: 3000 }, (_, n) => n),
  );
});

test('what the system refuses counts as dropped, each line once', TIMEOUT, async () => {
  const unwritable = await open(new URL(import.meta.url), 'r');
  const output = new LogOutput(unwritable.fd, () => assert.fail());
  output.write('a\n');
  await output.flush(10_000);
  assert.equal(output.droppedLines, 1);
  output.write('b\n');
  assert.equal(output.droppedLines, 2);
  await unwritable.close();
});

test('a full disk is tried again with each line, and not told of itself for ever', TIMEOUT, async () => {
  const full = await open('/dev/full', 'w');
  let reports = 0;
  const output = new LogOutput(full.fd, (count) => `${++reports} ${count}\n`);
  for (let n = 1; n <= 5; n++) {
    output.write('a\n');
    await output.flush(10_000);
    assert.equal(output.droppedLines, n);
  }
  assert.equal(reports, 4);
  await full.close();
});
