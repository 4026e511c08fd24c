/** LIST and WATCH responses in JSON. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { WatchItem } from '../../../../src/apiserver/decoding/decoded-item.ts';
import { createListDecoder, createWatchDecoder } from '../../../../src/apiserver/decoding/decoders.ts';
import { OBJECT_SIZE_MAX } from '../../../../src/apiserver/decoding/octet-collector.ts';
import { decodeObject } from '../../../../src/kubernetes/decode.ts';
import type { ObjectKind } from '../../../../src/kubernetes/object-sink.ts';
import { cutAt, everyOctet, readList, readWatch } from './chunks.ts';
import { rawNamespace, rawPod, rawService, rawSlice, type RawObject } from './raw-objects.ts';

const JSON_TYPE = 'application/json';
const LIST_VERSION = { resourceVersion: '4711', continue: 'next', remainingItemCount: 7 };

function octets(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** The text of a list with its fields in the order given. */
function listText(kind: string, apiVersion: string, items: readonly RawObject[], order: readonly string[]): string {
  const fields: Record<string, unknown> = {
    kind: `${kind}List`,
    apiVersion,
    metadata: LIST_VERSION,
    items,
    x: ['"items":[{'],
  };
  return JSON.stringify(Object.fromEntries(order.map((key) => [key, fields[key]])));
}

/** What the object comes to, decoded alone. */
function put(kind: ObjectKind, apiVersion: string, raw: RawObject) {
  return { type: 'change', change: { op: 'put', object: decodeObject({ ...raw, kind, apiVersion }) } };
}

const ORDERS = [
  ['kind', 'apiVersion', 'metadata', 'items'],
  ['items', 'x', 'metadata', 'apiVersion', 'kind'],
  ['x', 'metadata', 'items', 'kind', 'apiVersion'],
];

for (const order of ORDERS) {
  test(`a list whose fields come in the order ${order.join(', ')}`, () => {
    const services = [rawService('web'), rawService('db')];
    const text = listText('Service', 'v1', services, order);
    const expected = services.map((service) => put('Service', 'v1', service));
    for (const chunks of [
      [octets(text)],
      everyOctet(octets(text)),
      [octets(JSON.stringify(JSON.parse(text), null, 2))],
    ]) {
      const { items, end } = readList(createListDecoder('Service', JSON_TYPE), chunks);
      assert.deepEqual(items, expected);
      assert.deepEqual(end, { resourceVersion: '4711', continueToken: 'next' });
    }
  });
}

test('a list cut once, at any octet', () => {
  const slices = [rawSlice('web-1', 'web'), rawSlice('none', ''), rawSlice('db-1', 'db')];
  const list = octets(listText('EndpointSlice', 'discovery.k8s.io/v1', slices, ORDERS[1]!));
  const expected = [slices[0]!, slices[2]!].map((slice) => put('EndpointSlice', 'discovery.k8s.io/v1', slice));
  for (let border = 0; border <= list.length; border++) {
    const { items, end } = readList(createListDecoder('EndpointSlice', JSON_TYPE), cutAt(list, [border]));
    assert.deepEqual(items, expected, `cut at ${border}`);
    assert.equal(end.resourceVersion, '4711');
  }
});

test('each kind: objects without kind and apiVersion; what DNS does not read is passed over', () => {
  const pods = [rawPod('a', 'Running'), rawPod('b', 'Succeeded')];
  const podList = octets(listText('Pod', 'v1', pods, ORDERS[0]!));
  const { items } = readList(createListDecoder('Pod', JSON_TYPE), [podList]);
  assert.deepEqual(items, [put('Pod', 'v1', pods[0]!)]);

  const spaces = [rawNamespace('prod')];
  const spaceList = octets(listText('Namespace', 'v1', spaces, ORDERS[0]!));
  const found = readList(createListDecoder('Namespace', JSON_TYPE), [spaceList]).items;
  assert.deepEqual(found, [put('Namespace', 'v1', spaces[0]!)]);

  const api = 'multicluster.x-k8s.io/v1alpha1';
  const imports = [
    { metadata: { name: 'web', namespace: 'prod' }, spec: { type: 'ClusterSetIP', ips: ['10.9.0.1'], ports: [] } },
  ];
  const importList = octets(listText('ServiceImport', api, imports, ORDERS[0]!));
  const imported = readList(createListDecoder('ServiceImport', JSON_TYPE), [importList]).items;
  assert.deepEqual(imported, [put('ServiceImport', api, imports[0]!)]);
});

test('an empty list: items null, [] or missing; no token for a next page', () => {
  for (const items of ['"items":null,', '"items":[],', '"items": [ ] ,', '']) {
    const text = `{${items}"metadata":{"resourceVersion":"9"},"kind":"PodList","apiVersion":"v1"}\n`;
    const result = readList(createListDecoder('Pod', 'application/json; charset=utf-8'), everyOctet(octets(text)));
    assert.deepEqual(result, { items: [], end: { resourceVersion: '9', continueToken: '' } });
  }
});

test('an object that cannot be decoded is named, with the delete that follows; the others come', () => {
  const bad = rawSlice('Bad', 'web');
  const endpoints = [{ addresses: ['10.1.0.1'] }, { addresses: ['10.1.0.2'], hostname: 'a.b' }];
  const list = octets(
    listText('EndpointSlice', 'discovery.k8s.io/v1', [{ ...bad, endpoints }, rawSlice('good', 'web')], ORDERS[0]!),
  );
  const { items } = readList(createListDecoder('EndpointSlice', JSON_TYPE), [list]);
  assert.equal(items.length, 2);
  const [fault] = items;
  assert.ok(fault?.type === 'fault');
  assert.equal(fault.error.code, 'API_OBJECT');
  assert.match(fault.error.message, /^EndpointSlice prod\/bad: endpoints\[1\]\.hostname: must be letters/);
  assert.deepEqual(fault.change, { op: 'delete', kind: 'EndpointSlice', namespace: 'prod', name: 'bad' });
  assert.equal(items[1]?.type, 'change');
});

test('a list that is no list of the kind, cut off or garbled', () => {
  const good = listText('Service', 'v1', [rawService('web')], ORDERS[0]!);
  const cases: [text: string, message: RegExp][] = [
    [good.slice(0, -1), /list of Service: cut off after \d+ octets/],
    [good.slice(0, 300), /cut off after 300 octets/],
    ['', /cut off after 0 octets/],
    [`${good}x`, /octet \d+: expected the end of the response, found "x"/],
    [good.replace('"kind"', '"kind",'), /expected ':', found ","/],
    [good.replace('"items":[{', '"items":[7,{'), /expected '\{' or '\]', found "7"/],
    [good.replace('"items":[', '"items":{"a":['), /expected '\[' or null, found "\{"/],
    [good.replace('"spec":{', '"spec":{,'), /octet \d+: .*JSON/],
    ['[]', /octet 0: expected '\{', found "\["/],
    [good.replace('ServiceList', 'PodList'), /expected ServiceList of v1, got PodList of v1/],
    [good.replace('"apiVersion":"v1"', '"apiVersion":"v2"'), /expected ServiceList of v1, got ServiceList of v2/],
    ['{"kind":"Status","apiVersion":"v1","message":"no luck"}', /got Status of v1$/],
    [good.replace('"metadata":{"name":"web"', '"metadata":{"nam":"web"'), /Service without metadata.name/],
  ];
  for (const [text, message] of cases) {
    for (const chunks of [[octets(text)], everyOctet(octets(text))]) {
      assert.throws(() => readList(createListDecoder('Service', JSON_TYPE), chunks), { code: 'API_RESPONSE', message });
    }
  }
});

test('an object that never ends is refused before memory does', () => {
  const decoder = createListDecoder('Service', JSON_TYPE);
  const piece = octets('a'.repeat(1024 * 1024));
  assert.deepEqual([...decoder.push(octets('{"items":[{"metadata":{"name":"'))], []);
  assert.throws(
    () => {
      for (let size = 0; size <= OBJECT_SIZE_MAX; size += piece.length) assert.deepEqual([...decoder.push(piece)], []);
    },
    { code: 'API_RESPONSE', message: /larger than 16777216 octets/ },
  );
});

test('a value of the list that nobody reads is not held', () => {
  const decoder = createListDecoder('Service', JSON_TYPE);
  const piece = octets('a'.repeat(1024 * 1024));
  assert.deepEqual([...decoder.push(octets('{"filler":"'))], []);
  for (let size = 0; size <= OBJECT_SIZE_MAX; size += piece.length) assert.deepEqual([...decoder.push(piece)], []);
  assert.deepEqual(
    [...decoder.push(octets('","kind":"ServiceList","apiVersion":"v1","metadata":{"resourceVersion":"1"}}'))],
    [],
  );
  assert.equal(decoder.end().resourceVersion, '1');
});

test('objects are decoded as they are asked for: the caller may stop between two', () => {
  const text = listText('Service', 'v1', [rawService('web'), rawService('db')], ORDERS[0]!);
  const decoder = createListDecoder('Service', JSON_TYPE);
  const items = decoder.push(octets(text.replace('"name":"db"', '"name":["db"]')));
  assert.equal(items.next().value?.type, 'change');
  assert.throws(() => items.next(), { code: 'API_RESPONSE' });
  assert.throws(() => decoder.push(octets('')).next(), { code: 'INTERNAL_ASSERTION' });
});

function event(type: string, kind: string, apiVersion: string, object: RawObject): string {
  return JSON.stringify({ type, object: { kind, apiVersion, ...object } });
}

test('a watch: added, changed, deleted, what DNS does not read any more, bookmarks', () => {
  const slice = 'EndpointSlice';
  const api = 'discovery.k8s.io/v1';
  const events = [
    event('ADDED', slice, api, rawSlice('Web-1', 'web', 11)),
    event('MODIFIED', slice, api, rawSlice('web-1', '', 12)),
    event('DELETED', slice, api, rawSlice('web-1', 'web', 13)),
    JSON.stringify({
      type: 'BOOKMARK',
      object: { kind: slice, apiVersion: api, metadata: { resourceVersion: '14' }, endpoints: null, ports: null },
    }),
    JSON.stringify({
      type: 'BOOKMARK',
      object: {
        kind: slice,
        apiVersion: api,
        metadata: { resourceVersion: '15', annotations: { 'k8s.io/initial-events-end': 'true' } },
      },
    }),
    event('MODIFIED', slice, api, { ...rawSlice('web-2', 'web', 16), ports: 7 }),
  ];
  const deleted = { op: 'delete', kind: slice, namespace: 'prod', name: 'web-1' };
  const check = (items: WatchItem[]): void => {
    assert.deepEqual(items.slice(0, 5), [
      { ...put(slice, api, rawSlice('web-1', 'web', 11)), resourceVersion: '11' },
      { type: 'change', change: deleted, resourceVersion: '12' },
      { type: 'change', change: deleted, resourceVersion: '13' },
      { type: 'bookmark', resourceVersion: '14', isInitialEventsEnd: false },
      { type: 'bookmark', resourceVersion: '15', isInitialEventsEnd: true },
    ]);
    const fault = items[5];
    assert.ok(fault?.type === 'fault' && items.length === 6);
    assert.equal(fault.error.message, 'EndpointSlice prod/web-2: ports: must be a list');
    assert.equal(fault.resourceVersion, '16');
  };
  for (const separator of ['', '\n', '\r\n \t']) {
    const stream = octets(events.join(separator));
    check(readWatch(createWatchDecoder(slice, 'application/json;stream=watch'), [stream]));
    check(readWatch(createWatchDecoder(slice, JSON_TYPE), everyOctet(stream)));
  }
});

test('Namespaces are deleted without a namespace, other objects in theirs', () => {
  const stream = [
    event('DELETED', 'Namespace', 'v1', rawNamespace('Prod', 3)),
    event('DELETED', 'Namespace', 'v1', { metadata: { name: 'b' } }),
  ];
  assert.deepEqual(readWatch(createWatchDecoder('Namespace', JSON_TYPE), [octets(stream.join('\n'))]), [
    { type: 'change', change: { op: 'delete', kind: 'Namespace', namespace: '', name: 'prod' }, resourceVersion: '3' },
    { type: 'change', change: { op: 'delete', kind: 'Namespace', namespace: '', name: 'b' }, resourceVersion: '' },
  ]);
});

test('a delete names the object as its put did: lower-cased, in namespace default if it says none', () => {
  const pod = { ...rawPod('A', 'Running', 5), metadata: { name: 'A', resourceVersion: '5' } };
  const stream = octets(event('ADDED', 'Pod', 'v1', pod) + event('DELETED', 'Pod', 'v1', pod));
  const [added, deleted] = readWatch(createWatchDecoder('Pod', JSON_TYPE), [stream]);
  assert.ok(added?.type === 'change' && added.change.op === 'put' && added.change.object.kind === 'Pod');
  const { namespace, name } = added.change.object;
  assert.deepEqual(deleted, {
    type: 'change',
    change: { op: 'delete', kind: 'Pod', namespace, name },
    resourceVersion: '5',
  });
});

test('an ERROR event is the Status it holds', () => {
  const status = {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: 'too old resource version: 1 (2)',
    reason: 'Expired',
    code: 410,
  };
  const read = (object: unknown): WatchItem[] =>
    readWatch(createWatchDecoder('Pod', JSON_TYPE), [octets(JSON.stringify({ type: 'ERROR', object }))]);
  const expired = {
    type: 'error',
    code: 410,
    reason: 'Expired',
    message: status.message,
    retryAfterSeconds: undefined,
  };
  assert.deepEqual(read(status), [expired]);
  assert.deepEqual(read({ ...status, code: 429, details: { retryAfterSeconds: 3 } }), [
    { ...expired, code: 429, retryAfterSeconds: 3 },
  ]);
  assert.deepEqual(read(null), [{ type: 'error', code: 500, reason: '', message: '', retryAfterSeconds: undefined }]);
});

test('a watch that is cut off, garbled, or of something else', () => {
  const good = event('ADDED', 'Pod', 'v1', rawPod('a', 'Running'));
  const cases: [text: string, message: RegExp][] = [
    [good.slice(0, -1), /watch of Pod: cut off after \d+ octets/],
    [`${good}\nnull`, /octet \d+: expected an event, found "n"/],
    [`${good}{"type":}`, /octet \d+: .*JSON/],
    [event('ADDED', 'Service', 'v1', rawService('a')), /expected Pod of v1, got "Service" of "v1"/],
    [event('DELETED', 'Pod', 'v2', rawPod('a', 'Running')), /expected Pod of v1, got "Pod" of "v2"/],
    [event('RENAMED', 'Pod', 'v1', rawPod('a', 'Running')), /no such event: "RENAMED"/],
    ['{"type":"ADDED","object":null}', /Pod without metadata.name/],
  ];
  for (const [text, message] of cases) {
    for (const chunks of [[octets(text)], everyOctet(octets(text))]) {
      assert.throws(() => readWatch(createWatchDecoder('Pod', JSON_TYPE), chunks), { code: 'API_RESPONSE', message });
    }
  }
  assert.deepEqual(readWatch(createWatchDecoder('Pod', JSON_TYPE), [octets(`${good}\n`)]).length, 1);
});

test('a representation that nobody asked for', () => {
  for (const contentType of ['text/html', 'application/cbor', 'application/yaml;charset=utf-8', '']) {
    assert.throws(() => createListDecoder('Pod', contentType), { code: 'API_RESPONSE', message: /got Content-Type/ });
    assert.throws(() => createWatchDecoder('Pod', contentType), { code: 'API_RESPONSE' });
  }
  createListDecoder('Pod', 'Application/JSON ;stream=watch');
});
