/**
 * What a command line of kube-dns's pod asks for: which of its containers this process takes the place of, and what each
 * was told. The arguments of one container alone are whole; those of several may stand together.
 */
import { isIP } from 'node:net';
import path from 'node:path';
import { formatIP, parseIP } from '../config/network.ts';
import type { AddressAndPort } from '../config/upstream-address.ts';
import { canonicalName } from '../config/zone-name.ts';
import { isSubdomain, parseServer, readFederations, type Federation } from './config-map.ts';
import { type DnsmasqOptions, parseDnsmasqFlags } from './dnsmasq-flags.ts';
import { KUBE_DNS_FLAGS } from './flag-table.ts';
import { FlagReader, parseGoFlags, usage } from './go-flags.ts';
import { type LookupCommand, readLookupCommand } from './lookup-command.ts';

export interface KubeDnsPlan {
  /** undefined: the process does not take the place of this container */
  readonly kubedns: KubednsOptions | undefined;
  readonly dnsmasq: DnsmasqRole | undefined;
  readonly sidecar: SidecarOptions | undefined;
  readonly execHealth: ExecHealthOptions | undefined;
  readonly configMap: ConfigMapPlace;
  /** only say what will be different */
  readonly isCheck: boolean;
  /** flags that `skyshard serve` has too */
  readonly manifests: readonly string[];
  readonly shards: string | undefined;
  readonly transport: string | undefined;
  readonly logFormat: string | undefined;
  /** where probes and metrics of kubedns are; '': all addresses */
  readonly statusAddress: string;
  /** for the operator: what is accepted and does nothing, or something else */
  readonly notes: readonly string[];
}

export interface KubednsOptions {
  /** canonical name */
  readonly domain: string;
  /** empty: those of resolv.conf */
  readonly nameservers: readonly AddressAndPort[];
  /** absolute; undefined: the cluster around */
  readonly kubeconfig: string | undefined;
  readonly masterUrl: string | undefined;
  readonly healthPort: number;
  /** undefined: all */
  readonly bindAddress: string | undefined;
  readonly dnsPort: number;
  readonly federations: readonly Federation[];
  readonly syncTimeoutMs: number;
  /** who asked for a time wants the process to end after it */
  readonly endsUnsynced: boolean;
  /** undefined: there are no metrics */
  readonly metrics: { readonly port: number; readonly path: string; readonly prefix: string } | undefined;
}

export interface DnsmasqRole extends DnsmasqOptions {
  /** who is asked for the addresses of host names in the cluster */
  readonly kubedns: AddressAndPort;
}

export interface SidecarOptions {
  readonly dnsmasq: AddressAndPort;
  readonly pollMs: number;
  readonly probes: readonly ProbeOptions[];
  /** '': all addresses */
  readonly address: string;
  readonly port: number;
  readonly path: string;
  readonly prefix: string;
}

export interface ProbeOptions {
  readonly label: string;
  readonly server: AddressAndPort;
  readonly name: string;
  readonly intervalMs: number;
  readonly type: 'A' | 'AAAA' | 'SRV' | 'ANY';
}

export interface ExecHealthOptions {
  readonly command: LookupCommand;
  readonly port: number;
  readonly periodMs: number;
  readonly latencyMs: number;
}

/** Where the ConfigMap is read. */
export type ConfigMapPlace =
  | { readonly kind: 'none' }
  /** `isAsked`: a flag names it, so it should be there */
  | { readonly kind: 'directory'; readonly path: string; readonly periodMs: number; readonly isAsked: boolean }
  | { readonly kind: 'object'; readonly namespace: string; readonly name: string };

/** Before sync kubedns waits this long. */
const SYNC_TIMEOUT_MS = 60_000;
const CONFIG_PERIOD_MS = 10_000;
const NANNY_DIRECTORY = '/etc/k8s/dns/dnsmasq-nanny';
const DNS_PORT = 53;

/**
 * @param env  PROMETHEUS_* of kubedns, and what a master URL names
 * @throws SkyshardError CLI_USAGE
 */
export function readKubeDnsPlan(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): KubeDnsPlan {
  const { values, rest } = parseGoFlags(args, KUBE_DNS_FLAGS);
  const flags = new FlagReader(values);
  const owners = new Set([...values.keys()].map((name) => KUBE_DNS_FLAGS[name]!.owner));
  const hasDnsmasq = owners.has('dnsmasq') || rest !== undefined;
  const hasOther = hasDnsmasq || owners.has('sidecar') || owners.has('exechealthz');
  // Without a flag that tells, it is the one that has the names.
  const hasKubedns = owners.has('kubedns') || !hasOther;
  const notes: string[] = [];
  for (const name of values.keys()) {
    const { noEffect } = KUBE_DNS_FLAGS[name]!;
    if (noEffect !== undefined) notes.push(`--${name} has no effect: ${noEffect}`);
  }
  const dnsmasq = hasDnsmasq ? readDnsmasq(flags, rest ?? [], notes) : undefined;
  return {
    kubedns: hasKubedns ? readKubedns(flags, env) : undefined,
    dnsmasq,
    sidecar: owners.has('sidecar') ? readSidecar(flags) : undefined,
    execHealth: owners.has('exechealthz') ? readExecHealth(flags) : undefined,
    configMap: readPlace(flags, hasKubedns, hasDnsmasq, notes),
    isCheck: flags.isSet('check'),
    manifests: flags.all('manifests'),
    shards: flags.text('shards'),
    transport: flags.text('transport'),
    logFormat: flags.text('log-format'),
    statusAddress: readIPFlag(flags, 'status-bind-address') ?? '',
    notes,
  };
}

function readKubedns(flags: FlagReader, env: Readonly<Record<string, string | undefined>>): KubednsOptions {
  const file = flags.text('kubecfg-file');
  const bind = readIPFlag(flags, 'dns-bind-address');
  const url = flags.text('kube-master-url');
  return {
    domain: readDomain(flags.text('domain') ?? 'cluster.local.'),
    nameservers: readNameservers(flags.text('nameservers')),
    kubeconfig: file === undefined || file === '' ? undefined : path.resolve(file),
    masterUrl: url === undefined || url === '' ? undefined : expandVariables(url, env),
    healthPort: flags.port('healthz-port') ?? 8081,
    bindAddress: bind === '0.0.0.0' || bind === '::' ? undefined : bind,
    dnsPort: flags.port('dns-port') ?? DNS_PORT,
    federations: readFederationsFlag(flags),
    syncTimeoutMs: flags.duration('initial-sync-timeout') ?? SYNC_TIMEOUT_MS,
    endsUnsynced: flags.has('initial-sync-timeout'),
    metrics: readMetrics(env),
  };
}

/** As kubedns checks it: labels in lower case; a dot at the end is added. */
function readDomain(text: string): string {
  const zone = isSubdomain(text.replace(/\.$/, '')) ? canonicalName(text) : undefined;
  if (zone === undefined) throw usage(`--domain "${text}": expected DNS-1123 labels, as in cluster.local.`);
  return zone;
}

function readNameservers(text: string | undefined): readonly AddressAndPort[] {
  if (text === undefined || text === '') return [];
  return text.split(',').map((server) => {
    const found = parseServer(server.trim(), 1);
    if (found === undefined) throw usage(`--nameservers "${server}": expected IP:PORT`);
    return found;
  });
}

function readFederationsFlag(flags: FlagReader): readonly Federation[] {
  const text = flags.text('federations');
  if (text === undefined || text === '') return [];
  if (flags.has('config-map') || flags.has('config-dir')) {
    throw usage(
      '--federations stands in the ConfigMap where there is one: give --config-map or --config-dir without it',
    );
  }
  try {
    return readFederations(text);
  } catch (error) {
    throw usage(`--${error instanceof Error ? error.message : String(error)}`);
  }
}

/** `$NAME` and `${NAME}`, as Go's os.ExpandEnv has it. */
function expandVariables(text: string, env: Readonly<Record<string, string | undefined>>): string {
  return text.replace(/\$(?:\{(\w+)\}|(\w+))/g, (_, braced?: string, bare?: string) => env[braced ?? bare ?? ''] ?? '');
}

function readMetrics(env: Readonly<Record<string, string | undefined>>): KubednsOptions['metrics'] {
  const text = env['PROMETHEUS_PORT'] ?? '';
  if (text === '') return undefined;
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > 65_535) throw usage(`PROMETHEUS_PORT "${text}": expected a port, 1 to 65535`);
  const namespace = env['PROMETHEUS_NAMESPACE'] ?? 'skydns';
  const subsystem = env['PROMETHEUS_SUBSYSTEM'] ?? 'skydns';
  return {
    port,
    path: env['PROMETHEUS_PATH'] ?? '/metrics',
    prefix: [namespace, subsystem].filter((part) => part !== '').join('_'),
  };
}

function readDnsmasq(flags: FlagReader, rest: readonly string[], notes: string[]): DnsmasqRole {
  const options = parseDnsmasqFlags(rest);
  notes.push(...options.notes);
  const text = flags.text('kubednsServer') ?? '127.0.0.1:10053';
  const kubedns = parseServer(text, 1);
  if (kubedns === undefined) throw usage(`--kubednsServer "${text}": expected IP:PORT`);
  return { ...options, kubedns };
}

function readSidecar(flags: FlagReader): SidecarOptions {
  const namespace = flags.text('prometheus-namespace') ?? 'kubedns';
  const address = readIPFlag(flags, 'prometheus-addr') ?? '0.0.0.0';
  const probes = flags.all('probe').map(readProbe);
  const twice = probes.find(({ label }, index) => probes.findIndex((probe) => probe.label === label) < index);
  if (twice !== undefined) throw usage(`--probe: there are two with the label "${twice.label}"`);
  return {
    dnsmasq: {
      address: readIPFlag(flags, 'dnsmasq-addr') ?? '127.0.0.1',
      port: flags.port('dnsmasq-port') ?? DNS_PORT,
    },
    pollMs: flags.number('dnsmasq-poll-interval-ms', 1, 2 ** 31) ?? 5000,
    probes,
    address: address === '0.0.0.0' || address === '::' ? '' : address,
    port: flags.port('prometheus-port') ?? 10_054,
    path: flags.text('prometheus-path') ?? '/metrics',
    prefix: namespace === '' ? '' : `${namespace}_`,
  };
}

/** `LABEL,SERVER,NAME[,INTERVAL_S[,TYPE]]` */
function readProbe(text: string): ProbeOptions {
  const fail = (what: string): never => {
    throw usage(`--probe "${text}": ${what}, expected LABEL,SERVER,NAME[,SECONDS[,A|AAAA|SRV|ANY]]`);
  };
  const [label = '', server = '', name = '', seconds = '5', type = 'ANY', more] = text.split(',');
  if (more !== undefined || name === '') return fail('it has not three to five parts');
  if (!/^[a-zA-Z0-9_]+$/.test(label)) return fail(`the label "${label}" is not of letters, digits and underscores`);
  const address = parseServer(server, 1);
  if (address === undefined) return fail(`"${server}" is no IP[:PORT]`);
  const canonical = canonicalName(name);
  if (canonical === undefined) return fail(`"${name}" is no domain name`);
  if (!/^\d{1,6}$/.test(seconds) || Number(seconds) === 0) return fail(`"${seconds}" is no number of seconds`);
  if (type !== 'A' && type !== 'AAAA' && type !== 'SRV' && type !== 'ANY') return fail(`there is no type "${type}"`);
  return { label, server: address, name: canonical, intervalMs: Number(seconds) * 1000, type };
}

function readExecHealth(flags: FlagReader): ExecHealthOptions {
  const command = flags.text('cmd');
  if (command === undefined) throw usage('--cmd is missing: what exec-healthz is to find out');
  return {
    command: readLookupCommand(command),
    port: flags.port('port') ?? 8080,
    periodMs: flags.duration('period') ?? 2000,
    latencyMs: flags.duration('latency') ?? 30_000,
  };
}

function readPlace(flags: FlagReader, hasKubedns: boolean, hasDnsmasq: boolean, notes: string[]): ConfigMapPlace {
  const name = flags.text('config-map') ?? '';
  const directory = flags.text('config-dir') ?? '';
  const nannyDirectory = flags.text('configDir') ?? '';
  if (name !== '' && directory !== '') {
    throw usage('--config-map and --config-dir: there can be one source of configuration');
  }
  if (name !== '') {
    return { kind: 'object', namespace: flags.text('config-map-namespace') ?? 'kube-system', name };
  }
  const kubednsMs = flags.duration('config-period') ?? CONFIG_PERIOD_MS;
  const nannyMs = flags.duration('syncInterval') ?? CONFIG_PERIOD_MS;
  if (hasKubedns && directory !== '') {
    if (nannyDirectory !== '' && nannyDirectory !== directory) {
      notes.push(`--configDir ${nannyDirectory} is not read: --config-dir ${directory} holds for all of the process`);
    }
    return {
      kind: 'directory',
      path: path.resolve(directory),
      periodMs: hasDnsmasq ? Math.min(kubednsMs, nannyMs) : kubednsMs,
      isAsked: true,
    };
  }
  if (!hasDnsmasq) return { kind: 'none' };
  return {
    kind: 'directory',
    path: path.resolve(nannyDirectory === '' ? NANNY_DIRECTORY : nannyDirectory),
    periodMs: nannyMs,
    isAsked: nannyDirectory !== '',
  };
}

function readIPFlag(flags: FlagReader, name: string): string | undefined {
  const text = flags.text(name);
  if (text === undefined || text === '') return undefined;
  const address = parseIP(text);
  if (address === undefined || isIP(text) === 0) throw usage(`--${name} "${text}": expected an IP address`);
  return formatIP(address);
}
