import { parseAddressAndPort, type AddressAndPort } from './upstream-address.ts';
import { canonicalName } from './zone-name.ts';

/** What a file in the format of resolv.conf(5) says. */
export interface ResolvConf {
  /** in order; interfaces of link-local addresses are dropped, as CoreDNS does */
  readonly nameservers: readonly AddressAndPort[];
  /** canonical names */
  readonly search: readonly string[];
  readonly ndots: number;
}

export function parseResolvConf(text: string): ResolvConf {
  const nameservers: AddressAndPort[] = [];
  let search: string[] = [];
  let ndots = 1;
  for (const line of text.split('\n')) {
    const [keyword, ...values] = line
      .replace(/[#;].*/, '')
      .trim()
      .split(/\s+/);
    if (keyword === 'nameserver') {
      const found = parseAddressAndPort((values[0] ?? '').replace(/%.*/, ''), 53);
      if (found !== undefined) nameservers.push(found);
    }
    if (keyword === 'search' || keyword === 'domain')
      search = values.map(canonicalName).filter((name) => name !== undefined);
    if (keyword === 'options') {
      for (const value of values) {
        const digits = /^ndots:(\d{1,3})$/.exec(value)?.[1];
        if (digits !== undefined) ndots = Math.min(Number(digits), 15);
      }
    }
  }
  return { nameservers, search, ndots };
}
