/**
 * What `npm start`, `npm test` and their kin run. Plain JavaScript for Node >= 20, without dependencies, because it runs
 * before anything is installed:
 *
 *   1. `npm ci` where node_modules is missing or older than package-lock.json,
 *   2. a build of dist/ where src/ is newer,
 *   3. the task itself (steps.mjs), on Node >= 24: the running one, or the one that the optional dependencies put into
 *      node_modules.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, lstatSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { build, isStale, ROOT } from './build.mjs';
import { findNode } from './find-node.mjs';
import { runSteps } from './steps.mjs';
import { endToEndSteps, testArguments } from './test-steps.mjs';

/**
 * Each task: whether it needs dist/, and its steps, one after the other: each is commands that run at the same time, as
 * Node's arguments.
 */
const TASKS = {
  start: { needsDist: true, steps: (args) => single(startArguments(args)) },
  // The tiny benchmarks among the tests start skyshard from dist/.
  test: { needsDist: true, steps: (args) => single(testArguments(unitPatterns(), args)) },
  'test:e2e': { needsDist: true, steps: endToEndSteps },
  'test:bench': {
    needsDist: true,
    steps: (args) => single(testArguments(['test/unit/bench/**/*.test.ts'], args, 1)),
  },
  cluster: { needsDist: false, steps: (args) => single(['test/cluster/main.ts', ...args]) },
  docs: { needsDist: false, steps: (args) => single(['scripts/reference-pages.ts', ...args]) },
};

function single(nodeArguments) {
  return [[{ nodeArguments }]];
}

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

const task = TASKS[process.argv[2]];
if (task === undefined) fail(`usage: node scripts/run.mjs ${Object.keys(TASKS).join('|')} [ARGUMENT]...`);
if (!isInstalled()) install();
if (task.needsDist && isStale()) {
  console.error('skyshard: building dist');
  const exitCode = await build();
  if (exitCode !== 0) fail('the build failed; its messages are above', exitCode);
}
await runSteps(nodeOrFail(), task.steps(process.argv.slice(3)), { SKYSHARD_NPM_SCRIPT: process.argv[2] });
