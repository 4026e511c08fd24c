/** Lists and watches of one kind, each from request to sink: what they say is handed on in the order in which it came. */
import { SkyshardError } from '../base/skyshard-error.ts';
import type { ObjectKind, ObjectSink } from '../kubernetes/object-sink.ts';
import type { ObjectChange } from '../kubernetes/objects.ts';
import type { ApiClient, ApiRequest, ApiResponse } from './api-client.ts';
import { ApiConnectionFault, connectionFault, statusFault } from './api-fault.ts';
import type { ApiMetrics } from './api-metrics.ts';
import type { ApiTiming } from './api-timing.ts';
import { ChunkReader } from './chunk-stream.ts';
import type { ChangeItem, ObjectFault } from './decoding/decoded-item.ts';
import { createListDecoder, createWatchDecoder } from './decoding/decoders.ts';
import { acceptHeader } from './decoding/media-type.ts';
import type { LogFunction } from './fault-log.ts';
import { API_RESOURCES, resourceName } from './resources.ts';
import type { TurnBudget } from './turn-budget.ts';

export interface ObjectReceiverEvents {
  /** The API server took a request. */
  readonly onContact: () => void;
  /** A list is complete and handed on. */
  readonly onListed: () => void;
  /** A watch begins that goes on from a list or another watch, or a streaming list has become one. */
  readonly onWatching: () => void;
  /** A watch said something, if only a bookmark. */
  readonly onItems: () => void;
}

export interface ObjectReceiverOptions extends ObjectReceiverEvents {
  readonly kind: ObjectKind;
  /** '' for all */
  readonly labelSelector: string;
  readonly client: ApiClient;
  readonly sink: ObjectSink;
  readonly metrics: ApiMetrics;
  readonly timing: ApiTiming;
  readonly budget: TurnBudget;
  readonly log: LogFunction;
}

/** Objects a page: some hundred kilobytes, so that no server has to hold much for us. */
const PAGE_SIZE = '500';
/** Objects of a list that are handed on together: what is kept for longer survives collections of the young generation. */
const LIST_BATCH_MAX = 16;
const FAULT_LINES_MAX = 10;
const FAULT_LINES_MS = 60_000;
/** A server that ends a watch as it was asked to is given some time for it. */
const TIMEOUT_GRACE_MS = 30_000;

export class ObjectReceiver {
  readonly #options: ObjectReceiverOptions;
  /** from where a watch goes on; '' if that is not known */
  #resourceVersion = '';
  #isListing = false;
  #isWatching = false;
  #lastContactMs = 0;
  /** bookmarks are not to be counted on */
  #isPatient = false;
  /** lines about objects that cannot be read, and since when they are counted */
  #faultLines = 0;
  #faultLinesSinceMs = -Infinity;
  /** what the server was asked for, of the watch that runs */
  #timeoutSeconds = 0;

  constructor(options: ObjectReceiverOptions) {
    this.#options = options;
  }

  /** A list is begun and not complete. */
  get isListing(): boolean {
    return this.#isListing;
  }

  get isWatching(): boolean {
    return this.#isWatching;
  }

  /** Unix time; 0: never */
  get lastContactMs(): number {
    return this.#lastContactMs;
  }

  /** The next list is what the server has, however old it is. */
  forgetVersion(): void {
    this.#resourceVersion = '';
  }

  /** The server sends no bookmarks: a watch may be silent until its time is up. Holds until one comes. */
  expectNoBookmarks(): void {
    this.#isPatient = true;
  }

  /**
   * A list in pages, or in one.
   *
   * @throws ApiFault, SkyshardError API_RESPONSE
   */
  async list(signal: AbortSignal, isWhole: boolean): Promise<void> {
    this.#isListing = true;
    let continueToken = '';
    do {
      const isContinued = continueToken !== '';
      const request = this.#request('list', signal, isContinued, {
        ...(!isWhole && { limit: PAGE_SIZE }),
        ...(isContinued && { continue: continueToken }),
      });
      const end = await this.#receive(request, async (response) => {
        if (!isContinued) await this.#options.sink.beginList(this.#options.kind);
        return this.#readPage(request, response);
      });
      continueToken = end.continueToken;
      if (continueToken === '') await this.#endList(end.resourceVersion);
    } while (continueToken !== '');
  }

  /**
   * A watch that begins with all objects, then goes on: until the server ends it.
   *
   * @throws as watch; a fault while `isListing` is one of the list
   */
  async listAndWatch(signal: AbortSignal): Promise<void> {
    this.#isListing = true;
    const request = this.#watchRequest(signal, {
      sendInitialEvents: 'true',
      resourceVersionMatch: 'NotOlderThan',
    });
    await this.#receive(request, async (response) => {
      await this.#options.sink.beginList(this.#options.kind);
      await this.#follow(request, response);
    });
    if (!this.#isListing) return;
    throw new ApiConnectionFault('cut', `cannot watch ${this.#name}: the answer ended before the list was complete`);
  }

  /**
   * A watch from where the list or the last watch ended: until the server ends it.
   *
   * @throws ApiFault, SkyshardError API_RESPONSE
   */
  async watch(signal: AbortSignal): Promise<void> {
    const request = this.#watchRequest(signal, {});
    await this.#receive(request, (response) => this.#follow(request, response));
  }

  get #name(): string {
    return resourceName(API_RESOURCES[this.#options.kind]);
  }

  #watchRequest(signal: AbortSignal, query: Readonly<Record<string, string>>): ApiRequest {
    const { watchMinSeconds, watchMaxSeconds } = this.#options.timing;
    this.#timeoutSeconds = Math.round(watchMinSeconds + Math.random() * (watchMaxSeconds - watchMinSeconds));
    return this.#request('watch', signal, false, {
      watch: 'true',
      allowWatchBookmarks: 'true',
      timeoutSeconds: String(this.#timeoutSeconds),
      ...(this.#resourceVersion !== '' && { resourceVersion: this.#resourceVersion }),
      ...query,
    });
  }

  #request(
    verb: ApiRequest['verb'],
    signal: AbortSignal,
    isContinued: boolean,
    query: Readonly<Record<string, string>>,
  ): ApiRequest {
    const { kind, labelSelector } = this.#options;
    const resource = API_RESOURCES[kind];
    return {
      resource,
      verb,
      signal,
      isContinued,
      accept: acceptHeader(kind),
      query: {
        ...query,
        ...(labelSelector !== '' && { labelSelector }),
        ...(resource.fieldSelector !== '' && { fieldSelector: resource.fieldSelector }),
      },
    };
  }

  /** Send a request and read the answer; the connection is closed or given back, however that ends. */
  async #receive<Result>(request: ApiRequest, read: (response: ApiResponse) => Promise<Result>): Promise<Result> {
    const response = await this.#options.client.open(request);
    this.#touch();
    this.#options.onContact();
    try {
      return await read(response);
    } finally {
      response.close();
    }
  }

  #touch(): void {
    this.#lastContactMs = Date.now();
  }

  async #readPage(
    request: ApiRequest,
    response: ApiResponse,
  ): Promise<{ resourceVersion: string; continueToken: string }> {
    const { kind, budget } = this.#options;
    const decoder = createListDecoder(kind, response.contentType);
    await this.#readAll(request, response, async (chunk) => {
      let changes: ObjectChange[] = [];
      for (const item of decoder.push(chunk)) {
        this.#note(item);
        changes.push(item.change);
        if (changes.length === LIST_BATCH_MAX) {
          await this.#apply(changes);
          changes = [];
        }
        if (budget.isSpent) await budget.pause();
      }
      await this.#apply(changes);
    });
    return decoder.end();
  }

  /** Hand on what a watch says: what came in one piece in one call, so that it shows as one. */
  async #follow(request: ApiRequest, response: ApiResponse): Promise<void> {
    const { kind, budget } = this.#options;
    const decoder = createWatchDecoder(kind, response.contentType);
    if (!this.#isListing) this.#beginWatch();
    try {
      await this.#readAll(request, response, async (chunk) => {
        let changes: ObjectChange[] = [];
        let version = this.#resourceVersion;
        for (const item of decoder.push(chunk)) {
          if (item.type === 'error') {
            await this.#advance(changes, version);
            throw statusFault(request, item, true);
          }
          if (!this.#isListing) this.#options.onItems();
          if (item.type === 'bookmark') {
            version = item.resourceVersion;
            if (item.isInitialEventsEnd && this.#isListing) {
              await this.#apply(changes);
              changes = [];
              await this.#endList(version);
              this.#beginWatch();
            } else if (!this.#isListing) this.#isPatient = false;
          } else {
            this.#note(item);
            changes.push(item.change);
            version = item.resourceVersion;
            if (this.#isListing && changes.length === LIST_BATCH_MAX) {
              await this.#apply(changes);
              changes = [];
            }
          }
          if (budget.isSpent) await budget.pause();
        }
        await this.#advance(changes, version);
      });
      decoder.end();
    } finally {
      this.#isWatching = false;
    }
  }

  #beginWatch(): void {
    this.#isWatching = true;
    this.#options.onWatching();
  }

  /**
   * Take one piece after the other.
   *
   * @throws ApiFault where the connection ends early; what `take` throws
   */
  async #readAll(request: ApiRequest, response: ApiResponse, take: (chunk: Buffer) => Promise<void>): Promise<void> {
    const { budget } = this.#options;
    const chunks = new ChunkReader(
      response.body,
      () => this.#silenceMs,
      () => this.#silent(request),
    );
    try {
      for (;;) {
        let chunk: Buffer | undefined;
        try {
          chunk = await chunks.next();
        } catch (error) {
          if (error instanceof SkyshardError || request.signal.aborted) throw error;
          throw connectionFault(request, response.host, 'cut', error);
        }
        if (chunk === undefined) return;
        this.#touch();
        budget.begin();
        await take(chunk);
      }
    } finally {
      chunks.end();
    }
  }

  get #silenceMs(): number {
    const { listSilenceMs, silenceMs } = this.#options.timing;
    if (this.#isListing) return listSilenceMs;
    return this.#isPatient ? this.#timeoutSeconds * 1000 + TIMEOUT_GRACE_MS : silenceMs;
  }

  #silent({ verb }: ApiRequest): ApiConnectionFault {
    const seconds = this.#silenceMs / 1000;
    return new ApiConnectionFault('silent', `cannot ${verb} ${this.#name}: nothing came for ${seconds} s`);
  }

  #apply(changes: readonly ObjectChange[]): Promise<void> | undefined {
    if (changes.length === 0) return undefined;
    this.#options.metrics.countEvents(this.#options.kind, changes.length);
    return this.#options.sink.apply(changes);
  }

  /** Objects of a list come in any order: their versions say nothing of where a watch may go on. */
  async #advance(changes: readonly ObjectChange[], version: string): Promise<void> {
    await this.#apply(changes);
    if (!this.#isListing) this.#resourceVersion = version;
  }

  async #endList(resourceVersion: string): Promise<void> {
    await this.#options.sink.endList(this.#options.kind);
    this.#resourceVersion = resourceVersion;
    this.#isListing = false;
    this.#options.onListed();
  }

  /** A cluster may hold thousands of such objects: the first ones tell what is wrong. */
  #note(item: ChangeItem | ObjectFault): void {
    const error = item.type === 'fault' ? item.error : item.partError;
    if (error === undefined) return;
    const { kind, metrics, log } = this.#options;
    metrics.countFault(kind);
    const nowMs = performance.now();
    if (nowMs - this.#faultLinesSinceMs >= FAULT_LINES_MS) {
      this.#faultLinesSinceMs = nowMs;
      this.#faultLines = 0;
    }
    if (++this.#faultLines > FAULT_LINES_MAX) return;
    const rest = this.#faultLines < FAULT_LINES_MAX ? '' : ', and those of the next minute are only counted';
    const [level, what] = item.type === 'fault' ? (['error', 'the object'] as const) : (['warn', 'that'] as const);
    log(level, `${error.code}: ${error.message}; ${what} is left out${rest}`);
  }
}
