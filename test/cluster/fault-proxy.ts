/**
 * Between a DNS server and the API server: plain HTTP in, HTTPS with a client certificate out, and on demand the faults
 * of a bad day.
 */
import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import type { AddressInfo, Socket } from 'node:net';

const ADDRESS = '127.0.0.1';

export interface FaultProxyOptions {
  /** https://address:port */
  readonly server: string;
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
}

/** A status in place of an answer. */
export interface Refusal {
  readonly status: number;
  readonly retryAfterSeconds?: number;
}

export class FaultProxy {
  /** of every request so far, as `GET /api/v1/services?…` */
  readonly requests: string[] = [];
  /** undefined: requests go through */
  refusal: Refusal | undefined;
  /** watches that begin now end after so many octets of their response, in the middle of whatever that is */
  cutAfterOctets = Number.POSITIVE_INFINITY;
  cutCount = 0;
  readonly #options: FaultProxyOptions;
  readonly #server: http.Server;
  readonly #sockets = new Set<Socket>();
  readonly #agent: https.Agent;

  private constructor(options: FaultProxyOptions) {
    this.#options = options;
    this.#agent = new https.Agent({
      ca: readFileSync(options.caFile),
      cert: readFileSync(options.certFile),
      key: readFileSync(options.keyFile),
    });
    this.#server = http.createServer((request, response) => this.#handle(request, response));
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
  }

  static async start(options: FaultProxyOptions): Promise<FaultProxy> {
    const proxy = new FaultProxy(options);
    await proxy.#listen(0);
    return proxy;
  }

  get url(): string {
    return `http://${ADDRESS}:${this.#port}`;
  }

  /** Close every connection, and refuse new ones until `open`. */
  async close(): Promise<void> {
    this.#port = this.#address().port;
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.cutConnections();
    await closed;
  }

  async open(): Promise<void> {
    if (!this.#server.listening) await this.#listen(this.#port);
  }

  cutConnections(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async stop(): Promise<void> {
    if (this.#server.listening) await this.close();
    this.#agent.destroy();
  }

  #port = 0;

  async #listen(port: number): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject).listen(port, ADDRESS, resolve);
    });
    this.#port = this.#address().port;
  }

  #address(): AddressInfo {
    return this.#server.address() as AddressInfo;
  }

  #handle(request: http.IncomingMessage, response: http.ServerResponse): void {
    this.requests.push(`${request.method} ${request.url}`);
    if (this.refusal !== undefined) {
      request.resume();
      refuse(response, this.refusal);
      return;
    }
    const { host: _, ...headers } = request.headers;
    const target = new URL(request.url ?? '/', this.#options.server);
    const upstream = https.request(target, { method: request.method, headers, agent: this.#agent }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      const isWatch = target.searchParams.has('watch');
      this.#pass(answer, response, isWatch ? this.cutAfterOctets : Number.POSITIVE_INFINITY);
    });
    // The client sees a connection that breaks, as it would without a proxy.
    upstream.on('error', () => response.destroy());
    response.on('close', () => upstream.destroy());
    request.pipe(upstream);
  }

  #pass(from: http.IncomingMessage, to: http.ServerResponse, octetsMax: number): void {
    let left = octetsMax;
    from.on('error', () => to.destroy());
    from.on('end', () => to.end());
    from.on('data', (chunk: Buffer) => {
      if (chunk.length < left) {
        left -= chunk.length;
        to.write(chunk);
        return;
      }
      this.cutCount += 1;
      from.destroy();
      to.write(chunk.subarray(0, left), () => to.destroy());
    });
  }
}

function refuse(response: http.ServerResponse, { status, retryAfterSeconds }: Refusal): void {
  const reasons: Readonly<Record<number, string>> = {
    429: 'TooManyRequests',
    500: 'InternalError',
    503: 'ServiceUnavailable',
  };
  const body = {
    kind: 'Status',
    apiVersion: 'v1',
    status: 'Failure',
    code: status,
    reason: reasons[status],
    message: 'a bad day',
  };
  const retryAfter = retryAfterSeconds === undefined ? {} : { 'Retry-After': String(retryAfterSeconds) };
  response.writeHead(status, { 'Content-Type': 'application/json', ...retryAfter }).end(JSON.stringify(body));
}
