/** Responses are padded to blocks of 468 octets, and nothing else is touched. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CLASS, EDNS_OPTION, TYPE } from '../../../src/dns/iana.ts';
import { padMessage, withPadding } from '../../../src/dns/padding.ts';
import { nameToWire, parseName } from '../../wire/names.ts';
import { u16 } from '../../wire/query.ts';
import { decodeStrictly } from '../../wire/strict-message.ts';

const NAME = nameToWire(parseName('a.test'));
const EMPTY = { code: EDNS_OPTION.PADDING, data: [] as readonly number[] };
const COOKIE = { code: EDNS_OPTION.COOKIE, data: Array.from({ length: 24 }, (_, index) => index) };

interface Spec {
  readonly answers?: number;
  readonly options?: readonly { readonly code: number; readonly data: readonly number[] }[];
  readonly additional?: readonly number[];
}

/** A response with records of 264 octets, an address, an OPT record. */
function response({ answers = 0, options, additional }: Spec): Uint8Array {
  const head = [0xc0, 12, ...u16(TYPE.TXT), ...u16(CLASS.IN), 0, 0, 0, 9, ...u16(252), 251];
  const address = additional && [0xc0, 12, ...u16(TYPE.A), ...u16(CLASS.IN), 0, 0, 0, 9, ...u16(4), ...additional];
  const rdata = options?.flatMap(({ code, data }) => [...u16(code), ...u16(data.length), ...data]);
  const opt = rdata && [0, ...u16(TYPE.OPT), ...u16(1232), 0, 0, 0, 0, ...u16(rdata.length), ...rdata];
  const count = (address === undefined ? 0 : 1) + (opt === undefined ? 0 : 1);
  return Uint8Array.from([
    ...[...u16(7), 0x81, 0x80, ...u16(1), ...u16(answers), ...u16(0), ...u16(count)],
    ...[...NAME, ...u16(TYPE.TXT), ...u16(CLASS.IN)],
    ...Array.from({ length: answers }, (_, index) => [...head, index >> 4, index & 15, ...new Uint8Array(249)]).flat(),
    ...(address ?? []),
    ...(opt ?? []),
  ]);
}

for (const [answers, size] of [
  [0, 468],
  [1, 468],
  [2, 936],
  [200, 468 * 113],
] as const) {
  test(`a response with ${answers} records gets ${size} octets`, () => {
    const padded = withPadding(response({ answers, options: [COOKIE, EMPTY] }));
    assert.equal(padded.length, size);
    const { answer, opt } = decodeStrictly(padded);
    assert.equal(answer.length, answers);
    const [cookie, padding] = opt!.options;
    assert.deepEqual([...cookie!.data], COOKIE.data);
    assert.equal(padding!.code, EDNS_OPTION.PADDING);
    assert.ok(padding!.data.every((octet) => octet === 0));
  });
}

test('no response gets more octets than a message can have', () => {
  const filler = { code: 65_001, data: [...new Uint8Array(270)] };
  const message = response({ answers: 247, options: [filler, EMPTY] });
  assert.ok(message.length > 65_520 && message.length < 65_535);
  const padded = withPadding(message);
  assert.equal(padded.length, 65_535);
  assert.equal(decodeStrictly(padded).answer.length, 247);
});

test('what follows the message counts: with it, the whole is a multiple of 468 octets, or as large as its room', () => {
  const message = response({ answers: 1, options: [EMPTY] });
  const padded = (behindSize: number, roomSize: number): number => {
    const octets = new Uint8Array(roomSize);
    octets.set(message);
    const size = padMessage(new DataView(octets.buffer), 0, message.length, behindSize);
    assert.equal(decodeStrictly(octets.subarray(0, size)).answer.length, 1);
    return size;
  };
  assert.equal(padded(85, 2000), 468 - 85);
  assert.equal(padded(468 - message.length + 1, 2000), 2 * 468 - (468 - message.length + 1));
  assert.equal(padded(85, 400), 400 - 85);
  assert.equal(padded(85, message.length), message.length);
});

test('a response that has its size already stays as it is', () => {
  const at = response({ options: [EMPTY] }).length;
  const filler = { code: 65_001, data: [...new Uint8Array(468 - at - 4)] };
  const message = response({ options: [filler, EMPTY] });
  assert.equal(message.length, 468);
  assert.deepEqual(withPadding(message), message);
});

for (const [what, spec] of [
  ['no OPT record, and an address that looks like an empty option', { additional: [0, 12, 0, 0] }],
  ['an OPT record without the option', { options: [COOKIE] }],
  ['a cookie that looks like one', { options: [{ code: EDNS_OPTION.COOKIE, data: [0, 12, 0, 1] }] }],
] as const) {
  test(`${what}: nothing is added`, () => {
    const message = response(spec);
    assert.deepEqual(withPadding(message), message);
  });
}

test('what is no message is left alone', () => {
  const whole = response({ answers: 1, options: [EMPTY] });
  for (const message of [Uint8Array.of(0, 12, 0, 0), whole.subarray(20), whole.subarray(1), new Uint8Array(12)]) {
    assert.equal(withPadding(message).length, message.length);
  }
});
