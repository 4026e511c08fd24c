import { formatName, lowerCaseName, parseName } from '../dns/name.ts';
import { argumentFault } from './corefile/line-reader.ts';
import { quoteText, type CorefileToken } from './corefile/corefile-token.ts';
import { parseNetwork, reverseZonesOf } from './network.ts';

/** Octets of a zone as it is written, as CoreDNS counts them. */
const ZONE_SIZE_MAX = 255;

/** Lower-case, absolute presentation form, which parseName always takes; undefined if it is no domain name. */
export function canonicalName(text: string): string | undefined {
  if (text === '') return undefined;
  const wire = parseName(text);
  return wire === null ? undefined : formatName(lowerCaseName(wire));
}

export function readName(token: CorefileToken, what: string): string {
  const name = canonicalName(token.text);
  if (name === undefined)
    throw argumentFault(token, `invalid ${what} ${quoteText(token.text)}, expected a domain name`);
  return name;
}

/** What stands behind the last colon if it is a number, and the rest; the port of a key or of a zone argument. */
export interface HostAndPort {
  readonly host: string;
  readonly port: number | undefined;
}

/** @returns what is wrong with the text, if something is */
export function splitZoneAndPort(text: string): HostAndPort | string {
  const colon = text.lastIndexOf(':');
  if (colon >= 0 && colon === text.length - 1) return `expecting data after last colon: ${quoteText(text)}`;
  const digits = colon < 0 ? undefined : /^[-+]?\d+$/.exec(text.slice(colon + 1))?.[0];
  if (digits === undefined) return { host: text, port: undefined };
  const port = Number(digits);
  if (!/^\d+$/.test(digits) || port > 65535) return `port ${digits} is out of range, expected 0 to 65535`;
  return { host: text.slice(0, colon), port };
}

/**
 * The zones that one word names: a domain name, or the reverse zones of a network in CIDR notation.
 *
 * @param host  without scheme and port
 * @returns canonical names; a text that says what is wrong
 */
export function expandZone(host: string): readonly string[] | string {
  if (Buffer.byteLength(host) > ZONE_SIZE_MAX) return `specified zone is too long: more than ${ZONE_SIZE_MAX} octets`;
  const network = parseNetwork(host);
  if (network !== undefined) {
    const isAmbiguous = host.startsWith(':') || (host.startsWith('0') && host.includes(':'));
    return isAmbiguous ? `invalid CIDR ${quoteText(host)}: it must not start with ':' or '0'` : reverseZonesOf(network);
  }
  const name = canonicalName(host);
  return name === undefined ? `zone is not a valid domain name: ${quoteText(host)}` : [name];
}

/** Schemes that a key, a zone argument or an upstream may start with. */
export const SCHEMES = ['tls', 'dns', 'quic', 'grpc', 'https3', 'https'] as const;
export type Scheme = (typeof SCHEMES)[number];

export function splitScheme(text: string): { readonly scheme: Scheme; readonly rest: string } {
  const scheme = SCHEMES.find((candidate) => text.startsWith(`${candidate}://`));
  return scheme === undefined ? { scheme: 'dns', rest: text } : { scheme, rest: text.slice(scheme.length + 3) };
}

/** The zones of one zone argument: written like a key, its scheme and port ignored. */
export function parseZones(text: string): readonly string[] | string {
  const split = splitZoneAndPort(splitScheme(text).rest);
  return typeof split === 'string' ? split : expandZone(split.host);
}

export function isReverseZone(zone: string): boolean {
  return /(?:^|\.)(?:in-addr|ip6)\.arpa\.$/.test(zone);
}
