import { argumentFault, readOptions, takeArgument, takeArguments } from '../../config/corefile/line-reader.ts';
import { quoteText } from '../../config/corefile/corefile-token.ts';
import { readInteger } from '../../config/number.ts';
import { definePluginOnce } from '../../config/corefile/plugin-definition.ts';

export interface DnssecOptions {
  /** canonical names */
  readonly zones: readonly string[];
  /** absolute, without `.key` and `.private` */
  readonly keyFiles: readonly string[];
  /** signatures that are kept */
  readonly cacheCapacity: number;
}

/** `dnssec [ZONES…] { key file KEY…; cache_capacity N }` */
export default definePluginOnce('dnssec', (line, block): DnssecOptions => {
  const keyFiles: string[] = [];
  let cacheCapacity = 10_000;
  readOptions(line, {
    key: (option) => {
      const [source, ...keys] = takeArguments(option, 2, Infinity, 'key file KEY…');
      if (source!.text !== 'file') {
        throw argumentFault(source!, `keys from ${quoteText(source!.text)} are not supported, expected file`);
      }
      for (const token of keys) {
        const base = token.text.replace(/\.(?:key|private)$/, '');
        for (const suffix of ['.key', '.private']) block.readFile({ ...token, text: base + suffix }, 'key file');
        keyFiles.push(block.resolvePath(base));
      }
    },
    cache_capacity: (option) => {
      cacheCapacity = readInteger(takeArgument(option, 'cache_capacity N'), 'cache_capacity');
    },
  });
  return { zones: block.readZonesOrKeys(line.arguments), keyFiles, cacheCapacity };
});
