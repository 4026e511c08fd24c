import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addressOf, type Address } from '../../../src/cluster/address.ts';
import { ClientClaims } from '../../../src/cluster/client-claims.ts';
import { OctetPool } from '../../../src/cluster/octet-pool.ts';

const ADDRESSES: readonly Address[] = ['0.0.0.0', '10.0.0.1', '10.0.0.2', 'fd00::1', '::'].map((text) =>
  addressOf(text)!,
);

test('an address is the pod’s that alone has it, whatever came and went before', () => {
  const pool = new OctetPool();
  const claims = new ClientClaims(pool);
  const held: { readonly address: Address; readonly pod: number; readonly isHost: boolean }[] = [];
  let state = 1;
  const below = (bound: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * bound);
  };
  for (let step = 0; step < 5000; step++) {
    const address = ADDRESSES[below(ADDRESSES.length)]!;
    const pod = 1 + below(6);
    const at = held.findIndex((claim) => claim.address === address && claim.pod === pod);
    if (at < 0) {
      const isHost = below(4) === 0;
      claims.add(address, pod, isHost);
      held.push({ address, pod, isHost });
    } else {
      claims.remove(address, pod, held[at]!.isHost);
      held.splice(at, 1);
    }
    for (const one of ADDRESSES) {
      const own = held.filter((claim) => claim.address === one);
      const owner = own.length === 1 && !own[0]!.isHost ? own[0]!.pod : 0;
      assert.equal(claims.ownerOf(one), owner, `step ${step}`);
    }
  }
  for (const { address, pod, isHost } of held) claims.remove(address, pod, isHost);
  assert.equal(pool.count, 0, 'no string is left over');
});
