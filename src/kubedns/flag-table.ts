/** The flags of the programs in kube-dns's pod, in one table: one process takes the place of all of them, or of one. */
import type { GoFlag } from './go-flags.ts';

const LOG: GoFlag = { owner: 'log' };
const LOG_VALUE: GoFlag = { owner: 'log', value: 'VALUE' };

export const KUBE_DNS_FLAGS: Readonly<Record<string, GoFlag>> = {
  // kubedns
  domain: { owner: 'kubedns', value: 'DOMAIN' },
  nameservers: { owner: 'kubedns', value: 'IP:PORT,…' },
  'kubecfg-file': { owner: 'kubedns', value: 'FILE' },
  'kube-master-url': { owner: 'kubedns', value: 'URL' },
  'healthz-port': { owner: 'kubedns', value: 'PORT' },
  'dns-bind-address': { owner: 'kubedns', value: 'IP' },
  'dns-port': { owner: 'kubedns', value: 'PORT' },
  federations: { owner: 'kubedns', value: 'NAME=DOMAIN,…' },
  'config-map': { owner: 'kubedns', value: 'NAME' },
  'config-map-namespace': { owner: 'kubedns', value: 'NAMESPACE' },
  'config-dir': { owner: 'kubedns', value: 'DIR' },
  'config-period': { owner: 'kubedns', value: 'DURATION' },
  'initial-sync-timeout': { owner: 'kubedns', value: 'DURATION' },
  profiling: { owner: 'kubedns', noEffect: 'there is no Go profile: node --inspect shows what skyshard does' },
  // dnsmasq-nanny
  dnsmasqExec: { owner: 'dnsmasq', value: 'FILE', noEffect: 'no other program is started' },
  restartDnsmasq: { owner: 'dnsmasq', noEffect: 'a change is taken over without a restart' },
  configDir: { owner: 'dnsmasq', value: 'DIR' },
  syncInterval: { owner: 'dnsmasq', value: 'DURATION' },
  kubednsServer: { owner: 'dnsmasq', value: 'IP:PORT' },
  logInterval: { owner: 'dnsmasq', value: 'DURATION', noEffect: 'the metrics have the statistics' },
  // sidecar
  'dnsmasq-addr': { owner: 'sidecar', value: 'IP' },
  'dnsmasq-port': { owner: 'sidecar', value: 'PORT' },
  'dnsmasq-poll-interval-ms': { owner: 'sidecar', value: 'MS' },
  probe: { owner: 'sidecar', value: 'LABEL,SERVER,NAME[,SECONDS[,TYPE]]' },
  'prometheus-addr': { owner: 'sidecar', value: 'IP' },
  'prometheus-port': { owner: 'sidecar', value: 'PORT' },
  'prometheus-path': { owner: 'sidecar', value: 'PATH' },
  'prometheus-namespace': { owner: 'sidecar', value: 'NAME' },
  // exec-healthz
  cmd: { owner: 'exechealthz', value: 'COMMAND' },
  port: { owner: 'exechealthz', value: 'PORT' },
  period: { owner: 'exechealthz', value: 'DURATION' },
  latency: { owner: 'exechealthz', value: 'DURATION' },
  verbose: { owner: 'exechealthz', noEffect: 'what fails is logged anyhow' },
  quiet: { owner: 'exechealthz', noEffect: 'nothing is logged for each run' },
  // skyshard's own
  check: { owner: 'skyshard' },
  manifests: { owner: 'skyshard', value: 'FILE|DIR' },
  'status-bind-address': { owner: 'skyshard', value: 'IP' },
  shards: { owner: 'skyshard', value: 'auto|N' },
  transport: { owner: 'skyshard', value: 'auto|mmsg|dgram' },
  'log-format': { owner: 'skyshard', value: 'text|json' },
  // of the log of all of them
  v: LOG_VALUE,
  vmodule: LOG_VALUE,
  logtostderr: LOG,
  alsologtostderr: LOG,
  stderrthreshold: LOG_VALUE,
  'log-dir': LOG_VALUE,
  'log-file': LOG_VALUE,
  'log-file-max-size': LOG_VALUE,
  'log-backtrace-at': LOG_VALUE,
  'log-flush-frequency': LOG_VALUE,
  'skip-headers': LOG,
  'skip-log-headers': LOG,
};
