/**
 * Forwarding for clients over TCP: the forwarder is the shards', upstreams are asked over TCP too, so that no answer is cut
 * short, unless the group prefers UDP. Responses go back to the connection that asked.
 *
 *   client ─► TcpService ─► Forwarder ─► a connection to the upstream, or a datagram ─► Forwarder ─► TcpService.respond
 */
import type { QueryClient, QueryForwarder } from '../answer/answerer-options.ts';
import type { Query } from '../answer/query.ts';
import type { Response } from '../answer/response.ts';
import { EVENT_LOOP_IO_SIZE, EventLoopUpstreams } from '../forward/connections/event-loop-upstreams.ts';
import type { LogText } from '../forward/connections/tls-connector.ts';
import { FORWARD_CELLS } from '../forward/counts/forward-counters.ts';
import { GroupChanges } from '../forward/forward-buffer.ts';
import { Forwarder, type ForwarderOptions } from '../forward/forwarder.ts';
import type { StreamQuery } from '../forward/connections/upstream-stream.ts';
import { WAITERS_MAX } from '../forward/transaction-table.ts';
import type { ShardCounters } from '../observability/counters/shard-counters.ts';

/** How often it is looked what is due, ms: with something in flight, and with idle connections or groups that are closed only. */
const TICK_MS = 20;
const IDLE_TICK_MS = 500;

/** Where queries come from, and responses go. */
export interface StreamClients {
  /** names the connection whose query is in hand */
  readonly currentToken: number;
  /** @returns false if the connection is gone */
  respond(token: number, message: Uint8Array): boolean;
}

interface LaterResponse {
  readonly token: number;
  readonly message: Buffer;
}

export class StreamForwarder implements QueryForwarder {
  readonly #forwarder: Forwarder;
  readonly #counters: ShardCounters;
  readonly #log: LogText;
  /** by waiter: its connection */
  readonly #tokens = new Float64Array(WAITERS_MAX + 1);
  readonly #changes: GroupChanges;
  #upstreams: EventLoopUpstreams | undefined = undefined;
  #responses: LaterResponse[] = [];
  /** responses were counted that nobody sees yet */
  #isUnpublished = false;
  #clients: StreamClients | undefined = undefined;
  #timer: NodeJS.Timeout | undefined = undefined;
  #isTimerFast = false;
  /** queries of others that streams carry */
  #carriedCount = 0;
  #isClosed = false;

  /** @param log  told why connections over TLS are not trusted */
  constructor({ log, ...options }: Omit<ForwarderOptions, 'ioSize' | 'prefersStreams'> & { readonly log: LogText }) {
    this.#forwarder = new Forwarder({ ...options, ioSize: EVENT_LOOP_IO_SIZE, prefersStreams: true });
    this.#changes = new GroupChanges(options.buffer);
    this.#counters = options.counters;
    this.#log = log;
  }

  /** Before the first query. */
  start(clients: StreamClients): void {
    this.#clients = clients;
    const ways = {
      saveReturnPath: (waiter: number) => (this.#tokens[waiter] = clients.currentToken),
      copyReturnPath: (from: number, to: number) => (this.#tokens[to] = this.#tokens[from]!),
      // Kept until the forwarder is done: a connection that gets a response may go on with its next query.
      queueResponse: (waiter: number, message: Buffer) =>
        this.#responses.push({ token: this.#tokens[waiter]!, message }),
      flush: () => this.#flush(),
    };
    this.#upstreams = new EventLoopUpstreams(this.#forwarder, ways, this.#log);
    void this.#followGroups();
  }

  /** A thread that nobody asks anything has no timer, and groups that are closed wait for it. */
  async #followGroups(): Promise<void> {
    while (!this.#isClosed) {
      const { value } = this.#changes;
      this.#tick();
      await this.#changes.sleep(value);
    }
  }

  /** Connections to upstream servers. */
  get streamCount(): number {
    return this.#upstreams?.streams.streamCount ?? 0;
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#publish();
    this.#upstreams?.close();
  }

  forward(group: number, query: Query, response: Response, client: QueryClient): boolean {
    if (this.#isClosed) return false;
    const nowMs = performance.now();
    this.#forwarder.nowMs = nowMs;
    // With nothing in flight, it may have been long since it heard which upstreams are part of a loop.
    if (!this.#isTimerFast) this.#forwarder.tick(nowMs);
    const isTaken = this.#forwarder.forward(group, query, response, client);
    this.#plan();
    return isTaken;
  }

  isFailureOver(group: number, tick: number): boolean {
    return this.#forwarder.isFailureOver(group, tick);
  }

  refresh(
    group: number,
    query: Query,
    cacheProfile: number,
    isCheckingDisabled: boolean,
    options?: Uint8Array | undefined,
  ): void {
    if (this.#isClosed) return;
    this.#forwarder.nowMs = performance.now();
    this.#forwarder.refresh(group, query, cacheProfile, isCheckingDisabled, options);
    this.#plan();
  }

  /** Index of the upstream that a shard names by a number, -1: it is gone. */
  upstreamOf(number: number): number {
    this.#forwarder.nowMs = performance.now();
    return this.#isClosed ? -1 : this.#forwarder.upstreamOfNumber(number);
  }

  /** Ask for someone else in this thread. @returns false if the upstream can't be asked */
  carry(query: StreamQuery): boolean {
    const streams = this.#upstreams?.streams;
    if (streams === undefined || this.#isClosed || !streams.ask(query)) return false;
    this.#carriedCount++;
    this.#plan();
    return true;
  }

  /** What was asked for someone else is done. */
  carried(): void {
    this.#carriedCount--;
  }

  /** What was asked for someone else came, and could not be handed back. */
  countDropped(): void {
    this.#forwarder.counters.count(FORWARD_CELLS.at.handoffDropped);
  }

  #plan(): void {
    if (this.#isClosed) return;
    const isFast = this.#forwarder.inFlight > 0 || this.#forwarder.canResume || this.#carriedCount > 0;
    if (this.#timer !== undefined) {
      if (this.#isTimerFast || !isFast) return;
      clearTimeout(this.#timer);
    }
    this.#timer = undefined;
    this.#isTimerFast = isFast;
    if (!isFast && !this.#forwarder.isProbing && !this.#forwarder.isLeavingGroups && this.streamCount === 0) return;
    this.#timer = setTimeout(() => this.#tick(), isFast ? TICK_MS : IDLE_TICK_MS);
  }

  #tick(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#upstreams?.tick(performance.now());
    this.#publish();
    this.#plan();
  }

  #publish(): void {
    if (!this.#isUnpublished) return;
    this.#isUnpublished = false;
    this.#counters.publish();
  }

  #flush(): void {
    const responses = this.#responses;
    if (responses.length === 0) return;
    this.#responses = [];
    this.#isUnpublished = true;
    for (const { token, message } of responses) this.#clients!.respond(token, message);
  }
}
