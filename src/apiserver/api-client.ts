/** GET requests to the API server, with answers as streams. */
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { readVersion } from '../base/version.ts';
import type { ApiAccess, ApiConnection } from './access.ts';
import { type ApiFault, type ApiRequestName, connectionFault, statusFault } from './api-fault.ts';
import type { ApiMetrics } from './api-metrics.ts';
import type { KubernetesApiOptions } from './api-options.ts';
import { readStatus } from './api-status.ts';
import { requestDirectly, type ChunkSource, type DirectAnswer } from './direct-request.ts';
import { DEFAULT_BURST, DEFAULT_QPS, InflightLimit, RateLimiter } from './request-limits.ts';
import { resourcePath } from './resources.ts';

export interface ApiRequest extends ApiRequestName {
  readonly query: Readonly<Record<string, string>>;
  readonly accept: string;
  /** Page of a list whose first page was asked for already. */
  readonly isContinued: boolean;
  readonly signal: AbortSignal;
}

export interface ApiResponse {
  /** of the server, with its port */
  readonly host: string;
  readonly contentType: string;
  readonly body: ChunkSource;
  /** To be called when the body has been read, or nobody wants the rest of it. */
  close(): void;
}

/** Octets of an answer that is an error. */
const ERROR_SIZE_MAX = 65_536;

export interface ApiClientOptions {
  readonly access: ApiAccess;
  readonly limits: Pick<KubernetesApiOptions, 'queriesPerSecond' | 'burst' | 'inflightMax'>;
  readonly metrics: ApiMetrics;
  /** how long to wait for the headers of an answer */
  readonly answerMs: number;
}

export class ApiClient {
  readonly #access: ApiAccess;
  readonly #metrics: ApiMetrics;
  readonly #limiter: RateLimiter;
  /** a rate that somebody chose counts for each page; the default only for each list */
  readonly #limitsPages: boolean;
  readonly #inflight: InflightLimit;
  readonly #answerMs: number;

  constructor({ access, limits, metrics, answerMs }: ApiClientOptions) {
    this.#access = access;
    this.#metrics = metrics;
    this.#answerMs = answerMs;
    this.#limiter = new RateLimiter(limits.queriesPerSecond || DEFAULT_QPS, limits.burst || DEFAULT_BURST);
    this.#limitsPages = limits.queriesPerSecond > 0;
    this.#inflight = new InflightLimit(limits.inflightMax);
  }

  /**
   * Ask for a list or a watch. Watches are not limited in rate, as with client-go, and count as in flight until they begin.
   *
   * @throws ApiFault if the answer is no 200 or does not come; SkyshardError API_ACCESS; the signal's reason
   */
  async open(request: ApiRequest): Promise<ApiResponse> {
    const connection = await this.#access.connect();
    const { host } = connection.server;
    const isList = request.verb === 'list';
    if (isList && (this.#limitsPages || !request.isContinued)) await this.#limit(host, request.signal);
    const leave = await this.#inflight.enter(request.signal);
    const startMs = performance.now();
    const finish = (): void => {
      leave();
      if (isList) this.#metrics.observeRequest((performance.now() - startMs) / 1000, host);
    };
    try {
      const { body, headers } = await this.#send(connection, request);
      if (!isList) leave();
      const close = (): void => {
        body.destroy();
        finish();
      };
      return { host, contentType: headers['content-type'] ?? '', body, close };
    } catch (error) {
      finish();
      throw error;
    }
  }

  async #limit(host: string, signal: AbortSignal): Promise<void> {
    const startMs = performance.now();
    await this.#limiter.wait(signal);
    this.#metrics.observeLimiter((performance.now() - startMs) / 1000, host);
  }

  async #send(connection: ApiConnection, request: ApiRequest): Promise<DirectAnswer> {
    const { host } = connection.server;
    let response: DirectAnswer;
    try {
      response = await (request.verb === 'watch' && connection.connectDirectly !== undefined
        ? this.#watchDirectly(connection.connectDirectly, connection, request)
        : this.#exchange(connection, request, false));
    } catch (error) {
      if (request.signal.aborted) throw error;
      this.#metrics.countRequest('<error>', host);
      throw connectionFault(request, host, 'connect', error);
    }
    this.#metrics.countRequest(response.statusCode, host);
    if (response.statusCode === 200) return response;
    if (response.statusCode === 401) this.#access.invalidate();
    throw await readFault(response, request, this.#answerMs);
  }

  #watchDirectly(
    connect: NonNullable<ApiConnection['connectDirectly']>,
    { server, headers }: ApiConnection,
    request: ApiRequest,
  ): Promise<DirectAnswer> {
    const all = { ...headers, accept: request.accept, 'user-agent': userAgent() };
    const url = target(server, request);
    return requestDirectly({ connect, url, headers: all, signal: request.signal, answerMs: this.#answerMs });
  }

  /** An idle connection may be closed by the server in the moment it is used again: then the request is sent once more. */
  async #exchange(connection: ApiConnection, request: ApiRequest, isRepeated: boolean): Promise<DirectAnswer> {
    const { server, agent, headers } = connection;
    const send = server.protocol === 'https:' ? httpsRequest : httpRequest;
    return new Promise((resolve, reject) => {
      const sent = send(target(server, request), {
        agent,
        signal: request.signal,
        headers: { ...headers, accept: request.accept, 'user-agent': userAgent() },
      });
      const timer = setTimeout(() => {
        sent.destroy(new Error(`no answer within ${this.#answerMs / 1000} s`));
      }, this.#answerMs);
      let hasResponse = false;
      sent.on('response', (response) => {
        hasResponse = true;
        clearTimeout(timer);
        const { statusCode = 0, headers } = response;
        // Of these no header that is used here comes as a list.
        resolve({ statusCode, headers: headers as DirectAnswer['headers'], body: response as ChunkSource });
      });
      sent.on('error', (error: NodeJS.ErrnoException) => {
        clearTimeout(timer);
        // What happens to the connection after that is reported by the response too.
        if (hasResponse) return;
        const isStale = sent.reusedSocket && !isRepeated && (error.code === 'ECONNRESET' || error.code === 'EPIPE');
        if (isStale) resolve(this.#exchange(connection, request, true));
        else reject(error);
      });
      sent.end();
    });
  }
}

function target(server: URL, { resource, query }: ApiRequest): URL {
  const url = new URL(server);
  url.pathname = url.pathname.replace(/\/+$/, '') + resourcePath(resource);
  url.search = new URLSearchParams(query).toString();
  return url;
}

/** @param bodyMs  how long to wait for what it says beside the status */
async function readFault(response: DirectAnswer, request: ApiRequest, bodyMs: number): Promise<ApiFault> {
  const chunks: Buffer[] = [];
  let size = 0;
  const timer = setTimeout(() => response.body.destroy(), bodyMs);
  try {
    for await (const chunk of response.body) {
      chunks.push(chunk);
      size += chunk.length;
      if (size > ERROR_SIZE_MAX) break;
    }
  } catch {
    // What came of it has to do: the status says more than the end of the connection.
  } finally {
    clearTimeout(timer);
  }
  const status = readStatus(Buffer.concat(chunks), response.headers['content-type'] ?? '');
  const retryAfterSeconds = readRetryAfter(response.headers['retry-after']) ?? status.retryAfterSeconds;
  return statusFault(request, { ...status, code: response.statusCode, retryAfterSeconds });
}

/** Seconds; the other form, a date, is not used by API servers, but by proxies before them. */
function readRetryAfter(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d+$/.test(text)) return Number(text);
  const seconds = (Date.parse(text) - Date.now()) / 1000;
  return Number.isNaN(seconds) ? undefined : Math.max(0, seconds);
}

let agentText: string | undefined;

function userAgent(): string {
  return (agentText ??= `skyshard/${readVersion()} (${process.platform}/${process.arch})`);
}
