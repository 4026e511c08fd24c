import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { after, before, test } from 'node:test';
import { checkCorefile } from '../../../src/cli/check.ts';

const MAIN = fileURLToPath(new URL('../../../src/main.ts', import.meta.url));
let directory = '';

before(() => {
  directory = mkdtempSync(path.join(os.tmpdir(), 'check-'));
  writeFileSync(path.join(directory, 'Corefile'), '.:{$PORT} {\n  errors\n  cache 30s\n  import more/*.conf\n}\n');
  writeFileSync(path.join(directory, 'bad'), '.:53 {\n  errors\n  health {\n    lameduck 5\n  }\n}\n');
});
after(() => rmSync(directory, { recursive: true }));

function run(...args: string[]): { readonly status: number | null; readonly stdout: string; readonly stderr: string } {
  return spawnSync(process.execPath, [MAIN, 'check', ...args], {
    cwd: directory,
    encoding: 'utf8',
    env: { ...process.env, PORT: '1053' },
  });
}

test('a good Corefile is 0, and what may not be meant is said with its place', () => {
  const { status, stdout, stderr } = run('--conf', 'Corefile');
  assert.equal(status, 0, stderr);
  assert.equal(stdout, '');
  const lines = stderr.trimEnd().split('\n');
  assert.equal(lines.length, 2);
  assert.match(lines[0]!, /^Corefile:4:10: warning: no file matches the import 'more\/\*\.conf'$/);
  assert.match(lines[1]!, /^Corefile:3:9: warning: '30s' is taken as a zone/);
});

test('the Corefile of the working directory is read if none is named', () => {
  assert.equal(run().status, 0);
});

test('a Corefile without a server block is one, and serves nothing', async () => {
  const file = path.join(directory, 'empty');
  writeFileSync(file, '# .:53 {\n');
  const { warnings } = await checkCorefile(file);
  assert.deepEqual(warnings, [`${file}: warning: there is no server block, so nothing is served`]);
});

test('a bad Corefile is 1, and the line starts with its place', () => {
  const { status, stderr } = run('--conf=bad');
  assert.equal(status, 1);
  assert.match(
    stderr,
    /^bad:4:14: plugin\/health: invalid duration '5' for lameduck, expected such as '5s' or '1m30s'\n$/,
  );
});

test('a Corefile that is not there, a directory, a bad flag', () => {
  assert.match(run('--conf', 'none').stderr, /^none: there is no such file\n$/);
  assert.match(run('--conf', '.').stderr, /^\.: cannot read \.: it is a directory\n$/);
  assert.match(run('--dns.port', 'x').stderr, /no port/);
  for (const args of [['--conf', 'none'], ['--conf', '.'], ['--dns.port', 'x'], ['--foo']]) {
    assert.equal(run(...args).status, 1, args.join(' '));
  }
});

test('the standard input is read to its end, also where it does not block and comes late; a directory is none', async () => {
  // Who had the pipe before opened it for an event loop, and was ended before it could put that back.
  const leaveNonBlocking = 'process.stdin.unref(); process.kill(process.pid, "SIGKILL")';
  const shell = '"$0" -e "$1"; echo ready; exec "$0" "$2" check --conf stdin';
  const child = spawn('sh', ['-c', shell, process.execPath, leaveNonBlocking, MAIN], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  child.stdout.once('data', () => setTimeout(() => child.stdin.end(readFileSync(path.join(directory, 'bad'))), 1500));
  const [stderr, [status]] = await Promise.all([text(child.stderr), once(child, 'exit')]);
  assert.match(stderr, /^stdin:4:14: plugin\/health: invalid duration '5'/m);
  assert.equal(status, 1);
  const folder = openSync(directory, 'r');
  const args = [MAIN, 'check', '--conf', 'stdin'];
  const faulty = spawnSync(process.execPath, args, { stdio: [folder, 'ignore', 'pipe'], encoding: 'utf8' });
  closeSync(folder);
  assert.equal(faulty.stderr, 'stdin: cannot read the standard input: it is a directory\n');
  assert.equal(faulty.status, 1);
});

test('the text on standard input is there for each later look at it', () => {
  const module = pathToFileURL(path.resolve(import.meta.dirname, '../../../src/plugins/corefile-config.ts')).href;
  const script = `
    const { loadCorefile } = await import(${JSON.stringify(module)});
    for (let look = 0; look < 3; look++) console.log((await loadCorefile('stdin')).blocks.length);`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    input: 'a {\n    health\n}\nb {\n}\n',
    encoding: 'utf8',
  });
  assert.equal(stdout, '2\n2\n2\n', stderr);
});

test('environment, directory and port can be given', async () => {
  const options = { env: { PORT: '' }, cwd: directory, dnsPort: 1053 };
  await assert.rejects(checkCorefile('Corefile', options), {
    code: 'CONFIG_ARGUMENT',
    message: /expecting data after last colon/,
  });
  const { warnings } = await checkCorefile('Corefile', { ...options, env: { PORT: '5353' } });
  assert.equal(warnings.length, 2);
});
