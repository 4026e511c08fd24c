import type { BlockContext, ConfigCheck } from '../../config/corefile/block-context.ts';
import type { ConfigFiles } from '../../config/corefile/config-files.ts';
import { quoteText, type CorefileToken } from '../../config/corefile/corefile-token.ts';
import type { CorefileLine } from '../../config/corefile/corefile-tree.ts';
import { readDuration } from '../../config/duration.ts';
import { argumentFault, countFault, readOptions, takeNoArguments } from '../../config/corefile/line-reader.ts';
import { definePlugin } from '../../config/corefile/plugin-definition.ts';
import { checkZoneFile, ZONE_FILE_SIZE_MAX } from '../../config/zone-file/zone-file.ts';

/** Octets of a zone file that is read with the Corefile by a server, which reads it once more when it loads it. */
const CHECKED_SIZE_MAX = 1024 * 1024;

export interface FileOptions {
  readonly zones: readonly FileZones[];
  /** canonical names; null: no fallthrough */
  readonly fallthrough: readonly string[] | null;
}

export interface FileZones {
  /** absolute */
  readonly file: string;
  /** canonical names: the file is read once for each */
  readonly names: readonly string[];
  /** how often the file is looked at; 0: never again */
  readonly reloadMs: number;
  /** a changed time is enough, the serial need not change */
  readonly reloadsByTime: boolean;
}

/** `file DB [ZONES…] { reload D; reload_by_mtime; fallthrough [Z…] }`; several add up, the last fallthrough counts. */
export default definePlugin('file', (lines, block): FileOptions => {
  let fallthrough: readonly string[] | null = null;
  const zones = lines.map((line) => {
    const [fileToken, ...names] = line.arguments;
    if (fileToken === undefined) throw countFault(line.name, 'file DB [ZONES…]');
    let reloadMs = 60_000;
    let reloadsByTime = false;
    readOptions(line, {
      reload: (option) => {
        const [token] = option.arguments;
        if (token === undefined) throw argumentFault(option.name, 'reload duration value is expected');
        reloadMs = Math.max(0, readDuration(token, 'reload', { minMs: -Infinity }));
      },
      reload_by_mtime: (option) => {
        takeNoArguments(option);
        reloadsByTime = true;
      },
      fallthrough: (option) => {
        fallthrough = block.readFallthrough(option.arguments);
      },
      upstream: ignore,
    });
    const found = {
      file: block.resolvePath(fileToken.text),
      names: block.readZonesOrKeys(names),
      reloadMs,
      reloadsByTime,
    };
    checkFile(fileToken, found, block);
    return found;
  });
  return { zones, fallthrough };
});

/** A file that is not there yet is looked for again, unless it is never to be. */
function checkFile(token: CorefileToken, zones: FileZones, block: BlockContext): void {
  if (!block.files.exists(zones.file) && zones.reloadMs > 0) {
    block.warn(token, `Failed to open ${quoteText(zones.file)}: trying again in ${zones.reloadMs / 1000}s`);
    return;
  }
  // Of a large one the server says what is wrong when it loads it.
  if (block.checksLater && (block.files.sizeOf?.(zones.file) ?? 0) > CHECKED_SIZE_MAX) return;
  block.checks.push(checkText(token, block.readFile(token, 'zone file', ZONE_FILE_SIZE_MAX), zones, block.files));
}

function* checkText(token: CorefileToken, text: string, zones: FileZones, files: ConfigFiles): ConfigCheck {
  for (const name of zones.names) {
    const reason = yield* checkZoneFile(text, zones.file, name, files);
    if (reason !== undefined) throw argumentFault(token, reason);
  }
}

function ignore(_option: CorefileLine): void {}
