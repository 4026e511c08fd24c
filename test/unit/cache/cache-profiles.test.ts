/** Main's table of caches: as many server blocks as a large installation has, and their numbers across changes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CACHE_PROFILE, createCacheBuffer, profileAt } from '../../../src/cache/cache-layout.ts';
import { CacheProfileTable, type CacheProfile } from '../../../src/cache/cache-profiles.ts';

const BOUNDS = { max: 3600, min: 0, isMinSaid: false, isDisabled: false };

function profileOf(key: string, max = 3600): CacheProfile {
  return {
    instance: { key, capacity: 9984, labels: { server: 'dns://:53', zones: key, view: '' } },
    success: { ...BOUNDS, max },
    denial: BOUNDS,
    failureMs: 5000,
    keepsTtl: false,
    prefetch: undefined,
    stale: undefined,
  };
}

test('a thousand server blocks have caches of their own, and a block that changes its TTLs keeps its own', () => {
  const table = new CacheProfileTable();
  const first = Array.from({ length: 500 }, (_, block) => table.indexOf(profileOf(`z${block}.test.`)));
  const buffer = createCacheBuffer({ writerMax: 2, capacity: table.capacity, arenaSize: 1 << 20 });
  table.attach(buffer);
  const later = Array.from({ length: 500 }, (_, block) => table.indexOf(profileOf(`z${500 + block}.test.`)));
  assert.equal(new Set([...first, ...later]).size, 1000);
  const changed = table.indexOf(profileOf('z7.test.', 30));
  assert.equal(table.indexOf(profileOf('z7.test.')), first[7]);
  const words = new Uint32Array(buffer);
  const instanceAt = (profile: number): number => words[profileAt(profile) + CACHE_PROFILE.at.instance]!;
  assert.equal(new Set([...first, ...later].map(instanceAt)).size, 1000);
  assert.equal(instanceAt(changed), instanceAt(first[7]!));
  assert.equal(words[profileAt(changed) + CACHE_PROFILE.at.successMaxTtl], 30);
});

test('where there are too many, the message says how many and what helps', () => {
  const table = new CacheProfileTable();
  assert.throws(
    () => Array.from({ length: 5000 }, (_, block) => table.indexOf(profileOf(`z${block}.test.`))),
    /more than 4096 different server blocks with cache, .* a restart forgets these/,
  );
});
