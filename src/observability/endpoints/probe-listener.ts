/**
 * A listener for probes: the answer to `GET /PATH` is a few octets. It is HTTP as far as a probe speaks it: one request a
 * connection, the head is read up to its end, a body is passed over. node:http would take 6 MiB and 40 ms for this, in every
 * pod; and it refuses connections beyond a limit, where this one drops the oldest: idle ones cannot lock a probe out.
 */
import { createServer } from 'node:net';
import type { Socket } from 'node:net';
import { listenOn } from './listener-set.ts';
import type { EndpointListener, ListenAddress } from './listener-set.ts';

export interface ProbeAnswer {
  readonly status: 200 | 404 | 503;
  readonly body: string;
}

export interface ProbeListenerOptions {
  readonly address: ListenAddress;
  /** for messages: `health` */
  readonly what: string;
  /** @param path  without the query */
  readonly answer: (path: string) => ProbeAnswer;
}

const REASONS: Readonly<Record<ProbeAnswer['status'], string>> = {
  200: 'OK',
  404: 'Not Found',
  503: 'Service Unavailable',
};
export const NOT_FOUND_ANSWER: ProbeAnswer = { status: 404, body: '404 page not found\n' };
/** A connection has this long in all, ms. */
const CONNECTION_MAX_MS = 5000;
const HEAD_SIZE_MAX = 8192;
const CONNECTIONS_MAX = 64;
const HEAD_END = /\r?\n\r?\n/;
const REQUEST_LINE = /^([A-Z]+) (\S+) HTTP\/1\.[01]\r?\n/;

/** @throws SkyshardError BIND_FAILED */
export async function startProbeListener(options: ProbeListenerOptions): Promise<EndpointListener> {
  const connections = new Set<Socket>();
  const server = createServer((socket) => {
    connections.add(socket);
    if (connections.size > CONNECTIONS_MAX) {
      const [oldest] = connections;
      oldest?.destroy();
    }
    const timer = setTimeout(() => socket.destroy(), CONNECTION_MAX_MS).unref();
    socket.on('error', () => socket.destroy());
    socket.once('close', () => {
      clearTimeout(timer);
      connections.delete(socket);
    });
    readRequest(socket, options.answer);
  });
  const port = await listenOn(server, options.address, options.what);
  // a connection that cannot be accepted, for want of a descriptor, is not the end of the listener
  server.on('error', () => undefined);
  return {
    port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of connections) socket.destroy();
      }),
  };
}

/** Answer the first request; what comes after its head is passed over until the client closes. */
function readRequest(socket: Socket, answer: ProbeListenerOptions['answer']): void {
  let head = '';
  socket.setEncoding('latin1');
  socket.on('data', (octets: string) => {
    if (socket.writableEnded) return;
    head += octets;
    if (HEAD_END.test(head)) socket.end(respond(head, answer));
    else if (head.length > HEAD_SIZE_MAX) socket.destroy();
  });
}

function respond(head: string, answer: ProbeListenerOptions['answer']): string {
  const [, method, target] = REQUEST_LINE.exec(head) ?? [];
  if (method === undefined || target === undefined) {
    return 'HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n';
  }
  const path = target.replace(/^https?:\/\/[^/]*/, '').split('?', 1)[0]!;
  const { status, body } = answer(path);
  return (
    `HTTP/1.1 ${status} ${REASONS[status]}\r\nContent-Type: text/plain; charset=utf-8\r\n` +
    `Content-Length: ${Buffer.byteLength(body)}\r\nDate: ${new Date().toUTCString()}\r\nConnection: close\r\n\r\n` +
    (method === 'HEAD' ? '' : body)
  );
}
