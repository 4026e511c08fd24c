/** `skyshard kube-dns`: takes the place of kube-dns's containers, of all or of one, with the flags they have. */
import { once } from 'node:events';
import { readKubeDnsPlan, type KubeDnsPlan } from '../kubedns/kube-dns-plan.ts';
import { EXIT } from './exit-codes.ts';
import { LazyLog } from './lazy-log.ts';
import { parseLineFormat, parseShards, parseTransport, type ServeOptions } from './serve-options.ts';

/**
 * @returns the exit code
 * @throws SkyshardError CLI_USAGE, or what kept it from starting or ended it
 */
export async function runKubeDns(args: readonly string[]): Promise<number> {
  const plan = readKubeDnsPlan(args, process.env);
  if (plan.isCheck) {
    const { reportDifferences } = await import('../kubedns/difference-report.ts');
    const { text, isInOrder } = await reportDifferences(plan);
    process.stdout.write(text);
    return isInOrder ? EXIT.STOPPED : EXIT.BAD_CONFIGURATION;
  }
  if (plan.kubedns === undefined && plan.dnsmasq === undefined) return runWithoutServer(plan);
  const options: Omit<ServeOptions, 'makeCorefile' | 'companion'> = {
    corefile: undefined,
    manifests: plan.manifests,
    kubeconfig: undefined,
    bindAddresses: [],
    dnsPort: 53,
    shards: parseShards(plan.shards),
    transport: parseTransport(plan.transport),
    cookieSecret: undefined,
    isQuiet: false,
    pidFile: undefined,
    lineFormat: parseLineFormat(plan.logFormat),
  };
  const { serveUntilStopped } = await import('./serve.ts');
  return serveUntilStopped(options.lineFormat, async ({ log, fail, stop }) => {
    for (const note of plan.notes) log('info', `kube-dns: ${note}`);
    const { prepareKubeDns } = await import('../kubedns/prepare-server.ts');
    const prepared = await prepareKubeDns(plan, log, fail, stop);
    return { options: { ...options, ...prepared.options }, close: prepared.close };
  });
}

/** The sidecar alone, or exec-healthz: probes and metrics of what others serve. */
async function runWithoutServer(plan: KubeDnsPlan): Promise<number> {
  const [{ Sidecar }, { ExecHealth }] = await Promise.all([
    import('../kubedns/sidecar.ts'),
    import('../kubedns/exec-health.ts'),
  ]);
  const log = new LazyLog(parseLineFormat(plan.logFormat));
  for (const note of plan.notes) log.write('info', `kube-dns: ${note}`);
  const quit = new AbortController();
  const onError = (error: unknown): void => log.write('error', `kube-dns: ${String(error)}`);
  const sidecar = plan.sidecar && new Sidecar(plan.sidecar, { counters: undefined, page: undefined, onError });
  const execHealth = plan.execHealth && new ExecHealth(plan.execHealth, () => quit.abort());
  const stopRequest = Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT'), once(quit.signal, 'abort')]);
  try {
    if (sidecar !== undefined) {
      process.stdout.write(`probes and metrics are on ${await sidecar.start()}${plan.sidecar!.path}\n`);
      sidecar.probe();
    }
    if (execHealth !== undefined) {
      process.stdout.write(`exec-healthz is on ${await execHealth.start(plan.statusAddress, onError)}/healthz\n`);
      execHealth.probe();
    }
    await stopRequest;
  } finally {
    await Promise.all([sidecar?.close(), execHealth?.close()]);
    await log.flush(500);
  }
  return EXIT.STOPPED;
}
