import assert from 'node:assert/strict';
import { test } from 'node:test';

import { WordWriter } from '../../../src/snapshot/entry-encoder.ts';
import { hashKey } from '../../../src/snapshot/key-hash.ts';
import { verifySnapshot } from '../../../src/snapshot/verify.ts';
import { addressContent, keyOf, setUpBuilder } from './snapshot-model.ts';

const SEED = 12_345;

function hashOf(name: Uint8Array, keySpace = 0, seed = SEED): number {
  const writer = new WordWriter();
  writer.pushOctets(name);
  return hashKey(writer.words, 0, name.length, keySpace, seed);
}

test('size, key space and seed are part of the hash', () => {
  const hash = hashOf(keyOf('a.svc'));
  assert.ok(Number.isInteger(hash) && hash >= 0 && hash < 2 ** 32);
  assert.equal(hashOf(keyOf('a.svc')), hash);
  assert.notEqual(hashOf(keyOf('a.svc'), 1), hash);
  assert.notEqual(hashOf(keyOf('a.svc'), 0, SEED + 1), hash);
  assert.notEqual(hashOf(Uint8Array.from([1, 0x61])), hashOf(Uint8Array.from([1, 0x61, 0])), 'padding is no octet');
});

for (const seed of [0, 1, 0x8000_0000, 0xffff_ffff, 777]) {
  test(`names that differ in a digit fall into all pages alike, seed ${seed}`, () => {
    const counts = new Uint32Array(256);
    const lowCounts = new Uint32Array(64);
    const count = 256 * 100;
    for (let index = 0; index < count; index++) {
      const name = keyOf(`10-244-${index >> 8}-${index & 255}.web.default.svc`);
      const hash = hashOf(name, 0, seed);
      counts[hash >>> 24]!++;
      lowCounts[hash & 63]!++;
    }
    // 100 ± 10 expected in each; six standard deviations are allowed.
    assert.ok(Math.min(...counts) > 40 && Math.max(...counts) < 160, `${Math.min(...counts)} … ${Math.max(...counts)}`);
    assert.ok(Math.min(...lowCounts) > 280 && Math.max(...lowCounts) < 520);
  });
}

/** Names of one hash, made with the seed known: the mixing is undone word by word. */
function namesOfOneHash(count: number, seed: number): Uint8Array[] {
  const target = hashOf(Uint8Array.from([7, 1, 1, 1, 1, 1, 1, 1]), 0, seed);
  const inverse = (odd: number): number => {
    let result = odd;
    for (let round = 0; round < 5; round++) result = Math.imul(result, 2 - Math.imul(odd, result));
    return result;
  };
  const multiplier1 = 0xcc_9e_2d_51 ^ (seed << 1);
  const multiplier2 = 0x1b_87_35_93 ^ ((seed >>> 15) << 1) ^ (seed << 17);
  const mix = (hash: number, word: number): number => {
    let mixed = Math.imul(word, multiplier1);
    mixed = Math.imul((mixed << 15) | (mixed >>> 17), multiplier2);
    const sum = hash ^ mixed;
    return (Math.imul((sum << 13) | (sum >>> 19), 5) + 0xe6_54_6b_64) | 0;
  };
  const start = seed ^ 8;
  const end = mix(mix(start, 0x0101_0107), 0x0101_0101);
  const names: Uint8Array[] = [];
  for (let first = 0; names.length < count; first++) {
    const word1 = 7 | (first << 8);
    const unrotated = Math.imul(end - 0xe6_54_6b_64, inverse(5));
    let word2 = Math.imul(((unrotated >>> 13) | (unrotated << 19)) ^ mix(start, word1), inverse(multiplier2));
    word2 = Math.imul((word2 >>> 15) | (word2 << 17), inverse(multiplier1));
    const name = new Uint8Array(Uint32Array.of(word1, word2).buffer);
    assert.equal(hashOf(name, 0, seed), target);
    names.push(name);
  }
  return names;
}

test('names chosen to share a page fill it only if the seed is known; then they are refused and harm no other', () => {
  const names = namesOfOneHash(53, SEED);
  const known = setUpBuilder(64 << 20, { hashSeed: SEED });
  known.builder.dataset(0).put(keyOf('kept.svc'), addressContent(1));
  known.builder.publish(1);
  assert.throws(
    () => {
      for (const name of names) known.builder.dataset(0).put(name, addressContent(1));
    },
    { code: 'SNAPSHOT_FULL', message: /20 bits of hash/ },
  );
  known.builder.abort();
  assert.equal(verifySnapshot(known.buffer).entryCount, 1);
  const secret = setUpBuilder(64 << 20, { hashSeed: SEED + 1 });
  for (const name of names) secret.builder.dataset(0).put(name, addressContent(1));
  secret.builder.publish(1);
  assert.equal(verifySnapshot(secret.buffer).entryCount, 53);
});
