/** A DNS server under a memory limit, on an API server: its start, a relist, changes; what the kernel counts. */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { TYPE } from '../../src/dns/iana.ts';
import { DEFAULT_RECORD_OPTIONS } from '../../src/records/record-options.ts';
import { decodeStrictly } from '../wire/strict-message.ts';
import { freePort } from '../e2e/skyshard-process.ts';
import type { ControlPlane } from './control-plane.ts';
import { corefileOf, DnsServer, type DnsProgram } from './dns-server.ts';
import { lastHeadless, moveEndpoint, type ClusterSize } from './large-cluster.ts';
import { MemoryGroup } from './memory-group.ts';
import { queryOf } from './owed-answers.ts';
import type { WireClient } from './wire-client.ts';

const ADDRESS = '127.0.0.1';
const DEADLINE_MS = 60_000;
const POLL_MS = 2;

export class LimitedServer {
  readonly group: MemoryGroup;
  readonly server: DnsServer;
  readonly #plane: ControlPlane;
  readonly #client: WireClient;
  readonly #size: ClusterSize;
  readonly #startedAtMs = performance.now();

  private constructor(
    group: MemoryGroup,
    server: DnsServer,
    plane: ControlPlane,
    client: WireClient,
    size: ClusterSize,
  ) {
    this.group = group;
    this.server = server;
    this.#plane = plane;
    this.#client = client;
    this.#size = size;
  }

  /** @returns the server, or why there can be no limit */
  static async start(
    program: DnsProgram,
    limitMib: number,
    plane: ControlPlane,
    client: WireClient,
    size: ClusterSize,
  ): Promise<LimitedServer | string> {
    const group = MemoryGroup.create(limitMib);
    if (typeof group === 'string') return group;
    const at = { address: ADDRESS, port: await freePort() };
    const server = new DnsServer({
      program,
      coredns: plane.tools.coredns,
      corefile: corefileOf(DEFAULT_RECORD_OPTIONS, {
        port: at.port,
        access: `kubeconfig ${plane.kubeconfig('dns')}`,
        extra: [`bind ${ADDRESS}`],
      }),
      at,
      wrapper: group.wrapper,
    });
    return new LimitedServer(group, server, plane, client, size);
  }

  /** Until a name is answered right. @returns ms since the start of the process */
  async answered(): Promise<number> {
    await this.#waitForCount(this.#size.endpoints);
    return performance.now() - this.#startedAtMs;
  }

  /** Move one endpoint. @returns ms from the API server's answer until the new address is in the DNS answer; 0: it was first */
  async change(number: number): Promise<number> {
    const address = `10.99.${(number >> 8) & 255}.${number & 255}`;
    await moveEndpoint(this.#plane.client, lastHeadless(this.#size).index, this.#size, address);
    const acceptedAtMs = performance.now();
    const label = address.replaceAll('.', '-');
    for (;;) {
      const { rcode, answer } = await this.#ask(`${label}.${lastHeadless(this.#size).name}`);
      if (rcode === 0 && answer.length === 1) return performance.now() - acceptedAtMs;
      if (performance.now() - acceptedAtMs > DEADLINE_MS) throw new Error(`${address} does not show`);
      await sleep(POLL_MS);
    }
  }

  /** ms of all its threads */
  get cpuMs(): number {
    const fields = readFileSync(`/proc/${this.server.program.child.pid}/stat`, 'latin1').split(') ')[1]!.split(' ');
    return (Number(fields[11]) + Number(fields[12])) * 10;
  }

  /** MiB that are resident: of the process itself, and of files */
  get residentMib(): { readonly own: number; readonly files: number } {
    const status = readFileSync(`/proc/${this.server.program.child.pid}/status`, 'latin1');
    const [own, files] = ['RssAnon', 'RssFile'].map(
      (field) => Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]) / 1024,
    );
    return { own: own!, files: files! };
  }

  async stop(): Promise<void> {
    await this.server.stop();
    await this.group.remove();
  }

  async #waitForCount(count: number): Promise<void> {
    const deadline = performance.now() + DEADLINE_MS;
    for (;;) {
      const { rcode, answer } = await this.#ask(lastHeadless(this.#size).name);
      if (rcode === 0 && answer.length === count) return;
      const { program } = this.server;
      if (program.hasEnded) throw new Error(`it has ended, by ${program.child.signalCode}:\n${program.lastWords()}`);
      if (performance.now() > deadline) throw new Error(`no right answer:\n${program.lastWords()}`);
      await sleep(POLL_MS);
    }
  }

  /** What does not listen yet has no answer; nor has one that was lost on the way. */
  async #ask(name: string): Promise<{ readonly rcode: number; readonly answer: readonly unknown[] }> {
    const query = queryOf({ qname: `${name}.`, qtype: TYPE.A, line: name });
    const response = await Promise.race([this.server.ask(this.#client, query), sleep(100)]);
    return response === undefined ? { rcode: -1, answer: [] } : decodeStrictly(response);
  }
}
