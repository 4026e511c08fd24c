/**
 * The cluster that end-to-end tests ask: that of $KUBECONFIG, else the one that was started for the run
 * (global-setup.ts), else, for a test file that is run alone, one of its own.
 */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { after } from 'node:test';
import '../e2e/leftovers.ts';
import { type ClusterTools, clusterTools, ToolsUnavailableError } from './cluster-tools.ts';
import { ControlPlane } from './control-plane.ts';
import { kubectl } from './kubectl.ts';

/** Set by global-setup.ts: the kubeconfig of the run's cluster, or why there is none. */
export const KUBECONFIG_OF_RUN = 'SKYSHARD_TEST_KUBECONFIG';
export const REASON_OF_RUN = 'SKYSHARD_TEST_NO_CLUSTER';

export interface TestCluster {
  /** every right */
  readonly kubeconfig: string;
  /** what the DNS servers use: the rights of deploy/kubernetes where the cluster is ours, else the same as `kubeconfig` */
  readonly dnsKubeconfig: string;
  /** https://address:port */
  readonly server: string;
  readonly tools: ClusterTools;
  /** started by the tests: its service ranges are those of control-plane.ts, and everything in it is theirs */
  readonly isOwn: boolean;
  kubectl(args: readonly string[], input?: string | readonly object[]): Promise<string>;
}

/** `skip` is what node:test wants: the reason, or false. */
export type ClusterOrReason =
  | { readonly skip: false; readonly cluster: TestCluster }
  | { readonly skip: string; readonly cluster: undefined };

const say = (line: string): void => console.error(`cluster: ${line}`);

/** For the top of a test file. */
export async function useCluster(): Promise<ClusterOrReason> {
  return skipIfUnavailable(async () => {
    const tools = await clusterTools(say);
    const given = process.env[KUBECONFIG_OF_RUN] || process.env['KUBECONFIG'];
    if (given) return await testCluster(given, tools);
    const plane = await ControlPlane.start({ tools });
    after(() => plane.stop());
    return await testCluster(plane.kubeconfig(), tools);
  });
}

/** For tests that break a cluster: the programs to start one of their own. */
export async function useClusterTools(): Promise<
  { readonly skip: false; readonly tools: ClusterTools } | { readonly skip: string; readonly tools: undefined }
> {
  const found = await skipIfUnavailable(async () => clusterTools(say));
  return found.skip === false ? { skip: false, tools: found.cluster } : { skip: found.skip, tools: undefined };
}

async function skipIfUnavailable<T>(
  find: () => Promise<T>,
): Promise<{ skip: false; cluster: T } | { skip: string; cluster: undefined }> {
  const reason = process.env[REASON_OF_RUN];
  if (reason) return { skip: reason, cluster: undefined };
  if (process.platform !== 'linux') return { skip: 'a Kubernetes API server runs on Linux', cluster: undefined };
  try {
    return { skip: false, cluster: await find() };
  } catch (error) {
    if (!(error instanceof ToolsUnavailableError)) throw error;
    return { skip: error.message, cluster: undefined };
  }
}

async function testCluster(kubeconfig: string, tools: ClusterTools): Promise<TestCluster> {
  const run = (args: readonly string[], input?: string | readonly object[]): Promise<string> =>
    kubectl({ program: tools.kubectl, kubeconfig }, args, input);
  const dnsKubeconfig = path.join(path.dirname(kubeconfig), 'dns.kubeconfig');
  const isOwn = path.basename(path.dirname(kubeconfig)).startsWith('skyshard-cluster-') && existsSync(dnsKubeconfig);
  return {
    kubeconfig,
    dnsKubeconfig: isOwn ? dnsKubeconfig : kubeconfig,
    server: await run(['config', 'view', '--minify', '-o', 'jsonpath={.clusters[0].cluster.server}']),
    tools,
    isOwn,
    kubectl: run,
  };
}
