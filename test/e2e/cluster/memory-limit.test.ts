/**
 * A container's memory limit, in proportion for a smaller cluster: 1,000 Services with 15,000 endpoints under 120 MiB,
 * through the start, lists that begin anew, and changes. The kernel ends who goes over it.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test, type TestContext } from 'node:test';
import { ControlPlane } from '../../cluster/control-plane.ts';
import { fillCluster } from '../../cluster/large-cluster.ts';
import { LimitedServer } from '../../cluster/limited-server.ts';
import { useClusterTools } from '../../cluster/use-cluster.ts';
import { WireClient } from '../../cluster/wire-client.ts';
import '../leftovers.ts';

const SIZE = { services: 1_000, endpoints: 15 };
const LIMIT_MIB = 120;
const CHANGES = 50;

const { tools, skip } = await useClusterTools();

describe('a memory limit', { skip }, () => {
  let plane: ControlPlane;
  let client: WireClient;

  before(async () => {
    client = new WireClient([]);
    plane = await ControlPlane.start({ tools: tools! });
    await fillCluster(plane.client, SIZE);
  });

  after(async () => {
    client?.close();
    await plane?.stop();
  });

  test('start, lists and changes of 15,000 endpoints', async (t: TestContext) => {
    const limited = await LimitedServer.start('skyshard', LIMIT_MIB, plane, client, SIZE);
    if (typeof limited === 'string') return t.skip(limited);
    try {
      await limited.answered();
      for (let number = 0; number < CHANGES; number++) await limited.change(number);
      // A watch of before the restart is too old: every kind is listed again.
      await plane.stopApiServer();
      await plane.startApiServer();
      for (let number = CHANGES; number < 2 * CHANGES; number++) await limited.change(number);
      assert.equal(limited.server.program.hasEnded, false, limited.server.program.lastWords());
      t.diagnostic(`peak ${limited.group.peakMib.toFixed(0)} of ${LIMIT_MIB} MiB, met ${limited.group.limitMet} times`);
    } finally {
      await limited.stop();
    }
  });
});
