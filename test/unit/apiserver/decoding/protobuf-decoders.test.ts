/** LIST and WATCH responses in protobuf: what recorded ones do not show. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createListDecoder, createWatchDecoder } from '../../../../src/apiserver/decoding/decoders.ts';
import { acceptHeader } from '../../../../src/apiserver/decoding/media-type.ts';
import { OBJECT_SIZE_MAX } from '../../../../src/apiserver/decoding/octet-collector.ts';
import {
  EVENT,
  OBJECT_MESSAGES,
  WATCH_EVENT,
  type MessageType,
} from '../../../../src/apiserver/decoding/protobuf-messages.ts';
import { decodeObject } from '../../../../src/kubernetes/decode.ts';
import type { ObjectKind } from '../../../../src/kubernetes/object-sink.ts';
import { cutAt, everyOctet, readList, readWatch } from './chunks.ts';
import {
  encodeEnvelope,
  encodeEvent,
  encodeList,
  encodeMessage,
  frame,
  numberField,
  octetsField,
  varint,
} from '../../../../native-free-bench/dataset/encode-protobuf.ts';
import { rawNamespace, rawPod, rawService, rawSlice, type RawObject } from './raw-objects.ts';

const TYPE = 'application/vnd.kubernetes.protobuf';
const DISCOVERY = 'discovery.k8s.io/v1';
const METADATA = { resourceVersion: '4711', continue: 'next', remainingItemCount: 300 };

function put(kind: ObjectKind, apiVersion: string, raw: RawObject) {
  return { type: 'change', change: { op: 'put', object: decodeObject({ ...raw, kind, apiVersion }) } };
}

const slices = [rawSlice('web-1', 'web'), rawSlice('none', ''), rawSlice('db-1', 'db')];
const sliceList = encodeList('EndpointSlice', DISCOVERY, METADATA, slices);
const putSlices = [slices[0]!, slices[2]!].map((slice) => put('EndpointSlice', DISCOVERY, slice));

test('a list cut once, at any octet, or everywhere', () => {
  for (let border = 0; border <= sliceList.length; border++) {
    const result = readList(createListDecoder('EndpointSlice', TYPE), cutAt(sliceList, [border]));
    assert.deepEqual(result.items, putSlices, `cut at ${border}`);
    assert.deepEqual(result.end, { resourceVersion: '4711', continueToken: 'next' });
  }
  assert.deepEqual(readList(createListDecoder('EndpointSlice', TYPE), everyOctet(sliceList)).items, putSlices);
});

test('an empty list', () => {
  const list = encodeList('Pod', 'v1', { resourceVersion: '9', continue: '' }, []);
  const result = readList(createListDecoder('Pod', TYPE), everyOctet(list));
  assert.deepEqual(result, { items: [], end: { resourceVersion: '9', continueToken: '' } });
});

test('fields in another order, fields that nobody knows, of every wire type', () => {
  const unknown = [
    octetsField(200, 'x'.repeat(300)),
    octetsField(201, ''),
    numberField(202, -1),
    Buffer.concat([varint(203 * 8 + 1), Buffer.alloc(8, 0xff)]),
    Buffer.concat([varint(204 * 8 + 5), Buffer.alloc(4, 0xff)]),
    octetsField(2 ** 29 - 1, 'the largest number'),
  ];
  const slice = Buffer.concat([...unknown, encodeMessage('EndpointSlice', slices[0]!), ...unknown]);
  const list = Buffer.concat([
    ...unknown,
    octetsField(2, slice),
    octetsField(1, encodeMessage('ListMeta', METADATA)),
    ...unknown,
    octetsField(2, slice),
  ]);
  const response = Buffer.concat([
    Buffer.from('k8s\0'),
    ...unknown,
    octetsField(2, list),
    ...unknown,
    octetsField(1, encodeMessage('TypeMeta', { kind: 'EndpointSliceList', apiVersion: DISCOVERY })),
  ]);
  for (const chunks of [[response], everyOctet(response)]) {
    const { items, end } = readList(createListDecoder('EndpointSlice', TYPE), chunks);
    assert.deepEqual(items, [putSlices[0], putSlices[0]]);
    assert.equal(end.resourceVersion, '4711');
  }
});

/** Good ones far more often than others: a bad one is left out, and said. */
const address = fc.oneof(
  { weight: 7, arbitrary: fc.constantFrom('10.1.0.1', '10.1.0.2', '192.0.2.255') },
  { weight: 1, arbitrary: fc.constantFrom('fd00::1', '::ffff:10.0.0.1', '10.1', '', 'host', '010.0.0.1') },
);
const endpoint = fc.record(
  {
    addresses: fc.oneof(
      { weight: 20, arbitrary: fc.array(address, { minLength: 1, maxLength: 2 }) },
      { weight: 1, arbitrary: fc.constant([]) },
    ),
    conditions: fc.constantFrom({ ready: true }, { ready: false }, { serving: true }, {}),
    hostname: fc.oneof(
      { weight: 20, arbitrary: fc.constantFrom('db-0', 'DB-1', '') },
      { weight: 1, arbitrary: fc.constantFrom('a.b', '-', 'ä') },
    ),
    nodeName: fc.constant('node-1'),
    targetRef: fc.constantFrom(
      { kind: 'Pod', name: 'db-0' },
      { name: 'X'.repeat(63) },
      { name: 'x'.repeat(64) },
      { name: '_' },
      { name: 'a.b' },
      {},
    ),
    zone: fc.constantFrom('Zone-A', 'z', 'ä', ''),
  },
  { requiredKeys: ['addresses'] },
);

test('endpoints, good and bad, are what the decoder of JSON makes of them', () => {
  const slice = fc.record({
    endpoints: fc.array(endpoint, { maxLength: 4 }),
    addressType: fc.oneof({ weight: 8, arbitrary: fc.constant('IPv4') }, fc.constantFrom('IPv6', 'FQDN', '', 'IPX')),
  });
  let [good, odd, bad] = [0, 0, 0];
  fc.assert(
    fc.property(slice, (parts) => {
      const raw = { ...rawSlice('web-1', 'web'), ...parts };
      const json = readList(createListDecoder('EndpointSlice', 'application/json'), [
        Buffer.from(JSON.stringify({ kind: 'EndpointSliceList', apiVersion: DISCOVERY, metadata: {}, items: [raw] })),
      ]);
      const protobuf = readList(createListDecoder('EndpointSlice', TYPE), [
        encodeList('EndpointSlice', DISCOVERY, {}, [raw]),
      ]);
      const [expected] = json.items;
      const [item] = protobuf.items;
      if (expected?.type === 'fault' && item?.type === 'fault') {
        bad++;
        assert.equal(item.error.message, expected.error.message);
        assert.deepEqual(item.change, expected.change);
      } else {
        if (expected?.type === 'change' && expected.partError !== undefined) odd++;
        else good++;
        assert.deepEqual(item, expected);
      }
    }),
    { numRuns: 500 },
  );
  assert.ok(good > 50 && odd > 50 && bad > 10, `${good} good, ${odd} in part, ${bad} bad`);
});

test('slices of a watch, good and bad, are what the decoder of JSON makes of them', () => {
  const text = fc.constantFrom(
    'web',
    'Web-1',
    'a.b',
    '-a',
    'a-',
    'a..b',
    '.a',
    'a.',
    'x'.repeat(63),
    'x'.repeat(64),
    'ä',
    '',
  );
  const port = fc.record(
    {
      name: fc.constantFrom('http', 'HTTP', '', 'a_b', 'x'.repeat(64)),
      port: fc.constantFrom(80, 65_535, 65_536, -1),
      protocol: fc.constantFrom('TCP', 'UDP', 'SCTP', 'tcp', 'ICMP'),
    },
    { requiredKeys: [] },
  );
  const good = { weight: 4, arbitrary: fc.constant('web') };
  const slice = fc.record({
    metadata: fc.record(
      {
        name: fc.oneof(
          good,
          text.filter((name) => name !== ''),
        ),
        namespace: fc.oneof(
          good,
          text.filter((name) => name !== ''),
        ),
        resourceVersion: fc.constant('7'),
        labels: fc.record(
          {
            'kubernetes.io/service-name': fc.oneof(good, text),
            'multicluster.kubernetes.io/service-name': text,
            'multicluster.kubernetes.io/source-cluster': text,
            other: text,
          },
          { requiredKeys: [] },
        ),
        annotations: fc.record(
          {
            'endpoints.kubernetes.io/last-change-trigger-time': fc.constantFrom('2026-01-02T03:04:05Z', 'now', ''),
            other: text,
          },
          { requiredKeys: [] },
        ),
      },
      { requiredKeys: ['name', 'resourceVersion'] },
    ),
    ports: fc.array(fc.oneof({ weight: 3, arbitrary: fc.constant({ name: 'dns', port: 53, protocol: 'UDP' }) }, port), {
      maxLength: 2,
    }),
    endpoints: fc.array(fc.oneof({ weight: 3, arbitrary: fc.constant({ addresses: ['10.0.0.1'] }) }, endpoint), {
      maxLength: 3,
    }),
    addressType: fc.oneof({ weight: 8, arbitrary: fc.constant('IPv4') }, fc.constantFrom('FQDN', '')),
  });
  const counts = { put: 0, delete: 0, fault: 0 };
  fc.assert(
    fc.property(slice, fc.constantFrom('ADDED', 'MODIFIED', 'DELETED'), (raw, type) => {
      const json = { ...raw, kind: 'EndpointSlice', apiVersion: DISCOVERY };
      const [expected] = readWatch(createWatchDecoder('EndpointSlice', 'application/json'), [
        Buffer.from(`${JSON.stringify({ type, object: json })}\n`),
      ]);
      const [item] = readWatch(createWatchDecoder('EndpointSlice', `${TYPE};stream=watch`), [
        encodeEvent(type, 'EndpointSlice', DISCOVERY, json),
      ]);
      assert.ok(expected?.type === 'fault' || expected?.type === 'change');
      counts[expected.type === 'fault' ? 'fault' : expected.change.op]++;
      if (expected.type === 'fault' && item?.type === 'fault') assert.equal(item.error.message, expected.error.message);
      else assert.deepEqual(item, expected);
    }),
    { numRuns: 1500 },
  );
  assert.ok(counts.put > 50 && counts.delete > 50 && counts.fault > 50, JSON.stringify(counts));
});

test('numbers of the fields of slices that are read one by one', () => {
  const numbers = (type: MessageType): Record<string, number> =>
    Object.fromEntries(type.fields.flatMap((field) => (field === undefined ? [] : [[field.name, field.number]])));
  const { EndpointSlice: sliceType } = OBJECT_MESSAGES;
  assert.deepEqual(numbers(sliceType!), { metadata: 1, endpoints: 2, ports: 3, addressType: 4 });
  assert.deepEqual(numbers(sliceType!.fields[3]!.message!), { name: 1, protocol: 2, port: 3 });
  const meta = { name: 1, namespace: 3, resourceVersion: 6, deletionTimestamp: 9, labels: 11, annotations: 12 };
  assert.deepEqual(numbers(sliceType!.fields[1]!.message!), meta);
  assert.deepEqual(numbers(WATCH_EVENT), { type: EVENT.TYPE, object: EVENT.OBJECT });
  assert.deepEqual(numbers(WATCH_EVENT.fields[2]!.message!), { raw: EVENT.RAW });
});

test('a Pod that is deleted, one of the host network, a Service of 10-octet numbers', () => {
  const pod = rawPod('a', 'Running');
  const deleted = { ...pod, metadata: { ...pod.metadata, deletionTimestamp: '2026-01-02T03:04:05Z' } };
  const pods = [deleted, rawPod('b', 'Failed')];
  const { items } = readList(createListDecoder('Pod', TYPE), [encodeList('Pod', 'v1', METADATA, pods)]);
  assert.deepEqual(items, [put('Pod', 'v1', deleted)]);
  assert.ok(items[0]?.type === 'change' && items[0].change.op === 'put' && items[0].change.object.kind === 'Pod');
  assert.deepEqual([items[0].change.object.isTerminating, items[0].change.object.isHostNetwork], [true, true]);

  const service = rawService('web');
  const bad = { ...service, spec: { ...(service['spec'] as object), ports: [{ name: 'a', port: -1 }] } };
  const faults = readList(createListDecoder('Service', TYPE), [encodeList('Service', 'v1', METADATA, [bad, service])]);
  assert.equal(faults.items.length, 2);
  assert.ok(faults.items[0]?.type === 'fault');
  assert.equal(
    faults.items[0].error.message,
    'Service prod/web: spec.ports[0].port: must be a whole number from 1 to 65535, not -1',
  );
  assert.deepEqual(faults.items[1], put('Service', 'v1', service));
});

test('labels and annotations beyond ASCII, and such that are named as what every object has', () => {
  const space = rawNamespace('a');
  const labels = { ['__proto__']: 'x', constructor: 'y', team: 'ä€🙂' };
  const named = { ...space, metadata: { ...space.metadata, labels } };
  const { items } = readList(createListDecoder('Namespace', TYPE), [encodeList('Namespace', 'v1', METADATA, [named])]);
  assert.ok(items[0]?.type === 'change' && items[0].change.op === 'put' && items[0].change.object.kind === 'Namespace');
  const found = items[0].change.object.labels;
  assert.equal(found['constructor'], 'y');
  assert.equal(found['team'], 'ä€🙂');
});

test('a watch: changes, a bookmark without an object, an error', () => {
  const bookmark = { metadata: { resourceVersion: '14', annotations: { 'k8s.io/initial-events-end': 'true' } } };
  const frames = [
    encodeEvent('ADDED', 'EndpointSlice', DISCOVERY, slices[0]!),
    encodeEvent('MODIFIED', 'EndpointSlice', DISCOVERY, slices[1]!),
    encodeEvent('DELETED', 'EndpointSlice', DISCOVERY, slices[2]!),
    encodeEvent('BOOKMARK', 'EndpointSlice', DISCOVERY, bookmark),
    encodeEvent('ERROR', 'Status', 'v1', { message: 'wait', code: 429, details: { retryAfterSeconds: 2 } }),
  ];
  const expected = [
    { ...putSlices[0], resourceVersion: '1' },
    {
      type: 'change',
      change: { op: 'delete', kind: 'EndpointSlice', namespace: 'prod', name: 'none' },
      resourceVersion: '1',
    },
    {
      type: 'change',
      change: { op: 'delete', kind: 'EndpointSlice', namespace: 'prod', name: 'db-1' },
      resourceVersion: '1',
    },
    { type: 'bookmark', resourceVersion: '14', isInitialEventsEnd: true },
    { type: 'error', code: 429, reason: '', message: 'wait', retryAfterSeconds: 2 },
  ];
  const stream = Buffer.concat(frames);
  const read = (chunks: Iterable<Uint8Array>) =>
    readWatch(createWatchDecoder('EndpointSlice', `${TYPE};stream=watch`), chunks);
  assert.deepEqual(read([stream]), expected);
  assert.deepEqual(read(everyOctet(stream)), expected);
  for (let border = 0; border <= stream.length; border += 7) assert.deepEqual(read(cutAt(stream, [border])), expected);
});

test('a list that is cut off, at whatever octet, is an error: never a shorter list', () => {
  // Behind raw come the empty contentEncoding and contentType, four octets: without them nothing is lost.
  const tailSizes = [2, 4];
  for (let size = 0; size < sliceList.length; size++) {
    if (tailSizes.includes(sliceList.length - size)) continue;
    const decoder = createListDecoder('EndpointSlice', TYPE);
    assert.throws(() => readList(decoder, [sliceList.subarray(0, size)]), {
      code: 'API_RESPONSE',
      message: /cut off after/,
    });
  }
});

/** A list of Pods whose `raw` is these octets. */
function podList(...raw: Uint8Array[]): Buffer {
  return encodeEnvelope('PodList', 'v1', Buffer.concat(raw));
}

test('lists that are garbled', () => {
  const cases: [octets: Uint8Array, message: RegExp][] = [
    [Buffer.from('{"kind":"PodList"}'), /list of Pod: octet 0: no Kubernetes protobuf/],
    [encodeList('Service', 'v1', METADATA, []), /expected PodList of v1, got ServiceList of v1/],
    [encodeList('Pod', 'v2', METADATA, []), /expected PodList of v1, got PodList of v2/],
    [Buffer.from('k8s\0'), /cut off after 4 octets/],
    [Buffer.concat([Buffer.from('k8s\0'), Buffer.alloc(11, 0xff)]), /a number that does not end/],
    [podList(varint(2 * 8 + 3)), /unknown wire type 3/],
    [podList(varint(2)), /no field has tag 2/],
    [podList(varint(2 * 8 + 2), varint(100), Buffer.alloc(10)), /a field of 100 octets in a list that has 10 more/],
    [podList(varint(2 * 8 + 2), varint(2n ** 63n)), /a field of 9223372036854776000 octets/],
    [podList(varint(7 * 8), Buffer.of(0x80)), /the list ends inside a field/],
    [podList(varint(7 * 8 + 1), Buffer.alloc(3)), /the list ends inside a field/],
    [
      podList(octetsField(2, Buffer.of(0x0a, 0x05, 0x0a))),
      /octet 2 of a message: a field of 5 octets where 1 are left/,
    ],
    [podList(octetsField(2, Buffer.of(0x0a))), /octet 1 of a message: the message ends inside a number/],
    [podList(octetsField(2, Buffer.of(0x08, 1))), /expected wire type 2, found 0/],
    [podList(octetsField(2, Buffer.of(0x79, 0, 0))), /the message ends inside a number/],
    [podList(octetsField(2, Buffer.of(0x04, 0, 0))), /no field has tag 4/],
    [podList(octetsField(2, Buffer.of(0x7c, 0, 0))), /unknown wire type 4/],
    [podList(octetsField(2, Buffer.alloc(11, 0xff))), /a number of more than 10 octets/],
    [podList(octetsField(2, varint(2n ** 40n))), /no field has tag 1099511627776/],
    [podList(octetsField(2, '')), /Pod without metadata.name/],
  ];
  for (const [octets, message] of cases) {
    for (const chunks of [[octets], everyOctet(octets)]) {
      assert.throws(() => readList(createListDecoder('Pod', TYPE), chunks), { code: 'API_RESPONSE', message });
    }
  }
});

test('sizes that nobody has are refused when they are announced', () => {
  const item = Buffer.concat([
    Buffer.from('k8s\0'),
    varint(2 * 8 + 2),
    varint(OBJECT_SIZE_MAX * 4),
    varint(2 * 8 + 2),
    varint(OBJECT_SIZE_MAX + 1),
  ]);
  assert.throws(() => [...createListDecoder('Pod', TYPE).push(item)], { message: /larger than 16777216 octets/ });
  const header = Buffer.alloc(4);
  header.writeUInt32BE(OBJECT_SIZE_MAX + 1);
  assert.throws(() => [...createWatchDecoder('Pod', TYPE).push(header)], { message: /a frame of 16777217 octets/ });
  header.writeUInt32BE(OBJECT_SIZE_MAX);
  assert.deepEqual([...createWatchDecoder('Pod', TYPE).push(header)], []);
});

test('watches that are cut off or garbled', () => {
  const good = encodeEvent('ADDED', 'Pod', 'v1', rawPod('a', 'Running'));
  const event = (object: Uint8Array): Buffer =>
    frame(Buffer.concat([octetsField(1, 'ADDED'), octetsField(2, octetsField(1, object))]));
  const cases: [octets: Uint8Array, message: RegExp][] = [
    [good.subarray(0, -1), /watch of Pod: cut off after \d+ octets/],
    [good.subarray(0, 3), /cut off after 3 octets/],
    [frame(Buffer.alloc(0)), /an event without an object/],
    [frame(octetsField(1, 'ADDED')), /an event without an object/],
    [event(Buffer.from('{}')), /no Kubernetes protobuf/],
    [event(Buffer.from('k8s\0')), /Pod without metadata.name/],
    [encodeEvent('ADDED', 'Service', 'v1', rawService('a')), /expected Pod of v1, got "Service" of "v1"/],
    [encodeEvent('ADDED', 'Status', 'v1', { code: 1 }), /expected Pod of v1, got "Status" of "v1"/],
    [encodeEvent('RENAMED', 'Pod', 'v1', rawPod('a', 'Running')), /no such event: "RENAMED"/],
    [frame(Buffer.of(0x0a, 9)), /a field of 9 octets where 0 are left/],
  ];
  for (const [octets, message] of cases) {
    for (const chunks of [[octets], everyOctet(octets)]) {
      assert.throws(() => readWatch(createWatchDecoder('Pod', TYPE), chunks), { code: 'API_RESPONSE', message });
    }
  }
  assert.equal(readWatch(createWatchDecoder('Pod', TYPE), [good, good]).length, 2);
});

test('custom resources have no protobuf, and none is asked for', () => {
  assert.equal(acceptHeader('ServiceImport'), 'application/json');
  assert.equal(acceptHeader('EndpointSlice'), 'application/vnd.kubernetes.protobuf,application/json');
  for (const create of [createListDecoder, createWatchDecoder]) {
    assert.throws(() => create('ServiceImport', TYPE), {
      code: 'API_RESPONSE',
      message: /no protobuf of ServiceImport/,
    });
  }
});
