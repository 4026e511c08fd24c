/** Node's HTTP/1.1 and HTTP/2, on connections that are there already: neither listens, and none of their time-outs is used. */
import type { Server } from 'node:http';
import type { SecureServerOptions } from 'node:http2';
import type { Socket } from 'node:net';
import type { HttpConnection } from './http-connection.ts';

/** Octets of a request's head: the largest message in base64url, and what browsers add. */
const HEAD_SIZE_MAX = 16_384;
/** What HTTP/2 may hold of a connection beside our own, MB. */
const SESSION_MEMORY_MAX = 1;

export class HttpProtocols {
  readonly #connections = new WeakMap<Socket, HttpConnection>();
  #server: Server | undefined = undefined;

  /**
   * Take requests from a connection.
   *
   * @param socket  of the connection; paused
   * @param protocol  ALPN: `h2`, else HTTP/1.1
   * @param streamsMax  requests at a time over HTTP/2
   */
  serve(connection: HttpConnection, socket: Socket, protocol: string, streamsMax: number): void {
    if (protocol === 'h2') {
      const { performServerHandshake } = process.getBuiltinModule('node:http2');
      connection.adoptSession(performServerHandshake(socket, sessionOptions(streamsMax)));
      // What was read already is taken in the next tick, and has to come first.
      setImmediate(() => socket.resume());
    } else {
      this.#connections.set(socket, connection);
      (this.#server ??= this.#createServer()).emit('connection', socket);
      socket.resume();
    }
  }

  #createServer(): Server {
    const http = process.getBuiltinModule('node:http');
    const server = http.createServer({ maxHeaderSize: HEAD_SIZE_MAX, keepAliveTimeout: 0 }, (request, response) => {
      this.#connections.get(request.socket)?.takeRequest(request, response);
    });
    server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      const connection = this.#connections.get(socket as Socket);
      if (error.code === 'ECONNRESET' || connection === undefined) socket.destroy();
      else connection.refuse(error.code === 'HPE_HEADER_OVERFLOW' ? 431 : 400);
    });
    return server;
  }
}

function sessionOptions(streamsMax: number): SecureServerOptions {
  return {
    settings: { maxConcurrentStreams: streamsMax, maxHeaderListSize: HEAD_SIZE_MAX, enablePush: false },
    maxHeaderListPairs: 64,
    maxOutstandingPings: 2,
    maxSessionInvalidFrames: 100,
    maxSessionRejectedStreams: 100,
    maxSettings: 16,
    maxSessionMemory: SESSION_MEMORY_MAX,
  };
}
