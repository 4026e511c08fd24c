/** `header`: what the operator wants of flags, on what passes it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StepDescription } from '../../../src/snapshot/config-description.ts';
import { buildQuery } from '../../wire/query.ts';
import { Chain } from './chain-fixture.ts';

const [A, ANY] = [1, 255];
const [AA, RD, RA] = [0x0400, 0x0100, 0x0080];

function flagsOf(chain: Chain, type: number): number {
  return Buffer.from(chain.askBytes(buildQuery({ name: 'a.test', type, flags: RD }), [192, 0, 2, 1])).readUInt16BE(2);
}

test('flags are set and cleared where a plugin behind it answers, and nowhere else', () => {
  const routes: Record<string, readonly StepDescription[]> = { '.': [{ kind: 'any' }, { kind: 'whoami' }] };
  const plain = new Chain({ routes });
  assert.equal(flagsOf(plain, A) & (AA | RD | RA), AA | RD);
  const chain = new Chain({ routes, policy: { headerFlags: { set: RA, cleared: AA | RD } } });
  assert.equal(flagsOf(chain, A), 0x8000 | RA);
  assert.equal(flagsOf(chain, ANY), flagsOf(plain, ANY));
});
