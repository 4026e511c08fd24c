/** Whose headers of the PROXY protocol count (`proxyproto`), for streams and datagrams. */

/** What is done with a peer's header. */
export type ProxyPolicy = 'use' | 'ignore' | 'reject' | 'skip';

export interface ProxyNetwork {
  /** one word, or four big-endian ones; bits behind the prefix are zero */
  readonly words: readonly number[];
  readonly prefixLength: number;
}

export interface ProxyRules {
  /** headers of these peers are used; empty: those of all are treated as `otherwise` says */
  readonly allow: readonly ProxyNetwork[];
  /**
   * what is done with those of others: `ignore` them, `reject` what begins with one, or `skip`, which takes them for a part
   * of what is said
   */
  readonly otherwise: ProxyPolicy;
  /** how long a sender of datagrams keeps the client of its last header, ms; 0: not at all */
  readonly udpSessionMs: number;
  readonly udpSessionsMax: number;
  /** what headers say beside addresses is kept, for metadata */
  readonly keepsVectors?: boolean;
}

/** @param octets  holds the peer's address, `size` octets (4 or 16) from `at` on */
export function proxyPolicyOf(rules: ProxyRules, octets: Uint8Array, at: number, size: number): ProxyPolicy {
  for (const { words, prefixLength } of rules.allow) {
    if (words.length * 4 === size && isWithin(words, prefixLength, octets, at)) return 'use';
  }
  return rules.otherwise;
}

function isWithin(words: readonly number[], prefixLength: number, octets: Uint8Array, at: number): boolean {
  for (let bit = 0; bit < prefixLength; bit += 8) {
    const mask = prefixLength - bit >= 8 ? 0xff : (0xff00 >> (prefixLength - bit)) & 0xff;
    const wanted = (words[bit >> 5]! >>> (24 - (bit & 31))) & 0xff;
    if (((octets[at + (bit >> 3)]! ^ wanted) & mask) !== 0) return false;
  }
  return true;
}
