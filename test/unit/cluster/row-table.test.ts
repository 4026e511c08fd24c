import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RowTable } from '../../../src/cluster/row-table.ts';

test('a row that is used again is empty, and the table does not grow', () => {
  const table = new RowTable(2);
  const ids = Array.from({ length: 1000 }, () => table.allocate());
  assert.equal(new Set(ids).size, 1000);
  assert.ok(!ids.includes(0));
  for (const id of ids) for (const field of [0, 1]) table.set(id, field, 7);
  const size = table.byteSize;
  for (const id of ids) table.free(id);
  assert.equal(table.count, 0);
  const again = Array.from({ length: 1000 }, () => table.allocate());
  assert.deepEqual(again.toSorted(), ids.toSorted());
  for (const id of again) for (const field of [0, 1]) assert.equal(table.get(id, field), 0);
  assert.equal(table.byteSize, size);
});

test('rows keep their fields while the table grows', () => {
  const table = new RowTable(3);
  const ids: number[] = [];
  for (let index = 0; index < 5000; index++) {
    const id = table.allocate();
    table.set(id, 2, index);
    ids.push(id);
  }
  for (const [index, id] of ids.entries()) assert.equal(table.get(id, 2), index);
});
