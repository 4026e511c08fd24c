/** Gives everyone who waits for a question the response: written, counted, reported, and handed to the transport. */
import { RCODE } from '../dns/iana.ts';
import { PLUGIN, type ShardCounters } from '../observability/counters/shard-counters.ts';
import { ClientResponse } from './client-response.ts';
import type { ForwardReports } from './counts/forward-reports.ts';
import type { ForwardTransport } from './forward-transport.ts';
import type { Reply } from './reply.ts';
import type { TransactionTable } from './transaction-table.ts';
import type { Resumptions } from './resumptions.ts';
import { WAITER, type Waiters } from './waiters.ts';

const PROTO_UDP = 0;
const PROTO_TCP = 1;

/** The largest message. */
export const INNER_RESPONSE_SIZE = 65_536;

export class ResponseDelivery {
  transport: ForwardTransport | undefined;
  /** to be set before each call: as an argument it would be boxed */
  nowMs = 0;

  readonly #table: TransactionTable;
  readonly #waiters: Waiters;
  readonly #counters: ShardCounters;
  readonly #reports: ForwardReports;
  readonly #response: ClientResponse;
  readonly #octets: Uint8Array;
  readonly #resumptions: Resumptions;
  readonly #innerAt: number;

  /** @param innerAt  room in the arena for a response that is none of a client, INNER_RESPONSE_SIZE octets @param arena  replies and responses lie in it */
  constructor(
    arena: ArrayBuffer,
    table: TransactionTable,
    waiters: Waiters,
    counters: ShardCounters,
    reports: ForwardReports,
    resumptions: Resumptions,
    innerAt: number,
  ) {
    this.#table = table;
    this.#waiters = waiters;
    this.#counters = counters;
    this.#reports = reports;
    this.#response = new ClientResponse(arena, waiters);
    this.#octets = new Uint8Array(arena);
    this.#resumptions = resumptions;
    this.#innerAt = innerAt;
  }

  sendReply(slot: number, reply: Reply): void {
    const table = this.#table;
    const response = this.#response;
    const transport = this.transport!;
    this.#reports.setAnswered();
    for (let waiter = table.firstWaiter[slot]!; waiter !== 0; waiter = table.nextWaiter[waiter]!) {
      if (this.#waiters.flags[waiter] === WAITER.NOBODY) continue;
      const isInner = this.#waiters.continuation[waiter] !== undefined;
      const at = isInner ? this.#innerAt : transport.responseRoom(waiter);
      response.write(waiter, at, reply);
      if (isInner) this.#resume(waiter, false);
      else this.#queue(waiter, at);
    }
  }

  sendFailure(slot: number, extendedError: number): void {
    const table = this.#table;
    const transport = this.transport!;
    for (let waiter = table.firstWaiter[slot]!; waiter !== 0; waiter = table.nextWaiter[waiter]!) {
      if (this.#waiters.flags[waiter] === WAITER.NOBODY) continue;
      const isInner = this.#waiters.continuation[waiter] !== undefined;
      const at = isInner ? this.#innerAt : transport.responseRoom(waiter);
      const response = this.#response;
      response.writeFailure(waiter, at, RCODE.SERVFAIL, extendedError);
      if (isInner) {
        this.#reports.addError(waiter, this.#octets, at, response.size, response.rcode);
        response.restore(waiter, at);
        this.#resume(waiter, true);
        continue;
      }
      if (this.#waiters.rewriting[waiter] !== undefined) {
        // `errors` speaks of the question as it was rewritten, and of no rcode, as CoreDNS does.
        this.#reports.addError(waiter, this.#octets, at, response.size, RCODE.NOERROR);
        response.restore(waiter, at);
      }
      this.#queue(waiter, at);
    }
  }

  /** The response just written is for an answer in the making. */
  #resume(waiter: number, isFailed: boolean): void {
    const at = this.#innerAt;
    this.#waiters.continuation[waiter]!.take(this.#octets.slice(at, at + this.#response.size), isFailed);
    this.#resumptions.add(waiter);
  }

  #queue(waiter: number, at: number): void {
    const response = this.#response;
    const waiters = this.#waiters;
    response.sign(waiter, at);
    const scope = waiters.scope[waiter]!;
    this.transport!.queueResponse(waiter, response.size);
    const proto = (waiters.flags[waiter]! & WAITER.STREAM) === 0 ? PROTO_UDP : PROTO_TCP;
    const isTruncated = response.isTruncated ? 1 : 0;
    this.#counters.countResponse(scope, proto, response.rcode, PLUGIN.FORWARD, response.size, isTruncated);
    const durationMs = this.nowMs - waiters.startMs[waiter]!;
    this.#counters.countDuration(scope, 1, durationMs);
    this.#reports.add(waiter, this.#octets, at, response.size, response.rcode, durationMs);
  }
}
