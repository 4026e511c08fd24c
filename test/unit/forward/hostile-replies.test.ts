/** Whatever comes from upstream: nothing is thrown, and what goes to the client is a response to its question. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { parseName, nameToWire } from '../../wire/names.ts';
import { u16 } from '../../wire/query.ts';
import { FakeForwarding } from './fake-transport.ts';

const ROUNDS = 20_000;
const NAME = 'www.example.org';
const QUESTION = [...nameToWire(parseName(NAME)), 0, 1, 0, 1];
/** the octets before this are what a reply is matched by: id and flags, number of questions, question */
const RECORDS_AT = 12 + QUESTION.length;

/** Numbers that are the same in every run. */
class Sequence {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  below(count: number): number {
    this.#state = (Math.imul(this.#state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((this.#state / 0x1_0000_0000) * count);
  }
}

class LenientForwarding extends FakeForwarding {
  readonly raw: Buffer[] = [];

  override queueResponse(_waiter: number, size: number): void {
    this.raw.push(this.responseOctets(size));
  }
}

function record(type: number, data: readonly number[], owner: readonly number[] = [0xc0, 12]): number[] {
  return [...owner, ...u16(type), 0, 1, 0, 0, 0, 60, ...u16(data.length), ...data];
}

/** A reply with every kind of section and of compression. */
function wholeReply(): number[] {
  const answers = [
    ...record(5, [3, 99, 100, 110, 0xc0, 16]),
    ...record(1, [192, 0, 2, 1], [0xc0, RECORDS_AT + 12]),
    ...record(16, [3, 97, 98, 99]),
    ...record(15, [0, 10, 0xc0, RECORDS_AT + 12]),
  ];
  const authority = record(6, [2, 110, 115, 0xc0, 16, 4, 104, 111, 115, 116, 0xc0, 16, ...Array(20).fill(1)]);
  const opt = [0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 7, 0, 15, 0, 3, 0, 9, 98];
  const additional = record(1, [192, 0, 2, 2]);
  return [0, 0, 0x81, 0x80, 0, 1, 0, 4, 0, 1, 0, 2, ...QUESTION, ...answers, ...authority, ...additional, ...opt];
}

function mutate(octets: number[], sequence: Sequence): number[] {
  for (let count = 1 + sequence.below(4); count > 0; count--) {
    const at = sequence.below(octets.length);
    switch (sequence.below(5)) {
      case 0:
        octets[at] = sequence.below(256);
        break;
      case 1:
        octets.length = Math.max(12, at);
        break;
      case 2:
        octets.splice(at, 0, ...octets.slice(sequence.below(at + 1), at));
        break;
      case 3:
        octets[at] = 0xc0;
        octets[at + 1] = sequence.below(256);
        break;
      default:
        // counts
        octets[6 + sequence.below(6)] = sequence.below(8);
    }
  }
  return octets;
}

for (const aliased of [false, true]) {
  test(`hostile replies, ${aliased ? 'behind a CNAME of our own' : 'passed on'}`, () => {
    const sequence = new Sequence(aliased ? 7 : 11);
    const fake = new LenientForwarding([{ upstreamCount: 1, failsMax: 0 }]);
    let accepted = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const id = round & 0xffff;
      const edns = round % 2 === 0 ? {} : { edns: { udpSize: 512 + sequence.below(800) } };
      if (aliased) assert.ok(fake.askAliased({ name: 'out.cluster.local', type: 1, id, ...edns }, NAME));
      else assert.ok(fake.ask({ name: NAME, type: 1, id, ...edns }));
      const octets = mutate(wholeReply(), sequence);
      const sent = fake.sent.at(-1)!;
      [octets[0], octets[1]] = u16(sent.message.id);
      fake.receive(Buffer.from(octets.slice(0, 4096)), sent.upstream);
      if (fake.raw.length === 0) {
        // not believed: the right one is waited for
        const good = wholeReply();
        [good[0], good[1]] = u16(sent.message.id);
        fake.receive(Buffer.from(good), sent.upstream);
        if (fake.raw.length === 0) fake.reply(fake.sent.length - 1);
      } else {
        accepted++;
      }
      const response = fake.raw.pop()!;
      assert.equal(fake.raw.length, 0);
      assert.equal(response.readUInt16BE(0), id);
      assert.equal(response[2]! & 0xf8, 0x80);
      assert.equal(response.readUInt16BE(4), 1);
      const question = aliased ? nameToWire(parseName('out.cluster.local')) : nameToWire(parseName(NAME));
      assert.deepEqual([...response.subarray(12, 12 + question.length)], [...question]);
      assert.ok(response.length <= fake.limit, `${response.length} octets`);
      fake.sent.length = 0;
    }
    assert.equal(fake.forwarder.inFlight, 0);
    assert.ok(accepted > ROUNDS / 10 && accepted < ROUNDS, `${accepted} accepted`);
  });
}
