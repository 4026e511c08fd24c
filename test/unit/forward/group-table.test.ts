/** When a group of upstreams that no configuration names any more is taken back, and what of it is left for the next. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import type { SkyshardError } from '../../../src/base/skyshard-error.ts';
import { UpstreamCounts } from '../../../src/forward/counts/upstream-counts.ts';
import { createForwardBuffer, groupIndexOf, UPSTREAM_CELLS } from '../../../src/forward/forward-buffer.ts';
import {
  DEFAULT_FORWARD_GROUP,
  type ForwardGroup,
  GROUPS_MAX,
  PLANNED_GROUPS_MAX,
  UPSTREAMS_MAX,
} from '../../../src/forward/forward-group.ts';
import { ForwardGroupTable } from '../../../src/forward/group-table.ts';
import { loadWithGroups } from '../../../src/server/configuration/load-plan.ts';
import type { ServerPlan } from '../../../src/server/configuration/server-plan.ts';
import { FakeForwarding } from './fake-transport.ts';

const A = 1;

function groupOf(number: number, options: Partial<ForwardGroup> = {}, count = 1): ForwardGroup {
  const upstreams = Array.from({ length: count }, (_, index) => ({
    address: `10.${number >> 8}.${number & 255}.${index}`,
    port: 53,
  }));
  return { ...DEFAULT_FORWARD_GROUP, upstreams, ...options };
}

interface Parts {
  readonly buffer: SharedArrayBuffer;
  readonly table: ForwardGroupTable;
  readonly thread: FakeForwarding;
}

function start(): Parts {
  const buffer = createForwardBuffer(2);
  const table = new ForwardGroupTable(buffer);
  return { buffer, table, thread: new FakeForwarding([], { buffer }) };
}

test('an index is used again when no reader, no thread and no client needs the group any more', () => {
  const { table, thread } = start();
  let isRead = true;
  table.grace = { begin: () => undefined, isOver: () => !isRead };
  const lease = table.lease();
  const number = lease.numberOf(groupOf(1));
  assert.equal(thread.ask({ name: 'a.test', type: A }, number), true);
  lease.release();
  table.giveBack();
  thread.pass(10);
  // Who has a snapshot from before asks under it.
  assert.equal(thread.ask({ name: 'b.test', type: A }, number), true);
  isRead = false;
  table.giveBack();
  thread.pass(200);
  table.giveBack();
  assert.equal(table.groups.length, 1, 'clients wait');
  thread.reply(0);
  thread.pass(200);
  table.giveBack();
  assert.equal(table.groups.length, 1, 'another client waits');
  thread.reply(1);
  assert.equal(thread.responses.length, 2);
  thread.pass(200);
  table.giveBack();
  assert.equal(table.groups.length, 0);
  const next = table.hold(groupOf(2));
  assert.equal(groupIndexOf(next), groupIndexOf(number));
  assert.notEqual(next, number);
  // The second net: what is said of the group before is not this one's.
  assert.equal(thread.ask({ name: 'c.test', type: A }, number), false);
  assert.equal(thread.ask({ name: 'c.test', type: A }, next), true);
  assert.equal(thread.ask({ name: 'd.test', type: A }, number), false);
});

test('what is wanted again before it is closed stays what it is', () => {
  const { table, thread } = start();
  const lease = table.lease();
  const number = lease.numberOf(groupOf(1));
  lease.release();
  const again = table.lease();
  assert.equal(again.numberOf(groupOf(1)), number);
  table.giveBack();
  thread.pass(200);
  table.giveBack();
  assert.deepEqual([table.groups.length, table.leavingCount], [1, 0]);
  again.release();
  table.giveBack();
  // Closed: it is another group from now on.
  assert.notEqual(table.lease().numberOf(groupOf(1)), number);
});

test('a question may go on to the next group as long as it is in flight in the first', () => {
  const { table, thread } = start();
  const lease = table.lease();
  const last = lease.numberOf(groupOf(2));
  const first = lease.numberOf(groupOf(1, { nextGroup: last, nextRcodes: [3] }));
  assert.equal(thread.ask({ name: 'a.test', type: A }, first), true);
  lease.release();
  for (let look = 0; look < 5; look++) {
    table.giveBack();
    thread.pass(50);
  }
  assert.equal(table.groups.length, 2);
  thread.reply(0, 0x8183);
  assert.equal(thread.sent.length, 2, 'the next group is asked');
  // The attempt at the first group's upstream is part of the question still.
  for (let look = 0; look < 5; look++) {
    table.giveBack();
    thread.pass(20);
  }
  assert.equal(table.groups.length, 2);
  thread.reply(1);
  assert.equal(thread.responses.length, 1);
  for (let look = 0; look < 5; look++) {
    table.giveBack();
    thread.pass(150);
  }
  assert.equal(table.groups.length, 0);
});

test('probes and late replies hold nothing, and a successor lets go of what its predecessor had', () => {
  const { buffer, table, thread } = start();
  const lease = table.lease();
  const number = lease.numberOf(groupOf(1));
  thread.ask({ name: 'a.test', type: A }, number);
  thread.pass(5000);
  assert.equal(thread.responses[0]?.rcode, 2);
  const probes = thread.sent.length;
  thread.pass(1500);
  assert.ok(thread.sent.length > probes, 'it is probed');
  thread.ask({ name: 'b.test', type: A }, number);
  lease.release();
  table.giveBack();
  thread.pass(200);
  table.giveBack();
  assert.equal(table.groups.length, 1, 'a client waits');
  // The thread is gone with its client's query.
  const successor = new FakeForwarding([], { buffer });
  table.giveBack();
  assert.equal(table.groups.length, 0);
  const other = table.hold(groupOf(2));
  assert.equal(successor.ask({ name: 'c.test', type: A }, other), true);
  successor.reply(0);
  successor.pass(3000);
  assert.equal(successor.sent.length, 1, 'nobody probes what is gone');
});

test('counts of an upstream are nobody else’s; they go on when it is back, and its series ends meanwhile', () => {
  const { buffer, table, thread } = start();
  const counts = new UpstreamCounts(buffer, table);
  const read = (): Record<string, number> =>
    Object.fromEntries(
      counts.upstreams().map((counted) => [counted.to, counts.sum(counted, UPSTREAM_CELLS.at.datagrams)]),
    );
  const turn = (number: number, name: string): void => {
    const lease = table.lease();
    assert.equal(thread.ask({ name, type: A }, lease.numberOf(groupOf(number))), true);
    thread.reply(thread.sent.length - 1);
    assert.equal(read()[`10.0.${number}.0:53`]! > 0, true);
    lease.release();
    table.giveBack();
    thread.pass(200);
    table.giveBack();
  };
  turn(1, 'a.test');
  assert.deepEqual(read(), {});
  turn(2, 'b.test');
  turn(1, 'c.test');
  table.hold(groupOf(2));
  assert.deepEqual(read(), { '10.0.2.0:53': 1 });
  table.hold(groupOf(1));
  assert.deepEqual(read(), { '10.0.1.0:53': 2, '10.0.2.0:53': 1 });
  // An address that two groups have, of which one goes, does not fall.
  const lease = table.lease();
  lease.numberOf(groupOf(1, { policy: 'sequential' }));
  lease.release();
  table.giveBack();
  thread.pass(200);
  table.giveBack();
  assert.deepEqual(read(), { '10.0.1.0:53': 2, '10.0.2.0:53': 1 });
});

test('what a configuration has no room for is an error that says how much there is', () => {
  const { table } = start();
  const lease = table.lease();
  for (let number = 0; number < PLANNED_GROUPS_MAX; number++) lease.numberOf(groupOf(number));
  assert.equal(lease.numberOf(groupOf(7)), 7, 'equal ones are one');
  const message = /a configuration can have 256 groups of upstreams and 1024 upstreams/;
  assert.throws(() => lease.numberOf(groupOf(PLANNED_GROUPS_MAX)), { code: 'CONFIG_ARGUMENT', message });
  const large = table.lease();
  assert.throws(
    () => {
      for (let number = 300; number < 400; number++) large.numberOf(groupOf(number, {}, UPSTREAMS_MAX));
    },
    { code: 'CONFIG_ARGUMENT', message },
  );
});

test('a configuration that has another fault holds nothing', async () => {
  const { table } = start();
  const failing = loadWithGroups(table, async (numberOf) => {
    numberOf(groupOf(1));
    throw new Error('another fault');
  });
  await assert.rejects(failing, /another fault/);
  table.giveBack();
  assert.equal(table.groups.length, 0);
});

test('a configuration that finds no room waits for what is being given up', async () => {
  const { table, thread } = start();
  const planOf = async (first: number): Promise<ServerPlan> =>
    loadWithGroups(table, async (numberOf) => {
      for (let number = first; number < first + PLANNED_GROUPS_MAX; number++) numberOf(groupOf(number));
      return {} as ServerPlan;
    });
  const plans = [await planOf(0), await planOf(1000)];
  assert.equal(table.groups.length, GROUPS_MAX);
  const third = planOf(2000);
  plans[0]!.forwardGroups.release();
  const turns = setInterval(() => thread.pass(200), 20);
  const { forwardGroups } = await third;
  assert.equal(forwardGroups.numbers.length, PLANNED_GROUPS_MAX);
  clearInterval(turns);
  // Where nothing is coming it is an error, not a wait: all else is held for good.
  plans[1]!.forwardGroups.release();
  for (let number = 0; table.groups.length < GROUPS_MAX; number++) table.hold(groupOf(5000 + number));
  for (let look = 0; look < 4; look++) {
    table.giveBack();
    thread.pass(200);
  }
  for (let number = 0; table.groups.length < GROUPS_MAX; number++) table.hold(groupOf(9000 + number));
  await assert.rejects(planOf(3000), { code: 'CONFIG_ARGUMENT' });
  table.close();
});

/** Load a configuration of so many groups, while a thread and main look after what goes. */
async function loadMeanwhile(
  { table, thread }: Parts,
  numbers: readonly number[],
  options: Partial<ForwardGroup> = {},
): Promise<{ readonly plan: ServerPlan; readonly attempts: number }> {
  let attempts = 0;
  let isSettled = false;
  const loading = loadWithGroups(table, async (numberOf) => {
    attempts++;
    for (const number of numbers) numberOf(groupOf(number, options));
    return {} as ServerPlan;
  }).finally(() => {
    isSettled = true;
  });
  loading.catch(() => undefined);
  for (let round = 0; round < 20 && !isSettled; round++) {
    await setImmediate();
    thread.pass(200);
    table.giveBack();
  }
  assert.ok(isSettled, `it still waits after ${attempts} attempts`);
  return { plan: await loading, attempts };
}

function range(from: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => from + index);
}

test('what an attempt without room got is there for the next', async () => {
  const parts = start();
  const { table, thread } = parts;
  const first = await loadMeanwhile(parts, range(0, 200));
  const second = await loadMeanwhile(parts, range(1000, 200));
  thread.pass(200);
  first.plan.forwardGroups.release();
  // Closed; the thread knows them still.
  table.giveBack();
  const third = await loadMeanwhile(parts, range(2000, 250));
  assert.equal(third.attempts, 2);
  second.plan.forwardGroups.release();
  for (let look = 0; look < 4; look++) {
    table.giveBack();
    thread.pass(200);
  }
  assert.deepEqual([table.groups.length, table.leavingCount], [250, 0], 'no attempt has left anything behind');
  table.close();
});

test('what does not fit, whatever else is given back, is refused', async () => {
  const parts = start();
  const tls = { certificateFile: `/${'x'.repeat(4700)}`, keyFile: null, authorityFile: null };
  const message = /there is no room for as many groups/;
  await assert.rejects(loadMeanwhile(parts, range(0, 256), { tls }), { code: 'CONFIG_ARGUMENT', message });
  await loadMeanwhile(parts, range(0, 100), { tls });
  await assert.rejects(loadMeanwhile(parts, range(1000, 200), { tls }), { code: 'CONFIG_ARGUMENT', message });
  assert.equal(parts.table.groups.filter(({ group }) => group.upstreams[0]!.address.startsWith('10.0.')).length, 100);
  parts.table.close();
});

for (const end of ['release', 'keep'] as const) {
  test(`a configuration that finds no room does not wait for one that goes with nothing: ${end}`, async () => {
    const parts = start();
    const { table } = parts;
    const leaving = await loadMeanwhile(parts, range(0, 10));
    await loadMeanwhile(parts, range(0, 10));
    for (let number = 0; table.groups.length < GROUPS_MAX; number++) table.hold(groupOf(5000 + number));
    let outcome = 'waits';
    const third = loadWithGroups(table, async (numberOf) => {
      numberOf(groupOf(1000));
      return {} as ServerPlan;
    });
    third.catch((error: SkyshardError) => (outcome = error.code));
    await setImmediate();
    assert.equal(outcome, 'waits', 'a listener is being closed');
    leaving.plan.forwardGroups[end]();
    await setImmediate();
    assert.equal(outcome, 'CONFIG_ARGUMENT');
    table.close();
  });
}
