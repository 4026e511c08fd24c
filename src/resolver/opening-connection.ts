/**
 * A connection that is not ready for messages: what stands before them is read, a proxy's header, then the TLS handshake, then
 * what tells HTTP/2 from HTTP/1.1 where nothing is encrypted. It has the time of a first message for all of that.
 */
import type { Socket } from 'node:net';
import { PROXY_HEADER, PROXY_HEADER_SIZE_MAX, ProxyHeader } from '../dns/proxy-header.ts';
import { proxyPolicyOf } from '../dns/proxy-policy.ts';
import { proxyVectorText } from '../dns/proxy-vector.ts';
import { ClientConnection } from './client-connection.ts';
import type { ConnectionHost, ConnectionListener, ConnectionOrigin } from './client-connection.ts';
import type { TlsTerminator } from './tls-terminator.ts';

/** What a client of HTTP/2 says first (RFC 9113 §3.4). */
const HTTP2_PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

export interface OpenedConnection {
  /** paused */
  readonly socket: Socket;
  readonly isEncrypted: boolean;
  /** ALPN, '' if the client names nothing */
  readonly protocol: string;
  /** who it is for, if that is not its peer */
  readonly client: ProxiedClient | undefined;
  /** what the header says beside addresses, where that is kept (proxyVectorText) */
  readonly vector: string | undefined;
}

export interface ProxiedClient {
  /** 4 or 16 octets */
  readonly address: Uint8Array;
  readonly port: number;
}

export class OpeningConnection extends ClientConnection {
  readonly #carrier: Socket;
  readonly #terminator: TlsTerminator | undefined;
  readonly #done: (opened: OpenedConnection) => void;
  #hasBegun = false;
  #client: ProxiedClient | undefined = undefined;
  #vector: string | undefined = undefined;
  /** the header of a proxy is still to be read */
  #awaitsHeader = false;
  #isHeaderUsed = false;
  #isHeaderRefused = false;
  #awaitsPreface = false;
  #seen: Buffer = Buffer.alloc(0);
  readonly #onData = (piece: Buffer): void => this.#read(piece);
  readonly #onEnd = (): void => this.destroy();

  constructor(
    carrier: Socket,
    terminator: TlsTerminator | undefined,
    origin: ConnectionOrigin,
    listener: ConnectionListener,
    host: ConnectionHost,
    weight: number,
    done: (opened: OpenedConnection) => void,
  ) {
    super(origin, listener, host, weight);
    this.#carrier = carrier;
    this.#terminator = terminator;
    this.#done = done;
    carrier.once('close', () => this.leave());
    listener.lists.fresh.append(this, performance.now());
  }

  reconsider(): void {
    if (this.isGone) return;
    if (this.isToEnd) {
      this.destroy();
      return;
    }
    if (this.#hasBegun) return;
    this.listener.lists.fresh.append(this, performance.now());
    if (!this.host.isOpen || this.listener.isHeld) return;
    this.#hasBegun = true;
    this.#begin();
  }

  destroy(): void {
    if (this.leave()) this.#carrier.destroy();
  }

  #begin(): void {
    const { proxy, scheme } = this.listener;
    if (proxy !== undefined) {
      const { peer } = this.origin;
      const policy = proxyPolicyOf(proxy, peer, 0, peer.length);
      this.#awaitsHeader = policy !== 'skip';
      this.#isHeaderUsed = policy === 'use';
      this.#isHeaderRefused = policy === 'reject';
    }
    this.#awaitsPreface = scheme === 'https' && this.#terminator === undefined;
    if (!this.#awaitsHeader && !this.#awaitsPreface) {
      this.#shakeHands('');
      return;
    }
    this.#carrier.on('data', this.#onData);
    this.#carrier.on('end', this.#onEnd);
    this.#carrier.resume();
  }

  #read(piece: Buffer): void {
    if (this.isGone) return;
    this.#seen = this.#seen.length === 0 ? piece : Buffer.concat([this.#seen, piece]);
    if (this.#awaitsHeader && !this.#readHeader()) return;
    let protocol = '';
    if (this.#awaitsPreface) {
      const size = Math.min(this.#seen.length, HTTP2_PREFACE.length);
      const isSame = this.#seen.subarray(0, size).equals(HTTP2_PREFACE.subarray(0, size));
      if (isSame && size < HTTP2_PREFACE.length) return;
      if (isSame) protocol = 'h2';
    }
    this.#carrier.removeListener('data', this.#onData);
    this.#carrier.removeListener('end', this.#onEnd);
    this.#carrier.pause();
    if (this.#seen.length > 0) this.#carrier.unshift(this.#seen);
    this.#seen = Buffer.alloc(0);
    this.#shakeHands(protocol);
  }

  /** @returns whether it is known who the client is */
  #readHeader(): boolean {
    const header = new ProxyHeader();
    const found = header.read(this.#seen, 0, this.#seen.length);
    if (found === PROXY_HEADER.INCOMPLETE && this.#seen.length < PROXY_HEADER_SIZE_MAX) return false;
    if (found === PROXY_HEADER.INCOMPLETE || found === PROXY_HEADER.BAD) {
      this.destroy();
      return false;
    }
    this.#awaitsHeader = false;
    if (found === PROXY_HEADER.NONE) return true;
    if (this.#isHeaderRefused) {
      this.destroy();
      return false;
    }
    if (this.#isHeaderUsed && header.vectorStart > 0 && this.listener.proxy?.keepsVectors === true) {
      this.#vector = proxyVectorText(this.#seen, header.vectorStart, header.size);
    }
    this.#seen = this.#seen.subarray(header.size);
    if (this.#isHeaderUsed && header.addressSize > 0) {
      this.#client = { address: header.address.slice(0, header.addressSize), port: header.port };
    }
    // What follows has the time of a first message.
    this.listener.lists.fresh.append(this, performance.now());
    return !this.#awaitsPreface || this.#seen.length > 0;
  }

  #shakeHands(protocol: string): void {
    if (this.#terminator === undefined) {
      this.#finish({ socket: this.#carrier, isEncrypted: false, protocol, client: this.#client, vector: this.#vector });
      return;
    }
    this.#terminator.terminate(this.#carrier, (socket) => {
      socket.pause();
      const agreed = typeof socket.alpnProtocol === 'string' ? socket.alpnProtocol : '';
      this.#finish({ socket, isEncrypted: true, protocol: agreed, client: this.#client, vector: this.#vector });
    });
  }

  #finish(opened: OpenedConnection): void {
    if (this.leave()) this.#done(opened);
    else opened.socket.destroy();
  }
}
