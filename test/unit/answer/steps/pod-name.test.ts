import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PodAddress } from '../../../../src/answer/steps/pod-name.ts';

/** label → address words, or null */
const CASES: readonly (readonly [label: string, family: 0 | 4 | 6, words: readonly number[]])[] = [
  ['10-0-0-1', 4, [0x0a000001]],
  ['255-255-255-255', 4, [0xffffffff]],
  ['0-0-0-0', 4, [0]],
  ['256-0-0-1', 0, []],
  ['10-0-0-01', 0, []],
  ['10-0-0', 0, []],
  ['10-0-0-', 0, []],
  ['10-0-0-a', 0, []],
  ['10-0-0-1-2', 0, []],
  ['1-2-3-4-5-6-7-8', 6, [0x00010002, 0x00030004, 0x00050006, 0x00070008]],
  ['fd01--1', 6, [0xfd010000, 0, 0, 1]],
  ['--', 6, [0, 0, 0, 0]],
  ['--1', 6, [0, 0, 0, 1]],
  ['1--', 6, [0x00010000, 0, 0, 0]],
  ['2001-db8--ff00-42-8329', 6, [0x20010db8, 0, 0x0000ff00, 0x00428329]],
  ['1-2-3--4', 6, [0x00010002, 0x00030000, 0, 4]],
  ['--ffff-a00-1', 4, [0x0a000001]],
  ['1-2-3-4-5-6-7--', 6, [0x00010002, 0x00030004, 0x00050006, 0x00070000]],
  ['1-2-3-4-5-6-7-8--', 0, []],
  ['1--2--3', 0, []],
  ['-1', 0, []],
  ['1-', 0, []],
  ['---', 0, []],
  ['12345--', 0, []],
  ['g--1', 0, []],
  ['whoami', 0, []],
];

for (const [label, family, words] of CASES) {
  test(`pod label ${label}`, () => {
    const address = new PodAddress();
    const octets = new TextEncoder().encode(label);
    assert.equal(address.parse(octets, 0, octets.length), family);
    if (family !== 0) assert.deepEqual([...address.words.subarray(0, family === 4 ? 1 : 4)], words);
  });
}
