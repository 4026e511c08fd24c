/**
 * The commands that exec-healthz was given: `nslookup NAME SERVER >/dev/null`, several joined by `&&`. They are understood, not
 * run: skyshard starts no shell, and its image has no nslookup.
 */
import { canonicalName } from '../config/zone-name.ts';
import type { AddressAndPort } from '../config/upstream-address.ts';
import { parseServer } from './config-map.ts';
import { usage } from './go-flags.ts';

/** All have to be answered. */
export type LookupCommand = readonly { readonly name: string; readonly server: AddressAndPort }[];

const DEFAULT_SERVER: AddressAndPort = { address: '127.0.0.1', port: 53 };

/** @throws SkyshardError CLI_USAGE */
export function readLookupCommand(text: string): LookupCommand {
  return text.split('&&').map((part) => {
    const words = part
      .replace(/(?:\d|&)?>>?\s*\S+/g, ' ')
      .trim()
      .split(/\s+/);
    const [program, host = '', server, more] = words.filter((word) => !/^-(?:type|timeout|retry)=/.test(word));
    const name = canonicalName(host);
    const address = server === undefined ? DEFAULT_SERVER : parseServer(server, 1);
    if (!/(?:^|\/)nslookup$/.test(program ?? '') || name === undefined || address === undefined || more !== undefined) {
      throw usage(
        `--cmd "${text}": no command is run; expected nslookup NAME IP[:PORT], several joined by &&, which is asked for directly`,
      );
    }
    return { name, server: address };
  });
}
