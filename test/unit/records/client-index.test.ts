/** Whom an address belongs to: what is kept of pods, as another thread reads it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addressOf, octetsOf } from '../../../src/cluster/address.ts';
import type { Pod } from '../../../src/kubernetes/objects.ts';
import { reserveSharedBuffer } from '../../../src/memory/shared-buffer.ts';
import { ClusterRecords } from '../../../src/records/cluster-records.ts';
import { DEFAULT_RECORD_OPTIONS } from '../../../src/records/record-options.ts';
import { SnapshotBuilder } from '../../../src/snapshot/builder.ts';
import { clientOf } from '../../../src/snapshot/entry-walk.ts';
import { NOT_FOUND, SnapshotReader } from '../../../src/snapshot/reader.ts';
import { verifySnapshot } from '../../../src/snapshot/verify.ts';
import { pod, put, remove } from './cluster.ts';

const OPTIONS = { ...DEFAULT_RECORD_OPTIONS, clientIndex: true };

function setUp(sizeMax = 4 << 20, clientLabels: readonly string[] = []) {
  const buffer = reserveSharedBuffer({ sizeMax });
  const builder = new SnapshotBuilder(buffer);
  const records = new ClusterRecords({ ...OPTIONS, clientLabels }, builder.dataset(0));
  const reader = new SnapshotReader(buffer, builder.epochs.claimSlot(1));
  const ask = (text: string): string | undefined => {
    builder.publish(1);
    const octets = octetsOf(addressOf(text)!);
    assert.ok(reader.enter());
    try {
      const view = new DataView(octets.buffer, octets.byteOffset);
      const entryAt = reader.findClient(reader.datasetAt(0), view, 0, octets.length);
      if (entryAt === NOT_FOUND) return undefined;
      const { namespace, name, labels } = clientOf(reader.words, entryAt);
      return [`${namespace}/${name}`, ...labels].join(' ');
    } finally {
      reader.leave();
    }
  };
  return { buffer, builder, records, ask };
}

test('a pod is found by each of its addresses, in whatever Namespace, exposed or not', () => {
  const { records, ask, buffer } = setUp();
  records.apply([put(pod('shop/web-0', ['10.1.0.1', 'fd00::1'])), put(pod('default/web-0', ['10.1.0.2']))]);
  assert.equal(ask('10.1.0.1'), 'shop/web-0');
  assert.equal(ask('fd00::1'), 'shop/web-0');
  assert.equal(ask('10.1.0.2'), 'default/web-0');
  assert.equal(ask('10.1.0.3'), undefined);
  assert.equal(ask('fd00::2'), undefined);
  verifySnapshot(buffer);
  records.apply([remove(pod('shop/web-0', []))]);
  assert.equal(ask('10.1.0.1'), undefined);
  assert.equal(ask('fd00::1'), undefined);
});

test('an address that two pods say is theirs is nobody’s, until one of them is gone', () => {
  const { records, ask } = setUp();
  const old = pod('shop/job-1', ['10.1.0.1']);
  const reused = pod('other/web-0', ['10.1.0.1']);
  records.apply([put(old)]);
  assert.equal(ask('10.1.0.1'), 'shop/job-1');
  records.apply([put(reused)]);
  assert.equal(ask('10.1.0.1'), undefined);
  records.apply([put({ ...old, isTerminating: true })]);
  assert.equal(ask('10.1.0.1'), undefined, 'it is there until it is deleted');
  records.apply([remove(old)]);
  assert.equal(ask('10.1.0.1'), 'other/web-0');
});

test('a pod of the host network is not known by its address, and no other with it', () => {
  const { records, ask } = setUp();
  const agent: Pod = { ...pod('kube-system/agent', ['192.0.2.7']), isHostNetwork: true };
  records.apply([put(agent)]);
  assert.equal(ask('192.0.2.7'), undefined);
  records.apply([put(pod('shop/odd', ['192.0.2.7']))]);
  assert.equal(ask('192.0.2.7'), undefined);
  records.apply([remove(agent)]);
  assert.equal(ask('192.0.2.7'), 'shop/odd');
});

test('a pod that gets another address is found by that one', () => {
  const { records, ask } = setUp();
  records.apply([put(pod('shop/web-0', ['10.1.0.1']))]);
  assert.equal(ask('10.1.0.1'), 'shop/web-0');
  records.apply([put(pod('shop/web-0', ['10.1.0.9']))]);
  assert.equal(ask('10.1.0.1'), undefined);
  assert.equal(ask('10.1.0.9'), 'shop/web-0');
});

test('it moves no serial, and nothing is kept where nobody asks', () => {
  const { records, ask, builder } = setUp();
  records.apply([]);
  builder.publish(7);
  records.apply([put(pod('shop/web-0', ['10.1.0.1']))]);
  assert.equal(ask('10.1.0.1'), 'shop/web-0');
  assert.equal(builder.dataset(0).serial, 7);
  const without = new ClusterRecords({ ...OPTIONS, clientIndex: false }, builder.dataset(1));
  without.apply([put(pod('shop/web-0', ['10.1.0.1']))]);
  assert.equal(without.state.counts.pods, 0);
});

test('pods by address: at most 75 octets a pod in the snapshot, 165 in the cluster state', () => {
  const count = 30_000;
  const { records, builder } = setUp(64 << 20);
  records.apply([]);
  builder.publish(1);
  const before = { snapshot: builder.liveSize, state: records.byteSize };
  for (let index = 0; index < count; index++) {
    const address = `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`;
    const hash = (Math.imul(index, 0x9e37_79b1) >>> 0).toString(36).slice(0, 5).padStart(5, 'x');
    records.apply([put(pod(`team-${index % 100}/service-${index >> 4}-5d8f9c7b6d-${hash}`, [address]))]);
  }
  builder.publish(2);
  const snapshot = (builder.liveSize - before.snapshot) / count;
  const state = (records.byteSize - before.state) / count;
  assert.ok(snapshot <= 75, `${snapshot.toFixed(1)} octets a pod in the snapshot`);
  assert.ok(state <= 165, `${state.toFixed(1)} octets a pod in the cluster state`);
});

test('labels that are asked for are told with the pod, follow its changes and go with it', () => {
  const { records, ask, buffer } = setUp(undefined, ['app', 'tier']);
  const web = (labels: Pod['labels']): Pod => ({ ...pod('shop/web-0', ['10.1.0.1', '10.1.0.2']), labels: labels! });
  records.apply([put(web({ tier: 'front', app: 'web', other: 'x' })), put(pod('shop/db-0', ['10.1.0.3']))]);
  assert.equal(ask('10.1.0.1'), 'shop/web-0 app web tier front');
  assert.equal(ask('10.1.0.3'), 'shop/db-0');
  records.apply([put(web({ app: 'w'.repeat(63) }))]);
  for (const address of ['10.1.0.1', '10.1.0.2']) assert.equal(ask(address), `shop/web-0 app ${'w'.repeat(63)}`);
  verifySnapshot(buffer);
  records.apply([put(web({}))]);
  assert.equal(ask('10.1.0.2'), 'shop/web-0');
  records.apply([put(web({ app: 'web' })), remove(web({}))]);
  assert.equal(ask('10.1.0.1'), undefined);
  records.apply([put(pod('shop/late-0', ['10.1.0.1']))]);
  assert.equal(ask('10.1.0.1'), 'shop/late-0');
});
