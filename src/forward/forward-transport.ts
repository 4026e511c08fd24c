/**
 * How a shard's transport carries what the forwarder reads and writes. Offsets are octets in the forwarder's arena, in the
 * part that is the transport's (Forwarder.ioSize).
 */

import { OPTIONS_SIZE_MAX } from '../answer/rewrite/edns0-rules.ts';
import type { ForwardGroup, UpstreamAddress } from './forward-group.ts';

/** Octets of a query to an upstream: header, question, OPT with options. */
export const UPSTREAM_QUERY_MAX: number = 12 + 255 + 4 + 11 + OPTIONS_SIZE_MAX;
/** Octets of a response to a client. */
export const CLIENT_RESPONSE_MAX = 4096;

/** The socket number of what went over a stream; those of sockets start at 1. */
export const STREAM_SOCKET = 0;

export interface ForwardTransport {
  /** Keep where the client's query in hand came from as the way back for `waiter`. */
  saveReturnPath(waiter: number): void;
  /** The way back for `to` is that for `from`. */
  copyReturnPath(from: number, to: number): void;
  /** Room for a query to an upstream, UPSTREAM_QUERY_MAX octets. @returns its offset */
  queryRoom(upstream: number): number;
  /**
   * Send what was written there, now or with others.
   *
   * @param attempt  what `onRefused` is told if it can't be sent
   * @returns number of the socket it leaves from; no other socket ever has it
   */
  queueQuery(upstream: number, size: number, attempt: number): number;
  /** Room for a query that goes over a stream, UPSTREAM_QUERY_MAX octets. @returns its offset */
  streamRoom(): number;
  /**
   * Ask what was written there over a connection to the upstream, or let someone else do so. The reply comes by
   * `receiveStream`, a failure by `failStream`, neither before this returns.
   *
   * @returns false if nobody can take it now
   */
  queueStream(upstream: number, size: number, attempt: number, generation: number): boolean;
  /** Room for a response to a client, CLIENT_RESPONSE_MAX octets. @returns its offset */
  responseRoom(waiter: number): number;
  queueResponse(waiter: number, size: number): void;
  /** number of the socket the upstream's message in hand came to */
  readonly replySocket: number;
  /** Whether the upstream's message in hand came from this one's address and port. */
  isReplyFrom(upstream: number): boolean;
}

/** What a transport gets to know of an upstream. */
export interface UpstreamRegistrar {
  /**
   * @param number  what names it to other threads (upstreamNumber)
   * @returns false where it can't be asked: no such address family or interface here
   */
  addUpstream(upstream: number, address: UpstreamAddress, group: ForwardGroup, number: number): boolean;
  /** It is asked no more, and what it was asked is of no use: connections are closed. Its index may be another's next. */
  removeUpstream(upstream: number): void;
}
