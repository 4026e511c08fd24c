import { argumentFault } from './corefile/line-reader.ts';
import { quoteText, type CorefileToken } from './corefile/corefile-token.ts';
import { formatIP, parseIP } from './network.ts';

/** An IP address and a port. */
export interface AddressAndPort {
  /** canonical, with `%INTERFACE` where it was given */
  readonly address: string;
  readonly port: number;
}

/** A name or an address and a port to listen on; the empty host means all addresses. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** `HOST:PORT`, `[HOST]:PORT` or HOST alone, of which an IPv6 address may stand without brackets. */
export function splitHostPort(text: string): { readonly host: string; readonly port: string | undefined } | undefined {
  const bracketed = /^\[([^\]]*)\](?::(.*))?$/s.exec(text);
  if (bracketed !== null) return { host: bracketed[1]!, port: bracketed[2] };
  if (/[[\]]/.test(text)) return undefined;
  const colon = text.lastIndexOf(':');
  if (colon < 0 || text.indexOf(':') !== colon) return { host: text, port: undefined };
  return { host: text.slice(0, colon), port: text.slice(colon + 1) };
}

/** `IP[:PORT]`; an interface may follow the address behind `%`. */
export function parseAddressAndPort(text: string, defaultPort: number): AddressAndPort | undefined {
  const split = splitHostPort(text);
  if (split === undefined) return undefined;
  const percent = split.host.lastIndexOf('%');
  const address = parseIP(percent < 0 ? split.host : split.host.slice(0, percent));
  if (address === undefined) return undefined;
  const port = split.port === undefined || split.port === '' ? defaultPort : parsePort(split.port);
  if (port === undefined) return undefined;
  return { address: formatIP(address) + (percent < 0 ? '' : split.host.slice(percent)), port };
}

export function readAddressAndPort(token: CorefileToken, what: string, defaultPort: number): AddressAndPort {
  const found = parseAddressAndPort(token.text, defaultPort);
  if (found === undefined)
    throw argumentFault(
      token,
      `${what}: must specify an IP address, found ${quoteText(token.text)}, expected IP[:PORT]`,
    );
  return found;
}

/** `[HOST]:PORT` to listen on: `:8080`, `localhost:9153`, `[::1]:8181`. */
export function readListenAddress(token: CorefileToken): ListenAddress {
  const split = splitHostPort(token.text);
  const port = split?.port === undefined ? undefined : parsePort(split.port);
  if (split === undefined || port === undefined || /\s/.test(split.host)) {
    throw argumentFault(token, `address ${quoteText(token.text)}: missing or bad port, expected HOST:PORT or :PORT`);
  }
  const address = parseIP(split.host);
  return { host: address === undefined ? split.host : formatIP(address), port };
}

/** A port in decimal, 0 to 65535. */
export function parsePort(text: string): number | undefined {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  return port <= 65535 ? port : undefined;
}

/** A name that can be resolved to an address: letters, digits, hyphens and underscores, and not all digits at the end. */
export function isHostName(text: string): boolean {
  const labels = text.replace(/\.$/, '').split('.');
  return (
    text.length <= 254 &&
    labels.every((label) => /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/i.test(label)) &&
    !/^\d+$/.test(labels.at(-1)!)
  );
}
