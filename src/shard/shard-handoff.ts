/**
 * A shard's end of the rings between it and the resolver: queries that have to go over a stream, and what becomes of them.
 *
 * The shard never blocks for the resolver. While something is handed over it waits at most a millisecond at a time: it is
 * in epoll_wait anyway then, and a look at the ring costs less than a wake-up by the resolver would: a system call for each
 * reply, and a descriptor that would have to outlive both threads.
 */
import { Doorbell, HandoffReader, HandoffWriter, queryRingOf, replyRingOf } from '../forward/handoff-ring.ts';

/** How long a shard may wait for sockets while a reply may come over the ring, ms. */
export const HANDOFF_LOOK_MS = 1;

export class ShardHandoff {
  readonly reader: HandoffReader;
  readonly #writer: HandoffWriter;
  readonly #doorbell: Doorbell;
  #isUnrung = false;

  constructor(buffer: SharedArrayBuffer, shard: number) {
    this.reader = new HandoffReader(replyRingOf(buffer, shard));
    this.#writer = new HandoffWriter(queryRingOf(buffer, shard));
    this.#doorbell = new Doorbell(buffer);
    // What a predecessor published it may not have rung for.
    this.#doorbell.ring();
  }

  /** @returns false if the ring is full */
  hand(attempt: number, generation: number, upstream: number, from: Uint8Array, at: number, size: number): boolean {
    if (!this.#writer.write(attempt, generation, upstream, from, at, size)) return false;
    this.#isUnrung = true;
    return true;
  }

  /** Wake the resolver, if something was handed over since the last time. */
  ring(): void {
    if (!this.#isUnrung) return;
    this.#isUnrung = false;
    this.#doorbell.ring();
  }
}
