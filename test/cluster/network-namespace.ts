/**
 * A network namespace of its own for a test, where servers may listen on every address and port 53. It lives as long as
 * a process in it, which is ended with the test. Commands enter it with nsenter: `ip netns exec` would mount a new /sys,
 * which containers do not allow.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import path from 'node:path';

const living = new Set<ChildProcess>();
let isWatchingForEnd = false;

/** Why namespaces cannot be had here; false if they can. */
export function whyNoNetworkNamespace(): string | false {
  if (process.platform !== 'linux') return 'network namespaces are Linux';
  if (process.getuid?.() !== 0) return 'network namespaces need root';
  const missing = ['unshare', 'nsenter', 'ip'].filter((name) => !isInstalled(name));
  if (missing.length > 0) return `not installed: ${missing.join(', ')}`;
  const tried = spawnSync('unshare', ['--net', 'ip', 'link', 'set', 'lo', 'up']);
  return tried.status !== 0 && 'this system does not allow network namespaces';
}

/** Why a veth pair cannot be had here; false if it can. */
export function whyNoVeth(): string | false {
  const reason = whyNoNetworkNamespace();
  if (reason !== false) return reason;
  const tried = spawnSync('unshare', ['--net', 'ip', 'link', 'add', 'veth0', 'type', 'veth', 'peer', 'name', 'veth1']);
  return tried.status !== 0 && 'this system has no veth links';
}

function isInstalled(program: string): boolean {
  const folders = [...(process.env['PATH'] ?? '').split(path.delimiter), '/usr/sbin', '/sbin'];
  return folders.some((folder) => existsSync(path.join(folder, program)));
}

export class NetworkNamespace {
  readonly #holder: ChildProcess;
  readonly pid: number;

  private constructor(holder: ChildProcess) {
    this.#holder = holder;
    this.pid = holder.pid!;
  }

  /** With its loopback interface up. */
  static async create(): Promise<NetworkNamespace> {
    const script = 'ip link set lo up && echo ready && exec sleep infinity';
    const holder = spawn('unshare', ['--net', 'sh', '-c', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    living.add(holder);
    if (!isWatchingForEnd) {
      isWatchingForEnd = true;
      process.on('exit', () => living.forEach((child) => child.kill('SIGKILL')));
    }
    const ready = once(holder.stdout!, 'data');
    const [text] = (await Promise.race([ready, once(holder, 'exit')])) as [unknown];
    if (!String(text).startsWith('ready')) throw new Error('unshare --net has ended');
    return new NetworkNamespace(holder);
  }

  /** What to put in front of a command. */
  get wrapper(): readonly string[] {
    return ['nsenter', `--net=/proc/${this.pid}/ns/net`];
  }

  /** Run a command in it to its end. @throws Error with its stderr where the exit code is not 0 */
  run(...command: readonly string[]): string {
    const [program, ...args] = [...this.wrapper, ...command];
    const result = spawnSync(program!, args, { encoding: 'utf8' });
    if (result.status !== 0) throw new Error(`${command.join(' ')}: ${result.stderr}`);
    return result.stdout;
  }

  /** Like 10.0.0.1/24; the address can be used at once. */
  addAddress(link: string, address: string): void {
    this.run('ip', 'address', 'add', address, 'dev', link, ...(address.includes(':') ? ['nodad'] : []));
  }

  async close(): Promise<void> {
    const exit = once(this.#holder, 'exit');
    this.#holder.kill('SIGKILL');
    await exit;
    living.delete(this.#holder);
  }
}
