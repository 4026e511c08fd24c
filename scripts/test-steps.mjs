/** What `npm test` and `npm run test:e2e` give to `node --test`, and what of it runs at the same time. */
import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { ROOT } from './build.mjs';

const FILE_TIMEOUT_MS = 900_000;
const WITH_CLUSTER = ['--test-global-setup=test/cluster/global-setup.ts'];
/** Put in front of a command: it runs in a network of its own, where only what it starts has ports. */
const OWN_NETWORK = ['unshare', '--net', 'sh', '-c', 'ip link set lo up && exec "$0" "$@"'];

/** Arguments that are no flags are files, folders or patterns to run instead of `patterns`. */
export function testArguments(patterns, args, concurrency = Math.max(1, Math.min(os.availableParallelism(), 4))) {
  const { flags, chosen } = parseArguments(args);
  const has = (flag) => flags.some((one) => one.startsWith(flag));
  if (!has('--test-timeout')) flags.unshift(`--test-timeout=${FILE_TIMEOUT_MS}`);
  if (!has('--test-concurrency')) flags.unshift(`--test-concurrency=${concurrency}`);
  if (!has('--test-reporter')) {
    for (const reporter of ['spec', './scripts/slowest-files.ts']) {
      flags.push(`--test-reporter=${reporter}`, '--test-reporter-destination=stdout');
    }
  }
  return ['--test', ...flags, ...(chosen.length > 0 ? chosen : patterns)];
}

/**
 * End-to-end tests in three groups, each file by file: those that share a Kubernetes API server, those without one, and those
 * that measure how others are served, which nothing else may disturb (test/e2e/alone). The first two run at the same time
 * where the second can have a network of its own. Chosen files are one group.
 */
export function endToEndSteps(args) {
  if (parseArguments(args).chosen.length > 0) {
    return [[{ nodeArguments: [...WITH_CLUSTER, ...testArguments([], args, 1)] }]];
  }
  const wrapper = canHaveOwnNetwork() ? OWN_NETWORK : [];
  const cluster = { nodeArguments: [...WITH_CLUSTER, ...testArguments(['test/e2e/cluster/**/*.test.ts'], args, 1)] };
  const others = { wrapper, nodeArguments: testArguments(['test/e2e/*.test.ts'], args, 1) };
  const alone = { wrapper, nodeArguments: testArguments(['test/e2e/alone/**/*.test.ts'], args, 1) };
  const isTogether = wrapper.length > 0 && os.availableParallelism() > 1;
  return isTogether ? [[cluster, others], [alone]] : [[cluster], [others], [alone]];
}

function canHaveOwnNetwork() {
  if (process.platform !== 'linux' || process.getuid() !== 0) return false;
  return spawnSync('unshare', ['--net', 'ip', 'link', 'set', 'lo', 'up']).status === 0;
}

function parseArguments(args) {
  const flags = args.filter((argument) => argument.startsWith('-'));
  const chosen = args
    .filter((argument) => !argument.startsWith('-'))
    .map((argument) => (isFolder(argument) ? `${argument.replace(/\/$/, '')}/**/*.test.ts` : argument));
  return { flags, chosen };
}

function isFolder(name) {
  return existsSync(path.join(ROOT, name)) && statSync(path.join(ROOT, name)).isDirectory();
}
