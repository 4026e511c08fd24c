/** The Kubernetes API as JSON, for tests: one connection pool, errors with what the server said. */
import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';

/** With a client certificate, or through the Unix socket of a `kubectl proxy`. */
export type ApiAccess =
  | {
      /** https://address:port */
      readonly server: string;
      readonly caFile: string;
      readonly certFile: string;
      readonly keyFile: string;
    }
  | { readonly socketPath: string };

export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

const DEADLINE_MS = 30_000;

export class ApiClient {
  readonly #server: string;
  readonly #socketPath: string | undefined;
  readonly #agent: http.Agent;

  constructor(access: ApiAccess) {
    const pool = { keepAlive: true, maxSockets: 16 };
    this.#socketPath = 'socketPath' in access ? access.socketPath : undefined;
    this.#server = 'socketPath' in access ? 'http://localhost' : access.server;
    this.#agent =
      'socketPath' in access
        ? new http.Agent(pool)
        : new https.Agent({
            ...pool,
            ca: readFileSync(access.caFile),
            cert: readFileSync(access.certFile),
            key: readFileSync(access.keyFile),
          });
  }

  /** @throws ApiError where the status is not 2xx */
  async request<T = unknown>(method: string, pathname: string, body?: unknown, type = 'application/json'): Promise<T> {
    const { status, text } = await this.#send(method, pathname, body, type);
    const answer: unknown = text.startsWith('{') ? JSON.parse(text) : text;
    if (status >= 200 && status <= 299) return answer as T;
    // A Status says why.
    const said = (answer as { message?: string }).message ?? text;
    throw new ApiError(status, `${method} ${pathname}: ${status} ${said.slice(0, 1000)}`);
  }

  async get<T = unknown>(pathname: string): Promise<T> {
    return this.request<T>('GET', pathname);
  }

  /** A JSON merge patch. */
  async patch<T = unknown>(pathname: string, body: unknown): Promise<T> {
    return this.request<T>('PATCH', pathname, body, 'application/merge-patch+json');
  }

  /** Whether a GET answers 2xx; false while nobody listens. */
  async isOk(pathname: string): Promise<boolean> {
    try {
      await this.get(pathname);
      return true;
    } catch {
      return false;
    }
  }

  close(): void {
    this.#agent.destroy();
  }

  #send(method: string, pathname: string, body: unknown, type: string): Promise<{ status: number; text: string }> {
    const { promise, resolve, reject } = Promise.withResolvers<{ status: number; text: string }>();
    const payload = body === undefined ? undefined : JSON.stringify(body);
    const headers = payload === undefined ? {} : { 'Content-Type': type, 'Content-Length': Buffer.byteLength(payload) };
    const options = { method, agent: this.#agent, headers, timeout: DEADLINE_MS, socketPath: this.#socketPath };
    const protocol = this.#socketPath === undefined ? https : http;
    const request = protocol.request(new URL(pathname, this.#server), options, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
      response.on('error', reject);
    });
    request.on('timeout', () => request.destroy(new Error(`${method} ${pathname}: nothing for ${DEADLINE_MS} ms`)));
    request.on('error', reject);
    request.end(payload);
    return promise;
  }
}
