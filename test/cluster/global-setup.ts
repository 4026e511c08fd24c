/** Before and after a whole run of the end-to-end tests: one cluster for all files, unless $KUBECONFIG names one. */
import { clusterTools, ToolsUnavailableError } from './cluster-tools.ts';
import { ControlPlane } from './control-plane.ts';
import { KUBECONFIG_OF_RUN, REASON_OF_RUN } from './use-cluster.ts';

let plane: ControlPlane | undefined;

/** Test files inherit the environment of this process. */
export async function globalSetup(): Promise<void> {
  if (process.platform !== 'linux' || process.env['KUBECONFIG']) return;
  try {
    const tools = await clusterTools((line) => console.error(`cluster: ${line}`));
    plane = await ControlPlane.start({ tools });
    process.env[KUBECONFIG_OF_RUN] = plane.kubeconfig();
  } catch (error) {
    if (!(error instanceof ToolsUnavailableError)) throw error;
    console.error(`cluster: the tests with a real API server are skipped: ${error.message}`);
    process.env[REASON_OF_RUN] = error.message;
  }
}

export async function globalTeardown(): Promise<void> {
  await plane?.stop();
}
