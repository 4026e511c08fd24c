/**
 * One ConfigMap, followed: listed, then watched from there; when a watch ends, for whatever reason, listed again, which for one
 * object costs nothing and needs no memory of versions. It is small, and read as JSON whole.
 */
import { SkyshardError } from '../base/skyshard-error.ts';
import { type ApiAccess, openAccess } from './access.ts';
import { ApiClient, type ApiRequest, type ApiResponse } from './api-client.ts';
import { ApiConnectionFault, ApiFault, connectionFault, statusFault } from './api-fault.ts';
import { ApiMetrics } from './api-metrics.ts';
import type { KubernetesApiOptions } from './api-options.ts';
import { API_TIMING, type ApiTiming, Backoff } from './api-timing.ts';
import { ChunkReader } from './chunk-stream.ts';
import { Contact } from './contact.ts';
import { FaultLog, type LogFunction } from './fault-log.ts';
import { type ApiResource, configMapResource } from './resources.ts';

/** What is in the cluster under the name. */
export interface ConfigMapState {
  /** undefined: there is no such ConfigMap */
  readonly data: Readonly<Record<string, string>> | undefined;
  /** resourceVersion; '' where there is none */
  readonly version: string;
}

export interface ConfigMapWatchOptions {
  readonly api: KubernetesApiOptions;
  readonly namespace: string;
  readonly name: string;
  readonly onState: (state: ConfigMapState) => void;
  readonly log: LogFunction;
  /** told of a bug, here or in onState */
  readonly fail: (error: unknown) => void;
  readonly timing?: Partial<ApiTiming>;
}

/** An object has 1.5 MiB at most; its managed fields come on top. */
const ANSWER_SIZE_MAX = 8 * 1024 * 1024;

export class ConfigMapWatch {
  readonly #options: ConfigMapWatchOptions;
  readonly #access: ApiAccess;
  readonly #client: ApiClient;
  readonly #resource: ApiResource;
  readonly #timing: ApiTiming;
  readonly #backoff: Backoff;
  readonly #faultLog: FaultLog;
  readonly #contact = new Contact();
  readonly #abort = new AbortController();
  readonly #firstState = Promise.withResolvers<void>();
  #hasState = false;
  #run: Promise<void> = Promise.resolve();

  /** @throws SkyshardError API_ACCESS if how the server is reached cannot be made out */
  static async open(options: ConfigMapWatchOptions): Promise<ConfigMapWatch> {
    const warn = (error: SkyshardError): void => {
      options.log('warn', `${error.code}: ${error.message}; what was read before is used on`);
    };
    return new ConfigMapWatch(options, await openAccess(options.api, warn));
  }

  private constructor(options: ConfigMapWatchOptions, access: ApiAccess) {
    const { api, namespace, name, log } = options;
    this.#options = options;
    this.#timing = { ...API_TIMING, ...options.timing };
    this.#access = access;
    this.#client = new ApiClient({
      access: this.#access,
      limits: api,
      metrics: new ApiMetrics(),
      answerMs: this.#timing.answerMs,
    });
    this.#resource = configMapResource(namespace, name);
    this.#backoff = new Backoff(this.#timing.backoffMinMs);
    this.#faultLog = new FaultLog(`ConfigMap ${namespace}/${name}`, this.#timing.logAgainMs, log);
  }

  /** Follow it from now on. @returns when its state is known, or after `waitMs` */
  async start(waitMs: number): Promise<void> {
    this.#run = this.#follow(this.#abort.signal).catch(this.#options.fail);
    const timer = setTimeout(() => this.#firstState.resolve(), waitMs);
    await this.#firstState.promise;
    clearTimeout(timer);
  }

  async close(): Promise<void> {
    this.#abort.abort();
    await this.#run;
    this.#access.close();
  }

  async #follow(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      let waitMs = 0;
      try {
        const version = await this.#list(signal);
        const startMs = performance.now();
        await this.#watch(version, signal);
        // A server that ends each watch at once is not asked without a pause.
        if (performance.now() - startMs < this.#timing.steadyMs) waitMs = this.#backoff.next(this.#timing.backoffMaxMs);
        else this.#backoff.reset();
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof SkyshardError) || error.code === 'INTERNAL_ASSERTION') throw error;
        waitMs = this.#noteFault(error);
      }
      if (waitMs > 0) await this.#contact.wait(waitMs, false, signal);
    }
  }

  #noteFault(fault: SkyshardError): number {
    const { backoffMaxMs, connectBackoffMaxMs, logGraceMs } = this.#timing;
    const isUnreachable = fault instanceof ApiConnectionFault && fault.what === 'connect';
    const waitMs = this.#backoff.next(isUnreachable ? connectBackoffMaxMs : backoffMaxMs);
    // A version that is too old, and a silent connection, are what goes on after a list.
    const isPassing = fault instanceof ApiFault && (fault.isExpired || fault.isTooNew);
    if (!isPassing) this.#faultLog.report(fault, waitMs, this.#hasState ? logGraceMs : 0);
    return waitMs;
  }

  /** @returns the version that a watch goes on from */
  async #list(signal: AbortSignal): Promise<string> {
    const request = this.#request('list', signal, {});
    const text = await this.#receive(request, async (response) => {
      let octets = '';
      for await (const chunk of this.#texts(request, response, this.#timing.listSilenceMs)) octets += chunk;
      return octets;
    });
    const list = mappingOf(parseJson(text, 'the list of ConfigMaps'));
    const items = Array.isArray(list['items']) ? (list['items'] as unknown[]) : [];
    this.#take(items.find((item) => this.#isIt(item)));
    this.#faultLog.clear();
    return textOf(mappingOf(list['metadata'])['resourceVersion']);
  }

  async #watch(resourceVersion: string, signal: AbortSignal): Promise<void> {
    const { watchMinSeconds, watchMaxSeconds, silenceMs } = this.#timing;
    const seconds = Math.round(watchMinSeconds + Math.random() * (watchMaxSeconds - watchMinSeconds));
    const request = this.#request('watch', signal, {
      watch: 'true',
      allowWatchBookmarks: 'true',
      timeoutSeconds: String(seconds),
      resourceVersion,
    });
    await this.#receive(request, async (response) => {
      let rest = '';
      for await (const chunk of this.#texts(request, response, silenceMs)) {
        const lines = (rest + chunk).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) if (line.trim() !== '') this.#takeEvent(line, request);
        if (rest.length > ANSWER_SIZE_MAX) throw tooLarge();
      }
    });
  }

  #takeEvent(line: string, request: ApiRequest): void {
    const { type, object } = mappingOf(parseJson(line, 'an event of the ConfigMap'));
    if (type === 'ERROR') {
      const { code, reason, message } = mappingOf(object);
      const status = {
        code: Number(code),
        reason: textOf(reason),
        message: textOf(message),
        retryAfterSeconds: undefined,
      };
      throw statusFault(request, status, true);
    }
    if (!this.#isIt(object)) return;
    if (type === 'ADDED' || type === 'MODIFIED') this.#take(object);
    else if (type === 'DELETED') this.#take(undefined);
  }

  /** A bookmark has no name, and a server that does not know the selector sends all there are. */
  #isIt(object: unknown): boolean {
    const { name, namespace } = mappingOf(mappingOf(object)['metadata']);
    const { only } = this.#resource;
    return name === only!.name && namespace === only!.namespace;
  }

  #take(object: unknown): void {
    this.#hasState = true;
    if (object === undefined) {
      this.#options.onState({ data: undefined, version: '' });
    } else {
      const { metadata, data } = mappingOf(object);
      const texts = Object.entries(mappingOf(data)).filter(
        (entry): entry is [string, string] => typeof entry[1] === 'string',
      );
      this.#options.onState({
        data: Object.fromEntries(texts),
        version: textOf(mappingOf(metadata)['resourceVersion']),
      });
    }
    this.#firstState.resolve();
  }

  #request(verb: ApiRequest['verb'], signal: AbortSignal, query: Readonly<Record<string, string>>): ApiRequest {
    const { fieldSelector } = this.#resource;
    return {
      resource: this.#resource,
      verb,
      signal,
      isContinued: false,
      accept: 'application/json',
      query: { ...query, fieldSelector },
    };
  }

  async #receive<Result>(request: ApiRequest, read: (response: ApiResponse) => Promise<Result>): Promise<Result> {
    const response = await this.#client.open(request);
    try {
      return await read(response);
    } finally {
      response.close();
    }
  }

  /** @throws ApiFault where the connection ends early, SkyshardError API_RESPONSE */
  async *#texts(request: ApiRequest, response: ApiResponse, silenceMs: number): AsyncGenerator<string, void, void> {
    const decoder = new TextDecoder();
    const silent = (): Error =>
      new ApiConnectionFault('silent', `cannot ${request.verb} configmaps: nothing came for ${silenceMs / 1000} s`);
    const chunks = new ChunkReader(response.body, () => silenceMs, silent);
    let size = 0;
    try {
      for (let chunk = await chunks.next(); chunk !== undefined; chunk = await chunks.next()) {
        size += chunk.length;
        if (request.verb === 'list' && size > ANSWER_SIZE_MAX) throw tooLarge();
        yield decoder.decode(chunk, { stream: true });
      }
    } catch (error) {
      if (error instanceof SkyshardError || request.signal.aborted) throw error;
      throw connectionFault(request, response.host, 'cut', error);
    } finally {
      chunks.end();
    }
  }
}

function tooLarge(): SkyshardError {
  return new SkyshardError(
    'API_RESPONSE',
    `the API server's answer about the ConfigMap is larger than ${ANSWER_SIZE_MAX} octets`,
  );
}

function parseJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new SkyshardError('API_RESPONSE', `${what} cannot be read: ${reason}`, { cause });
  }
}

function mappingOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
