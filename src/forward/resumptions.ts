/**
 * Answers that waited for the response to another question, and go on now: each is answered again as far as it goes, which
 * gives the client its response, or another question to wait for. Nothing is in hand meanwhile, of clients or upstreams.
 */
import type { ShardCounters } from '../observability/counters/shard-counters.ts';
import type { ForwardReports } from './counts/forward-reports.ts';
import type { ForwardTransport } from './forward-transport.ts';
import type { TransactionTable } from './transaction-table.ts';
import type { Waiters } from './waiters.ts';

export class Resumptions {
  transport: ForwardTransport | undefined;
  /** the waiter whose client gets what is being answered, 0: a query of its own is in hand */
  current = 0;

  readonly #octets: Uint8Array;
  readonly #table: TransactionTable;
  readonly #waiters: Waiters;
  readonly #counters: ShardCounters;
  readonly #reports: ForwardReports;
  #ready: number[] = [];

  /** @param arena  responses lie in it */
  constructor(
    arena: ArrayBuffer,
    table: TransactionTable,
    waiters: Waiters,
    counters: ShardCounters,
    reports: ForwardReports,
  ) {
    this.#octets = new Uint8Array(arena);
    this.#table = table;
    this.#waiters = waiters;
    this.#counters = counters;
    this.#reports = reports;
  }

  /** how many can go on */
  get count(): number {
    return this.#ready.length;
  }

  /** Its response is there. The waiter is kept until its client has one, or another waits for that. */
  add(waiter: number): void {
    this.#ready.push(waiter);
  }

  run(nowMs: number): void {
    const ready = this.#ready;
    this.#ready = [];
    for (const waiter of ready) {
      this.#resume(waiter, nowMs);
      this.#waiters.release(waiter);
      this.#table.releaseWaiter(waiter);
    }
  }

  #resume(waiter: number, nowMs: number): void {
    const waiters = this.#waiters;
    const transport = this.transport!;
    const continuation = waiters.continuation[waiter]!;
    this.current = waiter;
    let size: number;
    try {
      size = continuation.resume();
    } finally {
      this.current = 0;
    }
    if (size <= 0) return;
    const at = transport.responseRoom(waiter);
    const { octets, messageAt } = continuation;
    this.#octets.set(octets.subarray(messageAt, messageAt + size), at);
    transport.queueResponse(waiter, size);
    const durationMs = nowMs - waiters.startMs[waiter]!;
    this.#counters.countDuration(waiters.scope[waiter]!, 1, durationMs);
    this.#reports.commit(durationMs);
  }
}
