/**
 * Datagrams that come by way of a load balancer: a header of the PROXY protocol, version 2, stands before the query and says
 * whose it is. Only listeners with `proxyproto` have one of these.
 *
 * Where sessions are tracked, what a sender says without a header is for the client of its last one.
 */
import { PROXY_HEADER, ProxyHeader } from '../dns/proxy-header.ts';
import { proxyPolicyOf, type ProxyRules } from '../dns/proxy-policy.ts';
import { proxyVectorText } from '../dns/proxy-vector.ts';

interface ProxySession {
  readonly address: Uint8Array;
  readonly port: number;
  readonly vector: string | undefined;
  endMs: number;
}

export class ProxiedDatagrams {
  /** octets of the client's address, 4 or 16; 0: the sender is the client */
  addressSize = 0;
  address: Uint8Array = new Uint8Array(16);
  port = 0;
  /** what its header says beside addresses, where that is kept (proxyVectorText) */
  vector: string | undefined = undefined;
  readonly #rules: ProxyRules;
  readonly #header = new ProxyHeader();
  /** by sender; whoever was heard of longest ago comes first */
  readonly #sessions = new Map<string, ProxySession>();

  constructor(rules: ProxyRules) {
    this.#rules = rules;
  }

  /**
   * Find out whose a datagram is.
   *
   * @param octets  hold the datagram and the sender's address
   * @returns octets of its header, which are to be passed over; -1: it gets no answer
   */
  read(
    octets: Uint8Array,
    at: number,
    size: number,
    senderAt: number,
    senderSize: number,
    senderPort: number,
    nowMs: number,
  ): number {
    this.addressSize = 0;
    this.vector = undefined;
    const policy = proxyPolicyOf(this.#rules, octets, senderAt, senderSize);
    if (policy === 'skip') return 0;
    const header = this.#header;
    const found = header.read(octets, at, at + size);
    if (found === PROXY_HEADER.NONE) {
      if (policy === 'use' && this.#rules.udpSessionMs > 0)
        this.#recall(nameOf(octets, senderAt, senderSize, senderPort), nowMs);
      return 0;
    }
    // A datagram is all there is: half a header, or that of a stream, is none.
    if (found !== PROXY_HEADER.FOUND || !header.isForDatagrams || policy === 'reject') return -1;
    if (policy !== 'use') return header.size;
    if (this.#rules.keepsVectors && header.vectorStart > 0) {
      this.vector = proxyVectorText(octets, header.vectorStart, at + header.size);
    }
    if (header.addressSize > 0) {
      this.#take(header.address, header.addressSize, header.port);
      if (this.#rules.udpSessionMs > 0) this.#remember(nameOf(octets, senderAt, senderSize, senderPort), nowMs);
    }
    // A header alone begins a session.
    return header.size === size && this.#rules.udpSessionMs > 0 ? -1 : header.size;
  }

  #take(address: Uint8Array, size: number, port: number): void {
    this.address = address;
    this.addressSize = size;
    this.port = port;
  }

  #remember(name: string, nowMs: number): void {
    const sessions = this.#sessions;
    sessions.delete(name);
    if (sessions.size >= this.#rules.udpSessionsMax) sessions.delete(sessions.keys().next().value!);
    const { udpSessionMs } = this.#rules;
    sessions.set(name, {
      address: this.address.slice(0, this.addressSize),
      port: this.port,
      vector: this.vector,
      endMs: nowMs + udpSessionMs,
    });
  }

  #recall(name: string, nowMs: number): void {
    const session = this.#sessions.get(name);
    if (session === undefined) return;
    this.#sessions.delete(name);
    if (session.endMs <= nowMs) return;
    session.endMs = nowMs + this.#rules.udpSessionMs;
    this.#sessions.set(name, session);
    this.#take(session.address, session.address.length, session.port);
    this.vector = session.vector;
  }
}

function nameOf(octets: Uint8Array, at: number, size: number, port: number): string {
  return `${octets.subarray(at, at + size).join('.')} ${port}`;
}
