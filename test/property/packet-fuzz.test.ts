/**
 * A million random and mutated packets through the answerer: never an exception; a response to everything but what is
 * shorter than a header or a response itself; every response well-formed and no larger than what was asked for.
 *
 * FUZZ_PACKETS: how many; PROPERTY_SEED: replay.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TYPE } from '../../src/dns/iana.ts';
import { InProcessSubject } from '../cases/in-process-subject.ts';
import { WIRE_CASES, WIRE_OBJECTS, WIRE_OPTIONS } from '../cases/wire-cases.ts';
import { buildQuery } from '../wire/query.ts';
import { decodeStrictly } from '../wire/strict-message.ts';
import { randomFrom, SEED } from './budget.ts';
import { ASKED_TYPES } from './interesting-names.ts';

const PACKETS = Number(process.env['FUZZ_PACKETS'] ?? 1_000_000);
const HEADER_SIZE = 12;
/** Bits of the third octet. */
const QR_BIT = 0x80;
const OPCODE_AND_RD = 0x79;
const UDP_SIZE_MAX = 1232;
const UDP_SIZE_PLAIN = 512;
const PACKET_SIZE_MAX = 4096;
/** The strict decoder takes longer than the answerer: it sees one response in so many. */
const DECODED_EVERY = 16;

const NAMES = [
  'web.default.svc.cluster.local',
  '_http._tcp.web.default.svc.cluster.local',
  'loop.default.svc.cluster.local',
  'many.default.svc.cluster.local',
  'crowd.default.svc.cluster.local',
  '10-1-0-1.default.pod.cluster.local',
  '1.0.1.10.in-addr.arpa',
  '5.0.96.10.in-addr.arpa',
  'cluster.local',
  'nosuch.cluster.local',
  '.',
];

class PacketSource {
  readonly #random: () => number;
  readonly #corpus: readonly Uint8Array[];
  readonly #packet = new Uint8Array(2 * PACKET_SIZE_MAX);

  constructor(seed: number) {
    this.#random = randomFrom(seed);
    const sound = NAMES.flatMap((name) =>
      [...ASKED_TYPES, TYPE.OPT, TYPE.AXFR].flatMap((type) => [
        buildQuery({ name, type }),
        buildQuery({ name, type, edns: { udpSize: 1232, options: [{ code: 10, data: new Uint8Array(8) }] } }),
      ]),
    );
    this.#corpus = [
      ...sound,
      ...WIRE_CASES.map(({ query }) => query).filter((query) => query.length < PACKET_SIZE_MAX),
    ];
  }

  next(): Uint8Array {
    if (this.#below(10) === 0) return this.#noise();
    const base = this.#pick();
    this.#packet.set(base);
    let size = base.length;
    for (let steps = this.#below(3); steps > 0; steps--) size = this.#mutate(size);
    return this.#packet.slice(0, size);
  }

  /** Random octets; half of them behind the header of a query. */
  #noise(): Uint8Array {
    const packet = Uint8Array.from({ length: this.#below(80) }, () => this.#below(256));
    if (packet.length >= HEADER_SIZE && this.#below(2) === 0)
      packet.set([1, 0, 0, 1, 0, 0, 0, 0, 0, this.#below(2)], 2);
    return packet;
  }

  /** @returns the new size */
  #mutate(size: number): number {
    const packet = this.#packet;
    const at = this.#below(Math.max(size, 1));
    switch (this.#below(9)) {
      case 0:
        packet[at] = packet[at]! ^ (1 << this.#below(8));
        return size;
      case 1:
        packet[at] = this.#below(256);
        return size;
      case 2:
        return at;
      case 3: {
        const added = this.#below(12);
        for (let i = 0; i < added; i++) packet[size + i] = this.#below(256);
        return Math.min(size + added, PACKET_SIZE_MAX);
      }
      case 4: {
        const other = this.#pick();
        packet.set(other.subarray(Math.min(at, other.length)), at);
        return Math.max(at, other.length);
      }
      case 5:
        packet.copyWithin(at, Math.min(at + 1 + this.#below(8), size), size);
        return Math.max(size - 1, 0);
      case 6:
        packet[4 + this.#below(8)] = this.#below(3);
        return Math.max(size, HEADER_SIZE);
      case 7:
        packet[at] = 0xc0 | this.#below(2);
        packet[at + 1] = this.#below(256);
        return size;
      default:
        return size;
    }
  }

  #pick(): Uint8Array {
    return this.#corpus[this.#below(this.#corpus.length)]!;
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }
}

/** What is wrong with a response, undefined if nothing. */
function faultOf(query: Uint8Array, response: Uint8Array | undefined, isDecoded: boolean): string | undefined {
  const isIgnored = query.length < HEADER_SIZE || (query[2]! & QR_BIT) !== 0;
  if (response === undefined) return isIgnored ? undefined : 'no response';
  if (isIgnored) return 'a response to what is owed none';
  if (response.length < HEADER_SIZE || response.length > UDP_SIZE_MAX) return `${response.length} octets`;
  if (response[0] !== query[0] || response[1] !== query[1]) return 'another id';
  if ((response[2]! & (QR_BIT | OPCODE_AND_RD)) !== (QR_BIT | (query[2]! & OPCODE_AND_RD))) return 'QR, opcode or RD';
  if (!isDecoded) return undefined;
  try {
    const message = decodeStrictly(response);
    if (message.opt === undefined && response.length > UDP_SIZE_PLAIN) return `${response.length} octets without OPT`;
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

test(`${PACKETS} random and mutated packets`, (t) => {
  t.diagnostic(`PROPERTY_SEED=${SEED}`);
  const subject = new InProcessSubject({ nsid: 'fuzz' });
  subject.load(WIRE_OBJECTS, WIRE_OPTIONS);
  const source = new PacketSource(SEED);
  const rcodes = new Map<number, number>();
  for (let i = 0; i < PACKETS; i++) {
    const query = source.next();
    const hex = () => `packet ${i}: ${Buffer.from(query).toString('hex')}`;
    let response: Uint8Array | undefined;
    try {
      response = subject.ask(query);
    } catch (error) {
      assert.fail(`${hex()}: ${(error as Error).stack}`);
    }
    const fault = faultOf(query, response, i % DECODED_EVERY === 0);
    if (fault !== undefined) assert.fail(`${fault}; ${hex()} → ${Buffer.from(response ?? []).toString('hex')}`);
    const rcode = response === undefined ? -1 : response[3]! & 15;
    rcodes.set(rcode, (rcodes.get(rcode) ?? 0) + 1);
  }
  t.diagnostic(`responses by rcode (-1: none): ${JSON.stringify([...rcodes].toSorted(([a], [b]) => a - b))}`);
  // A fuzzer that reaches one branch only would show nothing.
  for (const rcode of [-1, 0, 1, 3, 4, 5]) assert.ok((rcodes.get(rcode) ?? 0) > PACKETS / 1000, `rcode ${rcode}`);
});
