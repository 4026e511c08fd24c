/**
 * An API server in memory, on 127.0.0.1: lists in pages, watches, streaming lists, bookmarks and 410, as the real one does
 * them, and faults on demand. It knows nothing of the program: paths and parameters are its own.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, type ServerOptions } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';

export interface RawObject {
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly resourceVersion?: string;
  };
  readonly [field: string]: unknown;
}

export interface SeenRequest {
  readonly plural: string;
  readonly verb: 'list' | 'watch';
  readonly query: Readonly<Record<string, string>>;
  readonly headers: IncomingMessage['headers'];
}

/** What happens to a request instead of an answer. */
export type FakeFault =
  /** an HTTP status with a Status object */
  | {
      readonly status: number;
      readonly reason?: string;
      readonly message?: string;
      readonly headers?: Readonly<Record<string, string>>;
    }
  /** 200, and in the stream an ERROR event, before anything else or instead of the end of the first list */
  | { readonly event: number; readonly reason?: string; readonly message?: string; readonly at?: 'start' | 'end' }
  /** nothing at all, the connection stays open */
  | { readonly hang: 'before headers' | 'after headers'; readonly code?: number }
  /** 200 with a text of something else, which does not end */
  | { readonly page: string }
  /** the connection is reset after so many octets of the answer */
  | { readonly cutAfter: number };

export interface FakeApiServerOptions {
  readonly hasStreaming?: boolean;
  readonly sendsBookmarks?: boolean;
  readonly bookmarkMs?: number;
  readonly port?: number;
  readonly tls?: ServerOptions;
  /** plurals that do not exist */
  readonly missing?: readonly string[];
}

const PLURALS = {
  services: { path: '/api/v1/services', kind: 'Service', apiVersion: 'v1' },
  namespaces: { path: '/api/v1/namespaces', kind: 'Namespace', apiVersion: 'v1' },
  pods: { path: '/api/v1/pods', kind: 'Pod', apiVersion: 'v1' },
  endpointslices: {
    path: '/apis/discovery.k8s.io/v1/endpointslices',
    kind: 'EndpointSlice',
    apiVersion: 'discovery.k8s.io/v1',
  },
  // of one namespace, which is enough for who reads one of them
  configmaps: { path: '/api/v1/namespaces/kube-system/configmaps', kind: 'ConfigMap', apiVersion: 'v1' },
  serviceimports: {
    path: '/apis/multicluster.x-k8s.io/v1alpha1/serviceimports',
    kind: 'ServiceImport',
    apiVersion: 'multicluster.x-k8s.io/v1alpha1',
  },
} as const;
export type Plural = keyof typeof PLURALS;

interface FakeEvent {
  readonly version: number;
  readonly plural: Plural;
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly object: RawObject;
}

interface Watch {
  readonly plural: Plural;
  /** the only object that is told of */
  readonly name: string | undefined;
  readonly response: ServerResponse;
  readonly timers: NodeJS.Timeout[];
  isSilent: boolean;
}

export class FakeApiServer {
  readonly requests: SeenRequest[] = [];
  /** accepted as `Authorization`; undefined: anything is */
  authorization: string | undefined;
  version = 1000;
  isStreaming: boolean;
  /** what changes is neither sent nor remembered for those who watch */
  isLosingEvents = false;
  readonly missing: Set<string>;
  readonly #options: FakeApiServerOptions;
  readonly #server: Server;
  readonly #objects = new Map<Plural, Map<string, RawObject>>();
  readonly #history: FakeEvent[] = [];
  #compactedVersion = 0;
  readonly #pages = new Map<string, readonly RawObject[]>();
  readonly #watches = new Set<Watch>();
  readonly #sockets = new Set<Socket>();
  readonly #faults: { readonly plural: string; readonly verb: string; readonly fault: FakeFault; times: number }[] = [];
  #waiters: (() => void)[] = [];

  private constructor(options: FakeApiServerOptions) {
    this.#options = options;
    this.isStreaming = options.hasStreaming ?? true;
    this.missing = new Set(options.missing);
    const handle = (request: IncomingMessage, response: ServerResponse): void => this.#handle(request, response);
    this.#server = options.tls === undefined ? createServer(handle) : createTlsServer(options.tls, handle);
    for (const event of ['connection', 'secureConnection']) {
      this.#server.on(event, (socket: Socket) => {
        this.#sockets.add(socket);
        socket.on('close', () => this.#sockets.delete(socket));
        socket.on('error', () => undefined);
      });
    }
  }

  static async start(options: FakeApiServerOptions = {}): Promise<FakeApiServer> {
    const fake = new FakeApiServer(options);
    await new Promise<void>((resolve, reject) => {
      fake.#server.once('error', reject);
      fake.#server.listen(options.port ?? 0, '127.0.0.1', resolve);
    });
    return fake;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `${this.#options.tls === undefined ? 'http' : 'https'}://127.0.0.1:${this.port}`;
  }

  async close(): Promise<void> {
    for (const watch of this.#watches) for (const timer of watch.timers) clearInterval(timer);
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  // What is in the cluster.

  put(object: RawObject): void {
    const plural = pluralOf(object.kind);
    const objects = this.#of(plural);
    const key = keyOf(object);
    const type = objects.has(key) ? 'MODIFIED' : 'ADDED';
    const stored = {
      apiVersion: PLURALS[plural].apiVersion,
      ...object,
      metadata: { ...object.metadata, resourceVersion: String(++this.version) },
    };
    objects.set(key, stored);
    this.#emit({ version: this.version, plural, type, object: stored });
  }

  remove(kind: string, namespace: string, name: string): void {
    const plural = pluralOf(kind);
    const key = `${namespace}/${name}`;
    const object = this.#of(plural).get(key);
    if (object === undefined) throw new Error(`no ${kind} ${key}`);
    this.#of(plural).delete(key);
    const gone = { ...object, metadata: { ...object.metadata, resourceVersion: String(++this.version) } };
    this.#emit({ version: this.version, plural, type: 'DELETED', object: gone });
  }

  /** All there is of a kind, in the order of a list. */
  list(plural: Plural): RawObject[] {
    return [...this.#of(plural)].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object);
  }

  /** What happened before is forgotten: a watch from there is told 410, and so is the next page of a list. */
  compact(): void {
    this.#compactedVersion = this.version;
    this.#history.length = 0;
    this.#pages.clear();
  }

  /** As after a restored backup: versions are counted from here again. */
  goBackTo(version: number): void {
    this.version = version;
    this.#history.length = 0;
    this.#compactedVersion = version;
  }

  // What goes wrong.

  /** Requests for `plural` fail, so many times. The oldest rule that fits is used. */
  fail(plural: Plural, verb: 'list' | 'watch' | 'streaming list', fault: FakeFault, times = 1): void {
    this.#faults.push({ plural, verb, fault, times });
  }

  /** No rule holds any longer. */
  mend(): void {
    this.#faults.length = 0;
  }

  /** Watches end as they do when their time is up. */
  endWatches(plural?: Plural): void {
    for (const watch of this.#watchesOf(plural)) {
      this.#watches.delete(watch);
      for (const timer of watch.timers) clearInterval(timer);
      watch.response.end();
    }
  }

  /** Watches are reset, in the middle of an event. */
  cutWatches(plural?: Plural): void {
    for (const watch of this.#watchesOf(plural)) {
      this.#watches.delete(watch);
      for (const timer of watch.timers) clearInterval(timer);
      watch.response.write('{"type":"MODIFIED","object":{"kind":"Serv', () => watch.response.socket?.resetAndDestroy());
    }
  }

  /** Watches stay open and say nothing more, not even a bookmark. */
  silenceWatches(plural?: Plural): void {
    for (const watch of this.#watchesOf(plural)) watch.isSilent = true;
  }

  /** An ERROR event in the watches, which then end. */
  failWatches(code: number, reason: string, plural?: Plural): void {
    for (const watch of this.#watchesOf(plural)) {
      this.#watches.delete(watch);
      for (const timer of watch.timers) clearInterval(timer);
      watch.response.end(eventLine('ERROR', statusObject(code, reason, reason)));
    }
  }

  bookmark(plural?: Plural): void {
    for (const watch of this.#watchesOf(plural)) this.#sendBookmark(watch, false);
  }

  /** Raw octets to the watches of a kind. */
  writeRaw(plural: Plural, text: string | Buffer): void {
    for (const watch of this.#watchesOf(plural)) watch.response.write(text);
  }

  // What was asked.

  openWatches(plural?: Plural): number {
    return this.#watchesOf(plural).length;
  }

  get openConnections(): number {
    return this.#sockets.size;
  }

  seen(plural: Plural, verb?: 'list' | 'watch'): SeenRequest[] {
    return this.requests.filter(
      (request) => request.plural === plural && (verb === undefined || request.verb === verb),
    );
  }

  /** Resolves when `isThere` holds, looking after each request and a hundred times a second. */
  async until(isThere: () => boolean, what: string, timeoutMs = 10_000): Promise<void> {
    const endMs = performance.now() + timeoutMs;
    while (!isThere()) {
      if (performance.now() > endMs) throw new Error(`waited ${timeoutMs} ms in vain: ${what}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 10);
        this.#waiters.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  // HTTP

  #handle(request: IncomingMessage, response: ServerResponse): void {
    response.on('error', () => undefined);
    const url = new URL(request.url ?? '/', 'http://fake');
    const plural = (Object.keys(PLURALS) as Plural[]).find((name) => PLURALS[name].path === url.pathname);
    if (plural === undefined || this.missing.has(plural)) {
      sendStatus(response, 404, 'NotFound', 'the server could not find the requested resource');
      return;
    }
    const query = Object.fromEntries(url.searchParams);
    const verb = query['watch'] === 'true' || query['watch'] === '1' ? 'watch' : 'list';
    this.requests.push({ plural, verb, query, headers: request.headers });
    for (const wake of this.#waiters.splice(0)) wake();
    if (this.authorization !== undefined && request.headers.authorization !== this.authorization) {
      sendStatus(response, 401, 'Unauthorized', 'Unauthorized');
      return;
    }
    const fault = this.#takeFault(plural, verb, query['sendInitialEvents'] === 'true');
    if (fault !== undefined && !this.#failBefore(response, fault)) return;
    if (verb === 'list') this.#list(plural, query, response);
    else this.#watch(plural, query, response, fault);
  }

  #takeFault(plural: Plural, verb: string, isStreaming: boolean): FakeFault | undefined {
    const rule = this.#faults.find(
      (known) => known.times > 0 && known.plural === plural && known.verb === (isStreaming ? 'streaming list' : verb),
    );
    if (rule !== undefined) rule.times--;
    return rule?.fault;
  }

  /** @returns whether an answer is to be sent nevertheless */
  #failBefore(response: ServerResponse, fault: FakeFault): boolean {
    if ('status' in fault) {
      const { status, reason = '', message = `fault ${status}`, headers = {} } = fault;
      sendStatus(response, status, reason, message, headers);
      return false;
    }
    if ('event' in fault) {
      if (fault.at === 'end') return true;
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(eventLine('ERROR', statusObject(fault.event, fault.reason ?? '', fault.message ?? '')));
      return false;
    }
    if ('page' in fault) {
      response.writeHead(200, { 'content-type': 'text/html' });
      response.write(fault.page);
      return false;
    }
    if ('hang' in fault) {
      if (fault.hang === 'after headers') {
        response.writeHead(fault.code ?? 200, { 'content-type': 'application/json' });
        response.flushHeaders();
      }
      return false;
    }
    cutAfter(response, fault.cutAfter);
    return true;
  }

  #list(plural: Plural, query: Readonly<Record<string, string>>, response: ServerResponse): void {
    if (query['resourceVersion'] !== undefined && Number(query['resourceVersion']) > this.version) {
      sendStatus(
        response,
        504,
        'Timeout',
        `Too large resource version: ${query['resourceVersion']}, current: ${this.version}`,
      );
      return;
    }
    const limit = Number(query['limit'] ?? 0);
    let objects: readonly RawObject[] = this.#selected(plural, query);
    let start = 0;
    let version = this.version;
    if (query['continue'] !== undefined) {
      const [token, offset] = query['continue'].split('.');
      const kept = this.#pages.get(token!);
      if (kept === undefined) {
        sendStatus(
          response,
          410,
          'Expired',
          'The provided continue parameter is too old to display a consistent list result.',
        );
        return;
      }
      objects = kept;
      start = Number(offset);
      version = Number(token!.split('-')[1]);
    }
    const end = limit > 0 ? start + limit : objects.length;
    const metadata: Record<string, unknown> = { resourceVersion: String(version) };
    if (end < objects.length) {
      const token = `${plural}-${version}`;
      this.#pages.set(token, objects);
      metadata['continue'] = `${token}.${end}`;
    }
    const { kind, apiVersion } = PLURALS[plural];
    const items = objects.slice(start, end).map(({ kind: _kind, apiVersion: _apiVersion, ...rest }) => rest);
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ kind: `${kind}List`, apiVersion, metadata, items }));
  }

  #watch(
    plural: Plural,
    query: Readonly<Record<string, string>>,
    response: ServerResponse,
    fault: FakeFault | undefined,
  ): void {
    const isStreaming = query['sendInitialEvents'] === 'true';
    if (isStreaming && (!this.isStreaming || query['resourceVersionMatch'] !== 'NotOlderThan')) {
      sendStatus(response, 422, 'Invalid', 'sendInitialEvents: Forbidden: sendInitialEvents is forbidden for watch');
      return;
    }
    const from = Number(query['resourceVersion'] ?? 0);
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    if (!isStreaming && from < this.#compactedVersion) {
      const message = `too old resource version: ${from} (${this.#compactedVersion})`;
      response.end(eventLine('ERROR', statusObject(410, 'Expired', message)));
      return;
    }
    const name = nameSelected(query);
    const watch: Watch = { plural, name, response, timers: [], isSilent: from > this.version };
    if (isStreaming && !watch.isSilent) {
      for (const object of this.#selected(plural, query)) this.#send(watch, 'ADDED', object);
      if (fault !== undefined && 'event' in fault) {
        response.end(eventLine('ERROR', statusObject(fault.event, fault.reason ?? '', fault.message ?? '')));
        return;
      }
      this.#sendBookmark(watch, true);
    } else if (!watch.isSilent) {
      for (const event of this.#history) {
        if (event.plural === plural && event.version > from) this.#send(watch, event.type, event.object);
      }
    }
    this.#watches.add(watch);
    const { bookmarkMs = 60_000, sendsBookmarks = true } = this.#options;
    if (sendsBookmarks) watch.timers.push(setInterval(() => this.#sendBookmark(watch, false), bookmarkMs));
    response.on('close', () => {
      this.#watches.delete(watch);
      for (const timer of watch.timers) clearInterval(timer);
    });
  }

  #emit(event: FakeEvent): void {
    if (this.isLosingEvents) return;
    this.#history.push(event);
    for (const watch of this.#watchesOf(event.plural)) this.#send(watch, event.type, event.object);
  }

  #send(watch: Watch, type: FakeEvent['type'], object: RawObject): void {
    if (watch.isSilent || (watch.name ?? object.metadata.name) !== object.metadata.name) return;
    watch.response.write(eventLine(type, object));
  }

  #sendBookmark(watch: Watch, isInitialEventsEnd: boolean): void {
    if (watch.isSilent) return;
    const { kind, apiVersion } = PLURALS[watch.plural];
    const annotations = isInitialEventsEnd ? { annotations: { 'k8s.io/initial-events-end': 'true' } } : {};
    const metadata = { resourceVersion: String(this.version), ...annotations };
    watch.response.write(eventLine('BOOKMARK', { kind, apiVersion, metadata }));
  }

  /** Label selectors of equality are enough here. */
  #selected(plural: Plural, query: Readonly<Record<string, string>>): RawObject[] {
    const pairs = (query['labelSelector'] ?? '')
      .split(',')
      .filter((pair) => pair !== '')
      .map((pair) => pair.split('='));
    const name = nameSelected(query);
    return this.list(plural).filter(
      ({ metadata }) =>
        (name ?? metadata.name) === metadata.name && pairs.every(([key, value]) => metadata.labels?.[key!] === value),
    );
  }

  #watchesOf(plural: Plural | undefined): Watch[] {
    return [...this.#watches].filter((watch) => plural === undefined || watch.plural === plural);
  }

  #of(plural: Plural): Map<string, RawObject> {
    const found = this.#objects.get(plural) ?? new Map<string, RawObject>();
    this.#objects.set(plural, found);
    return found;
  }
}

/** `fieldSelector=metadata.name=NAME`; undefined: all */
function nameSelected(query: Readonly<Record<string, string>>): string | undefined {
  return /^metadata\.name=(.*)$/.exec(query['fieldSelector'] ?? '')?.[1];
}

function pluralOf(kind: string): Plural {
  const found = (Object.keys(PLURALS) as Plural[]).find((plural) => PLURALS[plural].kind === kind);
  if (found === undefined) throw new Error(`no such kind: ${kind}`);
  return found;
}

/** `NAMESPACE/NAME` */
export function keyOf({ metadata }: RawObject): string {
  return `${metadata.namespace ?? ''}/${metadata.name}`;
}

function statusObject(code: number, reason: string, message: string): Record<string, unknown> {
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason, code };
}

function eventLine(type: string, object: unknown): string {
  return `${JSON.stringify({ type, object })}\n`;
}

function sendStatus(
  response: ServerResponse,
  code: number,
  reason: string,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(code, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(statusObject(code, reason, message)));
}

/** Reset the connection once so many octets of the body are written. */
function cutAfter(response: ServerResponse, octets: number): void {
  const write = response.write.bind(response) as (chunk: string | Buffer, done?: () => void) => boolean;
  let left = octets;
  const cut = (chunk: unknown): boolean => {
    const data = Buffer.from(chunk as string);
    const part = data.subarray(0, left);
    left -= part.length;
    if (left > 0) return write(part);
    return write(part, () => response.socket?.resetAndDestroy());
  };
  response.write = cut as ServerResponse['write'];
  response.end = ((chunk: unknown) => {
    if (chunk !== undefined) cut(chunk);
    response.socket?.resetAndDestroy();
    return response;
  }) as ServerResponse['end'];
}
