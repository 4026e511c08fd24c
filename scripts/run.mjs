/**
 * What `npm start`, `npm test` and their kin run. Plain JavaScript for Node >= 20, without dependencies, because it runs
 * before anything is installed:
 *
 *   1. `npm ci` where node_modules is missing or older than package-lock.json,
 *   2. a build of dist/ where src/ is newer,
 *   3. the task itself, on Node >= 24: the running one, or the one that the optional dependencies put into node_modules.
 *
 * Signals are passed on to the task; its exit code, or the signal that ended it, is kept.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, lstatSync, readdirSync, statSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { build, isStale, ROOT } from './build.mjs';
import { findNode } from './find-node.mjs';

/** Each task: whether it needs dist/, and Node's arguments for it. */
const TASKS = {
  start: { needsDist: true, nodeArguments: startArguments },
  // The tiny benchmarks among the tests start skyshard from dist/.
  test: { needsDist: true, nodeArguments: (args) => testArguments(unitPatterns(), args) },
  'test:e2e': {
    needsDist: true,
    nodeArguments: (args) => [
      '--test-global-setup=test/cluster/global-setup.ts',
      ...testArguments(['test/e2e/**/*.test.ts'], args, 1),
    ],
  },
  'test:bench': {
    needsDist: true,
    nodeArguments: (args) => testArguments(['test/unit/bench/**/*.test.ts'], args, 1),
  },
  cluster: { needsDist: false, nodeArguments: (args) => ['test/cluster/main.ts', ...args] },
  docs: { needsDist: false, nodeArguments: (args) => ['scripts/reference-pages.ts', ...args] },
};

/** `npm start`: the demo cluster on 127.0.0.1:1053, unless the arguments say otherwise. */
function startArguments(args) {
  const has = (flag) => args.some((argument) => new RegExp(`^--?${flag}(=|$)`).test(argument));
  const serve = ['dist/main.js', 'serve'];
  if (!has('manifests')) serve.push('--manifests', 'deploy/demo');
  if (!has('bind')) serve.push('--bind', '127.0.0.1');
  if (!has('dns\\.port')) serve.push('--dns.port', '1053');
  return [...serve, ...args];
}

/** Every folder of test/ but the end-to-end tests, which start the real process. */
function unitPatterns() {
  return readdirSync(path.join(ROOT, 'test'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && entry.name !== 'e2e')
    .map((entry) => `test/${entry.name}/**/*.test.ts`);
}

/** Arguments that are no flags are files, folders or patterns to run instead of `patterns`. */
function testArguments(patterns, args, concurrency = Math.max(1, Math.min(os.availableParallelism(), 4))) {
  const flags = args.filter((argument) => argument.startsWith('-'));
  const chosen = args
    .filter((argument) => !argument.startsWith('-'))
    .map((argument) => (isFolder(argument) ? `${argument.replace(/\/$/, '')}/**/*.test.ts` : argument));
  const hasConcurrency = flags.some((flag) => flag.startsWith('--test-concurrency'));
  if (!flags.some((flag) => flag.startsWith('--test-timeout'))) flags.unshift('--test-timeout=900000');
  if (!hasConcurrency) flags.unshift(`--test-concurrency=${concurrency}`);
  return ['--test', ...flags, ...(chosen.length > 0 ? chosen : patterns)];
}

function isFolder(name) {
  return existsSync(path.join(ROOT, name)) && statSync(path.join(ROOT, name)).isDirectory();
}

/** npm writes node_modules/.package-lock.json at the end of an installation. */
function isInstalled() {
  const done = path.join(ROOT, 'node_modules', '.package-lock.json');
  return existsSync(done) && statSync(done).mtimeMs >= statSync(path.join(ROOT, 'package-lock.json')).mtimeMs;
}

function install() {
  const folder = path.join(ROOT, 'node_modules');
  if (existsSync(folder) && lstatSync(folder).isSymbolicLink()) {
    fail(
      'node_modules is a symbolic link, and npm ci would empty what it points to: remove the link, or run npm ci there',
    );
  }
  console.error('skyshard: installing dependencies (npm ci), once');
  const npmCli = process.env.npm_execpath;
  const args = ['ci', '--include=dev', '--include=optional', '--no-audit', '--no-fund'];
  const [command, commandArguments] =
    npmCli !== undefined && /\.c?js$/.test(npmCli) ? [process.execPath, [npmCli, ...args]] : ['npm', args];
  // stdout belongs to the task: what npm says goes to stderr.
  const result = spawnSync(command, commandArguments, { cwd: ROOT, stdio: ['ignore', 2, 2] });
  if (result.error !== undefined) fail(`npm cannot be started: ${result.error.message}`);
  if (result.status !== 0) fail('npm ci failed; its messages are above', result.status ?? 1);
}

function fail(message, exitCode = 1) {
  console.error(`skyshard: ${message}`);
  return process.exit(exitCode);
}

function nodeOrFail() {
  try {
    return findNode();
  } catch (error) {
    return fail(error.message);
  }
}

function runTask(node, args) {
  const environment = { ...process.env, SKYSHARD_NPM_SCRIPT: process.argv[2] };
  const child = spawn(node, args, { cwd: ROOT, stdio: 'inherit', env: environment });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR2']) {
    process.on(signal, () => child.kill(signal));
  }
  child.on('error', (error) => fail(`${node} cannot be started: ${error.message}`));
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}

const task = TASKS[process.argv[2]];
if (task === undefined) fail(`usage: node scripts/run.mjs ${Object.keys(TASKS).join('|')} [ARGUMENT]...`);
if (!isInstalled()) install();
if (task.needsDist && isStale()) {
  console.error('skyshard: building dist');
  const exitCode = await build();
  if (exitCode !== 0) fail('the build failed; its messages are above', exitCode);
}
runTask(nodeOrFail(), task.nodeArguments(process.argv.slice(3)));
