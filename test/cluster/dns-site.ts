/**
 * Where DNS servers are tried on a cluster: a network namespace of their own, in which they may listen on every address,
 * with a relay to the API server and a process that asks them.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { NetworkNamespace } from './network-namespace.ts';
import { RunningProgram } from './running-program.ts';
import { WireClient } from './wire-client.ts';

const RELAY = path.join(path.dirname(fileURLToPath(import.meta.url)), 'relay.ts');
const LINK = 'pod0';
const RELAY_DEADLINE_MS = 10_000;

export class DnsSite {
  readonly namespace: NetworkNamespace;
  readonly client: WireClient;
  readonly #folder: string;
  readonly #relays: readonly RunningProgram[];
  #addresses: readonly string[] = [];

  private constructor(namespace: NetworkNamespace, folder: string, relays: readonly RunningProgram[]) {
    this.namespace = namespace;
    this.client = new WireClient(namespace.wrapper);
    this.#folder = folder;
    this.#relays = relays;
  }

  /** @param server  https://ADDRESS:PORT on this machine, which has the same address and port in the namespace */
  static async create(server: string): Promise<DnsSite> {
    const namespace = await NetworkNamespace.create();
    // Addresses of the loopback interface are not taken for the server's own; link-local ones would be, by CoreDNS.
    namespace.run('ip', 'link', 'add', LINK, 'type', 'veth', 'peer', 'name', 'peer0');
    for (const link of ['peer0', LINK]) namespace.run('ip', 'link', 'set', link, 'addrgenmode', 'none', 'up');
    const folder = mkdtempSync(path.join(os.tmpdir(), 'skyshard-e2e-site-'));
    const place = server.replace('https://', '');
    const socket = path.join(folder, 'relay');
    const relay = (name: string, from: string, to: string, wrapper: readonly string[]): RunningProgram =>
      new RunningProgram(name, [process.execPath, RELAY, from, to], {
        logFile: path.join(folder, `${name}.log`),
        folder,
        wrapper,
      });
    const relays = [relay('outer', socket, place, []), relay('inner', place, socket, namespace.wrapper)];
    for (const one of relays) await waitUntilReady(one);
    return new DnsSite(namespace, folder, relays);
  }

  /** Have these addresses and 127.0.0.1, and no others. */
  setAddresses(addresses: readonly string[]): void {
    const withLength = (address: string): string => `${address}/${address.includes(':') ? 128 : 32}`;
    for (const address of this.#addresses) {
      this.namespace.run('ip', 'address', 'delete', withLength(address), 'dev', LINK);
    }
    for (const address of addresses) this.namespace.addAddress(LINK, withLength(address));
    this.#addresses = addresses;
  }

  async close(): Promise<void> {
    this.client.close();
    for (const relay of this.#relays) await relay.end();
    await this.namespace.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

async function waitUntilReady(program: RunningProgram): Promise<void> {
  const deadline = performance.now() + RELAY_DEADLINE_MS;
  while (!readFileSync(program.logFile, 'utf8').includes('ready')) {
    if (program.hasEnded || performance.now() > deadline) throw new Error(`relay: ${program.lastWords()}`);
    await sleep(10);
  }
}
