/**
 * An API server whose objects change: LIST and WATCH of a generated cluster in protobuf, over plain HTTP on 127.0.0.1. What a
 * list sends is encoded once, so that serving it again takes little of the CPU that is measured on. A changed EndpointSlice goes
 * to every watch; all watches can be ended with 410, and their clients have to list anew.
 */
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { encodeEvent, encodeList } from '../dataset/encode-protobuf.ts';
import type { GeneratedCluster, RawObject } from '../dataset/generate-cluster.ts';
import { send, sendJson } from './api-responses.ts';

const CHUNK_SIZE = 1 << 16;
const FIRST_VERSION = 1_000_000;

interface Resource {
  readonly apiVersion: string;
  readonly kind: RawObject['kind'];
}

const RESOURCES: Readonly<Record<string, Resource>> = {
  '/api/v1/namespaces': { apiVersion: 'v1', kind: 'Namespace' },
  '/api/v1/services': { apiVersion: 'v1', kind: 'Service' },
  '/api/v1/pods': { apiVersion: 'v1', kind: 'Pod' },
  '/apis/discovery.k8s.io/v1/endpointslices': { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice' },
};

export interface ChangingApiServer {
  readonly port: number;
  /** lists of EndpointSlices that were sent whole */
  readonly listCount: number;
  /**
   * Replace an EndpointSlice; lists go on to have the one that was there.
   *
   * @param program  who is told, as in expireWatches; all if not given
   */
  change(slice: RawObject, program?: string): void;
  /**
   * End all watches of a program: what they know is too old.
   *
   * @param program  what its User-Agent begins with, in small letters
   */
  expireWatches(program: string): void;
  stop(): Promise<void>;
}

export async function startChangingApiServer(cluster: GeneratedCluster): Promise<ChangingApiServer> {
  const objects = {
    Namespace: [...cluster.namespaces()],
    Service: [...cluster.services()],
    EndpointSlice: [...cluster.endpointSlices()],
    Pod: [],
  };
  const state = new WatchedObjects(objects);
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://localhost');
    state.answer(url, request.headers['user-agent'] ?? '', response).catch((error: unknown) => {
      // The client went away in the middle of a stream.
      response.destroy(error instanceof Error ? error : undefined);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    get listCount() {
      return state.listCount;
    },
    change: (slice, program) => state.change(slice, program),
    expireWatches: (program) => state.expireWatches(program),
    async stop() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

class WatchedObjects {
  listCount = 0;
  readonly #objects: Readonly<Record<RawObject['kind'], readonly RawObject[]>>;
  /** what a watch begins with, by kind */
  readonly #initialEvents = new Map<string, readonly Buffer[]>();
  readonly #watches = new Map<ServerResponse, { readonly kind: string; readonly userAgent: string }>();
  #version = FIRST_VERSION;

  constructor(objects: Readonly<Record<RawObject['kind'], readonly RawObject[]>>) {
    this.#objects = objects;
    for (const resource of Object.values(RESOURCES)) this.#initialEventsOf(resource);
  }

  async answer(url: URL, userAgent: string, response: ServerResponse): Promise<void> {
    const resource = RESOURCES[url.pathname];
    if (url.pathname === '/version')
      return void sendJson(response, 200, { major: '1', minor: '34', gitVersion: 'v1.34.0' });
    if (resource === undefined) {
      return void sendJson(response, 404, {
        apiVersion: 'v1',
        kind: 'Status',
        status: 'Failure',
        reason: 'NotFound',
        code: 404,
      });
    }
    const isWatch = ['true', '1'].includes(url.searchParams.get('watch') ?? '');
    const type = 'application/vnd.kubernetes.protobuf';
    response.writeHead(200, { 'content-type': isWatch ? `${type};stream=watch` : type });
    if (!isWatch) {
      const { kind, apiVersion } = resource;
      response.end(encodeList(kind, apiVersion, { resourceVersion: String(this.#version) }, this.#objects[kind]));
      if (kind === 'EndpointSlice') this.listCount++;
      return;
    }
    response.flushHeaders();
    if (url.searchParams.get('sendInitialEvents') === 'true') await this.#sendInitialEvents(resource, response);
    response.once('close', () => this.#watches.delete(response));
    this.#watches.set(response, { kind: resource.kind, userAgent });
  }

  change(slice: RawObject, program = ''): void {
    const metadata = { ...slice.metadata, resourceVersion: String(++this.#version) };
    const event = encodeEvent('MODIFIED', slice.kind, slice.apiVersion, { ...slice, metadata });
    for (const [response, { kind, userAgent }] of this.#watches) {
      if (kind === slice.kind && userAgent.toLowerCase().startsWith(program)) response.write(event);
    }
  }

  expireWatches(program: string): void {
    const status = { status: 'Failure', message: 'too old resource version', reason: 'Expired', code: 410 };
    for (const [response, { userAgent }] of this.#watches) {
      if (!userAgent.toLowerCase().startsWith(program)) continue;
      this.#watches.delete(response);
      response.end(encodeEvent('ERROR', 'Status', 'v1', status));
    }
  }

  #initialEventsOf({ kind, apiVersion }: Resource): readonly Buffer[] {
    let chunks = this.#initialEvents.get(kind);
    if (chunks === undefined) {
      chunks = joinToChunks(this.#objects[kind].map((object) => encodeEvent('ADDED', kind, apiVersion, object)));
      this.#initialEvents.set(kind, chunks);
    }
    return chunks;
  }

  async #sendInitialEvents(resource: Resource, response: ServerResponse): Promise<void> {
    const { kind, apiVersion } = resource;
    for (const chunk of this.#initialEventsOf(resource)) await send(response, chunk);
    const annotations = { 'k8s.io/initial-events-end': 'true' };
    const metadata = { resourceVersion: String(this.#version), annotations };
    await send(response, encodeEvent('BOOKMARK', kind, apiVersion, { metadata }));
    if (kind === 'EndpointSlice') this.listCount++;
  }
}

function joinToChunks(events: readonly Buffer[]): Buffer[] {
  const chunks: Buffer[] = [];
  let pending: Buffer[] = [];
  let size = 0;
  for (const event of events) {
    pending.push(event);
    size += event.length;
    if (size < CHUNK_SIZE) continue;
    chunks.push(Buffer.concat(pending));
    pending = [];
    size = 0;
  }
  if (size > 0) chunks.push(Buffer.concat(pending));
  return chunks;
}
