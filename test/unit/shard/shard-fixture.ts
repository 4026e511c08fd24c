/** Shards with the echo work, and a client, for the tests of shards. */
import { createSocket } from 'node:dgram';
import type { RemoteInfo, Socket } from 'node:dgram';
import { networkInterfaces } from 'node:os';
import type { TestContext } from 'node:test';
import type { ProxyRules } from '../../../src/dns/proxy-policy.ts';
import { nativeUnavailableReason } from '../../../src/native/libc.ts';
import type { ShardPlan } from '../../../src/server/threads/shard-plan.ts';
import { ShardSupervisor } from '../../../src/server/threads/shard-supervisor.ts';
import type { StartSteps } from '../../../src/server/threads/shard-supervisor.ts';
import type { Transport } from '../../../src/shard/shard-options.ts';

export const TRANSPORTS: readonly Transport[] = ['mmsg', 'dgram'];

/** For `skip`: why a transport cannot be tested here, or false. */
export function skipReason(transport: Transport): string | false {
  return (transport === 'mmsg' && nativeUnavailableReason()) || false;
}

export function hasIPv6(): boolean {
  return Object.values(networkInterfaces()).some((entries) => entries?.some((entry) => entry.address === '::1'));
}

export interface TestShards {
  readonly supervisor: ShardSupervisor;
  /** ECHO_WORD words */
  readonly words: Int32Array;
  readonly ports: readonly number[];
  readonly slotsGone: number[];
  readonly lines: string[];
}

/** Started shards; stopped when the test ends. */
export async function startShards(
  t: TestContext,
  transport: Transport,
  addresses: readonly string[],
  plan: Partial<ShardPlan> = {},
  port = 0,
  steps?: (supervisor: ShardSupervisor) => StartSteps,
  proxy?: ProxyRules,
): Promise<TestShards> {
  const memory = new SharedArrayBuffer(1024);
  const slotsGone: number[] = [];
  const lines: string[] = [];
  let nextSlot = 0;
  const supervisor = new ShardSupervisor({
    transport,
    plan: { count: 1, isPinned: false, cpus: [], reason: '', ...plan },
    listeners: addresses.map((address, index) => ({ listener: index + 10, address, port, proxy })),
    workModule: new URL('./echo-work.ts', import.meta.url).href,
    workData: memory,
    claimReaderSlot: () => nextSlot++,
    onShardGone: (slot) => slotsGone.push(slot),
    onPanic: ({ message, stack = '' }) => lines.push(`panic ${message}, in ${/at (\w+)/.exec(stack)?.[1]}`),
    log: (level, text) => lines.push(`${level} ${text}`),
  });
  t.after(() => supervisor.stop());
  await supervisor.start(steps?.(supervisor));
  const ports = supervisor.listeners.map((listener) => listener.port);
  return { supervisor, words: new Int32Array(memory), ports, slotsGone, lines };
}

/** A 12-octet header, the octet that tells the echo what to do, and a number to know the response by. */
export function echoQuery(action: number, number: number, size = 20): Buffer {
  const query = Buffer.alloc(size);
  query.writeUInt16BE(number & 0xffff, 0);
  query[2] = 0x01;
  query[12] = action;
  query.writeUInt32BE(number, 16);
  return query;
}

export interface Response {
  readonly message: Buffer;
  readonly from: RemoteInfo;
}

export class EchoClient {
  readonly socket: Socket;
  readonly responses: Response[] = [];
  #wake: () => void = () => undefined;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('message', (message, from) => {
      this.responses.push({ message, from });
      this.#wake();
    });
  }

  static async open(t: TestContext, type: 'udp4' | 'udp6' = 'udp4'): Promise<EchoClient> {
    const socket = createSocket({ type, recvBufferSize: 4 * 1024 * 1024 });
    t.after(() => socket.close());
    const { promise, resolve } = Promise.withResolvers<void>();
    socket.bind(0, type === 'udp4' ? '127.0.0.1' : '::1', resolve);
    await promise;
    return new EchoClient(socket);
  }

  send(query: Buffer, port: number, address: string): void {
    this.socket.send(query, port, address);
  }

  /** Wait until `count` responses have come in all, or throw after `timeoutMs`. */
  async receive(count: number, timeoutMs = 10_000): Promise<readonly Response[]> {
    const endMs = performance.now() + timeoutMs;
    while (this.responses.length < count) {
      const leftMs = endMs - performance.now();
      if (leftMs <= 0) throw new Error(`${this.responses.length} of ${count} responses within ${timeoutMs} ms`);
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      const timer = setTimeout(resolve, leftMs);
      await promise;
      clearTimeout(timer);
    }
    return this.responses;
  }

  /** Ask, and return the response with the same id. */
  async ask(query: Buffer, port: number, address: string): Promise<Response> {
    const before = this.responses.length;
    this.send(query, port, address);
    await this.receive(before + 1);
    return this.responses[before] as Response;
  }
}

/** Poll until `condition` holds, or throw after `timeoutMs`. */
export async function eventually(condition: () => boolean, what: string, timeoutMs = 10_000): Promise<void> {
  const endMs = performance.now() + timeoutMs;
  while (!condition()) {
    if (performance.now() > endMs) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    const { promise, resolve } = Promise.withResolvers<void>();
    setTimeout(resolve, 10);
    await promise;
  }
}
