/**
 * Answers the messages of streams: the same answerer as a shard's, with room for a response of 65,535 octets. Responses
 * are collected, each behind its length, until the connection takes them as one write (RFC 7766 §8).
 */
import { Answerer, ANSWER_PENDING } from '../answer/answerer.ts';
import type { AnswererOptions } from '../answer/answerer-options.ts';
import { writeFailureResponse } from '../answer/failure-response.ts';
import { padMessage } from '../dns/padding.ts';
import type { QueryEventWriter } from '../observability/queries/query-event-writer.ts';
import type { ShardCounters } from '../observability/counters/shard-counters.ts';

const PEER_AT = 0;
const LENGTH_SIZE = 2;
const RESPONSE_SIZE_MAX = 65_535;
/** The answerer reads names by whole words and keeps some octets of the room for that. */
const MESSAGE_CAPACITY = RESPONSE_SIZE_MAX + 9;
/** Octets of the arena. */
export const STREAM_ARENA_SIZE: number = 64 + MESSAGE_CAPACITY;
/** Octets collected from which on they are to be taken. */
const WRITE_SIZE = 16_384;
const COLLECTED_MAX = WRITE_SIZE + LENGTH_SIZE + RESPONSE_SIZE_MAX;

export type StreamAnswererOptions = Omit<AnswererOptions, 'arena' | 'messageCapacity'> & {
  /** STREAM_ARENA_SIZE octets; its own if not given */
  readonly arena?: ArrayBuffer;
  /** a query made the answerer fail: a bug */
  readonly onPanic: (error: unknown) => void;
};

/** What a message came over. */
export interface MessageCarrier {
  /** what a client that asks is told about the connection; -1: nothing */
  readonly idleTimeoutMs: number;
  readonly isEncrypted: boolean;
}

export class StreamAnswerer {
  /** where a message is to lie in `octets` before `answer` */
  static readonly MESSAGE_AT = 64;
  /** what `answer` returns for a message that is owed no response */
  static readonly NONE = 0;
  static readonly PENDING: number = ANSWER_PENDING;

  readonly octets: Uint8Array;
  readonly #view: DataView;
  readonly #answerer: Answerer;
  readonly #counters: ShardCounters;
  readonly #events: QueryEventWriter | undefined;
  readonly #onPanic: (error: unknown) => void;
  readonly #collected = Buffer.alloc(COLLECTED_MAX);
  #collectedSize = 0;
  #peerSize = 0;
  #peerPort = 0;
  #startMs = 0;
  #unpublished = 0;
  /** once a turn of the event loop */
  readonly #publishLater = (): void => this.publish();

  constructor(options: StreamAnswererOptions) {
    const arena = options.arena ?? new ArrayBuffer(STREAM_ARENA_SIZE);
    this.octets = new Uint8Array(arena);
    this.#view = new DataView(arena);
    this.#answerer = new Answerer({ ...options, arena, messageCapacity: MESSAGE_CAPACITY });
    this.#counters = options.counters;
    this.#events = options.events;
    this.#onPanic = options.onPanic;
  }

  /** Hold the newest snapshot for messages of one client; `leave` before anything that waits. */
  enter(peer: Uint8Array, peerPort: number, proxyVector?: string): void {
    this.octets.set(peer, PEER_AT);
    this.#peerSize = peer.length;
    this.#peerPort = peerPort;
    this.#answerer.client.proxyVector = proxyVector;
    this.#startMs = performance.now();
    this.#answerer.enterBatch();
  }

  leave(): void {
    this.#answerer.leaveBatch();
    this.#events?.commit(performance.now() - this.#startMs);
  }

  /**
   * Answer the message at MESSAGE_AT and collect the response.
   *
   * @returns size of the response, NONE, or PENDING
   * Requires: not `isFull`.
   */
  answer(listener: number, messageSize: number, { idleTimeoutMs, isEncrypted }: MessageCarrier): number {
    const answerer = this.#answerer;
    answerer.opt.idleTimeoutUnits = idleTimeoutMs < 0 ? -1 : Math.min(0xffff, Math.ceil(idleTimeoutMs / 100));
    answerer.opt.isEncrypted = isEncrypted;
    const at = StreamAnswerer.MESSAGE_AT;
    let size: number;
    try {
      size = answerer.answerStream(listener, at, messageSize, PEER_AT, this.#peerSize, this.#peerPort);
    } catch (error) {
      // The connections of everybody else are worth more than a clean thread.
      this.#onPanic(error);
      size = writeFailureResponse(this.octets, at, messageSize);
    }
    if (size > 0) {
      this.#collect(isEncrypted ? padMessage(this.#view, at, size) : size);
      this.#counters.countDuration(answerer.scope, 1, performance.now() - this.#startMs);
    }
    if (++this.#unpublished === 1) setImmediate(this.#publishLater);
    return size;
  }

  /** Whether it is time to `take`. */
  get isFull(): boolean {
    return this.#collectedSize >= WRITE_SIZE;
  }

  /** The responses collected, for one write. */
  take(): Buffer | undefined {
    if (this.#collectedSize === 0) return undefined;
    const octets = Buffer.allocUnsafe(this.#collectedSize);
    this.#collected.copy(octets, 0, 0, this.#collectedSize);
    this.#collectedSize = 0;
    return octets;
  }

  /** Publish the counters, if anything was counted. */
  publish(): void {
    if (this.#unpublished === 0) return;
    this.#unpublished = 0;
    this.#counters.publish();
  }

  #collect(size: number): void {
    const collected = this.#collected;
    const at = this.#collectedSize;
    collected.writeUInt16BE(size, at);
    collected.set(this.octets.subarray(StreamAnswerer.MESSAGE_AT, StreamAnswerer.MESSAGE_AT + size), at + LENGTH_SIZE);
    this.#collectedSize = at + LENGTH_SIZE + size;
  }
}
