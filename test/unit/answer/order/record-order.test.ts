/** The order of records: what changes places, what does not, and that every record stays what it was. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { RecordOrder } from '../../../../src/answer/order/record-order.ts';
import { formatName, nameToWire, parseName } from '../../../wire/names.ts';
import { u16 } from '../../../wire/query.ts';
import { type DecodedMessage, decodeStrictly } from '../../../wire/strict-message.ts';

const [A, NS, CNAME, MX, TXT, AAAA, OPT] = [1, 2, 5, 15, 16, 28, 41];
const AT = 32;
const ROUNDS = 60;

/** Octets of an owner or a name in rdata: text, or a pointer. */
type Name = string | number;

interface TestRecord {
  readonly owner: Name;
  readonly type: number;
  readonly ttl?: number;
  readonly data: readonly number[];
}

const nameOf = (name: Name): number[] =>
  typeof name === 'number' ? u16(0xc000 | name) : [...nameToWire(parseName(name))];

function record({ owner, type, ttl = 60, data }: TestRecord): number[] {
  return [...nameOf(owner), ...u16(type), ...u16(1), ...u16(0), ...u16(ttl), ...u16(data.length), ...data];
}

interface TestMessage {
  readonly name: string;
  readonly type: number;
  readonly rcode?: number;
  readonly sections: readonly [readonly TestRecord[], readonly TestRecord[], readonly TestRecord[]];
}

function build({ name, type, rcode = 0, sections }: TestMessage): Buffer {
  const counts = sections.flatMap((section) => u16(section.length));
  const question = [...nameOf(name), ...u16(type), ...u16(1)];
  const records = sections.flatMap((section) => section.flatMap(record));
  return Buffer.from([0, 7, 0x81, 0x80 | rcode, 0, 1, ...counts, ...question, ...records]);
}

/** The message after it was ordered, again and again from the start. */
function* orders(message: Buffer, sizeMax = 4096): Generator<DecodedMessage> {
  const arena = new ArrayBuffer(8192);
  const octets = new Uint8Array(arena);
  const order = new RecordOrder(arena, 1);
  for (let round = 0; round < ROUNDS; round++) {
    octets.set(message, AT);
    const size = order.apply(AT, message.length, sizeMax);
    assert.ok(size <= Math.max(sizeMax, message.length));
    yield decodeStrictly(Buffer.from(octets.subarray(AT, AT + size)));
  }
}

const textOf = (records: DecodedMessage['answer']): string[] =>
  records.map(({ owner, ttlSeconds, type, rdata }) => `${formatName(owner)} ${ttlSeconds} ${type} ${rdata}`);

test('addresses change places, and nothing else moves', () => {
  const answer = [1, 2, 3].map((host) => ({ owner: 12, type: A, data: [192, 0, 2, host] }));
  const message = build({
    name: 'many.test',
    type: A,
    sections: [answer, [{ owner: 17, type: NS, data: nameOf(12) }], [{ owner: '', type: OPT, data: [] }]],
  });
  const before = decodeStrictly(message);
  const seen = new Set<string>();
  for (const after of orders(message)) {
    assert.deepEqual(textOf(after.answer).sort(), textOf(before.answer).sort());
    assert.deepEqual(textOf(after.authority), textOf(before.authority));
    assert.ok(after.opt !== undefined);
    seen.add(textOf(after.answer).join());
  }
  assert.equal(seen.size, 6);
});

test('CNAME records come first in their order, then others, addresses, MX', () => {
  const message = build({
    name: 'a.test',
    type: A,
    sections: [
      [
        { owner: 'c.test', type: A, data: [192, 0, 2, 1] },
        { owner: 'd.test', type: MX, data: [0, 5, ...nameOf('mail.a.test')] },
        { owner: 12, type: CNAME, data: nameOf('b.test') },
        { owner: 'c.test', type: AAAA, data: [0x20, 1, 0xd, 0xb8, ...Array.from({ length: 12 }, () => 1)] },
        { owner: 'b.test', type: CNAME, data: nameOf('c.test') },
        { owner: 'd.test', type: TXT, data: [2, 104, 105] },
      ],
      [{ owner: 14, type: NS, data: nameOf('c.test') }],
      [],
    ],
  });
  const before = decodeStrictly(message);
  const kinds = new Set<string>();
  for (const after of orders(message)) {
    const types = after.answer.map(({ type }) => type);
    assert.deepEqual([...types.slice(0, 3), types[5]], [CNAME, CNAME, TXT, MX]);
    assert.deepEqual(
      after.answer.slice(0, 2).map(({ owner }) => formatName(owner)),
      ['a.test.', 'b.test.'],
    );
    assert.deepEqual(textOf(after.answer).length, 6);
    assert.deepEqual(textOf(after.authority).length, 1);
    kinds.add(types.join());
  }
  assert.equal(kinds.size, 2, 'A and AAAA are shuffled together');
  assert.equal(before.answer.length, 6);
});

/** `x.test` with MX records whose names end in pointers into each other, as servers write them. */
function exchanges(): Buffer {
  const head = 12 + 8 + 4;
  // The name of the first record: `in.mail.example`, whose parts the others point to.
  const first = head + 2 + 10 + 2;
  return build({
    name: 'x.test',
    type: MX,
    sections: [
      [
        { owner: 12, type: MX, data: [0, 5, ...nameOf('in.mail.example')] },
        { owner: 12, type: MX, data: [0, 10, 4, ...Buffer.from('alt1'), ...nameOf(first)] },
        { owner: 12, type: MX, data: [0, 20, 4, ...Buffer.from('alt2'), ...nameOf(first + 3)] },
        { owner: 12, type: MX, data: [0, 30, 4, ...Buffer.from('mail'), ...nameOf(12)] },
      ],
      [],
      [{ owner: first, type: A, data: [192, 0, 2, 9] }],
    ],
  });
}

test('MX records are shuffled though their names point to each other', () => {
  const exchangesOf = ({ answer, additional }: DecodedMessage): string[] => [
    ...answer.map(({ rdata }) => rdata),
    ...additional.map(({ owner }) => formatName(owner)),
  ];
  const message = exchanges();
  const before = exchangesOf(decodeStrictly(message)).sort();
  const firsts = new Set<string>();
  for (const after of orders(message)) {
    assert.deepEqual(exchangesOf(after).sort(), before);
    firsts.add(exchangesOf(after)[0]!);
  }
  assert.equal(firsts.size, 4);
});

test('what would not fit in another order stays as it is', () => {
  const message = exchanges();
  for (const after of orders(message, message.length - 1)) {
    assert.equal(after.answer[0]!.rdata, '5 in.mail.example.');
  }
});

test('a denial, another number of questions and what is cut short stay as they are', () => {
  const answer = [1, 2, 3, 4].map((host) => ({ owner: 12, type: A, data: [192, 0, 2, host] }));
  const whole = build({ name: 'a.test', type: A, sections: [answer, [], []] });
  const denial = build({ name: 'a.test', type: A, rcode: 3, sections: [answer, [], []] });
  const twoQuestions = Buffer.from(whole);
  twoQuestions.writeUInt16BE(2, 4);
  for (const message of [denial, twoQuestions, whole.subarray(0, -1), whole.subarray(0, 20), whole.subarray(0, 11)]) {
    const arena = new ArrayBuffer(4096);
    const order = new RecordOrder(arena, 1);
    for (let round = 0; round < ROUNDS; round++) {
      new Uint8Array(arena).set(message, AT);
      assert.equal(order.apply(AT, message.length, 4096), message.length);
      assert.deepEqual(Buffer.from(arena, AT, message.length), message);
    }
  }
});
