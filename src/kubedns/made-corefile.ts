/**
 * The Corefile that flags and ConfigMap of kube-dns come to. Text, so that it goes the way of every other one: read, checked,
 * compiled, and at a change compared with the one before.
 *
 * One block has the cluster's zones, the reverse zones and everything else; its keys never change, and so its cache stays. Each
 * stub domain has a block of its own, so that what was kept from one upstream is not given for another; very many share those of
 * their servers.
 */
import { SYSTEM_FILES, type ConfigFiles } from '../config/corefile/config-files.ts';
import { formatWord } from '../config/corefile/corefile-quoting.ts';
import { quoteText } from '../config/corefile/corefile-token.ts';
import { parseResolvConf } from '../config/resolv-conf.ts';
import type { AddressAndPort } from '../config/upstream-address.ts';
import type { KubeDnsConfig, StubDomain } from './config-map.ts';
import type { FixedAddress, ZoneServers } from './dnsmasq-flags.ts';
import { usage } from './go-flags.ts';
import type { DnsmasqRole, KubeDnsPlan, KubednsOptions } from './kube-dns-plan.ts';

export interface MadeCorefile {
  readonly text: string;
  /** what is not as it was asked for */
  readonly warnings: readonly string[];
}

export interface CorefileSources {
  /** addresses of a stub server's host name, empty as long as there are none */
  readonly addressesOf: (host: string) => readonly string[];
  readonly files?: ConfigFiles;
}

/** How messages call it. */
export const MADE_NAME = 'kube-dns configuration';
const RESOLV_CONF = '/etc/resolv.conf';
const REVERSE_ZONES = ['in-addr.arpa.', 'ip6.arpa.'] as const;
const TTL_SECONDS = 30;
/** dnsmasq has no bound of its own; a name is not believed for longer than a day. */
const CACHE_TTL_MAX = 86_400;
/** CoreDNS's, for who did not say it. */
const CACHE_SIZE_DEFAULT = 9984;
const UPSTREAMS_MAX = 15;
/** With more zones than this, those with the same servers share a block: there is no room for so many caches. */
const BLOCKS_MAX = 40;

/** A zone that others are asked for. */
interface ForwardedZone {
  readonly zone: string;
  /** null: nobody is asked; what is not known does not exist. Empty: nobody can be asked. */
  readonly servers: readonly AddressAndPort[] | null;
}

export function makeCorefile(plan: KubeDnsPlan, config: KubeDnsConfig, sources: CorefileSources): MadeCorefile {
  return new CorefileMaker(plan, config, sources).make();
}

/** Answers that are kept at most, as `cachesize.bind` says it. */
export function cacheSizeOf(dnsmasq: DnsmasqRole | undefined): number {
  return dnsmasq?.cacheSize ?? CACHE_SIZE_DEFAULT;
}

class CorefileMaker {
  readonly #plan: KubeDnsPlan;
  readonly #config: KubeDnsConfig;
  readonly #sources: CorefileSources;
  readonly #warnings: string[] = [];
  readonly #ports: readonly number[];
  readonly #bind: readonly string[];

  constructor(plan: KubeDnsPlan, config: KubeDnsConfig, sources: CorefileSources) {
    this.#plan = plan;
    this.#config = config;
    this.#sources = sources;
    const { kubedns, dnsmasq } = plan;
    this.#ports = [
      ...new Set([
        ...(dnsmasq === undefined ? [] : [dnsmasq.port]),
        ...(kubedns === undefined ? [] : [kubedns.dnsPort]),
      ]),
    ];
    this.#bind = bindAddresses(kubedns, dnsmasq);
  }

  make(): MadeCorefile {
    const { kubedns } = this.#plan;
    const { federations } = this.#config;
    const dropped = [...federations, ...(kubedns?.federations ?? [])];
    if (dropped.length > 0) {
      const names = dropped.map(({ name, domain }) => `${name}=${domain}`).join(',');
      this.#warnings.push(`federations ${names}: dropped, names of federated Services are not answered any more`);
    }
    const forwarded = this.#forwardedZones();
    // A zone inside of the cluster's own is asked for where the cluster has no such name.
    const inner = kubedns === undefined ? [] : forwarded.filter(({ zone }) => isInside(zone, this.#ownZones()));
    const outer = forwarded.filter((one) => !inner.includes(one));
    const blocks = [this.#mainBlock(inner), ...groupZones(outer).map((zones) => this.#zoneBlock(zones))];
    return { text: blocks.join(''), warnings: this.#warnings };
  }

  #ownZones(): readonly string[] {
    const { kubedns } = this.#plan;
    return kubedns === undefined ? [] : [kubedns.domain, ...REVERSE_ZONES];
  }

  /** Flags first: a stub domain that they name too is asked of all. */
  #forwardedZones(): readonly ForwardedZone[] {
    const { kubedns, dnsmasq } = this.#plan;
    const zones = new Map<string, ForwardedZone>();
    for (const flagged of dnsmasq?.zones ?? []) {
      if (!this.#isOwn(flagged)) zones.set(flagged.zone, this.#withUpstreams(flagged));
    }
    for (const stub of this.#config.stubDomains) {
      if (stub.zone === kubedns?.domain) {
        this.#warnings.push(`stubDomains: "${stub.zone}" is the cluster domain: its names are answered here`);
        continue;
      }
      // Nobody in particular is asked for it: as for any other name.
      if (stub.servers.length === 0) continue;
      const flagged = zones.get(stub.zone);
      zones.set(stub.zone, {
        zone: stub.zone,
        servers: this.#bounded(stub.zone, [...(flagged?.servers ?? []), ...this.#serversOf(stub)]),
      });
    }
    return [...zones.values()];
  }

  /** `--server=/cluster.local/127.0.0.1#10053` asks the other container for what this process has itself. */
  #isOwn({ zone, servers }: ZoneServers): boolean {
    const { kubedns } = this.#plan;
    if (kubedns === undefined || servers === null || servers.length === 0) return zone === kubedns?.domain;
    return servers.every(({ address, port }) => isOwnAddress(address, kubedns) && port === kubedns.dnsPort);
  }

  /** `--server=/zone/#` */
  #withUpstreams({ zone, servers }: ZoneServers): ForwardedZone {
    return { zone, servers: servers !== null && servers.length === 0 ? this.#upstreams() : servers };
  }

  #serversOf({ zone, servers }: StubDomain): readonly AddressAndPort[] {
    return servers.flatMap((server) => {
      if (server.kind === 'host') {
        return this.#sources.addressesOf(server.host).map((address) => ({ address, port: 53 }));
      }
      if (server.port !== 0) return [server];
      this.#warnings.push(`stubDomains: "${zone}": ${server.address} cannot be asked at port 0`);
      return [];
    });
  }

  #bounded(zone: string, servers: readonly AddressAndPort[]): readonly AddressAndPort[] {
    const different = [...new Map(servers.map((server) => [formatServer(server), server])).values()];
    if (different.length > UPSTREAMS_MAX) {
      this.#warnings.push(`"${zone}": ${different.length} name servers, of which the first ${UPSTREAMS_MAX} are asked`);
    }
    return different.slice(0, UPSTREAMS_MAX);
  }

  /** Who is asked for everything else; resolv.conf is read here, so that a change of it is another text. */
  #upstreams(): readonly AddressAndPort[] {
    const { kubedns, dnsmasq } = this.#plan;
    const { upstreams } = this.#config;
    const flagged = dnsmasq?.servers ?? [];
    // As nanny does it: `--no-resolv`, and a `--server` each.
    if (upstreams.length > 0) return this.#bounded('.', [...flagged, ...upstreams]);
    const told = dnsmasq === undefined ? [] : flagged;
    const nameservers = kubedns?.nameservers ?? [];
    if (nameservers.length > 0) return this.#bounded('.', [...told, ...nameservers]);
    const readsFile = dnsmasq?.readsResolvConf ?? true;
    if (!readsFile) return this.#bounded('.', told);
    const file = dnsmasq?.resolvConf ?? RESOLV_CONF;
    const found = parseResolvConf(readFile(this.#sources.files ?? SYSTEM_FILES, file)).nameservers;
    if (found.length === 0) this.#warnings.push(`${file} names no server`);
    return this.#bounded('.', [...told, ...found]);
  }

  #mainBlock(inner: readonly ForwardedZone[]): string {
    const { kubedns, dnsmasq } = this.#plan;
    const upstreams = this.#upstreams();
    if (upstreams.length === 0) {
      this.#warnings.push('there is no upstream server: names that are not of the cluster are answered with SERVFAIL');
    }
    const lines = [
      ...this.#commonLines(['.', ...(kubedns === undefined ? [] : [kubedns.domain])]),
      ...(kubedns === undefined ? [] : kubernetesLines(kubedns, inner)),
      ...inner
        .toSorted((a, b) => b.zone.length - a.zone.length)
        .flatMap((zone) => this.#forwardLines(zone.zone, zone.servers ?? [])),
      ...this.#forwardLines('.', upstreams),
      ...(dnsmasq?.detectsLoops === true ? ['loop'] : []),
    ];
    const zones = ['.', ...this.#ownZones()];
    return formatBlock(this.#keys(zones), lines);
  }

  /** @param zones  all with the same servers */
  #zoneBlock(zones: readonly [ForwardedZone, ...ForwardedZone[]]): string {
    const { dnsmasq } = this.#plan;
    const [{ servers }] = zones;
    const names = zones.map(({ zone }) => zone);
    const lines = this.#commonLines(names);
    if (servers === null) {
      lines.push('template ANY ANY {', '    rcode NXDOMAIN', '}');
    } else if (servers.length === 0) {
      const text = `"${names.join(' ')}" has no name server with an address: its names are answered with SERVFAIL`;
      this.#warnings.push(text);
      lines.push('template ANY ANY {', '    rcode SERVFAIL', '}');
    } else {
      lines.push(...this.#forwardLines('.', servers), ...(dnsmasq?.detectsLoops === true ? ['loop'] : []));
    }
    return formatBlock(this.#keys(names), lines);
  }

  #keys(zones: readonly string[]): readonly string[] {
    return zones.flatMap((zone) => this.#ports.map((port) => zoneWord(`${zone}:${port}`)));
  }

  /** @param zones  of the block, without the reverse zones */
  #commonLines(zones: readonly string[]): string[] {
    const { dnsmasq } = this.#plan;
    const lines = ['errors', 'chaos', 'loadbalance'];
    if (this.#bind.length > 0) lines.push(`bind ${this.#bind.join(' ')}`);
    if (dnsmasq?.logsQueries === true) lines.push('log');
    if (dnsmasq?.udpSizeMax !== undefined) lines.push(`bufsize ${dnsmasq.udpSizeMax}`);
    lines.push(...cacheLines(dnsmasq));
    for (const fixed of dnsmasq?.addresses ?? []) lines.push(...this.#addressLines(fixed, zones));
    if (dnsmasq?.hostsFile !== undefined) {
      const ttl = Math.max(1, dnsmasq.hostsTtlSeconds);
      lines.push(
        `hosts ${wordOf("dnsmasq's --addn-hosts", dnsmasq.hostsFile)} . {`,
        `    ttl ${ttl}`,
        '    fallthrough',
        '}',
      );
    }
    return lines;
  }

  /** `--address`: in each block that the name may be asked of; the longer zone is the one that counts. */
  #addressLines({ zone, addresses }: FixedAddress, zones: readonly string[]): readonly string[] {
    const { kubedns } = this.#plan;
    if (kubedns !== undefined && isInside(kubedns.domain, [zone])) {
      this.#warnings.push(`--address=/${zone}/: left out, the cluster domain lies in it`);
      return [];
    }
    if (!isInside(zone, zones)) return [];
    if (addresses === null) return [`template IN ANY ${zoneWord(zone)} {`, '    rcode NXDOMAIN', '}'];
    const families = [
      ['A', addresses.filter((address) => !address.includes(':'))],
      ['AAAA', addresses.filter((address) => address.includes(':'))],
    ] as const;
    return [
      ...families.flatMap(([type, list]) =>
        list.length === 0
          ? []
          : [
              `template IN ${type} ${zoneWord(zone)} {`,
              ...list.map((address) => `    answer "{{ .Name }} 0 IN ${type} ${address}"`),
              '}',
            ],
      ),
      // Other types of a name that is there.
      `template IN ANY ${zoneWord(zone)} {`,
      '    rcode NOERROR',
      '}',
    ];
  }

  #forwardLines(zone: string, servers: readonly AddressAndPort[]): readonly string[] {
    if (servers.length === 0) return [];
    const { dnsmasq } = this.#plan;
    const options = [
      ...(dnsmasq?.isStrictOrder === true ? ['    policy sequential'] : []),
      ...(dnsmasq?.forwardMax === undefined ? [] : [`    max_concurrent ${dnsmasq.forwardMax}`]),
    ];
    const head = `forward ${zoneWord(zone)} ${servers.map(formatServer).join(' ')}`;
    return options.length === 0 ? [head] : [`${head} {`, ...options, '}'];
  }
}

function kubernetesLines(kubedns: KubednsOptions, inner: readonly ForwardedZone[]): readonly string[] {
  const { kubeconfig, masterUrl } = kubedns;
  const fallthrough = new Set([...REVERSE_ZONES, ...inner.map(({ zone }) => zone)]);
  return [
    `kubernetes ${[kubedns.domain, ...REVERSE_ZONES].join(' ')} {`,
    ...(kubeconfig === undefined ? [] : [`    kubeconfig ${wordOf('--kubecfg-file', kubeconfig)}`]),
    ...(kubeconfig === undefined && masterUrl !== undefined
      ? [`    endpoint ${wordOf('--kube-master-url', masterUrl)}`]
      : []),
    // kubedns answers any address that is written as a pod's name.
    '    pods insecure',
    `    ttl ${TTL_SECONDS}`,
    `    fallthrough ${[...fallthrough].map(zoneWord).join(' ')}`,
    '}',
  ];
}

function cacheLines(dnsmasq: DnsmasqRole | undefined): readonly string[] {
  if (dnsmasq?.cacheSize === 0) return [];
  const size = cacheSizeOf(dnsmasq);
  const max = Math.max(
    1,
    Math.min(dnsmasq?.maxTtlSeconds ?? CACHE_TTL_MAX, dnsmasq?.maxCacheTtlSeconds ?? CACHE_TTL_MAX, CACHE_TTL_MAX),
  );
  const min = Math.min(max, dnsmasq?.minCacheTtlSeconds ?? 0);
  const bounds = `${size} ${max} ${min}`;
  return [
    'cache {',
    `    success ${bounds}`,
    `    denial ${bounds}`,
    ...(dnsmasq?.hasNegativeCache === false ? ['    disable denial', '    servfail 0'] : []),
    '}',
  ];
}

/** Each zone alone, or, where they are very many, those with the same servers together. */
function groupZones(zones: readonly ForwardedZone[]): readonly (readonly [ForwardedZone, ...ForwardedZone[]])[] {
  if (zones.length <= BLOCKS_MAX) return zones.map((zone) => [zone]);
  const groups = Map.groupBy(zones, ({ servers }) => JSON.stringify(servers));
  return [...groups.values()].flatMap(([first, ...rest]) => (first === undefined ? [] : [[first, ...rest]]));
}

/** Both containers in one process listen on the same addresses. */
function bindAddresses(kubedns: KubednsOptions | undefined, dnsmasq: DnsmasqRole | undefined): readonly string[] {
  if (kubedns !== undefined && kubedns.bindAddress === undefined) return [];
  if (dnsmasq !== undefined && dnsmasq.listenAddresses.length === 0) return [];
  return [
    ...new Set([
      ...(kubedns?.bindAddress === undefined ? [] : [kubedns.bindAddress]),
      ...(dnsmasq?.listenAddresses ?? []),
    ]),
  ];
}

function isOwnAddress(address: string, { bindAddress }: KubednsOptions): boolean {
  return address === bindAddress || /^127\.|^::1$/.test(address) || address === '0.0.0.0';
}

/** Whether a canonical name lies in one of the zones: at it or below it. */
function isInside(name: string, zones: readonly string[]): boolean {
  return zones.some((zone) => zone === '.' || name === zone || name.endsWith(`.${zone}`));
}

function formatBlock(keys: readonly string[], lines: readonly string[]): string {
  return `${keys.join(' ')} {\n${lines.map((line) => `    ${line}\n`).join('')}}\n`;
}

function formatServer({ address, port }: AddressAndPort): string {
  return `${address.includes(':') ? `[${address}]` : address}:${port}`;
}

/** @throws SkyshardError CLI_USAGE where no word of a Corefile says the value of `flag` */
function wordOf(flag: string, text: string): string {
  const word = formatWord(text);
  if (word !== undefined) return word;
  throw usage(
    `${flag} ${quoteText(text)}: cannot be written in a Corefile: with white space or '#' in it, a '\\' must not stand at the end or before a '"'; {$NAME} and {%NAME%} never can`,
  );
}

/** A zone that a flag or the ConfigMap named: `readZones` took no other. */
function zoneWord(zone: string): string {
  return formatWord(zone)!;
}

function readFile(files: ConfigFiles, file: string): string {
  try {
    return files.read(file) ?? '';
  } catch {
    return '';
  }
}
