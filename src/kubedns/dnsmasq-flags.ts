/** What stands behind `--` in the arguments of dnsmasq-nanny: options of dnsmasq, as far as they are about DNS. */
import { formatWord } from '../config/corefile/corefile-quoting.ts';
import { formatIP, parseIP } from '../config/network.ts';
import type { AddressAndPort } from '../config/upstream-address.ts';
import { canonicalName } from '../config/zone-name.ts';
import { usage } from './go-flags.ts';

export interface DnsmasqOptions {
  readonly port: number;
  /** empty: all */
  readonly listenAddresses: readonly string[];
  /** entries; undefined: it is not said; 0: there is no cache */
  readonly cacheSize: number | undefined;
  readonly hasNegativeCache: boolean;
  readonly maxTtlSeconds: number | undefined;
  readonly maxCacheTtlSeconds: number | undefined;
  readonly minCacheTtlSeconds: number | undefined;
  /** undefined: no limit */
  readonly forwardMax: number | undefined;
  readonly zones: readonly ZoneServers[];
  /** for everything else */
  readonly servers: readonly AddressAndPort[];
  readonly readsResolvConf: boolean;
  readonly resolvConf: string;
  readonly isStrictOrder: boolean;
  readonly addresses: readonly FixedAddress[];
  readonly logsQueries: boolean;
  /** undefined: no file */
  readonly hostsFile: string | undefined;
  readonly hostsTtlSeconds: number;
  readonly detectsLoops: boolean;
  readonly udpSizeMax: number | undefined;
  /** for the operator: what is accepted and does nothing, or something else */
  readonly notes: readonly string[];
}

/** `--server=/zone/…`. */
export interface ZoneServers {
  /** canonical name */
  readonly zone: string;
  /** null: nobody is asked, what is not known does not exist; empty: whoever is asked for everything else */
  readonly servers: readonly AddressAndPort[] | null;
}

/** `--address=/name/ip`. */
export interface FixedAddress {
  /** canonical name; what lies below it too */
  readonly zone: string;
  /** null: the name does not exist */
  readonly addresses: readonly string[] | null;
}

type Draft = { -readonly [Key in keyof DnsmasqOptions]: DnsmasqOptions[Key] };
interface Lists {
  readonly listen: string[];
  readonly zones: ZoneServers[];
  readonly servers: AddressAndPort[];
  readonly addresses: FixedAddress[];
  readonly hostsFiles: string[];
  readonly notes: string[];
}

interface DnsmasqFlag {
  /** of the short form; '' if it has none */
  readonly letter: string;
  /** what the value is; undefined: it has none */
  readonly value?: string;
  /** the value may be left out */
  readonly isOptional?: boolean;
  readonly read: (value: string, draft: Draft, lists: Lists) => void;
}

const nothing = (): void => undefined;

/** An option that means nothing here, and is said to. */
function idle(letter: string, why: string, value?: string, isOptional?: boolean): DnsmasqFlag {
  return {
    letter,
    ...(value !== undefined && { value }),
    ...(isOptional !== undefined && { isOptional }),
    read: (_, __, { notes }) => {
      notes.push(why);
    },
  };
}

const FLAGS: Readonly<Record<string, DnsmasqFlag>> = {
  'keep-in-foreground': { letter: 'k', read: nothing },
  'no-daemon': { letter: 'd', read: nothing },
  'log-facility': { letter: '8', value: 'FACILITY', read: nothing },
  'log-async': { letter: '', value: 'N', isOptional: true, read: nothing },
  'cache-size': {
    letter: 'c',
    value: 'N',
    read: (value, draft) => {
      draft.cacheSize = readNumber('cache-size', value, 1e7);
    },
  },
  'no-negcache': {
    letter: 'N',
    read: (_, draft) => {
      draft.hasNegativeCache = false;
    },
  },
  'neg-ttl': {
    letter: '',
    value: 'SECONDS',
    read: (value, _, { notes }) => {
      readNumber('neg-ttl', value, 2 ** 31);
      notes.push('a denial without an SOA record, which neg-ttl is for, is not kept (RFC 2308)');
    },
  },
  'max-ttl': {
    letter: '',
    value: 'SECONDS',
    read: (value, draft) => {
      draft.maxTtlSeconds = readNumber('max-ttl', value, 2 ** 31);
    },
  },
  'max-cache-ttl': {
    letter: '',
    value: 'SECONDS',
    read: (value, draft) => {
      draft.maxCacheTtlSeconds = readNumber('max-cache-ttl', value, 2 ** 31);
    },
  },
  'min-cache-ttl': {
    letter: '',
    value: 'SECONDS',
    read: (value, draft, { notes }) => {
      const seconds = readNumber('min-cache-ttl', value, 2 ** 31);
      draft.minCacheTtlSeconds = Math.min(seconds, MIN_CACHE_TTL_MAX);
      if (seconds > MIN_CACHE_TTL_MAX) notes.push(`is taken as ${MIN_CACHE_TTL_MAX} seconds, as dnsmasq does`);
    },
  },
  'dns-forward-max': {
    letter: '0',
    value: 'N',
    read: (value, draft) => {
      const count = readNumber('dns-forward-max', value, 1e6);
      draft.forwardMax = count === 0 ? undefined : count;
    },
  },
  server: { letter: 'S', value: '[/ZONE/]IP[#PORT]', read: (value, _, lists) => readServer('server', value, lists) },
  local: { letter: '', value: '/ZONE/', read: (value, _, lists) => readServer('local', value, lists) },
  address: {
    letter: 'A',
    value: '/NAME/IP',
    read: (value, _, { addresses }) => void addresses.push(...readAddress(value)),
  },
  'no-resolv': {
    letter: 'R',
    read: (_, draft) => {
      draft.readsResolvConf = false;
    },
  },
  'resolv-file': {
    letter: 'r',
    value: 'FILE',
    read: (value, draft) => {
      draft.resolvConf = value;
    },
  },
  'dns-loop-detect': {
    letter: '',
    read: (_, draft) => {
      draft.detectsLoops = true;
    },
  },
  'strict-order': {
    letter: 'o',
    read: (_, draft) => {
      draft.isStrictOrder = true;
    },
  },
  'all-servers': idle(
    '',
    'the servers are not all asked at once: the next one is asked when one does not answer in its usual time',
  ),
  'log-queries': {
    letter: 'q',
    value: 'extra',
    isOptional: true,
    read: (_, draft) => {
      draft.logsQueries = true;
    },
  },
  'no-hosts': {
    letter: 'h',
    read: (_, __, { hostsFiles }) => {
      if (hostsFiles[0] === HOSTS) hostsFiles.shift();
    },
  },
  'addn-hosts': { letter: 'H', value: 'FILE', read: (value, _, { hostsFiles }) => void hostsFiles.push(value) },
  'local-ttl': {
    letter: 'T',
    value: 'SECONDS',
    read: (value, draft) => {
      draft.hostsTtlSeconds = readNumber('local-ttl', value, 65_535);
    },
  },
  'edns-packet-max': {
    letter: 'P',
    value: 'OCTETS',
    read: (value, draft) => {
      draft.udpSizeMax = Math.min(4096, Math.max(512, readNumber('edns-packet-max', value, 65_535)));
    },
  },
  port: {
    letter: 'p',
    value: 'PORT',
    read: (value, draft) => {
      draft.port = readNumber('port', value, 65_535, 1);
    },
  },
  'listen-address': {
    letter: 'a',
    value: 'IP,…',
    read: (value, _, { listen }) => {
      for (const text of value.split(',')) {
        const address = parseIP(text);
        if (address === undefined) throw fault('listen-address', value, 'an IP address');
        listen.push(formatIP(address));
      }
    },
  },
  'bind-interfaces': { letter: 'z', read: nothing },
  'bind-dynamic': { letter: '', read: nothing },
  'no-poll': idle('n', 'resolv.conf is read when the configuration is'),
  'clear-on-reload': idle('', 'the cache is kept'),
  'pid-file': idle('x', 'no such file is written', 'FILE', true),
  user: idle('u', 'the user is the container’s', 'NAME', true),
  group: idle('g', 'the group is the container’s', 'NAME', true),
  'conf-file': idle('C', 'no configuration file of dnsmasq is read', 'FILE', true),
  'conf-dir': idle('7', 'no configuration file of dnsmasq is read', 'DIR', true),
  'min-port': idle('', 'upstream servers are asked from random ports', 'PORT'),
  'max-port': idle('', 'upstream servers are asked from random ports', 'PORT'),
  'query-port': idle('Q', 'upstream servers are asked from random ports', 'PORT'),
  'port-limit': idle('', 'upstream servers are asked from random ports', 'N'),
  'max-tcp-connections': idle('', 'there is no limit of 20 TCP connections', 'N'),
  'no-round-robin': idle('', 'addresses are given in turns'),
  'no-ident': idle('', 'the names in bind. are answered'),
  'dnssec-no-timecheck': idle('', 'signatures are not checked, only handed on'),
  'proxy-dnssec': idle('', 'AD is handed on to those who ask for it'),
  filterwin2k: idle('f', 'such questions are forwarded'),
  'fast-dns-retry': idle('', 'the next server is asked when one does not answer in its usual time', 'MS', true),
  'localise-queries': idle('y', 'all addresses are given'),
  'local-service': idle('', 'whoever can reach the server is answered', 'host', true),
};

const HOSTS = '/etc/hosts';
const DNS_PORT = 53;
const MIN_CACHE_TTL_MAX = 3600;

/** @throws SkyshardError CLI_USAGE */
export function parseDnsmasqFlags(args: readonly string[]): DnsmasqOptions {
  const draft: Draft = {
    port: DNS_PORT,
    listenAddresses: [],
    cacheSize: undefined,
    hasNegativeCache: true,
    maxTtlSeconds: undefined,
    maxCacheTtlSeconds: undefined,
    minCacheTtlSeconds: undefined,
    forwardMax: undefined,
    zones: [],
    servers: [],
    readsResolvConf: true,
    resolvConf: '/etc/resolv.conf',
    isStrictOrder: false,
    addresses: [],
    logsQueries: false,
    hostsFile: undefined,
    hostsTtlSeconds: 0,
    detectsLoops: false,
    udpSizeMax: undefined,
    notes: [],
  };
  const lists: Lists = { listen: [], zones: [], servers: [], addresses: [], hostsFiles: [HOSTS], notes: [] };
  for (const { name, flag, value } of splitArguments(args)) {
    const from = lists.notes.length;
    flag.read(value, draft, lists);
    for (let index = from; index < lists.notes.length; index++) {
      lists.notes[index] = `dnsmasq's --${name}: ${lists.notes[index]}`;
    }
  }
  if (lists.hostsFiles.length > 1) {
    throw usage(
      `dnsmasq's --addn-hosts: one file of hosts can be read, found ${lists.hostsFiles.join(' and ')}: add --no-hosts, or leave it out`,
    );
  }
  return {
    ...draft,
    listenAddresses: lists.listen,
    zones: mergeZones(lists.zones),
    servers: lists.servers,
    addresses: mergeAddresses(lists.addresses),
    hostsFile: lists.hostsFiles[0],
    notes: lists.notes,
  };
}

interface Argument {
  readonly name: string;
  readonly flag: DnsmasqFlag;
  readonly value: string;
}

/** As getopt_long: `--name=value`, `--name value`, `-n value`, `-nvalue`, `-kn`; long names may be cut short. */
function* splitArguments(args: readonly string[]): Generator<Argument, void> {
  for (let index = 0; index < args.length; index++) {
    const argument = args[index]!;
    const long = /^--([^=]+)(?:=(.*))?$/s.exec(argument);
    if (long !== null) {
      const [name, flag] = findLong(long[1]!);
      const needsNext = flag.value !== undefined && flag.isOptional !== true && long[2] === undefined;
      const value = needsNext ? args[++index] : (long[2] ?? '');
      yield { name, flag, value: checkValue(name, flag, value, long[2] !== undefined) };
      continue;
    }
    if (!/^-[^-]/.test(argument)) throw usage(`unexpected argument "${argument}" of dnsmasq`);
    for (let at = 1; at < argument.length; at++) {
      const letter = argument[at]!;
      const found = Object.entries(FLAGS).find(([, flag]) => flag.letter === letter);
      if (found === undefined) throw unknown(`-${letter}`);
      const [name, flag] = found;
      if (flag.value === undefined) {
        yield { name, flag, value: '' };
        continue;
      }
      const inline = argument.slice(at + 1).replace(/^=/, '');
      const value = inline !== '' || flag.isOptional === true ? inline : args[++index];
      yield { name, flag, value: checkValue(name, flag, value, inline !== '') };
      break;
    }
  }
}

function findLong(text: string): readonly [string, DnsmasqFlag] {
  const exact = Object.hasOwn(FLAGS, text) ? FLAGS[text] : undefined;
  if (exact !== undefined) return [text, exact];
  const begun = Object.entries(FLAGS).filter(([name]) => name.startsWith(text));
  if (begun.length !== 1) throw unknown(`--${text}`);
  return begun[0]!;
}

function unknown(flag: string): Error {
  return usage(`unknown option "${flag}" of dnsmasq: skyshard knows ${Object.keys(FLAGS).toSorted().join(', ')}`);
}

function checkValue(name: string, flag: DnsmasqFlag, value: string | undefined, isGiven: boolean): string {
  if (flag.value === undefined && isGiven) throw usage(`dnsmasq's --${name} takes no value`);
  if (flag.value !== undefined && flag.isOptional !== true && (value === undefined || value === '')) {
    throw usage(`dnsmasq's --${name} needs a value: --${name}=${flag.value}`);
  }
  return value ?? '';
}

function readNumber(name: string, text: string, maximum: number, minimum = 0): number {
  const number = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (number >= minimum && number <= maximum) return number;
  throw fault(name, text, `a number from ${minimum} to ${maximum}`);
}

/** `IP#PORT`, `/zone/zone2/IP#PORT`, `/zone/` and `/zone/#`. */
function readServer(name: string, text: string, { zones, servers, notes }: Lists): void {
  const [, names, rest] = /^\/(.*)\/([^/]*)$/s.exec(text) ?? [];
  const server = names === undefined ? text : rest!;
  const isOnlyLocal = server === '';
  if (isOnlyLocal && names === undefined) throw fault(name, text, '[/ZONE/]IP[#PORT]');
  const asked = isOnlyLocal ? null : server === '#' ? [] : [readServerAddress(name, text, server, notes)];
  if (names === undefined) {
    servers.push(...(asked ?? []));
    return;
  }
  for (const zone of readZones(name, text, names)) zones.push({ zone, servers: asked });
}

function readServerAddress(name: string, text: string, server: string, notes: string[]): AddressAndPort {
  const [target = '', source] = server.split('@', 2);
  if (source !== undefined) notes.push(`the source of "${text}" is the system's choice`);
  const [, host = '', digits] = /^([^#]*)(?:#(\d{1,5}))?$/.exec(target) ?? [];
  const address = parseIP(host);
  const port = digits === undefined ? DNS_PORT : Number(digits);
  if (address === undefined || port < 1 || port > 65_535) throw fault(name, text, '[/ZONE/]IP[#PORT]');
  return { address: formatIP(address), port };
}

function readAddress(text: string): readonly FixedAddress[] {
  const [, names, target] = /^\/(.*)\/([^/]*)$/s.exec(text) ?? [];
  if (names === undefined || target === undefined) throw fault('address', text, '/NAME/IP');
  const zones = readZones('address', text, names);
  if (target === '') return zones.map((zone) => ({ zone, addresses: null }));
  if (target === '#') return zones.map((zone) => ({ zone, addresses: ['0.0.0.0', '::'] }));
  const address = parseIP(target);
  if (address === undefined) throw fault('address', text, '/NAME/IP');
  return zones.map((zone) => ({ zone, addresses: [formatIP(address)] }));
}

/** Leading dots and `*.` mean what is meant anyway: a zone and all below it. */
function readZones(name: string, text: string, names: string): readonly string[] {
  return names.split('/').map((written) => {
    const zone = canonicalName(written.replace(/^(?:\*?\.)+/, ''));
    // '#' is a sign of its own in dnsmasq, and the start of a comment in a Corefile; there, {$NAME} is replaced.
    if (zone === undefined || written.includes('#') || zone === '.' || formatWord(zone) === undefined)
      throw fault(name, text, 'a domain between slashes');
    return zone;
  });
}

/** Servers of one zone stand together; one that nobody is asked for stays so unless there is a server. */
function mergeZones(zones: readonly ZoneServers[]): readonly ZoneServers[] {
  return [...Map.groupBy(zones, ({ zone }) => zone)].map(([zone, group]) => {
    const lists = group.flatMap(({ servers }) => (servers === null ? [] : [servers]));
    return { zone, servers: lists.length === 0 ? null : lists.flat() };
  });
}

function mergeAddresses(addresses: readonly FixedAddress[]): readonly FixedAddress[] {
  return [...Map.groupBy(addresses, ({ zone }) => zone)].map(([zone, group]) => {
    const lists = group.flatMap((fixed) => (fixed.addresses === null ? [] : [fixed.addresses]));
    return { zone, addresses: lists.length === 0 ? null : [...new Set(lists.flat())] };
  });
}

function fault(name: string, found: string, expected: string): Error {
  return usage(`dnsmasq's --${name} "${found}": expected ${expected}`);
}
