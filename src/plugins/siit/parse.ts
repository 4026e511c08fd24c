import { quoteText } from '../../config/corefile/corefile-token.ts';
import {
  argumentFault,
  readOptions,
  takeArgument,
  takeArguments,
  takeNoArguments,
} from '../../config/corefile/line-reader.ts';
import { readIP, readTranslationPrefix, WELL_KNOWN_PREFIX, type Network } from '../../config/network.ts';
import { definePlugin } from '../../config/corefile/plugin-definition.ts';

export interface SiitOptions {
  readonly prefix: Network;
  /** explicit mappings of single addresses, which go before the prefix */
  readonly mappings: readonly AddressMapping[];
}

export interface AddressMapping {
  /** 10.0.0.1 = 0x0a000001 */
  readonly address4: number;
  /** four big-endian words */
  readonly address6: readonly number[];
}

/** `siit { ipv6_prefix P; eam IPV4 IPV6 }`; an IPv6 address that is mapped again takes the later one. */
export default definePlugin('siit', (lines): SiitOptions => {
  let prefix = WELL_KNOWN_PREFIX;
  const mappings = new Map<string, AddressMapping>();
  for (const line of lines) {
    takeNoArguments(line);
    readOptions(line, {
      ipv6_prefix: (option) => {
        const token = takeArgument(option, 'ipv6_prefix NETWORK');
        prefix = readTranslationPrefix(token);
        // RFC 6052 §2.2: bits 64 to 71 are reserved.
        if (prefix.words[2]! >>> 24 !== 0) {
          throw argumentFault(token, `invalid prefix ${quoteText(token.text)}: reserved octet (byte 8) must be zero`);
        }
      },
      eam: (option) => {
        const [first, second] = takeArguments(option, 2, 2, 'eam IPV4 IPV6');
        const address4 = readIP(first!, 'IPv4 address');
        const address6 = readIP(second!, 'IPv6 address');
        if (address4.family !== 4) throw argumentFault(first!, `invalid IPv4 address: ${quoteText(first!.text)}`);
        if (address6.family !== 6) throw argumentFault(second!, `invalid IPv6 address: ${quoteText(second!.text)}`);
        mappings.set(address6.words.join(), { address4: address4.words[0]!, address6: address6.words });
      },
    });
  }
  return { prefix, mappings: [...mappings.values()] };
});
