/** kubectl, as an operator runs it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';

export interface Kubectl {
  readonly program: string;
  readonly kubeconfig: string;
}

/**
 * Run kubectl to its end.
 *
 * @param input  for `-f -`: text, or objects that are written as a JSON list
 * @returns what it wrote to stdout
 * @throws Error with what it wrote to stderr where the exit code is not 0
 */
export async function kubectl(
  { program, kubeconfig }: Kubectl,
  args: readonly string[],
  input: string | readonly object[] = '',
): Promise<string> {
  const child = spawn(program, args, { env: { ...process.env, KUBECONFIG: kubeconfig } });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text) => (stderr += text));
  child.stdin.end(typeof input === 'string' ? input : asList(input));
  const [exitCode] = (await once(child, 'close')) as [number | null];
  if (exitCode !== 0) throw new Error(`kubectl ${args.join(' ')}: exit code ${exitCode}\n${stderr}`);
  return stdout;
}

function asList(items: readonly object[]): string {
  return JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
}
