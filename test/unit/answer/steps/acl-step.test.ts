/** `acl`: who may ask for what, before everything behind it, and how that is counted. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseNetworkOrAddress } from '../../../../src/config/network.ts';
import { ACL_ACTION } from '../../../../src/snapshot/snapshot-layout.ts';
import { SCOPE_CELLS } from '../../../../src/observability/counters/counter-layout.ts';
import type { AclPolicyDescription, StepDescription } from '../../../../src/snapshot/config-description.ts';
import { buildQuery } from '../../../wire/query.ts';
import { Chain } from '../chain-fixture.ts';

const [A, AXFR] = [1, 252];
const INSIDE = { peer: [192, 0, 2, 9], edns: { udpSize: 1232 } };
const OUTSIDE = { peer: [198, 51, 100, 9], edns: { udpSize: 1232 } };

function policy(
  action: AclPolicyDescription['action'],
  types: readonly number[] | null,
  ...networks: string[]
): AclPolicyDescription {
  const read = networks.map((text) => parseNetworkOrAddress(text)!);
  return { action, scope: 1, types, networks: networks.length === 0 ? null : read };
}

function chainOf(...policies: readonly AclPolicyDescription[]): Chain {
  const acl: StepDescription = { kind: 'acl', allowedScope: 0, policies };
  return new Chain({ routes: { 'test.': [acl, { kind: 'whoami' }] } });
}

const countsOf = (chain: Chain): number[] => {
  const { counters } = chain;
  const { BLOCK, FILTER, DROP, ALLOW } = ACL_ACTION;
  const total = (scope: number, action: number): number => counters.total(scope, SCOPE_CELLS.at.acl + action);
  return [...[BLOCK, FILTER, DROP].map((action) => total(1, action)), total(0, ALLOW)];
};

test('block, filter and what is allowed: by client and type, the first policy that matches decides', () => {
  const chain = chainOf(
    policy('allow', null, '192.0.2.8'),
    policy('block', [A, 16], '10.0.0.0/8', '192.0.2.0/24'),
    policy('filter', null, '192.0.2.0/25', '2001:db8::/33'),
  );
  assert.deepEqual(chain.ask('a.test A', INSIDE), ['REFUSED EDE 15']);
  assert.deepEqual(chain.ask('a.test TXT', INSIDE), ['REFUSED EDE 15']);
  assert.deepEqual(chain.ask('a.test AAAA', INSIDE), ['NOERROR EDE 17']);
  assert.equal(chain.ask('a.test A', { peer: [192, 0, 2, 8] })[0], 'NOERROR aa');
  assert.equal(chain.ask('a.test A', OUTSIDE)[0], 'NOERROR aa');
  const [inside6, outside6] = [0x7f, 0x80].map((octet) => [
    0x20,
    1,
    0xd,
    0xb8,
    octet,
    ...Array.from({ length: 11 }, () => 1),
  ]);
  assert.deepEqual(chain.ask('a.test A', { peer: inside6!, edns: {} }), ['NOERROR EDE 17']);
  assert.equal(chain.ask('a.test A', { peer: outside6! })[0], 'NOERROR aa');
  assert.deepEqual(countsOf(chain), [2, 2, 0, 3]);
});

test('drop: no response at all, and the next query of the client is another matter', () => {
  const chain = chainOf(policy('drop', [A]));
  assert.equal(chain.sizeFor(buildQuery({ name: 'a.test', type: A })), -2);
  assert.equal(chain.ask('a.test AAAA')[0], 'NOERROR aa');
  assert.deepEqual(countsOf(chain), [0, 0, 1, 1]);
});

test('a zone transfer is a query like any other', () => {
  const blocked = chainOf(policy('block', [AXFR]));
  assert.deepEqual(blocked.ask('test AXFR', { edns: {} }), ['REFUSED EDE 15']);
  const dropped = chainOf(policy('drop', null));
  assert.equal(dropped.sizeFor(buildQuery({ name: 'test', type: AXFR })), -2);
  assert.deepEqual(countsOf(dropped), [0, 0, 1, 0]);
});
