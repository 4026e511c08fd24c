/**
 * As much of a Kubernetes API server as a DNS server's reflectors need, over plain HTTP on 127.0.0.1: LIST and WATCH of
 * Namespaces, Services, EndpointSlices and Pods of a generated cluster, streamed object by object. A WATCH with
 * `sendInitialEvents` (WatchList) sends every object as ADDED, then the bookmark that ends them; any other WATCH stays
 * silent and open.
 */

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { GeneratedCluster, RawObject } from '../dataset/generate-cluster.ts';
import { send, sendJson } from './api-responses.ts';

interface Resource {
  readonly apiVersion: string;
  readonly kind: string;
  readonly objects: (cluster: GeneratedCluster) => Iterable<RawObject>;
}

const RESOURCES: Readonly<Record<string, Resource>> = {
  '/api/v1/namespaces': { apiVersion: 'v1', kind: 'Namespace', objects: (cluster) => cluster.namespaces() },
  '/api/v1/services': { apiVersion: 'v1', kind: 'Service', objects: (cluster) => cluster.services() },
  '/api/v1/pods': { apiVersion: 'v1', kind: 'Pod', objects: () => [] },
  '/apis/discovery.k8s.io/v1/endpointslices': {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    objects: (cluster) => cluster.endpointSlices(),
  },
};
const RESOURCE_VERSION = '1000000';
const CHUNK_SIZE = 1 << 16;

export interface FakeApiServer {
  readonly port: number;
  stop(): Promise<void>;
}

/** @param pods  of the cluster; none if not given */
export async function startFakeApiServer(
  cluster: GeneratedCluster,
  pods: (cluster: GeneratedCluster) => Iterable<RawObject> = () => [],
): Promise<FakeApiServer> {
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://localhost');
    answerRequest(cluster, pods, url, response).catch((error: unknown) => {
      // The client went away in the middle of a stream.
      response.destroy(error instanceof Error ? error : undefined);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async stop() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

async function answerRequest(
  cluster: GeneratedCluster,
  pods: (cluster: GeneratedCluster) => Iterable<RawObject>,
  url: URL,
  response: ServerResponse,
): Promise<void> {
  if (url.pathname === '/version') {
    sendJson(response, 200, { major: '1', minor: '34', gitVersion: 'v1.34.0' });
    return;
  }
  const found = RESOURCES[url.pathname];
  const resource = found?.kind === 'Pod' ? { ...found, objects: pods } : found;
  if (resource === undefined) {
    sendJson(response, 404, { apiVersion: 'v1', kind: 'Status', status: 'Failure', reason: 'NotFound', code: 404 });
    return;
  }
  response.writeHead(200, { 'content-type': 'application/json' });
  const isWatch = ['true', '1'].includes(url.searchParams.get('watch') ?? '');
  if (!isWatch) await sendList(cluster, resource, response);
  else if (url.searchParams.get('sendInitialEvents') === 'true') await sendInitialEvents(cluster, resource, response);
  else response.flushHeaders();
}

async function sendList(cluster: GeneratedCluster, resource: Resource, response: ServerResponse): Promise<void> {
  const head = {
    apiVersion: resource.apiVersion,
    kind: `${resource.kind}List`,
    metadata: { resourceVersion: RESOURCE_VERSION },
  };
  let pending = `${JSON.stringify(head).slice(0, -1)},"items":[`;
  let isFirst = true;
  for (const object of resource.objects(cluster)) {
    pending += (isFirst ? '' : ',') + JSON.stringify(object);
    isFirst = false;
    if (pending.length < CHUNK_SIZE) continue;
    await send(response, pending);
    pending = '';
  }
  response.end(`${pending}]}`);
}

async function sendInitialEvents(
  cluster: GeneratedCluster,
  resource: Resource,
  response: ServerResponse,
): Promise<void> {
  let pending = '';
  for (const object of resource.objects(cluster)) {
    pending += `${JSON.stringify({ type: 'ADDED', object })}\n`;
    if (pending.length < CHUNK_SIZE) continue;
    await send(response, pending);
    pending = '';
  }
  const bookmark = {
    apiVersion: resource.apiVersion,
    kind: resource.kind,
    metadata: { resourceVersion: RESOURCE_VERSION, annotations: { 'k8s.io/initial-events-end': 'true' } },
  };
  await send(response, `${pending}${JSON.stringify({ type: 'BOOKMARK', object: bookmark })}\n`);
}
