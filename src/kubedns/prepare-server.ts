/** From a command line of kube-dns to the options of a server, with what reads its ConfigMap. */
import type { KubernetesApiOptions } from '../apiserver/api-options.ts';
import type { LogFunction } from '../observability/log.ts';
import type { ServerOptions } from '../server/server-options.ts';
import { ConfigKeeper } from './config-keeper.ts';
import { openConfigSource } from './config-source.ts';
import { KubeDnsCompanion } from './kube-dns-companion.ts';
import type { KubeDnsPlan } from './kube-dns-plan.ts';
import { cacheSizeOf, MADE_NAME, makeCorefile } from './made-corefile.ts';
import { StubHosts } from './stub-hosts.ts';

export interface PreparedKubeDns {
  readonly options: Pick<ServerOptions, 'makeCorefile' | 'companion'>;
  /** End what reads the ConfigMap. */
  close(): Promise<void>;
}

/**
 * Read the ConfigMap, and look after it until `close`.
 *
 * @param plan    with a kubedns or a dnsmasq
 * @param fail    told of a bug
 * @param onQuit  somebody asked for the end of the process
 * @throws SkyshardError API_ACCESS
 */
export async function prepareKubeDns(
  plan: KubeDnsPlan,
  log: LogFunction,
  fail: (error: unknown) => void,
  onQuit: () => void,
): Promise<PreparedKubeDns> {
  const keeper = new ConfigKeeper(log);
  const stubHosts = new StubHosts({ ...stubHostsOf(plan), log });
  const source = await openConfigSource({ place: plan.configMap, api: apiOf(plan), keeper, log, fail });
  return {
    options: {
      makeCorefile: async () => {
        const { config } = keeper;
        await stubHosts.prepare(config);
        const made = makeCorefile(plan, config, { addressesOf: (host) => stubHosts.addressesOf(host) });
        return { name: MADE_NAME, text: made.text, warnings: made.warnings.map((text) => `${MADE_NAME}: ${text}`) };
      },
      companion: {
        cacheSize: cacheSizeOf(plan.dnsmasq),
        open: (parts) => new KubeDnsCompanion(plan, parts, { keeper, stubHosts, onQuit }),
      },
    },
    close: () => source.close(),
  };
}

/** How kubedns reaches the API server. */
function apiOf({ kubedns }: KubeDnsPlan): KubernetesApiOptions {
  const file = kubedns?.kubeconfig;
  return {
    kubeconfig: file === undefined ? null : { file, context: null },
    endpoint: file === undefined ? (kubedns?.masterUrl ?? null) : null,
    tls: null,
    queriesPerSecond: 0,
    burst: 0,
    inflightMax: 0,
  };
}

function stubHostsOf({ kubedns, dnsmasq }: KubeDnsPlan) {
  if (kubedns !== undefined) {
    return {
      clusterZones: [kubedns.domain],
      kubedns: { address: kubedns.bindAddress ?? '127.0.0.1', port: kubedns.dnsPort },
      isOwn: true,
    };
  }
  const { address, port } = dnsmasq!.kubedns;
  const ofKubedns = dnsmasq!.zones.filter(({ servers }) =>
    servers?.some((server) => server.address === address && server.port === port),
  );
  return {
    clusterZones: ['cluster.local.', ...ofKubedns.map(({ zone }) => zone)],
    kubedns: { address, port },
    isOwn: false,
  };
}
