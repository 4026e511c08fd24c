/**
 * The NSEC records of a response from a signed zone (RFC 4035 §3.1.3): which name's record proves what, and which of them
 * stand in the response already. An alias that a wildcard stands for is followed before its proof can be written, so that
 * waits until the end of the answers, in whichever zone that is.
 */
import { TYPE } from '../../dns/iana.ts';
import { NAME_SIZE_MAX } from '../../dns/wire-header.ts';
import { NOT_FOUND } from '../../snapshot/reader.ts';
import { ENTRY_KEY_SIZE_MASK } from '../../snapshot/snapshot-layout.ts';
import type { Query } from '../query.ts';
import type { Response } from '../response.ts';
import { NO_TTL_MAX, type RrsetWriter } from './rrset-writer.ts';
import { ZoneOrder } from './zone-order.ts';

const WILDCARD_SIZE = 2;
const ASTERISK = 0x2a;
/** One for each alias that is followed, and two of a denial. */
const PROOFS_MAX = 16;

export class ZoneProofs {
  private readonly words: Uint32Array;
  private readonly query: Query;
  private readonly response: Response;
  private readonly writer: RrsetWriter;
  private readonly order: ZoneOrder;
  private readonly wildcardName = new Uint8Array(NAME_SIZE_MAX + WILDCARD_SIZE);
  /** word indexes of entries whose NSEC records stand in the response */
  private readonly written = new Uint32Array(PROOFS_MAX);
  private writtenCount = 0;
  /** … that are to be written, and the offset of their zone's name in the message */
  private readonly waiting = new Uint32Array(PROOFS_MAX);
  private readonly waitingZones = new Uint16Array(PROOFS_MAX);
  private waitingCount = 0;

  constructor(words: Uint32Array, query: Query, response: Response, writer: RrsetWriter) {
    this.words = words;
    this.query = query;
    this.response = response;
    this.writer = writer;
    this.order = new ZoneOrder(words);
  }

  /** Whether the response has one. */
  get isSaid(): boolean {
    return this.writtenCount > 0;
  }

  /** Another response begins. */
  begin(): void {
    this.writtenCount = 0;
    this.waitingCount = 0;
  }

  /**
   * The name whose NSEC record says that the question's is not there.
   *
   * @param datasetAt  word index of the DATASET
   * @param zoneStart  octets of the question's name left of the zone
   * @returns word index of its entry, NOT_FOUND: the zone is not signed
   */
  ofName(datasetAt: number, zoneStart: number): number {
    return this.order.before(datasetAt, this.query.nameBytes, 0, zoneStart);
  }

  /** … that there is no wildcard directly below the name from the octet `encloser` on. */
  ofWildcard(datasetAt: number, zoneStart: number, encloser: number): number {
    const { wildcardName, query } = this;
    wildcardName[0] = 1;
    wildcardName[1] = ASTERISK;
    for (let at = encloser; at < zoneStart; at++) wildcardName[WILDCARD_SIZE + at - encloser] = query.nameBytes[at]!;
    return this.order.before(datasetAt, wildcardName, 0, WILDCARD_SIZE + zoneStart - encloser);
  }

  /** Write a proof when the answers are complete. */
  await(entryAt: number, zoneOffset: number): void {
    if (entryAt === NOT_FOUND || this.waitingCount === PROOFS_MAX) return;
    this.waiting[this.waitingCount] = entryAt;
    this.waitingZones[this.waitingCount++] = zoneOffset;
  }

  /** Write those that wait. @returns whether all fit */
  writeWaiting(): boolean {
    let isWhole = true;
    for (let index = 0; index < this.waitingCount && isWhole; index++) {
      isWhole = this.write(this.waiting[index]!, this.waitingZones[index]!);
    }
    this.waitingCount = 0;
    return isWhole;
  }

  /**
   * The NSEC record of a name with its signatures, once a response: the owner is written out, relative to the zone. All that
   * was written of it stays where it is if there is no room.
   *
   * @param zoneOffset  of the zone's name in the message
   */
  write(entryAt: number, zoneOffset: number): boolean {
    if (entryAt === NOT_FOUND || this.isWritten(entryAt)) return true;
    const { response, writer, words } = this;
    const rrsetAt = writer.find(entryAt, TYPE.NSEC);
    if (rrsetAt === NOT_FOUND) return true;
    const keySize = words[entryAt]! & ENTRY_KEY_SIZE_MASK;
    const owner = keySize === 0 ? zoneOffset : response.position - response.messageAt;
    const isWhole =
      keySize === 0
        ? writer.write(rrsetAt, zoneOffset, NO_TTL_MAX, 0)
        : writer.writeWithOwner(rrsetAt, entryAt + 1, keySize, zoneOffset);
    return isWhole && writer.writeSignatures(entryAt, TYPE.NSEC, owner, NO_TTL_MAX);
  }

  private isWritten(entryAt: number): boolean {
    for (let index = 0; index < this.writtenCount; index++) if (this.written[index] === entryAt) return true;
    if (this.writtenCount < PROOFS_MAX) this.written[this.writtenCount++] = entryAt;
    return false;
  }
}
