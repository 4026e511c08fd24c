/**
 * An endpoint that a reader of octets has checked and trimmed on the way: a large cluster has a hundred thousand, and a value
 * with a path for each of their fields would be most of the work.
 */
import { parseIPv4, parseIPv6Into } from '../dns/address.ts';
import { LABEL, targetNameOf } from './name-rules.ts';
import type { Endpoint } from './objects.ts';

const words = new Uint32Array(4);

export class TrimmedEndpoint {
  readonly endpoint: Endpoint;
  /** ready is true or absent: it is served */
  readonly isReady: boolean;
  /** of all its addresses; 0 if there are both */
  readonly #family: 0 | 4 | 6;

  private constructor(endpoint: Endpoint, isReady: boolean, family: 0 | 4 | 6) {
    this.endpoint = endpoint;
    this.isReady = isReady;
    this.#family = family;
  }

  /**
   * Fields as the API has them, '' where they are absent.
   *
   * @returns undefined if it is not as it should be: whoever tells what is wrong has to see all of it
   */
  static from(
    addresses: readonly string[],
    hostname: string,
    targetName: string,
    zone: string,
    isReady: boolean,
  ): TrimmedEndpoint | undefined {
    let family: 0 | 4 | 6 | undefined;
    for (const address of addresses) {
      const own = parseIPv4(address) !== null ? 4 : parseIPv6Into(address, words) ? 6 : undefined;
      if (own === undefined) return undefined;
      family = family === undefined || family === own ? own : 0;
    }
    if (family === undefined) return undefined;
    const label = hostname.toLowerCase();
    if (label !== '' && !LABEL.test(label)) return undefined;
    const trimmed = { addresses, hostname: label, targetName: targetNameOf(targetName), zone: zone.toLowerCase() };
    return new TrimmedEndpoint(trimmed, isReady, family);
  }

  /** Whether its addresses are of the type that its slice says. */
  fits(type: '' | 'IPv4' | 'IPv6'): boolean {
    return type === '' || this.#family === (type === 'IPv4' ? 4 : 6);
  }
}
