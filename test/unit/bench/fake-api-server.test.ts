import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startFakeApiServer } from '../../../native-free-bench/contenders/fake-api-server.ts';
import { generateCluster } from '../../../native-free-bench/dataset/generate-cluster.ts';

const CLUSTER = generateCluster({
  services: 300,
  endpointsPerService: 2,
  headlessShare: 0.2,
  namespaces: 3,
  dualStackShare: 0,
  seed: 5,
});

test('a LIST holds every object; a WatchList sends them all and then the bookmark that ends them', async () => {
  const api = await startFakeApiServer(CLUSTER);
  try {
    const base = `http://127.0.0.1:${api.port}`;
    const response = await fetch(`${base}/api/v1/services?limit=500`);
    const list = (await response.json()) as { kind: string; items: unknown[]; metadata: { resourceVersion: string } };
    assert.equal(list.kind, 'ServiceList');
    assert.equal(list.items.length, CLUSTER.serviceCount);

    const aborted = new AbortController();
    const path = '/apis/discovery.k8s.io/v1/endpointslices?watch=true&sendInitialEvents=true&allowWatchBookmarks=true';
    const watch = await fetch(base + path, { signal: aborted.signal });
    let text = '';
    const decoder = new TextDecoder();
    for await (const chunk of watch.body!) {
      text += decoder.decode(chunk, { stream: true });
      if (text.includes('"BOOKMARK"') && text.endsWith('\n')) break;
    }
    aborted.abort();
    const events = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { type: string; object: { metadata: { annotations?: object } } });
    assert.equal(events.filter((event) => event.type === 'ADDED').length, [...CLUSTER.endpointSlices()].length);
    assert.deepEqual(events.at(-1)!.object.metadata.annotations, { 'k8s.io/initial-events-end': 'true' });
  } finally {
    await api.stop();
  }
});

test('a path that no reflector needs is a NotFound status', async () => {
  const api = await startFakeApiServer(CLUSTER);
  try {
    const response = await fetch(`http://127.0.0.1:${api.port}/api/v1/nodes`);
    assert.equal(response.status, 404);
    assert.equal(((await response.json()) as { reason: string }).reason, 'NotFound');
  } finally {
    await api.stop();
  }
});
