/**
 * Connections to upstream servers, over TCP, TLS and HTTPS, on an event loop: a few to each, shared by everybody who asks in this
 * thread, pipelined, kept for a while.
 */
import { connect, type Socket } from 'node:net';
import type { ForwardGroup, UpstreamAddress } from '../forward-group.ts';
import { HttpUpstream } from './http-upstream.ts';
import { tlsConnectorTo, type LogText } from './tls-connector.ts';
import { SILENT_MS, type StreamQuery, UpstreamStream } from './upstream-stream.ts';

/** Connections to one upstream. With more in flight they are shared: some servers answer one query after the other. */
const STREAMS_MAX = 8;
/** The same with those that are too old to be used, and those that have fallen silent … */
const STREAMS_TOTAL_MAX = 4 * STREAMS_MAX;
/** … of which one that has been for as long makes room for another, ms: no longer than as many take to fall silent. */
const DEAD_MS = (STREAMS_TOTAL_MAX / STREAMS_MAX) * SILENT_MS;

export interface StreamPoolOptions {
  /** a query went over a connection that was there, or one was opened for it */
  readonly onQuery: (upstream: number, isNew: boolean) => void;
  /** a connection brought something that is no reply to what was asked over it */
  readonly onMismatch: () => void;
  /** why connections over TLS are not trusted */
  readonly log: LogText;
}

interface PooledUpstream {
  readonly connect: () => Socket;
  readonly group: ForwardGroup;
  readonly streams: UpstreamStream[];
  /** it is asked over HTTPS */
  readonly http: HttpUpstream | undefined;
}

export class StreamPool {
  readonly #options: StreamPoolOptions;
  /** by upstream */
  readonly #upstreams: (PooledUpstream | undefined)[] = [];
  #streamCount = 0;
  #isClosed = false;

  constructor(options: StreamPoolOptions) {
    this.#options = options;
  }

  /** Connections there are. */
  get streamCount(): number {
    let count = this.#streamCount;
    for (const upstream of this.#upstreams) if (upstream?.http?.isActive === true) count++;
    return count;
  }

  hasUpstream(upstream: number): boolean {
    return this.#upstreams[upstream] !== undefined;
  }

  addUpstream(upstream: number, address: UpstreamAddress, group: ForwardGroup): void {
    // What a request that is on its way says when the upstream is gone is not said of the next one.
    const onQuery = (isNew: boolean): void => {
      if (this.#upstreams[upstream] === pooled) this.#options.onQuery(upstream, isNew);
    };
    const { log } = this.#options;
    const http = address.scheme === 'https' ? new HttpUpstream(address, group, onQuery, log) : undefined;
    const pooled = { connect: connectorTo(address, group, log), group, streams: [], http };
    this.#upstreams[upstream] = pooled;
  }

  /** What it was asked has failed. */
  removeUpstream(upstream: number): void {
    const removed = this.#upstreams[upstream];
    this.#upstreams[upstream] = undefined;
    removed?.http?.close();
    for (const stream of [...(removed?.streams ?? [])]) stream.giveUp();
  }

  /** @returns false if it can't be asked */
  ask(query: StreamQuery): boolean {
    if (this.#isClosed || !this.hasUpstream(query.upstream)) return false;
    const { http } = this.#upstreams[query.upstream]!;
    if (http !== undefined) return http.ask(query);
    const stream = this.#streamTo(query.upstream);
    if (stream === undefined) return false;
    stream.ask(query);
    return true;
  }

  /** Now and then: what has waited too long, connections that are kept for nothing. */
  tick(nowMs: number): void {
    if (this.streamCount === 0) return;
    for (const upstream of this.#upstreams) {
      if (upstream === undefined) continue;
      const { streams, group, http } = upstream;
      http?.tick(nowMs);
      let idleCount = 0;
      for (let index = streams.length - 1; index >= 0; index--) {
        const stream = streams[index]!;
        stream.tick(nowMs);
        if (stream.unansweredCount > 0 || streams[index] !== stream) continue;
        if (group.idleConnectionsMax > 0 && ++idleCount > group.idleConnectionsMax) stream.destroy();
      }
    }
  }

  close(): void {
    this.#isClosed = true;
    for (const upstream of this.#upstreams) {
      upstream?.http?.close();
      for (const stream of [...(upstream?.streams ?? [])]) stream.destroy();
    }
  }

  /**
   * An idle connection, else a new one, else the one with the least to do. One that has fallen silent is passed over: what the
   * network swallowed once, TCP sends again ever more rarely, so that the server would be back long before its connections.
   */
  #streamTo(upstream: number): UpstreamStream | undefined {
    const { streams, group, connect: open } = this.#upstreams[upstream]!;
    const nowMs = performance.now();
    let least: UpstreamStream | undefined;
    let usableCount = 0;
    for (const stream of streams) {
      if (!stream.isUsable(nowMs) || stream.silenceMs(nowMs) >= SILENT_MS) continue;
      usableCount++;
      if (least === undefined || stream.unansweredCount < least.unansweredCount) least = stream;
    }
    if (least !== undefined && (least.unansweredCount === 0 || usableCount >= STREAMS_MAX)) {
      this.#options.onQuery(upstream, false);
      return least;
    }
    if (streams.length >= STREAMS_TOTAL_MAX && !giveUpDead(streams, nowMs)) return least;
    this.#options.onQuery(upstream, true);
    const stream = new UpstreamStream({
      connect: open,
      idleMaxMs: group.expireMs,
      ageMaxMs: group.maxAgeMs,
      onMismatch: this.#options.onMismatch,
      onGone: (gone) => {
        streams.splice(streams.indexOf(gone), 1);
        this.#streamCount--;
      },
    });
    streams.push(stream);
    this.#streamCount++;
    return stream;
  }
}

/** @returns whether there was one that nothing is expected of any more */
function giveUpDead(streams: readonly UpstreamStream[], nowMs: number): boolean {
  const dead = streams.find((stream) => stream.silenceMs(nowMs) >= DEAD_MS);
  dead?.giveUp();
  return dead !== undefined;
}

/** How a connection to an upstream is opened. */
function connectorTo(upstream: UpstreamAddress, group: ForwardGroup, log: LogText): () => Socket {
  if (upstream.scheme === 'tls') return tlsConnectorTo(upstream, group, ['dot'], log);
  const localAddress = group.sourceAddress === '' ? {} : { localAddress: group.sourceAddress };
  return () => connect({ host: upstream.address, port: upstream.port, noDelay: true, ...localAddress });
}
