/** Proxies that the environment names, chosen as Go's clients choose them, so that a manifest for CoreDNS means the same. */
import { BlockList, isIP, isIPv4 } from 'node:net';
import { SkyshardError } from '../base/skyshard-error.ts';

/**
 * The proxy on the way to `server`, by HTTPS_PROXY, HTTP_PROXY and NO_PROXY, in large or small letters.
 *
 * @returns undefined if there is none; never one for the machine itself
 * @throws SkyshardError API_ACCESS if it is none that can be used
 */
export function findProxy(server: URL, environment: NodeJS.ProcessEnv): URL | undefined {
  const name = server.protocol === 'https:' ? 'HTTPS_PROXY' : 'HTTP_PROXY';
  const text = read(environment, name);
  if (text === '' || isExcepted(server, read(environment, 'NO_PROXY'))) return undefined;
  const proxy = URL.parse(/^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`);
  if (proxy !== null && /^https?:$/.test(proxy.protocol) && proxy.hostname !== '') return proxy;
  const hidden = text.replace(/\/\/[^@/]*@/, '//…@');
  throw new SkyshardError(
    'API_ACCESS',
    `${name} ${JSON.stringify(hidden)}: expected the URL of an http or https proxy`,
  );
}

function read(environment: NodeJS.ProcessEnv, name: string): string {
  return environment[name] || environment[name.toLowerCase()] || '';
}

/** `*`, addresses, networks, names with all below them, `.names` with only what is below them; each with or without a port. */
function isExcepted(server: URL, list: string): boolean {
  const host = server.hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '');
  const port = server.port || (server.protocol === 'https:' ? '443' : '80');
  if (host === 'localhost' || isLoopback(host)) return true;
  return list
    .split(',')
    .map((entry) => entry.trim().toLowerCase())
    .some((entry) => entry !== '' && matches(entry, host, port));
}

function matches(entry: string, host: string, port: string): boolean {
  if (entry === '*') return true;
  if (entry.includes('/')) return isInNetwork(entry, host);
  if (isIP(entry) !== 0) return entry === host;
  const [, name = '', entryPort] = /^\[?(.*?)\]?(?::(\d+))?$/.exec(entry) ?? [];
  if (entryPort !== undefined && entryPort !== port) return false;
  if (isIP(name) !== 0) return name === host;
  const suffix = name.replace(/^\*/, '');
  return suffix.startsWith('.') ? host.endsWith(suffix) : host === suffix || host.endsWith(`.${suffix}`);
}

function isInNetwork(entry: string, host: string): boolean {
  const [address = '', bits = ''] = entry.split('/');
  const family = isIP(address);
  if (family === 0 || isIP(host) !== family || !/^\d+$/.test(bits) || Number(bits) > (family === 4 ? 32 : 128))
    return false;
  const network = new BlockList();
  const type = family === 4 ? 'ipv4' : 'ipv6';
  network.addSubnet(address, Number(bits), type);
  return network.check(host, type);
}

function isLoopback(host: string): boolean {
  return isIPv4(host) ? host.startsWith('127.') : host === '::1';
}
