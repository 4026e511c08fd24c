/**
 * A Pod's view of a cluster: a network namespace whose only neighbour is the one where the DNS server listens on the
 * cluster IP, and an /etc/resolv.conf as kubelet writes it.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { DnsSite } from './dns-site.ts';
import { NetworkNamespace } from './network-namespace.ts';

const POD_ADDRESS = '10.244.1.7';
const ROUTER_ADDRESS = '10.244.1.1';
const COMMAND_DEADLINE_MS = 30_000;

export interface CommandResult {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export class PodNetwork {
  /** where servers are */
  readonly site: DnsSite;
  readonly #pod: NetworkNamespace;
  readonly #folder: string;

  private constructor(site: DnsSite, pod: NetworkNamespace) {
    this.site = site;
    this.#pod = pod;
    this.#folder = mkdtempSync(path.join(os.tmpdir(), 'skyshard-e2e-pod-'));
  }

  /** @param server  as for DnsSite.create */
  static async create(server: string): Promise<PodNetwork> {
    const site = await DnsSite.create(server);
    const pod = await NetworkNamespace.create();
    site.namespace.run('ip', 'link', 'add', 'pods0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', String(pod.pid));
    site.namespace.run('ip', 'link', 'set', 'pods0', 'addrgenmode', 'none', 'up');
    site.namespace.addAddress('pods0', `${ROUTER_ADDRESS}/24`);
    pod.run('ip', 'link', 'set', 'eth0', 'up');
    pod.addAddress('eth0', `${POD_ADDRESS}/24`);
    pod.run('ip', 'route', 'add', 'default', 'via', ROUTER_ADDRESS);
    return new PodNetwork(site, pod);
  }

  /** Run a command as a Pod with this /etc/resolv.conf does. */
  async run(resolvConf: string, command: readonly string[]): Promise<CommandResult> {
    const folder = this.#folderOf(resolvConf);
    const mounts = ['resolv.conf', 'nsswitch.conf'].map((name) => `mount --bind '${folder}/${name}' /etc/${name}`);
    const script = [...mounts, 'exec "$@"'].join(' && ');
    const [program, ...args] = [...this.#pod.wrapper, 'unshare', '--mount', 'sh', '-c', script, 'sh', ...command];
    const child = spawn(program!, args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: COMMAND_DEADLINE_MS });
    let [stdout, stderr] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text) => (stderr += text));
    const [exitCode] = (await once(child, 'close')) as [number | null];
    return { exitCode, stdout, stderr };
  }

  /** A file that a command may have open is never written again. */
  #folderOf(resolvConf: string): string {
    const folder = path.join(this.#folder, createHash('sha256').update(resolvConf).digest('hex').slice(0, 12));
    if (existsSync(folder)) return folder;
    mkdirSync(folder);
    writeFileSync(path.join(folder, 'resolv.conf'), resolvConf);
    writeFileSync(path.join(folder, 'nsswitch.conf'), 'hosts: files dns\n');
    return folder;
  }

  async close(): Promise<void> {
    await this.#pod.close();
    await this.site.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** As kubelet writes it for `dnsPolicy: ClusterFirst`. */
export function resolvConf(nameserver: string, search: readonly string[]): string {
  return `search ${search.join(' ')}\nnameserver ${nameserver}\noptions ndots:5\n`;
}
