/** A client of HTTP/2 for tests. */
import { once } from 'node:events';
import {
  type ClientHttp2Session,
  connect,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type Settings,
} from 'node:http2';
import type { ConnectionOptions } from 'node:tls';

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export class Http2Client {
  readonly session: ClientHttp2Session;
  isClosed = false;

  private constructor(session: ClientHttp2Session) {
    this.session = session;
    session.on('error', () => undefined);
    session.on('close', () => (this.isClosed = true));
  }

  /** @param tls  plain text if not given */
  static async open(port: number, tls?: ConnectionOptions, settings: Settings = {}): Promise<Http2Client> {
    const scheme = tls === undefined ? 'http' : 'https';
    const client = new Http2Client(connect(`${scheme}://127.0.0.1:${port}`, { ...tls, settings }));
    await once(client.session, 'connect');
    return client;
  }

  /** @returns undefined if the server closes instead */
  async get(target: string): Promise<HttpAnswer | undefined> {
    return this.ask({ ':path': target }, undefined);
  }

  async post(message: Uint8Array): Promise<HttpAnswer | undefined> {
    return this.ask({ ':path': '/dns-query', ':method': 'POST', 'content-type': 'application/dns-message' }, message);
  }

  ask(headers: OutgoingHttpHeaders, body: Uint8Array | undefined): Promise<HttpAnswer | undefined> {
    const { promise, resolve } = Promise.withResolvers<HttpAnswer | undefined>();
    if (this.isClosed) return Promise.resolve(undefined);
    const stream = this.session.request(headers, { endStream: body === undefined });
    let head: IncomingHttpHeaders & { ':status'?: number | undefined } = {};
    const pieces: Buffer[] = [];
    stream.on('response', (found) => (head = found));
    stream.on('data', (piece: Buffer) => pieces.push(piece));
    stream.on('error', () => undefined);
    stream.on('close', () => {
      const { ':status': status } = head;
      resolve(status === undefined ? undefined : { status, headers: head, body: Buffer.concat(pieces) });
    });
    if (body !== undefined) stream.end(body);
    return promise;
  }

  close(): void {
    this.session.destroy();
  }
}
