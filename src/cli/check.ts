import { existsSync } from 'node:fs';
import path from 'node:path';
import type { Environment } from '../config/corefile/corefile-lexer.ts';
import { formatWarning } from '../config/corefile/server-config.ts';
import { SkyshardError } from '../base/skyshard-error.ts';
import { loadCorefile } from '../plugins/corefile-config.ts';
import { EXIT } from './exit-codes.ts';
import { parseFlags, type FlagSpec } from './parse-flags.ts';

export const CHECK_FLAGS: readonly FlagSpec[] = [
  {
    name: 'conf',
    value: 'FILE',
    help: 'the Corefile, or the directory of a ConfigMap of kube-dns; stdin is the standard input; default: Corefile',
  },
  { name: 'dns.port', value: 'N', help: 'port of keys without one; default: 53' },
];

export interface CheckOptions {
  readonly env?: Environment;
  /** absolute: relative paths start there */
  readonly cwd?: string;
  readonly dnsPort?: number;
}

/**
 * Read and check a Corefile without starting anything.
 *
 * @returns what is accepted but may not be meant, `FILE:LINE:COL: message` each
 * @throws SkyshardError CONFIG_*
 */
export async function checkCorefile(
  file: string,
  options: CheckOptions = {},
): Promise<{ readonly warnings: readonly string[] }> {
  const config = await loadCorefile(file, {
    ...(options.env === undefined ? {} : { environment: options.env }),
    ...(options.cwd === undefined ? {} : { directory: options.cwd }),
    ...(options.dnsPort === undefined ? {} : { dnsPort: options.dnsPort }),
  });
  const warnings = config.warnings.map(formatWarning);
  if (config.blocks.length === 0) warnings.push(`${file}: warning: there is no server block, so nothing is served`);
  return { warnings };
}

/**
 * `skyshard check --conf FILE`: a fault goes to stderr as `FILE:LINE:COL: message`, warnings the same way.
 *
 * @returns 0, or 1 for a fault
 * @throws SkyshardError CLI_USAGE
 */
export async function runCheck(args: readonly string[]): Promise<number> {
  const flags = parseFlags('check', CHECK_FLAGS, args);
  const port = flags.get('dns.port')?.at(-1);
  if (port !== undefined && !(/^\d{1,5}$/.test(port) && Number(port) <= 65535)) {
    throw new SkyshardError('CLI_USAGE', `--dns.port ${port} is no port, expected 0 to 65535`);
  }
  const conf = flags.get('conf')?.at(-1) ?? 'Corefile';
  if (isKubeDnsDirectory(conf)) {
    return (await import('./kube-dns.ts')).runKubeDns(['--check', `--config-dir=${conf}`]);
  }
  try {
    const { warnings } = await checkCorefile(conf, port === undefined ? {} : { dnsPort: Number(port) });
    for (const warning of warnings) process.stderr.write(`${warning}\n`);
    return EXIT.STOPPED;
  } catch (error) {
    if (!(error instanceof SkyshardError) || !error.code.startsWith('CONFIG_')) throw error;
    process.stderr.write(`${error.message}\n`);
    return EXIT.BAD_CONFIGURATION;
  }
}

/** Whether a ConfigMap of kube-dns is mounted there: a file for each of its keys. */
function isKubeDnsDirectory(conf: string): boolean {
  return ['stubDomains', 'upstreamNameservers', 'federations'].some((key) => existsSync(path.join(conf, key)));
}
