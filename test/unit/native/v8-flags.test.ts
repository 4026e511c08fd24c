import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runInNewContext } from 'node:vm';
import { withCollector } from '../../../src/native/v8-flags.ts';

test('who does not find the collector looks again, and nobody finds it afterwards', () => {
  const find = (): unknown => runInNewContext('globalThis.gc');
  let looks = 0;
  const found = withCollector(() => (looks++ < 2 ? undefined : find()));
  assert.equal(typeof found, 'function');
  assert.equal(looks, 3);
  assert.equal(find(), undefined);
});

test('who never finds it goes without', () => {
  assert.equal(
    withCollector(() => undefined),
    undefined,
  );
});
