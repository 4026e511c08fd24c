import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OctetPool } from '../../../src/cluster/octet-pool.ts';

test('a string has one id for all its users, and none after the last', () => {
  const pool = new OctetPool();
  const id = pool.intern('web');
  assert.equal(pool.intern('web'), id);
  assert.equal(pool.find('web'), id);
  assert.equal(pool.text(id), 'web');
  pool.release(id);
  assert.equal(pool.find('web'), id);
  pool.release(id);
  assert.equal(pool.find('web'), -1);
  assert.equal(pool.count, 0);
  assert.throws(() => pool.release(id), /INTERNAL|reference/);
});

test('the empty string is 0 and needs no counting', () => {
  const pool = new OctetPool();
  assert.equal(pool.intern(''), 0);
  assert.equal(pool.find(''), 0);
  assert.equal(pool.text(0), '');
  pool.release(0);
});

test('all octets come back as they went in', () => {
  const pool = new OctetPool();
  const all = String.fromCharCode(...Array.from({ length: 256 }, (_, octet) => octet));
  assert.equal(pool.text(pool.intern(all)), all);
  assert.throws(() => pool.intern('\u0100'), /octets/);
});

test('strings are found and unharmed after many came and went', () => {
  const pool = new OctetPool();
  const kept = new Map<string, number>();
  let seed = 1;
  for (let step = 0; step < 60_000; step++) {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    const text = `string-${seed % 5000}`.repeat(1 + (seed % 3));
    const id = kept.get(text);
    if (id === undefined) kept.set(text, pool.intern(text));
    else {
      pool.release(id);
      kept.delete(text);
    }
    if (step % 5000 === 0) for (const [each, eachId] of kept) assert.equal(pool.text(eachId), each);
  }
  for (const [text, id] of kept) {
    assert.equal(pool.find(text), id);
    assert.equal(pool.text(id), text);
  }
  assert.equal(pool.count, kept.size);
});

test('churn does not grow it', () => {
  const pool = new OctetPool();
  let previous = 0;
  const churn = (from: number, to: number): void => {
    for (let index = from; index < to; index++) {
      const id = pool.intern(`name-${index}`);
      pool.release(previous);
      previous = id;
    }
  };
  churn(0, 20_000);
  const size = pool.byteSize;
  churn(20_000, 200_000);
  assert.equal(pool.byteSize, size);
});
