/**
 * Random objects, in JSON and in protobuf, cut anywhere: both come to the same. Octets that are cut off or garbled come to an
 * error that says so, whatever they are.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createListDecoder, createWatchDecoder } from '../../src/apiserver/decoding/decoders.ts';
import { SkyshardError } from '../../src/base/skyshard-error.ts';
import { apiVersionOf } from '../../src/kubernetes/decode.ts';
import { cutAt, readList, readWatch } from '../unit/apiserver/decoding/chunks.ts';
import { encodeEvent, encodeList } from '../../native-free-bench/dataset/encode-protobuf.ts';
import { budget } from './budget.ts';
import { initialObjects } from './random-cluster.ts';

const JSON_TYPE = 'application/json';
const PROTOBUF = 'application/vnd.kubernetes.protobuf';
const KINDS = ['Service', 'EndpointSlice', 'Pod', 'Namespace'] as const;
type Raw = Record<string, unknown> & { readonly metadata: Record<string, unknown> };

/** What an API server adds, and what DNS does not read, besides the fields that the clusters of the other tests have. */
const extras = fc.record({
  metadata: fc.record(
    {
      resourceVersion: fc.nat().map(String),
      uid: fc.uuid(),
      generation: fc.integer(),
      deletionTimestamp: fc.constant('2026-01-02T03:04:05Z'),
      annotations: fc.dictionary(
        fc.constantFrom('endpoints.kubernetes.io/last-change-trigger-time', 'note', 'k8s.io/initial-events-end'),
        fc.oneof(fc.string({ unit: 'grapheme' }), fc.constantFrom('true', '2026-01-02T03:04:05.678Z', '"}],{\\')),
      ),
      managedFields: fc.array(fc.record({ manager: fc.string(), fieldsV1: fc.constant({ 'f:spec': { '{"': '[' } }) })),
      finalizers: fc.array(fc.string({ unit: 'grapheme' })),
    },
    { requiredKeys: [] },
  ),
  spec: fc.record(
    {
      externalIPs: fc.array(fc.constantFrom('192.0.2.1', '2001:db8::1', 'no address', '')),
      hostNetwork: fc.boolean(),
      healthCheckNodePort: fc.integer(),
    },
    { requiredKeys: [] },
  ),
  ingress: fc.array(fc.constantFrom({ ip: '192.0.2.9' }, { hostname: 'lb.example' }, { ip: '10.0.0.300' }, {})),
  isGood: fc.boolean(),
});

function enrich(raw: Raw, extra: { metadata: object; spec: object; ingress: object[]; isGood: boolean }): Raw {
  const kind = raw['kind'];
  const object = { ...raw, metadata: { ...raw.metadata, ...extra.metadata } } as Raw;
  if (kind === 'Service' || kind === 'Pod') object['spec'] = { ...(raw['spec'] as object), ...extra.spec };
  if (kind === 'Service') object['status'] = { loadBalancer: { ingress: extra.ingress } };
  // A name that Kubernetes would refuse.
  return extra.isGood
    ? object
    : { ...object, metadata: { ...object.metadata, name: `${String(raw.metadata['name'])}_x` } };
}

/** Objects of one kind, and where to cut their responses, as shares of the whole. */
const responses = fc
  .record({
    kind: fc.constantFrom(...KINDS),
    objects: initialObjects,
    extra: fc.array(extras, { minLength: 1, maxLength: 8 }),
    cuts: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 }),
    space: fc.constantFrom(undefined, 1, '\t'),
    listMetadata: fc.record({ resourceVersion: fc.nat().map(String), continue: fc.constantFrom('', 'token') }),
    eventTypes: fc.array(fc.constantFrom('ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK'), { minLength: 1, maxLength: 5 }),
  })
  .map(({ kind, objects, extra, ...rest }) => ({
    kind,
    apiVersion: apiVersionOf(kind),
    objects: objects
      .filter((object) => object.kind === kind)
      .map((object, index) => enrich(object as unknown as Raw, extra[index % extra.length]!)),
    ...rest,
  }));

function cut(octets: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  return cutAt(
    octets,
    cuts.map((share) => Math.floor(share * octets.length)),
  );
}

/** A fault is compared by what it says. */
function comparable(items: readonly object[]): unknown[] {
  return items.map((item) => ('error' in item ? { ...item, error: (item.error as Error).message } : item));
}

test('a list is the same in JSON and in protobuf, wherever it is cut', () => {
  let count = 0;
  let faultCount = 0;
  fc.assert(
    fc.property(responses, ({ kind, apiVersion, objects, cuts, space, listMetadata }) => {
      const list = { kind: `${kind}List`, apiVersion, metadata: listMetadata, items: objects };
      const text = Buffer.from(JSON.stringify(list, null, space));
      const json = readList(createListDecoder(kind, JSON_TYPE), cut(text, cuts));
      const octets = encodeList(kind, apiVersion, listMetadata, objects);
      const protobuf = readList(createListDecoder(kind, PROTOBUF), cut(octets, cuts));
      assert.deepEqual(comparable(protobuf.items), comparable(json.items));
      assert.deepEqual(protobuf.end, json.end);
      count += json.items.length;
      faultCount += json.items.filter(({ type }) => type === 'fault').length;
    }),
    budget(),
  );
  assert.ok(faultCount > 0 && faultCount < count, `${faultCount} faults in ${count} objects`);
});

test('a watch is the same in JSON and in protobuf, wherever it is cut', () => {
  let count = 0;
  fc.assert(
    fc.property(responses, ({ kind, apiVersion, objects, cuts, space, eventTypes }) => {
      const typeOf = (index: number): string => eventTypes[index % eventTypes.length]!;
      const events = objects.map((raw, index) => ({ type: typeOf(index), object: { kind, apiVersion, ...raw } }));
      const text = Buffer.from(events.map((event) => JSON.stringify(event, null, space)).join('\n'));
      const json = readWatch(createWatchDecoder(kind, JSON_TYPE), cut(text, cuts));
      const octets = Buffer.concat(objects.map((raw, index) => encodeEvent(typeOf(index), kind, apiVersion, raw)));
      const protobuf = readWatch(createWatchDecoder(kind, PROTOBUF), cut(octets, cuts));
      assert.deepEqual(comparable(protobuf), comparable(json));
      assert.equal(json.length, objects.length);
      count += json.length;
    }),
    budget(),
  );
  assert.ok(count > 0);
});

/** Octets changed, left out, said twice. */
const garbling = fc.array(
  fc.record({
    at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
    how: fc.constantFrom('change', 'change', 'remove', 'repeat', 'end'),
    octet: fc.oneof(fc.nat(255), fc.constantFrom(0, 0x7f, 0x80, 0xff, 0x22, 0x5c, 0x7b, 0x7d, 0x5b, 0x5d, 0x2c)),
    size: fc.integer({ min: 1, max: 40 }),
  }),
  { minLength: 1, maxLength: 4 },
);

function garble(octets: Uint8Array, faults: typeof garbling extends fc.Arbitrary<infer T> ? T : never): Uint8Array {
  let result = Buffer.from(octets);
  for (const { at, how, octet, size } of faults) {
    const start = Math.floor(at * result.length);
    if (how === 'change' && start < result.length) result[start] = octet;
    else if (how === 'end') result = result.subarray(0, start);
    else if (how === 'remove') result = Buffer.concat([result.subarray(0, start), result.subarray(start + size)]);
    else if (how === 'repeat') result = Buffer.concat([result.subarray(0, start + size), result.subarray(start)]);
  }
  return result;
}

/** Walk all of it; only an error about the response may come of it. */
function survives(read: () => unknown): boolean {
  try {
    read();
    return true;
  } catch (error) {
    assert.ok(error instanceof SkyshardError && error.code === 'API_RESPONSE', String(error));
    return false;
  }
}

test('octets that are cut off or garbled come to an error about the response, or to objects', () => {
  let goodCount = 0;
  let badCount = 0;
  fc.assert(
    fc.property(responses, garbling, ({ kind, apiVersion, objects, cuts, listMetadata, eventTypes }, faults) => {
      const list = { kind: `${kind}List`, apiVersion, metadata: listMetadata, items: objects };
      const events = objects.map((raw) =>
        JSON.stringify({ type: eventTypes[0], object: { kind, apiVersion, ...raw } }),
      );
      const frames = objects.map((raw) => encodeEvent(eventTypes[0]!, kind, apiVersion, raw));
      const responseOf = (octets: Uint8Array): Uint8Array[] => cut(garble(octets, faults), cuts);
      const results = [
        survives(() => readList(createListDecoder(kind, JSON_TYPE), responseOf(Buffer.from(JSON.stringify(list))))),
        survives(() => readWatch(createWatchDecoder(kind, JSON_TYPE), responseOf(Buffer.from(events.join('\n'))))),
        survives(() =>
          readList(createListDecoder(kind, PROTOBUF), responseOf(encodeList(kind, apiVersion, listMetadata, objects))),
        ),
        survives(() => readWatch(createWatchDecoder(kind, PROTOBUF), responseOf(Buffer.concat(frames)))),
      ];
      for (const isGood of results) {
        if (isGood) goodCount++;
        else badCount++;
      }
    }),
    budget(),
  );
  assert.ok(goodCount > 0 && badCount > goodCount / 10, `${goodCount} read, ${badCount} refused`);
});
