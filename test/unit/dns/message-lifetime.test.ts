/** How long HTTP caches may keep a response. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CLASS, RCODE, TYPE } from '../../../src/dns/iana.ts';
import { lifetimeSeconds } from '../../../src/dns/message-lifetime.ts';
import { nameToWire, parseName } from '../../wire/names.ts';
import { u16 } from '../../wire/query.ts';

type Section = 'answer' | 'authority' | 'additional';

const u32 = (value: number): number[] => [...u16(value >>> 16), ...u16(value & 0xffff)];
const record = (type: number, ttl: number, rdata: readonly number[]): readonly number[] => [
  ...[0xc0, 12, ...u16(type), ...u16(CLASS.IN), ...u32(ttl), ...u16(rdata.length), ...rdata],
];
const a = (ttl: number) => record(TYPE.A, ttl, [192, 0, 2, 1]);
const soa = (ttl: number, minimum: number) =>
  record(TYPE.SOA, ttl, [0xc0, 12, 0xc0, 12, ...u32(1), ...u32(2), ...u32(3), ...u32(4), ...u32(minimum)]);
const OPT = [0, ...u16(TYPE.OPT), ...u16(1232), 0, 0, 0, 0, 0, 0];

function message(rcode: number, sections: Partial<Record<Section, readonly (readonly number[])[]>>): Uint8Array {
  const { answer = [], authority = [], additional = [] } = sections;
  return Uint8Array.from([
    ...[
      0,
      0,
      0x81,
      0x80 | rcode,
      ...u16(1),
      ...u16(answer.length),
      ...u16(authority.length),
      ...u16(additional.length),
    ],
    ...[...nameToWire(parseName('a.test')), ...u16(TYPE.A), ...u16(CLASS.IN)],
    ...[...answer, ...authority, ...additional].flat(),
  ]);
}

const NXDOMAIN = 3;
for (const [what, expected, rcode, sections] of [
  ['one record', 60, RCODE.NOERROR, { answer: [a(60)] }],
  ['the smallest TTL, wherever', 7, RCODE.NOERROR, { answer: [a(60), a(50)], authority: [a(9)], additional: [a(7)] }],
  ['not that of OPT', 60, RCODE.NOERROR, { answer: [a(60)], additional: [OPT] }],
  ['an SOA record that was asked for', 60, RCODE.NOERROR, { answer: [soa(60, 5)] }],
  ['NODATA: MINIMUM', 5, RCODE.NOERROR, { authority: [soa(60, 5)] }],
  ['NXDOMAIN: the TTL of the SOA record', 6, NXDOMAIN, { authority: [soa(6, 50)], additional: [OPT] }],
  ['an alias of what is not there', 5, NXDOMAIN, { answer: [a(60)], authority: [soa(60, 5)] }],
  ['a denial without SOA', 0, NXDOMAIN, { authority: [a(60)] }],
  ['NODATA without anything', 0, RCODE.NOERROR, {}],
  ['a failure', 0, RCODE.SERVFAIL, { answer: [a(60)] }],
  ['a refusal', 0, 5, { authority: [soa(60, 5)] }],
  ['TTL 0', 0, RCODE.NOERROR, { answer: [a(60), a(0)] }],
  ['a TTL with the top bit set', 0, RCODE.NOERROR, { answer: [a(0x8000_0001)] }],
] as const) {
  test(`${what}: ${expected} s`, () => assert.equal(lifetimeSeconds(message(rcode, sections)), expected));
}

test('what is cut short is not kept', () => {
  const whole = message(RCODE.NOERROR, { answer: [a(60), a(60)] });
  for (let size = 12; size < whole.length; size++) assert.equal(lifetimeSeconds(whole.subarray(0, size)), 0);
});
