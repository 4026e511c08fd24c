/**
 * Build dist/ from src/ with tsc. Runs on Node >= 20, without dependencies but TypeScript.
 *
 * `node scripts/build.mjs` builds; `isStale()` and `build()` are for run.mjs. A build that succeeded leaves the stamp
 * dist/.built; what has no source any more is removed from dist/, so that a deleted file is not served on.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const STAMP = path.join(ROOT, 'dist', '.built');

/** True when a file or folder of src/, or a setting of the compiler, is newer than the last build. */
export function isStale() {
  if (!existsSync(STAMP) || !existsSync(path.join(ROOT, 'dist', 'main.js'))) return true;
  const builtMs = statSync(STAMP).mtimeMs;
  const inputs = ['src', 'tsconfig.json', 'tsconfig.build.json'].map((name) => path.join(ROOT, name));
  for (const entry of readdirSync(path.join(ROOT, 'src'), { recursive: true }))
    inputs.push(path.join(ROOT, 'src', entry));
  return inputs.some((input) => statSync(input).mtimeMs > builtMs);
}

/** @returns the exit code of tsc */
export function build() {
  const startedAt = new Date();
  const tsc = path.join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
  if (!existsSync(tsc)) {
    console.error('skyshard: TypeScript is not installed (development dependencies are left out): dist/ is not built');
    return existsSync(path.join(ROOT, 'dist', 'main.js')) ? 0 : 1;
  }
  const result = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], {
    cwd: ROOT,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (result.error !== undefined) throw result.error;
  if (result.status !== 0) return result.status ?? 1;
  removeOrphans();
  chmodSync(path.join(ROOT, 'dist', 'main.js'), 0o755);
  writeFileSync(STAMP, `${startedAt.toISOString()}\n`);
  return 0;
}

function removeOrphans() {
  const dist = path.join(ROOT, 'dist');
  for (const entry of readdirSync(dist, { recursive: true })) {
    if (!entry.endsWith('.js')) continue;
    const source = path.join(ROOT, 'src', entry.slice(0, -'.js'.length) + '.ts');
    if (!existsSync(source)) rmSync(path.join(dist, entry));
  }
}

if (process.argv[1] !== undefined && path.resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  process.exitCode = build();
}
