/** What will be different from kube-dns, for who is about to change: with these flags and this ConfigMap, and in general. */
import { SkyshardError } from '../base/skyshard-error.ts';
import { readConfigDirectory } from './config-directory.ts';
import { DEFAULT_CONFIG, readConfigMap, type KubeDnsConfig } from './config-map.ts';
import type { KubeDnsPlan } from './kube-dns-plan.ts';
import { makeCorefile } from './made-corefile.ts';

export interface DifferenceReport {
  readonly text: string;
  /** kube-dns, and so skyshard, would take the ConfigMap over */
  readonly isInOrder: boolean;
}

/** Of every installation. */
const DIFFERENCES: readonly (readonly [topic: string, kubedns: string, skyshard: string])[] = [
  [
    'SRV targets',
    'a hash below the Service (3833…b2.NAME.NAMESPACE.svc)',
    'NAME.NAMESPACE.svc, and for headless Services a-b-c-d below it',
  ],
  ['SRV priority and weight', '10 and a share of 100', '0 and a share of 100'],
  ['headless endpoint without a host name', 'a hash as its name', 'its address with dashes'],
  ['wildcards', '* or any for a label of a question', 'NXDOMAIN'],
  ['PTR', 'cluster IPs, and headless endpoints with a host name', 'cluster IPs and all ready endpoints'],
  [
    'endpoints',
    'Endpoints objects',
    'EndpointSlices: the ClusterRole needs list and watch of endpointslices.discovery.k8s.io',
  ],
  [
    'namespaces',
    'not read',
    'a name in a namespace that is not there is NXDOMAIN: the ClusterRole needs list and watch of namespaces',
  ],
  ['ExternalName with an IP address', 'an A record', 'no record'],
  ['ANY', 'REFUSED', 'NODATA'],
  ['dns-version', 'none in old releases', 'TXT "1.1.0"'],
  [
    'before the first lists are there',
    'not reachable, and the process ends after 60 s',
    'SERVFAIL for names of the cluster, everything else is forwarded; it ends only if --initial-sync-timeout is given',
  ],
  ['SOA', 'minimum 60, serial of the hour', 'minimum 30, a serial that changes with the zone'],
  [
    'a change of the ConfigMap',
    'dnsmasq is killed and started again, without its cache',
    'taken over between two queries, the cache is kept',
  ],
  [
    'a host name as a stub server',
    'looked up once, its first address',
    'looked up again when its TTL is over, all addresses',
  ],
  ['stub domains', 'known to dnsmasq only', 'also for ExternalName targets'],
  [
    'a stub domain in the cluster’s or a reverse zone',
    'the longer zone is asked alone',
    'asked where the cluster has no such name',
  ],
  ['TCP', '20 connections at a time', 'as many as descriptors allow'],
  ['too many queries at a time (--dns-forward-max)', 'dropped', 'REFUSED'],
  ['SIGTERM', 'kubedns ignores it', 'readiness off, what was asked is answered, then the end'],
];

/** @throws SkyshardError CONFIG_READ if the directory cannot be read */
export async function reportDifferences(plan: KubeDnsPlan): Promise<DifferenceReport> {
  const lines: string[] = [];
  const { config, fault } = await readConfig(plan, lines);
  const made = makeCorefile(plan, config, { addressesOf: () => ['192.0.2.1'] });
  lines.push(
    '',
    'What is served, as a Corefile:',
    '',
    ...made.text
      .trimEnd()
      .split('\n')
      .map((line) => `    ${line}`),
  );
  const own = [...plan.notes, ...made.warnings, ...hostNotes(config)];
  lines.push('', 'With these flags and this ConfigMap:', ...bullets(own.length === 0 ? ['nothing is different'] : own));
  lines.push(
    '',
    'In general (kube-dns → skyshard):',
    ...bullets(DIFFERENCES.map(([topic, kubedns, skyshard]) => `${topic}: ${kubedns} → ${skyshard}`)),
  );
  return { text: `${lines.join('\n')}\n`, isInOrder: fault === undefined };
}

async function readConfig(
  { configMap }: KubeDnsPlan,
  lines: string[],
): Promise<{ readonly config: KubeDnsConfig; readonly fault: SkyshardError | undefined }> {
  if (configMap.kind !== 'directory') {
    lines.push('ConfigMap: none is read here: name its directory with --config-dir.');
    return { config: DEFAULT_CONFIG, fault: undefined };
  }
  const content = await readConfigDirectory(configMap.path);
  if (content === undefined) {
    lines.push(`ConfigMap: there is no directory ${configMap.path}: defaults hold.`);
    return { config: DEFAULT_CONFIG, fault: undefined };
  }
  try {
    const config = readConfigMap(content.data);
    lines.push(`ConfigMap: ${configMap.path} is in order.`);
    return { config, fault: undefined };
  } catch (error) {
    if (!(error instanceof SkyshardError)) throw error;
    lines.push(`ConfigMap: ${configMap.path} is not taken over, by kube-dns neither: ${error.message}`);
    return { config: DEFAULT_CONFIG, fault: error };
  }
}

function hostNotes({ stubDomains }: KubeDnsConfig): readonly string[] {
  return stubDomains.flatMap(({ zone, servers }) =>
    servers.flatMap((server) =>
      server.kind === 'host'
        ? [`stub domain ${zone}: the addresses of ${server.host} take the place of 192.0.2.1 above`]
        : [],
    ),
  );
}

function bullets(texts: readonly string[]): readonly string[] {
  return texts.map((text) => `  - ${text}`);
}
