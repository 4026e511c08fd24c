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

  private constructor(endpoint: Endpoint, isReady: boolean) {
    this.endpoint = endpoint;
    this.isReady = isReady;
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
    if (addresses.length === 0) return undefined;
    for (const address of addresses) {
      if (parseIPv4(address) === null && !parseIPv6Into(address, words)) return undefined;
    }
    const label = hostname.toLowerCase();
    if (label !== '' && !LABEL.test(label)) return undefined;
    const trimmed = { addresses, hostname: label, targetName: targetNameOf(targetName), zone: zone.toLowerCase() };
    return new TrimmedEndpoint(trimmed, isReady);
  }
}
