/** A client's query whose answer needs the response to another question first, and what is known of it so far. */
import type { ComposedAnswerer, Continuation } from '../answer/answerer-options.ts';
import { PLUGIN } from '../observability/counters/shard-counters.ts';

/** The response to a question of an answer in the making. */
export interface InnerResponse {
  readonly message: Uint8Array;
  /** PLUGIN that wrote it */
  readonly plugin: number;
  /** no plugin answered: it failed */
  readonly isFailed: boolean;
}

export class Composition implements Continuation {
  /** the responses by which the answer comes this far again, by what names their questions */
  readonly known: Map<string, InnerResponse>;
  /** names the question whose response is awaited */
  awaited: string;
  readonly query: Uint8Array;
  readonly peer: Uint8Array;
  readonly peerPort: number;
  readonly proxyVector: string | undefined;
  readonly listener: number;
  readonly isStream: boolean;
  readonly idleTimeoutUnits: number;
  octets: Uint8Array = new Uint8Array(0);
  messageAt = 0;
  readonly #resume: (composition: Composition) => number;

  constructor(
    { client, response, keptQuery, opt }: ComposedAnswerer,
    known: Map<string, InnerResponse>,
    awaited: string,
    resume: (composition: Composition) => number,
  ) {
    this.known = known;
    this.awaited = awaited;
    this.query = keptQuery.slice(0, client.messageSize);
    this.peer = response.bytes.slice(client.peerOffset, client.peerOffset + client.peerSize);
    this.peerPort = client.peerPort;
    this.proxyVector = client.proxyVector;
    this.listener = client.listener;
    this.isStream = client.isStream;
    this.idleTimeoutUnits = opt.idleTimeoutUnits;
    this.#resume = resume;
  }

  take(message: Uint8Array, isFailed: boolean): void {
    this.known.set(this.awaited, { message, plugin: PLUGIN.FORWARD, isFailed });
  }

  resume(): number {
    return this.#resume(this);
  }
}
