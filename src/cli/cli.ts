/** The command line: picks the subcommand, and turns what it throws into a message and an exit code. */
import { SkyshardError } from '../base/skyshard-error.ts';
import { readVersion } from '../base/version.ts';
import { EXIT, exitCodeOf } from './exit-codes.ts';

/**
 * Run one command line to its end.
 *
 * @param args  the arguments behind the program's name
 * @returns the exit code. Never throws: messages go to stderr, what was asked for to stdout.
 */
export async function runCli(args: readonly string[]): Promise<number> {
  try {
    return await runCommand(args);
  } catch (error) {
    if (error instanceof SkyshardError) {
      process.stderr.write(`skyshard: ${error.code}: ${error.message}\n`);
      if (error.code === 'INTERNAL_ASSERTION') process.stderr.write(`${error.stack}\n`);
      return exitCodeOf(error.code);
    }
    process.stderr.write(`skyshard: internal error: ${error instanceof Error ? error.stack : String(error)}\n`);
    return EXIT.INTERNAL;
  }
}

async function runCommand(args: readonly string[]): Promise<number> {
  const [first, ...rest] = args;
  if (first === 'help' || args.some((argument) => /^(-h|--?help)$/.test(argument))) return printHelp();
  // Behind other flags too: of a Deployment's arguments these two are added, not put in their place.
  const end = args.indexOf('--');
  const flags = first === 'serve' || first?.startsWith('-') === true ? args.slice(0, end < 0 ? args.length : end) : [];
  if (flags.some((argument) => /^--?version$/.test(argument))) return printVersion();
  if (flags.some((argument) => /^--?plugins$/.test(argument))) return printPlugins();
  // Each subcommand is imported when it is asked for: `serve` must not pay for what the others load.
  if (first === 'snapshot') return (await import('./snapshot.ts')).runSnapshot(rest);
  if (first === 'check') return (await import('./check.ts')).runCheck(rest);
  if (first === 'serve') return serve(rest);
  if (first === 'kube-dns') return (await import('./kube-dns.ts')).runKubeDns(rest);
  if (first !== undefined && !first.startsWith('-')) {
    throw new SkyshardError(
      'CLI_USAGE',
      `unknown subcommand "${first}"; there are serve, kube-dns, check and snapshot (skyshard --help)`,
    );
  }
  // Without a subcommand the flags tell whose place it takes; without any it is a server, as CoreDNS is.
  const { chooseCommand } = await import('./choose-command.ts');
  if (chooseCommand(args) === 'kube-dns') return (await import('./kube-dns.ts')).runKubeDns(args);
  return serve(args);
}

/** The first thread comes up while main finds out what it is to serve. */
async function serve(args: readonly string[]): Promise<number> {
  const { startEarly, discardEarly } = await import('../server/threads/shard-pool.ts');
  startEarly();
  try {
    return await (await import('./serve.ts')).runServe(args);
  } finally {
    await discardEarly();
  }
}

/** The names a Corefile may have, in their fixed order. */
async function printPlugins(): Promise<number> {
  const { PLUGIN_NAMES } = await import('../plugins/order.ts');
  process.stdout.write(PLUGIN_NAMES.map((name) => `${name}\n`).join(''));
  return EXIT.STOPPED;
}

function printVersion(): number {
  process.stdout.write(`skyshard ${readVersion()}\n`);
  return EXIT.STOPPED;
}

async function printHelp(): Promise<number> {
  const [{ SERVE_FLAGS, MANIFESTS_FLAG }, { formatFlag, formatFlagHelp }] = await Promise.all([
    import('./serve-options.ts'),
    import('./parse-flags.ts'),
  ]);
  process.stdout.write(
    `skyshard answers DNS for a Kubernetes cluster.

  skyshard serve    ${SERVE_FLAGS.slice(0, 4).map(formatFlag).join(' ')}
                    ${SERVE_FLAGS.slice(4).map(formatFlag).join(' ')}
  skyshard check    [--conf FILE] [--dns.port N]    read a Corefile, say what is wrong with it
  skyshard snapshot ${formatFlag(MANIFESTS_FLAG)}    print in words what would be served
  skyshard kube-dns FLAGS       take the place of kube-dns's containers, of one or of all, with their own flags
  skyshard kube-dns --check FLAGS    say what will be different
  skyshard --version | --plugins | --help

${formatFlagHelp(SERVE_FLAGS)}
Flags are written with one dash or two, values behind a blank or =.
Without a subcommand the flags decide between serve and kube-dns.
Without a Corefile it is kubeadm's: /health on port 8080, /ready on 8181, /metrics on 9153 of the first address.
Exit codes: 0 stopped on request, 1 bad configuration, 2 could not bind or start, 70 internal error.
`,
  );
  return EXIT.STOPPED;
}
