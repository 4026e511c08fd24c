import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OctetPool } from '../../../src/cluster/octet-pool.ts';
import { PortLists } from '../../../src/cluster/port-lists.ts';

const http = { name: 'http', port: 80, protocol: 'TCP' };
const dns = { name: 'dns', port: 53, protocol: 'UDP' };
const bare = { name: '', port: 65_535, protocol: 'SCTP' };

test('equal lists in any order are one', () => {
  const lists = new PortLists(new OctetPool());
  const id = lists.intern([http, dns, bare]);
  assert.equal(lists.intern([bare, http, dns]), id);
  assert.notEqual(lists.intern([http, dns]), id);
  assert.deepEqual(new Set(lists.get(id)), new Set([http, dns, bare]));
  assert.equal(lists.intern([]), 0);
  assert.deepEqual(lists.get(0), []);
});

test('a list whose id is used again is read anew', () => {
  const lists = new PortLists(new OctetPool());
  const id = lists.intern([http]);
  assert.deepEqual(lists.get(id), [http]);
  lists.release(id);
  assert.equal(lists.intern([dns]), id);
  assert.deepEqual(lists.get(id), [dns]);
});

test('a list that others still have stays the same object: what follows from it is remembered by it', () => {
  const lists = new PortLists(new OctetPool());
  const id = lists.intern([http]);
  lists.intern([http]);
  const list = lists.get(id);
  lists.release(id);
  assert.equal(lists.get(id), list);
});
