/** Responses of a real kube-apiserver, asked for in JSON and in protobuf. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { createListDecoder, createWatchDecoder } from '../../../../src/apiserver/decoding/decoders.ts';
import { everyOctet, readList, readWatch } from './chunks.ts';

interface Recorded {
  /** `protobuf`: base64 */
  readonly list: { readonly json: unknown; readonly protobuf: string };
  /** an event each */
  readonly watch: { readonly json: readonly unknown[]; readonly protobuf: readonly string[] };
}

const KINDS = ['Service', 'EndpointSlice', 'Pod', 'Namespace'] as const;
const recorded = JSON.parse(
  readFileSync(new URL('../../../fixtures/api-responses.json', import.meta.url), 'utf8'),
) as Record<(typeof KINDS)[number], Recorded>;
const PROTOBUF = 'application/vnd.kubernetes.protobuf';

for (const kind of KINDS) {
  const { list, watch } = recorded[kind];

  test(`a list of ${kind} is the same in both`, () => {
    const json = readList(createListDecoder(kind, 'application/json'), [Buffer.from(JSON.stringify(list.json))]);
    const octets = Buffer.from(list.protobuf, 'base64');
    for (const chunks of [[octets], everyOctet(octets)]) {
      const protobuf = readList(createListDecoder(kind, PROTOBUF), chunks);
      assert.deepEqual(protobuf.items, json.items);
      assert.equal(protobuf.end.resourceVersion, json.end.resourceVersion);
      // A token has the time in it; both have one or none.
      assert.equal(protobuf.end.continueToken === '', json.end.continueToken === '');
    }
    assert.ok(json.items.every((item) => item.type === 'change'));
  });

  test(`a watch of ${kind} is the same in both`, () => {
    const events = watch.json.map((event) => JSON.stringify(event)).join('\n');
    const json = readWatch(createWatchDecoder(kind, 'application/json'), [Buffer.from(events)]);
    const octets = Buffer.concat(watch.protobuf.map((frame) => Buffer.from(frame, 'base64')));
    for (const chunks of [[octets], everyOctet(octets)]) {
      const protobuf = readWatch(createWatchDecoder(kind, `${PROTOBUF};stream=watch`), chunks);
      assert.deepEqual(
        protobuf.filter(({ type }) => type !== 'bookmark'),
        json.filter(({ type }) => type !== 'bookmark'),
      );
      assert.deepEqual(
        protobuf.map(({ type }) => type),
        json.map(({ type }) => type),
      );
    }
  });
}

test('what the recorded watches say', () => {
  const read = (kind: (typeof KINDS)[number]) => {
    const octets = Buffer.concat(recorded[kind].watch.protobuf.map((frame) => Buffer.from(frame, 'base64')));
    return readWatch(createWatchDecoder(kind, PROTOBUF), [octets]);
  };
  const slices = read('EndpointSlice');
  const [initialEnd] = slices;
  assert.ok(initialEnd?.type === 'bookmark' && initialEnd.isInitialEventsEnd);
  assert.match(initialEnd.resourceVersion, /^\d+$/);
  assert.ok(slices.slice(1).every((item) => item.type !== 'bookmark' || !item.isInitialEventsEnd));
  const changes = slices.flatMap((item) => (item.type === 'change' ? [item.change] : []));
  assert.deepEqual(
    changes.map((change) => change.op),
    ['delete', 'put'],
    'its label was removed, and set again',
  );
  assert.deepEqual(changes[1]?.op === 'put' && changes[1].object, {
    kind: 'EndpointSlice',
    namespace: 'dnstest',
    name: 'manual-1',
    service: 'manual',
    importedService: '',
    sourceCluster: '',
    triggerTimeMs: Date.parse('2026-01-02T03:04:05.678Z'),
    ports: [
      { name: 'http', port: 8080, protocol: 'TCP' },
      { name: '', port: 0, protocol: 'SCTP' },
    ],
    endpoints: [{ addresses: ['10.1.2.4'], hostname: '', targetName: '', zone: '' }],
  });
  assert.deepEqual(slices.at(-1), {
    type: 'error',
    code: 410,
    reason: 'Expired',
    message: 'too old resource version: 300 (1603)',
    retryAfterSeconds: undefined,
  });
  const pods = read('Pod').flatMap((item) => (item.type === 'change' ? [item.change] : []));
  assert.deepEqual(
    pods.map((change) =>
      change.op === 'put' && change.object.kind === 'Pod' ? change.object.isTerminating : change.op,
    ),
    [false, false, false, true, true, 'delete', 'delete'],
  );
});
