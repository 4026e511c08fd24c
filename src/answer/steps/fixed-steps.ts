/**
 * Steps of the chain that need no table: `template` where it depends on nothing but the question's name, `any`, `whoami`
 * and `chaos`.
 */
import { CLASS, RCODE, TYPE } from '../../dns/iana.ts';
import { TEMPLATE_COUNT } from '../../observability/counters/counter-layout.ts';
import type { ShardCounters } from '../../observability/counters/shard-counters.ts';
import type { SnapshotReader } from '../../snapshot/reader.ts';
import { CHAOS_TEXTS, FIXED_ANSWER } from '../../snapshot/snapshot-layout.ts';
import type { ChaosCounters } from '../answerer-options.ts';
import type { Query } from '../query.ts';
import { type Response, SECTION } from '../response.ts';
import { STEP_RESULT } from './step-result.ts';

const ANY_TTL_SECONDS = 8482;
const HINFO_TYPE = 13;
/** Class CHAOS questions: names in wire form without the root label. */
const CHAOS_NAMES = ['version.bind', 'version.server', 'hostname.bind', 'id.server', 'authors.bind'].map((name) =>
  Uint8Array.from(name.split('.').flatMap((label) => [label.length, ...Buffer.from(label, 'latin1')])),
);

export class FixedSteps {
  private readonly query: Query;
  private readonly response: Response;
  private readonly words: Uint32Array;
  private readonly counters: ShardCounters;
  private readonly chaosCounters: ChaosCounters | undefined;
  /** HINFO of RFC 8482 as CoreDNS's plugin has it, as octets in words */
  private readonly anyRecord: Uint32Array;
  private readonly anyRecordSize: number;

  constructor(
    reader: SnapshotReader,
    query: Query,
    response: Response,
    counters: ShardCounters,
    chaosCounters: ChaosCounters | undefined,
  ) {
    this.counters = counters;
    this.chaosCounters = chaosCounters;
    this.query = query;
    this.response = response;
    this.words = reader.words;
    const record = anyRecord();
    this.anyRecordSize = record.length;
    const padded = new Uint8Array((record.length + 3) & ~3);
    padded.set(record);
    this.anyRecord = new Uint32Array(padded.buffer);
  }

  /**
   * @param answerAt  word index of the FIXED_ANSWER
   * @param scope     metric scope that counts it, 0: it is not counted
   * @returns STEP_RESULT
   */
  answerFixed(answerAt: number, scope: number): number {
    const words = this.words;
    const qtype = words[answerAt + FIXED_ANSWER.at.qtype]!;
    const asked = this.query.qtype;
    // A question for every type asks for this one too.
    if (qtype !== TYPE.ANY && qtype !== asked && asked !== TYPE.ANY) return STEP_RESULT.NEXT;
    if (scope !== 0) this.counters.countTemplate(scope, TEMPLATE_COUNT.MATCH, asked === TYPE.ANY ? qtype : asked);
    const response = this.response;
    const rcode = words[answerAt + FIXED_ANSWER.at.rcode]!;
    response.rcode = rcode;
    response.extendedError = words[answerAt + FIXED_ANSWER.at.extendedError]! - 1;
    if (rcode === RCODE.SERVFAIL) return STEP_RESULT.DONE;
    response.isAuthoritative = true;
    const counts = words[answerAt + FIXED_ANSWER.at.counts]!;
    const answers = counts & 0x3ff;
    const authority = (counts >>> 10) & 0x3ff;
    const total = answers + authority + ((counts >>> 20) & 0x3ff);
    const size = words[answerAt + FIXED_ANSWER.at.size]!;
    const written = response.writeRaw(words, answerAt + FIXED_ANSWER.at.records, size, total);
    // They count as answers so far; additional records may be missing.
    if (written < answers + authority) response.isTruncated = true;
    const inAuthority = Math.min(Math.max(written - answers, 0), authority);
    const inAdditional = Math.max(written - answers - authority, 0);
    response.answerCount -= inAuthority + inAdditional;
    response.authorityCount += inAuthority;
    response.additionalCount += inAdditional;
    return STEP_RESULT.DONE;
  }

  answerAny(): number {
    if (this.query.qtype !== TYPE.ANY) return STEP_RESULT.NEXT;
    this.response.writeRaw(this.anyRecord, 0, this.anyRecordSize, 1);
    return STEP_RESULT.DONE;
  }

  /**
   * Who asks, in the additional section: address, and port as SRV at `_udp` or `_tcp`.
   *
   * @param peerAt    address octets in the arena, peerSize of them
   */
  answerWhoami(peerAt: number, peerSize: number, peerPort: number, isStream: boolean): number {
    const response = this.response;
    const { bytes, view } = response;
    const srvSize = 5 + 2 + 10 + 7;
    if (response.position + 12 + peerSize + srvSize > response.limit) {
      response.isTruncated = true;
      return STEP_RESULT.DONE;
    }
    response.isAuthoritative = true;
    response.section = SECTION.ADDITIONAL;
    let at = response.position;
    view.setUint32(at, ((0xc000 | response.ownerOffset) << 16) | (peerSize === 4 ? TYPE.A : TYPE.AAAA));
    view.setUint32(at + 4, CLASS.IN << 16);
    view.setUint32(at + 8, peerSize);
    for (let index = 0; index < peerSize; index++) bytes[at + 12 + index] = bytes[peerAt + index]!;
    at += 12 + peerSize;
    // `_udp` or `_tcp`, then the name
    view.setUint32(at, isStream ? 0x04_5f_74_63 : 0x04_5f_75_64);
    bytes[at + 4] = 0x70;
    view.setUint16(at + 5, 0xc000 | response.ownerOffset);
    view.setUint16(at + 7, TYPE.SRV);
    view.setUint16(at + 9, CLASS.IN);
    view.setUint32(at + 11, 0);
    view.setUint16(at + 15, 7);
    view.setUint32(at + 17, 0);
    view.setUint16(at + 21, peerPort);
    bytes[at + 23] = 0;
    response.position = at + srvSize;
    response.additionalCount += 2;
    return STEP_RESULT.DONE;
  }

  /** @param textsAt  word index of the CHAOS_TEXTS @returns NEXT if the question is none of the known ones */
  answerChaos(textsAt: number): number {
    const query = this.query;
    if (query.qclass !== CLASS.CH || query.qtype !== TYPE.TXT) return STEP_RESULT.NEXT;
    const words = this.words;
    const at = CHAOS_TEXTS.at;
    const versionSize = words[textsAt + at.versionSize]!;
    const hostnameSize = words[textsAt + at.hostnameSize]!;
    const versionAt = textsAt + at.records;
    const hostnameAt = versionAt + ((versionSize + 3) >>> 2);
    for (let index = 0; index < CHAOS_NAMES.length; index++) {
      if (!this.isName(CHAOS_NAMES[index]!)) continue;
      if (index < 2) return this.writeChaos(versionAt, versionSize, 1);
      if (index < 4) return this.writeChaos(hostnameAt, hostnameSize, 1);
      const authorsAt = hostnameAt + ((hostnameSize + 3) >>> 2);
      return this.writeChaos(authorsAt, words[textsAt + at.authorsSize]!, words[textsAt + at.authorsCount]!);
    }
    if (this.chaosCounters?.answer(query, this.response) === true) return STEP_RESULT.DONE;
    return STEP_RESULT.NEXT;
  }

  private writeChaos(wordAt: number, size: number, count: number): number {
    if (size === 0) return STEP_RESULT.DONE;
    if (this.response.writeRaw(this.words, wordAt, size, count) < count) this.response.isTruncated = true;
    return STEP_RESULT.DONE;
  }

  private isName(name: Uint8Array): boolean {
    const query = this.query;
    if (query.nameSize !== name.length + 1) return false;
    for (let index = 0; index < name.length; index++) {
      if (query.nameBytes[index] !== name[index]) return false;
    }
    return true;
  }
}

/** HINFO "ANY obsoleted" "See RFC 8482", owned by the question's name. */
function anyRecord(): Uint8Array {
  const data = ['ANY obsoleted', 'See RFC 8482'].flatMap((text) => [text.length, ...Buffer.from(text, 'latin1')]);
  const ttl = [0, 0, ANY_TTL_SECONDS >>> 8, ANY_TTL_SECONDS & 0xff];
  return Uint8Array.from([0xc0, 0x0c, 0, HINFO_TYPE, 0, CLASS.IN, ...ttl, 0, data.length, ...data]);
}
