/**
 * Build dist/ from src/. Runs on Node >= 20, and needs the development dependencies.
 *
 * `node scripts/build.mjs` builds; `isStale()` and `build()` are for run.mjs. dist/ is made beside the old one and put in its place
 * as a whole, so that nothing that has no source any more is served on. A build that succeeded leaves the stamp dist/.built.
 */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { findNode } from './find-node.mjs';

export const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const DIST = path.join(ROOT, 'dist');
const STAMP = path.join(DIST, '.built');

/** True when a file or folder of src/, or what makes dist/ of it, is newer than the last build. */
export function isStale() {
  if (!existsSync(STAMP) || !existsSync(path.join(DIST, 'main.js'))) return true;
  const builtMs = statSync(STAMP).mtimeMs;
  const inputs = ['src', 'package-lock.json', 'scripts/build.mjs', 'scripts/bundle.mjs', 'scripts/chunk-loader.cjs'];
  for (const entry of readdirSync(path.join(ROOT, 'src'), { recursive: true })) inputs.push(path.join('src', entry));
  return inputs.some((input) => statSync(path.join(ROOT, input)).mtimeMs > builtMs);
}

/** @returns the exit code of the build */
export async function build() {
  const startedAt = new Date();
  if (!existsSync(path.join(ROOT, 'node_modules', 'rolldown'))) {
    const isBuilt = existsSync(path.join(DIST, 'main.js'));
    console.error(
      `skyshard: Rolldown is not installed: dist/ is not built. ${isBuilt ? 'What there is of it stays.' : 'Install the development dependencies: npm ci --include=dev'}`,
    );
    return isBuilt ? 0 : 1;
  }
  removeLeftovers(DIST);
  const { bundle } = await import('./bundle.mjs');
  const fresh = `${DIST}.${process.pid}`;
  try {
    rmSync(fresh, { recursive: true, force: true });
    mkdirSync(fresh);
    await bundle(ROOT, fresh);
    chmodSync(path.join(fresh, 'main.js'), 0o755);
    const stamp = path.join(fresh, '.built');
    writeFileSync(stamp, `${startedAt.toISOString()}\n`);
    // What was changed while it was built is to be built again.
    utimesSync(stamp, startedAt, startedAt);
    rememberCode(fresh);
    putInPlace(fresh);
  } catch (error) {
    rmSync(fresh, { recursive: true, force: true });
    console.error(`skyshard: ${error.message}`);
    return 1;
  }
  return 0;
}

/**
 * What builds have left beside `dist` that were killed; where one had taken the old one away and put nothing there, that is back.
 *
 * @param {string} dist  absolute path
 */
export function removeLeftovers(dist) {
  const folder = path.dirname(dist);
  for (const name of readdirSync(folder)) {
    if (!name.startsWith(`${path.basename(dist)}.`)) continue;
    const [, pid, old] = /^(\d+)(\.old)?$/.exec(name.slice(path.basename(dist).length + 1)) ?? [];
    if (pid === undefined || isRunning(Number(pid))) continue;
    const leftover = path.join(folder, name);
    if (old !== undefined && !existsSync(dist)) renameSync(leftover, dist);
    else rmSync(leftover, { recursive: true, force: true });
  }
}

function isRunning(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code !== 'ESRCH';
  }
}

/** Another build may do the same at the same time: the last one stays. */
function putInPlace(fresh) {
  const old = `${fresh}.old`;
  for (let triesLeft = 10; ; triesLeft--) {
    rmSync(old, { recursive: true, force: true });
    if (existsSync(DIST)) renameSync(DIST, old);
    try {
      renameSync(fresh, DIST);
      break;
    } catch (error) {
      if (triesLeft > 0 && ['ENOTEMPTY', 'EEXIST'].includes(error.code)) continue;
      if (existsSync(old)) renameSync(old, DIST);
      throw error;
    }
  }
  rmSync(old, { recursive: true, force: true });
}

/** Without it everything works, and starts take longer. */
function rememberCode(dist) {
  try {
    const script = path.join(ROOT, 'scripts', 'remember-code.ts');
    const { status, stderr, error } = spawnSync(findNode(), [script, dist], { encoding: 'utf8', timeout: 120_000 });
    if (error !== undefined) throw error;
    if (status !== 0) throw new Error(faultIn(stderr) || `exit code ${status}`);
  } catch (error) {
    console.error(`skyshard: what V8 compiles in a start is not remembered, starts take longer: ${error.message}`);
  }
}

/** What a program said last of an error, or at all. */
function faultIn(stderr) {
  const lines = stderr.trim().split('\n');
  return lines.findLast((line) => /error/i.test(line)) ?? lines.at(-1);
}

if (process.argv[1] !== undefined && path.resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  process.exitCode = await build();
}
