import { quoteText } from '../../config/corefile/corefile-token.ts';
import { readDuration } from '../../config/duration.ts';
import {
  argumentFault,
  countFault,
  refuseBlock,
  takeArgument,
  takeNoArguments,
} from '../../config/corefile/line-reader.ts';
import { readInteger } from '../../config/number.ts';
import { definePluginOnce } from '../../config/corefile/plugin-definition.ts';

export interface HostsOptions {
  /** absolute */
  readonly file: string;
  /** canonical names */
  readonly zones: readonly string[];
  /** lines of the block in the file's format, which go before the file's */
  readonly inlineLines: readonly string[];
  readonly ttlSeconds: number;
  /** whether addresses are answered for PTR */
  readonly hasReverse: boolean;
  /** how often the file is looked at; 0: never again */
  readonly reloadMs: number;
  /** canonical names; null: no fallthrough */
  readonly fallthrough: readonly string[] | null;
  /** types it has no records of go on as well */
  readonly fallsThroughUnsupported: boolean;
}

/** `hosts [FILE [ZONES…]] { [INLINE…]; ttl N; no_reverse; reload D; fallthrough [Z…]; fallthrough_unsupported }` */
export default definePluginOnce('hosts', (line, block): HostsOptions => {
  const [fileToken, ...zones] = line.arguments;
  const file = block.resolvePath(fileToken?.text ?? '/etc/hosts');
  if (fileToken !== undefined && !block.files.exists(file)) block.warn(fileToken, `File does not exist: ${file}`);
  const inlineLines: string[] = [];
  let ttlSeconds = 3600;
  let hasReverse = true;
  let reloadMs = 5000;
  let fallthrough: readonly string[] | null = null;
  let fallsThroughUnsupported = false;
  for (const option of line.options ?? []) {
    refuseBlock(option);
    switch (option.name.text) {
      case 'fallthrough':
        fallthrough = block.readFallthrough(option.arguments);
        break;
      case 'fallthrough_unsupported':
        takeNoArguments(option);
        fallsThroughUnsupported = true;
        break;
      case 'no_reverse':
        takeNoArguments(option);
        hasReverse = false;
        break;
      case 'ttl': {
        const [token] = option.arguments;
        if (token === undefined) throw countFault(option.name, 'ttl SECONDS');
        ttlSeconds = readInteger(token, 'ttl', 1, 65535);
        break;
      }
      case 'reload':
        reloadMs = readDuration(takeArgument(option, 'reload DURATION'), 'reload');
        break;
      default:
        if (fallthrough !== null) {
          const message = `unknown property ${quoteText(option.name.text)}: lines of hosts have to precede fallthrough`;
          throw argumentFault(option.name, message);
        }
        inlineLines.push([option.name, ...option.arguments].map((token) => token.text).join(' '));
    }
  }
  if (fallsThroughUnsupported && fallthrough === null) {
    throw argumentFault(line.name, 'fallthrough_unsupported requires fallthrough');
  }
  const zoneNames = block.readZonesOrKeys(zones);
  return {
    file,
    zones: zoneNames,
    inlineLines,
    ttlSeconds,
    hasReverse,
    reloadMs,
    fallthrough,
    fallsThroughUnsupported,
  };
});
