import { readOptions, takeArgument, takeArguments, takeNoArguments } from '../../config/corefile/line-reader.ts';
import { readTranslationPrefix, WELL_KNOWN_PREFIX, type Network } from '../../config/network.ts';
import { definePlugin } from '../../config/corefile/plugin-definition.ts';

export interface Dns64Options {
  readonly prefix: Network;
  /** names with AAAA records too */
  readonly translatesAll: boolean;
  /** for clients that asked over IPv4 too */
  readonly allowsIPv4: boolean;
}

/** `dns64 [PREFIX] { prefix P; translate_all; allow_ipv4 }`: CoreDNS passes over the block where PREFIX stands before it. */
export default definePlugin('dns64', (lines): Dns64Options => {
  let prefix = WELL_KNOWN_PREFIX;
  let translatesAll = false;
  let allowsIPv4 = false;
  for (const line of lines) {
    const [token] = takeArguments(line, 0, 1, 'dns64 [PREFIX]');
    if (token !== undefined) prefix = readTranslationPrefix(token);
    readOptions(line, {
      prefix: (option) => {
        prefix = readTranslationPrefix(takeArgument(option, 'prefix NETWORK'));
      },
      translate_all: (option) => {
        takeNoArguments(option);
        translatesAll = true;
      },
      allow_ipv4: (option) => {
        takeNoArguments(option);
        allowsIPv4 = true;
      },
    });
  }
  return { prefix, translatesAll, allowsIPv4 };
});
