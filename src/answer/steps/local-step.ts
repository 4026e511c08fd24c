/**
 * `local`: names that mean this host, which no server in the world should be asked for (RFC 6761, RFC 6303). The answers
 * are CoreDNS's: not authoritative, good for a week.
 */
import { CLASS, RCODE, TYPE } from '../../dns/iana.ts';
import type { ShardCounters } from '../../observability/counters/shard-counters.ts';
import type { Query } from '../query.ts';
import { type Response, SECTION } from '../response.ts';
import { STEP_RESULT } from './step-result.ts';

const TTL_SECONDS = 604_800;
const RECORD_HEAD_SIZE = 12;

/** Labels with their length octets. */
const LOCALHOST = labels('localhost');
const IN_ADDR_ARPA = labels('in-addr', 'arpa');
/** `1.0.0` of `1.0.0.127.in-addr.arpa`. */
const LOOPBACK_HOST = labels('1', '0', '0', '127');
/** The labels left of in-addr.arpa that are zones. */
const NETWORKS = [labels('0'), labels('127'), labels('255')];

const ADDRESS4 = Uint8Array.of(127, 0, 0, 1);
const ADDRESS6 = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);
const LOCALHOST_NAME = Uint8Array.of(...LOCALHOST, 0);
/** Serial 1, no refresh, retry and expire, a negative TTL of a week. */
const SOA = Uint8Array.from([
  ...LOCALHOST_NAME,
  ...labels('root'),
  ...LOCALHOST_NAME,
  ...[0, 0, 0, 1],
  ...[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
  ...[TTL_SECONDS >>> 24, (TTL_SECONDS >>> 16) & 0xff, (TTL_SECONDS >>> 8) & 0xff, TTL_SECONDS & 0xff],
]);

export class LocalStep {
  private readonly query: Query;
  private readonly response: Response;
  private readonly counters: ShardCounters;

  constructor(query: Query, response: Response, counters: ShardCounters) {
    this.query = query;
    this.response = response;
    this.counters = counters;
  }

  /** @param isPrefixAnswered  names that begin with the label localhost are answered too @returns STEP_RESULT */
  answer(isPrefixAnswered: boolean): number {
    const query = this.query;
    const { labelCount, labelStarts, qtype } = query;
    if (labelCount === 0) return STEP_RESULT.NEXT;
    const isBelow = this.isAt(labelStarts[labelCount - 1]!, LOCALHOST);
    if (labelCount > 1 && (isBelow || (isPrefixAnswered && this.isAt(0, LOCALHOST)))) {
      this.counters.countLocalhost();
      if (qtype === TYPE.A || qtype === TYPE.AAAA) this.writeAddress();
      else this.writeSoa(0);
      return STEP_RESULT.DONE;
    }
    if (isBelow) return this.answerApex(true);
    if (labelCount < 3 || !this.isAt(labelStarts[labelCount - 2]!, IN_ADDR_ARPA)) return STEP_RESULT.NEXT;
    const zoneAt = labelStarts[labelCount - 3]!;
    if (!this.isNetwork(zoneAt)) return STEP_RESULT.NEXT;
    if (labelCount === 3) return this.answerApex(false);
    if (labelCount !== 6 || !this.isAt(0, LOOPBACK_HOST)) {
      this.response.rcode = RCODE.NXDOMAIN;
      this.writeSoa(zoneAt);
    } else if (qtype === TYPE.PTR) {
      this.write(0, TYPE.PTR, LOCALHOST_NAME, SECTION.ANSWER);
    } else {
      this.writeSoa(zoneAt);
    }
    return STEP_RESULT.DONE;
  }

  private answerApex(hasAddress: boolean): number {
    const { qtype } = this.query;
    if (qtype === TYPE.SOA) this.write(0, TYPE.SOA, SOA, SECTION.ANSWER);
    else if (qtype === TYPE.NS) this.write(0, TYPE.NS, LOCALHOST_NAME, SECTION.ANSWER);
    else if (hasAddress && (qtype === TYPE.A || qtype === TYPE.AAAA)) this.writeAddress();
    else this.writeSoa(0);
    return STEP_RESULT.DONE;
  }

  private writeAddress(): void {
    const { qtype } = this.query;
    this.write(0, qtype, qtype === TYPE.A ? ADDRESS4 : ADDRESS6, SECTION.ANSWER);
  }

  private writeSoa(zoneAt: number): void {
    this.write(zoneAt, TYPE.SOA, SOA, SECTION.AUTHORITY);
  }

  /** @param ownerAt  start of the owner within the question's name */
  private write(ownerAt: number, type: number, data: Uint8Array, section: number): void {
    const response = this.response;
    const { view, bytes } = response;
    const at = response.position;
    if (at + RECORD_HEAD_SIZE + data.length > response.limit) {
      response.isTruncated = true;
      return;
    }
    view.setUint32(at, ((0xc000 | (response.ownerOffset + ownerAt)) << 16) | type);
    view.setUint32(at + 4, (CLASS.IN << 16) | (TTL_SECONDS >>> 16));
    view.setUint32(at + 8, (TTL_SECONDS << 16) | data.length);
    const dataAt = at + RECORD_HEAD_SIZE;
    for (let index = 0; index < data.length; index++) bytes[dataAt + index] = data[index]!;
    response.position = dataAt + data.length;
    if (section === SECTION.ANSWER) response.answerCount++;
    else response.authorityCount++;
  }

  private isNetwork(at: number): boolean {
    for (let index = 0; index < NETWORKS.length; index++) {
      if (this.isAt(at, NETWORKS[index]!)) return true;
    }
    return false;
  }

  /** Whether whole labels stand at an offset of the question's name. */
  private isAt(at: number, wanted: Uint8Array): boolean {
    const name = this.query.nameBytes;
    for (let index = 0; index < wanted.length; index++) {
      if (name[at + index] !== wanted[index]) return false;
    }
    return true;
  }
}

function labels(...texts: readonly string[]): Uint8Array {
  return Uint8Array.from(texts.flatMap((text) => [text.length, ...Buffer.from(text, 'latin1')]));
}
