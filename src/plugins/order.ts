import type { PluginDefinition } from '../config/corefile/plugin-definition.ts';

/**
 * Every plugin, in the one order in which they see a query, whatever order a Corefile names them in. It is CoreDNS's:
 * rewrite before cache, hosts before kubernetes, forward near the end.
 *
 * Each is loaded when a Corefile names it: all of them take 14 MiB and a third of a start.
 */
export const PLUGINS = {
  root: () => import('./root/parse.ts'),
  metadata: () => import('./metadata/parse.ts'),
  geoip: () => import('./geoip/parse.ts'),
  cancel: () => import('./cancel/parse.ts'),
  proxyproto: () => import('./proxyproto/parse.ts'),
  quic: () => import('./quic/parse.ts'),
  grpc_server: () => import('./grpc_server/parse.ts'),
  https: () => import('./https/parse.ts'),
  https3: () => import('./https3/parse.ts'),
  timeouts: () => import('./timeouts/parse.ts'),
  multisocket: () => import('./multisocket/parse.ts'),
  reload: () => import('./reload/parse.ts'),
  nsid: () => import('./nsid/parse.ts'),
  bufsize: () => import('./bufsize/parse.ts'),
  bind: () => import('./bind/parse.ts'),
  debug: () => import('./debug/parse.ts'),
  trace: () => import('./trace/parse.ts'),
  ready: () => import('./ready/parse.ts'),
  health: () => import('./health/parse.ts'),
  pprof: () => import('./pprof/parse.ts'),
  shed: () => import('./shed/parse.ts'),
  prometheus: () => import('./prometheus/parse.ts'),
  errors: () => import('./errors/parse.ts'),
  log: () => import('./log/parse.ts'),
  dnstap: () => import('./dnstap/parse.ts'),
  local: () => import('./local/parse.ts'),
  dns64: () => import('./dns64/parse.ts'),
  siit: () => import('./siit/parse.ts'),
  any: () => import('./any/parse.ts'),
  chaos: () => import('./chaos/parse.ts'),
  loadbalance: () => import('./loadbalance/parse.ts'),
  tsig: () => import('./tsig/parse.ts'),
  rewrite: () => import('./rewrite/parse.ts'),
  autopath: () => import('./autopath/parse.ts'),
  acl: () => import('./acl/parse.ts'),
  cache: () => import('./cache/parse.ts'),
  header: () => import('./header/parse.ts'),
  dnssec: () => import('./dnssec/parse.ts'),
  tls: () => import('./tls/parse.ts'),
  minimal: () => import('./minimal/parse.ts'),
  template: () => import('./template/parse.ts'),
  transfer: () => import('./transfer/parse.ts'),
  dynupdate: () => import('./dynupdate/parse.ts'),
  hosts: () => import('./hosts/parse.ts'),
  route53: () => import('./route53/parse.ts'),
  azure: () => import('./azure/parse.ts'),
  clouddns: () => import('./clouddns/parse.ts'),
  k8s_external: () => import('./k8s_external/parse.ts'),
  kubernetes: () => import('./kubernetes/parse.ts'),
  file: () => import('./file/parse.ts'),
  auto: () => import('./auto/parse.ts'),
  secondary: () => import('./secondary/parse.ts'),
  etcd: () => import('./etcd/parse.ts'),
  loop: () => import('./loop/parse.ts'),
  forward: () => import('./forward/parse.ts'),
  grpc: () => import('./grpc/parse.ts'),
  erratic: () => import('./erratic/parse.ts'),
  whoami: () => import('./whoami/parse.ts'),
  on: () => import('./on/parse.ts'),
  sign: () => import('./sign/parse.ts'),
  view: () => import('./view/parse.ts'),
  nomad: () => import('./nomad/parse.ts'),
};

/** Names that a Corefile may have from elsewhere, and what is said of them. */
export const STRANGERS: Readonly<Record<string, string>> = {
  proxy: 'gone since CoreDNS 1.5, use forward',
  federation: 'gone since CoreDNS 1.7, federated Services have no names any more',
  reverse: 'gone since CoreDNS 1.2, use template',
  ocp_dnsnameresolver: 'a plugin of OpenShift that skyshard does not have',
  unbound: 'a plugin from outside of CoreDNS that skyshard does not have, use forward',
};

type Loaders = typeof PLUGINS;
type DefinitionOf<Name extends PluginName> = Awaited<ReturnType<Loaders[Name]>>['default'];

export type PluginName = keyof Loaders;

/** The options of every plugin by its name; a block has those that it names. */
export type PluginOptions = {
  readonly [Name in PluginName]?: ReturnType<DefinitionOf<Name>['parse']>;
};

export const PLUGIN_NAMES: readonly PluginName[] = Object.keys(PLUGINS) as PluginName[];

/** Load plugins, in the fixed order. @param isWanted  all if not given */
export async function loadPlugins(
  isWanted: (name: string) => boolean = () => true,
): Promise<readonly PluginDefinition[]> {
  const modules = await Promise.all(PLUGIN_NAMES.filter(isWanted).map((name) => PLUGINS[name]()));
  return modules.map((module) => module.default);
}
