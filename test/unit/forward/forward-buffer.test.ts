/** How many groups of upstreams a process can have had, and what comes then. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createForwardBuffer, ForwardGroupTable, forwardGroupCount } from '../../../src/forward/forward-buffer.ts';
import { DEFAULT_FORWARD_GROUP, type ForwardGroup, GROUPS_MAX } from '../../../src/forward/forward-group.ts';

function groupOf(number: number, count = 1): ForwardGroup {
  const upstreams = Array.from({ length: count }, (_, index) => ({
    address: `10.${number >> 8}.${number & 255}.${index}`,
    port: 53,
  }));
  return { ...DEFAULT_FORWARD_GROUP, upstreams };
}

for (const count of [1, 12]) {
  test(`a host name with ever other addresses, ${count} at a time: the last that found room stay, and others still do`, () => {
    const buffer = createForwardBuffer(1);
    let fullCount = 0;
    const table = new ForwardGroupTable(buffer, () => fullCount++);
    const indexes = Array.from({ length: 2 * GROUPS_MAX }, (_, number) => table.indexOf(groupOf(number, count), 'web'));
    const last = indexes.at(-1)!;
    assert.equal(fullCount, 1);
    assert.deepEqual(
      indexes.slice(0, last + 1),
      Array.from({ length: last + 1 }, (_, index) => index),
    );
    assert.ok(indexes.slice(last).every((index) => index === last));
    // What was there before is there again, and stays when the next ones find no room.
    assert.equal(table.indexOf(groupOf(3, count), 'web'), 3);
    assert.equal(table.indexOf(groupOf(9999, count), 'web'), 3);
    // An operator's own change, of which nothing was known.
    assert.equal(table.indexOf(groupOf(7000), 'other'), last + 1);
    assert.equal(table.indexOf(groupOf(7001)), last + 2);
    assert.equal(forwardGroupCount(buffer), last + 3);
    assert.equal(fullCount, 1);
  });
}

test('more groups than there can be are an error that says what to do', () => {
  const table = new ForwardGroupTable(createForwardBuffer(1));
  for (let number = 0; number < GROUPS_MAX; number++) table.indexOf(groupOf(number), `stanza ${number}`);
  assert.throws(() => table.indexOf(groupOf(GROUPS_MAX), 'one more'), {
    code: 'CONFIG_ARGUMENT',
    message: /256 groups.*restart it/,
  });
});
