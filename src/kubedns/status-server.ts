/** HTTP for probes and metrics at the paths that kube-dns's containers have: a few routes, GET and HEAD. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { formatListenAddress, listenOn, type ListenAddress } from '../observability/endpoints/listener-set.ts';

export interface StatusAnswer {
  readonly status: 200 | 404 | 500 | 503;
  readonly type?: string;
  readonly body: string;
  /** called when it is sent */
  readonly onSent?: () => void;
}

/** @param path  without the query @returns undefined if there is nothing of that path */
export type StatusRoute = (path: string) => StatusAnswer | Promise<StatusAnswer> | undefined;

export interface StatusServer {
  readonly port: number;
  readonly url: string;
  close(): Promise<void>;
}

const TIMEOUT_MS = 5000;
const CONNECTIONS_MAX = 64;
const TEXT_TYPE = 'text/plain; charset=utf-8';

/** @throws SkyshardError BIND_FAILED */
export async function startStatusServer(
  address: ListenAddress,
  what: string,
  route: StatusRoute,
  onError: (error: unknown) => void,
): Promise<StatusServer> {
  const server = createServer(
    { requestTimeout: TIMEOUT_MS, headersTimeout: TIMEOUT_MS, keepAliveTimeout: TIMEOUT_MS },
    (request, response) => {
      void respond(request, response, route).catch((error: unknown) => {
        onError(error);
        response.destroy();
      });
    },
  );
  server.maxConnections = CONNECTIONS_MAX;
  const port = await listenOn(server, address, what);
  return {
    port,
    url: `http://${formatListenAddress({ host: address.host, port })}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function respond(request: IncomingMessage, response: ServerResponse, route: StatusRoute): Promise<void> {
  const path = request.url?.split('?', 1)[0] ?? '';
  const isKnown = request.method === 'GET' || request.method === 'HEAD';
  const answer = (isKnown ? await route(path) : undefined) ?? { status: 404 as const, body: '404 page not found\n' };
  response.writeHead(answer.status, { 'Content-Type': answer.type ?? TEXT_TYPE });
  if (answer.onSent !== undefined) response.once('finish', answer.onSent);
  response.end(request.method === 'HEAD' ? undefined : answer.body);
}
