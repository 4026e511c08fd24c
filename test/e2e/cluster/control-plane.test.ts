/** The harness itself: the API server of the run does what the tests rely on. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { useCluster } from '../../cluster/use-cluster.ts';
import '../leftovers.ts';

const { cluster, skip } = await useCluster();

describe('the cluster of the run', { skip }, () => {
  test('says that it is ready', async () => {
    assert.equal(await cluster!.kubectl(['get', '--raw', '/readyz']), 'ok');
  });

  test('has the Service kubernetes', async () => {
    const text = await cluster!.kubectl(['get', 'service', 'kubernetes', '-o', 'jsonpath={.spec.clusterIP}']);
    assert.match(text, /^[\d.]+$/);
  });
});
