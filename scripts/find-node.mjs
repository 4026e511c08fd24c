/** Which Node runs skyshard: what starts it may be run by an older one. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const NODE_MAJOR_MIN = 24;
const INSTALLED = path.join(path.dirname(fileURLToPath(import.meta.url)), '..', 'node_modules', '.bin', 'node');

/**
 * The path of a Node that is new enough: the running one, or the one that the optional dependencies put into node_modules.
 *
 * @throws Error there is none
 */
export function findNode() {
  if (Number.parseInt(process.versions.node, 10) >= NODE_MAJOR_MIN) return process.execPath;
  const why = existsSync(INSTALLED)
    ? 'the one in node_modules does not run on this machine'
    : `there is no prebuilt one for ${process.platform} ${process.arch} among the dependencies`;
  if (existsSync(INSTALLED)) {
    const version = spawnSync(INSTALLED, ['--version'], { encoding: 'utf8' });
    if (version.status === 0 && Number.parseInt(version.stdout.slice(1), 10) >= NODE_MAJOR_MIN) return INSTALLED;
  }
  throw new Error(
    `Node ${NODE_MAJOR_MIN} or newer is needed; this is ${process.version}, and ${why}. Install a newer Node.`,
  );
}
