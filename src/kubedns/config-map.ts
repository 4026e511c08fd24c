/**
 * The ConfigMap `kube-dns`: what its keys say, by kube-dns's own rules. Whoever reads one that breaks a rule keeps the
 * configuration of before as a whole.
 */
import { SkyshardError } from '../base/skyshard-error.ts';
import { formatIP, parseIP } from '../config/network.ts';
import { splitHostPort, type AddressAndPort } from '../config/upstream-address.ts';
import { quoteText } from '../config/corefile/corefile-token.ts';
import { canonicalName } from '../config/zone-name.ts';

export type ConfigMapKey = (typeof CONFIG_MAP_KEYS)[number];
export const CONFIG_MAP_KEYS = ['stubDomains', 'upstreamNameservers', 'federations'] as const;

/** Texts of a ConfigMap by their keys. */
export type ConfigMapData = Readonly<Record<string, string>>;

export interface KubeDnsConfig {
  /** in the order of the text */
  readonly stubDomains: readonly StubDomain[];
  /** empty: what the flags or resolv.conf say */
  readonly upstreams: readonly AddressAndPort[];
  readonly federations: readonly Federation[];
}

export interface StubDomain {
  /** canonical name */
  readonly zone: string;
  /** empty: nobody is asked for it but who is asked for everything */
  readonly servers: readonly StubServer[];
}

export type StubServer =
  | (AddressAndPort & { readonly kind: 'address' })
  | { readonly kind: 'host'; readonly host: string };

export interface Federation {
  readonly name: string;
  readonly domain: string;
}

/** What holds where there is no ConfigMap. */
export const DEFAULT_CONFIG: KubeDnsConfig = { stubDomains: [], upstreams: [], federations: [] };

export class ConfigMapFault extends SkyshardError {
  readonly key: ConfigMapKey;

  constructor(key: ConfigMapKey, reason: string) {
    super('CONFIG_ARGUMENT', `${key}: ${reason}`);
    this.key = key;
  }
}

const UPSTREAMS_MAX = 3;
const DNS_PORT = 53;
const LABEL_SIZE_MAX = 63;
const SUBDOMAIN_SIZE_MAX = 253;
const LABEL = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?$/;

/** @throws ConfigMapFault for the first key whose text breaks a rule */
export function readConfigMap(data: ConfigMapData): KubeDnsConfig {
  const { stubDomains, upstreamNameservers, federations } = data;
  return {
    stubDomains: stubDomains === undefined ? [] : readStubDomains(stubDomains),
    upstreams: upstreamNameservers === undefined ? [] : readUpstreams(upstreamNameservers),
    federations: federations === undefined ? [] : readFederations(federations),
  };
}

/** A JSON object from a domain suffix to name servers; null is as good as nothing, as in Go. */
function readStubDomains(text: string): readonly StubDomain[] {
  const fail = (reason: string): never => {
    throw new ConfigMapFault('stubDomains', reason);
  };
  const value = readJson(text, fail);
  if (value === null) return [];
  if (typeof value !== 'object' || Array.isArray(value)) {
    return fail(`expected an object of domains, as in {"acme.local": ["1.2.3.4"]}, found ${describe(value)}`);
  }
  return Object.entries(value).map(([domain, servers]) => {
    if (!isSubdomain(domain)) {
      return fail(
        `invalid domain name ${quoteText(domain)}: expected a DNS-1123 subdomain, lower case and without a dot at the end`,
      );
    }
    const list = readTexts(servers, `name servers of ${quoteText(domain)}`, fail);
    return { zone: canonicalName(domain)!, servers: list.map((server) => readStubServer(server, domain, fail)) };
  });
}

function readStubServer(text: string, domain: string, fail: (reason: string) => never): StubServer {
  const address = parseServer(text, 0);
  if (address !== undefined) return { kind: 'address', ...address };
  if (isSubdomain(text)) return { kind: 'host', host: text };
  return fail(
    `invalid name server ${quoteText(text)} of ${quoteText(domain)}: expected IP, IP:port, [IPv6]:port, or a host name without port`,
  );
}

/** A JSON array of at most three servers. */
function readUpstreams(text: string): readonly AddressAndPort[] {
  const fail = (reason: string): never => {
    throw new ConfigMapFault('upstreamNameservers', reason);
  };
  const servers = readTexts(readJson(text, fail), 'name servers', fail);
  if (servers.length > UPSTREAMS_MAX) {
    fail(`upstreamNameserver cannot have more than three entries, found ${servers.length}`);
  }
  return servers.map(
    (server) =>
      parseServer(server, 1) ??
      fail(`invalid name server ${quoteText(server)}: expected IP or IP:port, with a port from 1 to 65535`),
  );
}

/** `name=domain,name2=domain2`: no JSON. */
export function readFederations(text: string): readonly Federation[] {
  const fail = (reason: string): never => {
    throw new ConfigMapFault('federations', reason);
  };
  if (text.trim() === '') return [];
  return text.split(',').map((pair) => {
    const [, name, domain] = /^([^=]*)=(.*)$/s.exec(pair.trim()) ?? [];
    if (name === undefined || domain === undefined) {
      return fail(`invalid format, must be key=value: ${quoteText(pair.trim())}`);
    }
    if (!isLabel(name.trim())) return fail(`${quoteText(name.trim())} is no name: expected a DNS-1123 label`);
    if (!isSubdomain(domain.trim())) {
      return fail(`${quoteText(domain.trim())} is no domain: expected a DNS-1123 subdomain`);
    }
    return { name: name.trim(), domain: domain.trim() };
  });
}

/** `IP`, `IP:port` or `[IPv6]:port`. */
export function parseServer(text: string, portMin: 0 | 1): AddressAndPort | undefined {
  const bare = parseIP(text);
  if (bare !== undefined) return { address: formatIP(bare), port: DNS_PORT };
  const split = splitHostPort(text);
  if (split?.port === undefined || !/^\d+$/.test(split.port)) return undefined;
  const address = parseIP(split.host);
  const port = Number(split.port);
  if (address === undefined || port < portMin || port > 65_535) return undefined;
  return { address: formatIP(address), port };
}

function readJson(text: string, fail: (reason: string) => never): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    return fail(`no JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function readTexts(value: unknown, what: string, fail: (reason: string) => never): readonly string[] {
  if (value === null) return [];
  if (!Array.isArray(value)) return fail(`${what}: expected an array of texts, found ${describe(value)}`);
  return value.map((item: unknown) =>
    typeof item === 'string' ? item : fail(`${what}: expected texts, found ${describe(item)}`),
  );
}

function describe(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'an array' : `a value of type ${typeof value}`;
}

function isLabel(text: string): boolean {
  return text.length <= LABEL_SIZE_MAX && LABEL.test(text);
}

/** kube-dns takes labels beyond 63 octets, which no name can have. */
export function isSubdomain(text: string): boolean {
  return text.length <= SUBDOMAIN_SIZE_MAX && text.split('.').every(isLabel);
}
