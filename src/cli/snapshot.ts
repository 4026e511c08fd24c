/** `skyshard snapshot`: prints in words what would be served. */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { EXIT } from './exit-codes.ts';
import { parseFlags } from './parse-flags.ts';
import { MANIFESTS_FLAG, parseManifests } from './serve-options.ts';

/** Lines are handed on in texts of about this many characters. */
const TEXT_SIZE = 65_536;

/**
 * @returns the exit code
 * @throws SkyshardError CLI_USAGE, or what is wrong with the manifests
 */
export async function runSnapshot(args: readonly string[]): Promise<number> {
  const paths = parseManifests(parseFlags('snapshot', [MANIFESTS_FLAG], args), 'snapshot');
  const [{ loadSnapshot }, { dumpSnapshot }] = await Promise.all([
    import('../server/objects/load-snapshot.ts'),
    import('../snapshot/dump.ts'),
  ]);
  const buffer = await loadSnapshot(paths, (level, text) => process.stderr.write(`${level}: ${text}\n`));
  try {
    await pipeline(Readable.from(joinLines(dumpSnapshot(buffer))), process.stdout, { end: false });
  } catch (error) {
    // Who reads has seen enough: `skyshard snapshot … | head`.
    if ((error as NodeJS.ErrnoException).code !== 'EPIPE') throw error;
  }
  return EXIT.STOPPED;
}

function* joinLines(lines: Iterable<string>): Generator<string, void> {
  let text = '';
  for (const line of lines) {
    text += `${line}\n`;
    if (text.length < TEXT_SIZE) continue;
    yield text;
    text = '';
  }
  yield text;
}
