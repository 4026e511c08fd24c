/**
 * `npm run cluster`: a Kubernetes control plane on 127.0.0.1 until Ctrl-C. stdout is the path of its kubeconfig and
 * nothing else, so that `KUBECONFIG=$(…)` can be had from a pipe; the rest goes to stderr.
 *
 *   --build-only   build the programs where they are missing, and end
 */
import { once } from 'node:events';
import { clusterTools, kubernetesVersion, ToolsUnavailableError } from './cluster-tools.ts';
import { ControlPlane } from './control-plane.ts';

const say = (line: string): void => console.error(`cluster: ${line}`);

async function main(args: readonly string[]): Promise<number> {
  const unknown = args.find((argument) => argument !== '--build-only');
  if (unknown !== undefined) {
    say(`unknown argument ${unknown}; usage: npm run cluster [-- --build-only]`);
    return 2;
  }
  const tools = await clusterTools(say);
  if (args.includes('--build-only')) {
    for (const path of Object.values(tools)) console.log(path);
    return 0;
  }
  const startedAt = performance.now();
  const plane = await ControlPlane.start({ tools });
  try {
    say(`Kubernetes ${kubernetesVersion()} on ${plane.server} after ${Math.round(performance.now() - startedAt)} ms`);
    say(`logs and certificates are in ${plane.folder}`);
    say(`KUBECONFIG=${plane.kubeconfig()} ${tools.kubectl} get services -A`);
    say('Ctrl-C ends it and removes what it wrote');
    console.log(plane.kubeconfig());
    await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
    say('ending');
  } finally {
    await plane.stop();
  }
  return 0;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof ToolsUnavailableError)) throw error;
  say(error.message);
  process.exitCode = 1;
}
