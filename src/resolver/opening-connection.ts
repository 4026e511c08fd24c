/**
 * A connection that is not ready for messages: what stands before them is read, that of a proxy, then the TLS handshake. It
 * has the time of a first message for that.
 */
import type { Socket } from 'node:net';
import { ClientConnection } from './client-connection.ts';
import type { ConnectionHost, ConnectionListener, ConnectionOrigin } from './client-connection.ts';
import type { TlsTerminator } from './tls-terminator.ts';

export interface OpenedConnection {
  /** paused */
  readonly socket: Socket;
  readonly isEncrypted: boolean;
  /** ALPN, '' if the client names nothing */
  readonly protocol: string;
}

export class OpeningConnection extends ClientConnection {
  readonly #carrier: Socket;
  readonly #terminator: TlsTerminator | undefined;
  readonly #done: (opened: OpenedConnection) => void;
  #hasBegun = false;

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
    this.reconsider();
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
    this.#shakeHands();
  }

  destroy(): void {
    if (this.leave()) this.#carrier.destroy();
  }

  #shakeHands(): void {
    if (this.#terminator === undefined) {
      this.#finish({ socket: this.#carrier, isEncrypted: false, protocol: '' });
      return;
    }
    this.#terminator.terminate(this.#carrier, (socket) => {
      socket.pause();
      const protocol = typeof socket.alpnProtocol === 'string' ? socket.alpnProtocol : '';
      this.#finish({ socket, isEncrypted: true, protocol });
    });
  }

  #finish(opened: OpenedConnection): void {
    if (this.leave()) this.#done(opened);
    else opened.socket.destroy();
  }
}
