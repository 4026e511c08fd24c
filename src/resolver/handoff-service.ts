/**
 * The resolver's end of the rings: takes what shards hand over, asks upstream servers over streams, and puts what becomes of
 * it on the ring of the shard that asked.
 *
 * A reply that finds no room is dropped and counted: the shard asks again, and its clients are served by what it has.
 */
import {
  Doorbell,
  HandoffReader,
  HandoffWriter,
  handoffShardCount,
  queryRingOf,
  replyRingOf,
} from '../forward/handoff-ring.ts';
import { type StreamAsker, type StreamQuery, streamQuery } from '../forward/connections/upstream-stream.ts';

/** Queries that are taken from one shard in a turn of the event loop. */
const TURN_MAX = 128;

/** Who has the connections. */
export interface StreamCarrier {
  /** Index of the upstream that a shard names by a number, -1: it is gone. */
  upstreamOf(number: number): number;
  /** @returns false if the upstream can't be asked */
  carry(query: StreamQuery): boolean;
  /** What it has carried is done. */
  carried(): void;
}

export interface HandoffServiceOptions {
  /** from createHandoffBuffer */
  readonly buffer: SharedArrayBuffer;
  readonly carrier: StreamCarrier;
  /** a reply was dropped because a shard's ring is full */
  readonly onDropped: () => void;
}

export class HandoffService {
  readonly #doorbell: Doorbell;
  readonly #shards: readonly ShardEnd[];
  #isClosed = false;

  constructor(options: HandoffServiceOptions) {
    this.#doorbell = new Doorbell(options.buffer);
    const count = handoffShardCount(options.buffer);
    this.#shards = Array.from({ length: count }, (_, shard) => new ShardEnd(options, shard));
  }

  /** Take queries until `close`; what shards handed over before is taken first. */
  async run(): Promise<void> {
    while (!this.#isClosed) {
      const { value } = this.#doorbell;
      if (this.#takeAll()) await new Promise((resolve) => setImmediate(resolve));
      else await this.#doorbell.sleep(value);
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#doorbell.ring();
  }

  /** @returns whether there may be more */
  #takeAll(): boolean {
    let isMore = false;
    for (const shard of this.#shards) if (shard.take(TURN_MAX)) isMore = true;
    return isMore;
  }
}

/** Both rings of one shard. */
class ShardEnd implements StreamAsker {
  readonly #options: HandoffServiceOptions;
  readonly #reader: HandoffReader;
  readonly #writer: HandoffWriter;

  constructor(options: HandoffServiceOptions, shard: number) {
    this.#options = options;
    this.#reader = new HandoffReader(queryRingOf(options.buffer, shard));
    this.#writer = new HandoffWriter(replyRingOf(options.buffer, shard));
  }

  /** @returns whether there may be more */
  take(maxCount: number): boolean {
    const reader = this.#reader;
    for (let left = maxCount; left > 0; left--) {
      if (!reader.read()) return false;
      const message = Buffer.allocUnsafe(reader.size);
      reader.copyTo(message, 0);
      const upstream = this.#options.carrier.upstreamOf(reader.upstream);
      const query = streamQuery(this, upstream, reader.attempt, reader.generation, message);
      reader.release();
      if (upstream < 0 || !this.#options.carrier.carry(query)) this.#fail(query, false);
    }
    return true;
  }

  receiveReply({ attempt, generation, upstream }: StreamQuery, message: Uint8Array): void {
    this.#options.carrier.carried();
    if (!this.#writer.write(attempt, generation, upstream, message, 0, message.length)) this.#options.onDropped();
  }

  failQuery(query: StreamQuery, isRefused: boolean): void {
    this.#options.carrier.carried();
    this.#fail(query, isRefused);
  }

  #fail({ attempt, generation, upstream }: StreamQuery, isRefused: boolean): void {
    if (!this.#writer.writeFailure(attempt, generation, upstream, isRefused)) this.#options.onDropped();
  }
}
