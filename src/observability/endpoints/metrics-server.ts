/** The HTTP listener for /metrics. */
import type { IncomingMessage, Server as HttpServer, ServerResponse } from 'node:http';
import type { Server } from 'node:net';
import { formatListenAddress, listenOn } from './listener-set.ts';
import type { WebConfig } from './web-config.ts';
import { METRICS_CONTENT_TYPE } from '../counters/prometheus-text.ts';

/** Reading a request, writing a response, and idling between two: as CoreDNS has it. */
const TIMEOUT_MS = 5000;
/** A scrape at a time is the rule; what is more than this is no scraper. */
const CONNECTIONS_MAX = 64;

const LIMITS = {
  headersTimeout: TIMEOUT_MS,
  requestTimeout: TIMEOUT_MS,
  keepAliveTimeout: TIMEOUT_MS,
  connectionsCheckingInterval: TIMEOUT_MS / 5,
  maxHeaderSize: 8192,
};

export interface MetricsServerOptions {
  /** a name or an address; '': all addresses */
  readonly address: string;
  /** 0: any that is free */
  readonly port: number;
  /** web configuration for TLS, an absolute path */
  readonly tlsFile?: string | null;
  /** writes the page; what it throws is a response with status 500 */
  readonly page: () => Promise<string>;
  /** told what the page threw */
  readonly onError: (error: unknown) => void;
}

export interface MetricsServer {
  readonly port: number;
  /** http://…/metrics */
  readonly url: string;
  /** Ends open connections too. */
  close(): Promise<void>;
}

/**
 * Listen. node:http is loaded with the first connection: 6 MiB and 40 ms, which a server that nobody scrapes does not spend.
 *
 * @throws SkyshardError BIND_FAILED; isAddressInUse tells whether another port would do
 */
export async function startMetricsServer(options: MetricsServerOptions): Promise<MetricsServer> {
  const { createServer } = await import('node:net');
  const tls =
    options.tlsFile === undefined || options.tlsFile === null
      ? undefined
      : (await import('./web-config.ts')).readWebConfig(options.tlsFile);
  let http: Promise<HttpServer> | undefined;
  const listener = createServer({ pauseOnConnect: true }, (socket) => {
    // A scraper that gives up while node:http is loaded is no fault of ours.
    socket.on('error', () => socket.destroy());
    http ??= createHttpServer(options, tls);
    void http.then((server) => {
      server.emit('connection', socket);
      socket.resume();
    });
  });
  listener.maxConnections = CONNECTIONS_MAX;
  const port = await listenOn(listener, { host: options.address, port: options.port }, 'metrics');
  return {
    port,
    url: `${tls === undefined ? 'http' : 'https'}://${formatListenAddress({ host: options.address, port })}/metrics`,
    close: async () => close(listener, await http),
  };
}

/** An HTTP server that does not listen: it is handed its connections. */
async function createHttpServer(options: MetricsServerOptions, tls: WebConfig | undefined): Promise<HttpServer> {
  const page = shareWhileRunning(options.page);
  const answer = (request: IncomingMessage, response: ServerResponse): void =>
    void respond(request, response, page, options.onError);
  let server: HttpServer;
  if (tls === undefined) {
    server = (await import('node:http')).createServer(LIMITS, answer);
  } else {
    const secure = (await import('node:https')).createServer({ ...LIMITS, ...tls.options }, answer);
    // Before a handshake begins: certificates are renewed while the server runs.
    secure.prependListener('connection', () => {
      const renewed = tls.renewed();
      if (renewed !== undefined) secure.setSecureContext(renewed);
    });
    secure.on('tlsClientError', (_error, socket) => socket.destroy());
    server = secure;
  }
  server.timeout = TIMEOUT_MS;
  // The check of the time-outs begins with this event.
  server.emit('listening');
  return server;
}

async function close(listener: Server, http: HttpServer | undefined): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  listener.close(() => resolve());
  http?.close();
  http?.closeAllConnections();
  await promise;
}

async function respond(
  request: IncomingMessage,
  response: ServerResponse,
  page: () => Promise<string>,
  onError: (error: unknown) => void,
): Promise<void> {
  const path = request.url?.split('?', 1)[0];
  if (path !== '/metrics') return send(request, response, 404, 'not found\n');
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('Allow', 'GET, HEAD');
    return send(request, response, 405, 'method not allowed\n');
  }
  try {
    const text = await page();
    response.setHeader('Content-Type', METRICS_CONTENT_TYPE);
    send(request, response, 200, text);
  } catch (error) {
    onError(error);
    send(request, response, 500, 'the metrics could not be read\n');
  }
}

function send(request: IncomingMessage, response: ServerResponse, status: number, text: string): void {
  const body = Buffer.from(text);
  response.statusCode = status;
  if (!response.hasHeader('Content-Type')) response.setHeader('Content-Type', 'text/plain; charset=utf-8');
  response.setHeader('Content-Length', body.length);
  response.end(request.method === 'HEAD' ? undefined : body);
}

/** Those who ask while the page is being written get the same one. */
function shareWhileRunning(page: () => Promise<string>): () => Promise<string> {
  let running: Promise<string> | undefined;
  return () =>
    (running ??= page().finally(() => {
      running = undefined;
    }));
}
