/** Sizes without compression, against messages that dns-packet writes, which compresses nothing. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import dnsPacket from 'dns-packet';
import { MessageMeasure } from '../../../src/dns/message-measure.ts';

const POINTER_TO_QUESTION = [0xc0, 0x0c];
const NAME = 'a.test';

function measure(message: Uint8Array, at = 0): { size: number; hasSoa: boolean } {
  const octets = new Uint8Array(at + message.length + 8).fill(0xff);
  octets.set(message, at);
  const one = new MessageMeasure();
  one.measure(octets, at, message.length);
  return { size: one.uncompressedSize, hasSoa: one.hasSoa };
}

/** Replace every further occurrence of the question's name by a pointer to it. */
function compress(message: Buffer, name = NAME): Uint8Array {
  const octets = [...message];
  const wire = [...name.split('.').flatMap((label) => [label.length, ...Buffer.from(label)]), 0];
  const found = (at: number): boolean => wire.every((octet, index) => octets[at + index] === octet);
  for (let at = 13; at < octets.length; at++) {
    if (found(at)) octets.splice(at, wire.length, ...POINTER_TO_QUESTION);
  }
  return Uint8Array.from(octets);
}

const question = { type: 'A', name: NAME } as const;

test('owner names count whole where a pointer stands for them', () => {
  const answers = [1, 2, 3].map((n) => ({ type: 'A', name: NAME, ttl: 5, data: `192.0.2.${n}` }) as const);
  const plain = dnsPacket.encode({ type: 'response', questions: [question], answers });
  const compressed = compress(plain);
  assert.equal(compressed.length, plain.length - 3 * 6);
  assert.deepEqual(measure(compressed), { size: plain.length, hasSoa: false });
  assert.deepEqual(measure(compressed, 100), { size: plain.length, hasSoa: false }, 'pointers start at the message');
});

test('an example of the log: an address of the API server', () => {
  const name = 'kubernetes.default.svc.cluster.local';
  const plain = dnsPacket.encode({
    type: 'response',
    questions: [{ type: 'A', name }],
    answers: [{ type: 'A', name, ttl: 5, data: '10.96.0.1' }],
  });
  assert.equal(measure(compress(plain, name)).size, 106);
});

test('OPT counts nothing, wherever it stands', () => {
  const without = dnsPacket.encode({ type: 'response', questions: [question] });
  const message = dnsPacket.encode({
    type: 'response',
    questions: [question],
    additionals: [{ type: 'OPT', name: '.', udpPayloadSize: 1232, flags: 0, options: [] } as never],
  });
  assert.equal(measure(message).size, without.length);
});

/** Data of a record whose names end in a pointer to the question, and the size they have without. */
const wholeName = 8;
for (const { type, data, size } of [
  { type: 5, data: [1, 120, ...POINTER_TO_QUESTION], size: 2 + wholeName },
  { type: 2, data: POINTER_TO_QUESTION, size: wholeName },
  { type: 12, data: POINTER_TO_QUESTION, size: wholeName },
  { type: 15, data: [0, 10, ...POINTER_TO_QUESTION], size: 2 + wholeName },
  { type: 33, data: [0, 0, 0, 1, 0, 53, ...POINTER_TO_QUESTION], size: 6 + wholeName },
  { type: 6, data: [2, 110, 115, ...POINTER_TO_QUESTION, ...POINTER_TO_QUESTION, ...Array(20).fill(0)], size: 39 },
  { type: 16, data: [2, 0xc0, 0x0c], size: 3 },
]) {
  test(`names in the data of type ${type} are counted`, () => {
    const head = dnsPacket.encode({ type: 'response', questions: [question] });
    head.writeUInt16BE(1, 8);
    const record = [...POINTER_TO_QUESTION, 0, type, 0, 1, 0, 0, 0, 5, 0, data.length, ...data];
    const measured = measure(Uint8Array.from([...head, ...record]));
    assert.equal(measured.size, head.length + wholeName + 10 + size);
    assert.equal(measured.hasSoa, type === 6);
  });
}

test('an SOA in the answer section is no denial', () => {
  const data = { mname: 'ns.test', rname: 'x.test', serial: 1, refresh: 1, retry: 1, expire: 1, minimum: 1 };
  const message = dnsPacket.encode({
    type: 'response',
    questions: [question],
    answers: [{ type: 'SOA', name: NAME, ttl: 5, data }],
  });
  assert.deepEqual(measure(message), { size: message.length, hasSoa: false });
});

test('what is cut or points at itself ends the walk', () => {
  const head = dnsPacket.encode({ type: 'response', questions: [question] });
  head.writeUInt16BE(0xffff, 6);
  const at = head.length;
  for (const tail of [
    [0xc0, at],
    [0xc0, at, 0, 1, 0, 1, 0, 0, 0, 5, 0xff, 0xff],
    [63, 1, 2],
  ]) {
    assert.ok(measure(Uint8Array.from([...head, ...tail])).size >= head.length);
  }
});
