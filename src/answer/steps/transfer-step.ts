/**
 * The step of the chain that answers AXFR and IXFR: whether the client may have the zone, whether it has it already, and
 * else who writes it. Over UDP a zone does not fit: IXFR gets the SOA alone, which tells the client to come over TCP
 * (RFC 1995 §2), AXFR is refused (RFC 5936 §4.2).
 */
import { EDE, RCODE, TYPE } from '../../dns/iana.ts';
import { ANCOUNT_AT, LABELS_MAX, NSCOUNT_AT, POINTER_BITS } from '../../dns/wire-header.ts';
import { NOT_FOUND, type SnapshotReader } from '../../snapshot/reader.ts';
import {
  DATASET,
  DATASET_FLAG,
  KEY_SPACE,
  STEP,
  TRANSFER_FLAG,
  TRANSFER_RULE,
  ZONE_INFO,
  ZONE_RECORDS,
} from '../../snapshot/snapshot-layout.ts';
import { findTransferredZone } from '../../snapshot/transferred-zone.ts';
import type { QueryClient } from '../answerer-options.ts';
import { isClientInside } from '../client-networks.ts';
import type { Query } from '../query.ts';
import type { Response } from '../response.ts';
import { NO_TTL_MAX, RrsetWriter } from './rrset-writer.ts';
import { STEP_RESULT } from './step-result.ts';
import { writeZoneSoa } from './zone-soa.ts';

/** What is to be done for an AXFR or IXFR question. */
export const TRANSFER_RESULT = {
  /** the response is written */
  DONE: STEP_RESULT.DONE,
  /** the name is no zone that a step behind this one serves */
  NEXT: STEP_RESULT.NEXT,
  /** the zone is to be sent */
  SEND: STEP_RESULT.PENDING,
} as const;

const NO_SERIAL = -1;
/** TYPE, CLASS, TTL and RDLENGTH. */
const RECORD_FIXED_SIZE = 10;
/** The numbers of a SOA record. */
const SOA_NUMBERS_SIZE = 20;

export class TransferStep {
  private readonly reader: SnapshotReader;
  private readonly query: Query;
  private readonly response: Response;
  private readonly writer: RrsetWriter;

  constructor(reader: SnapshotReader, query: Query, response: Response) {
    this.reader = reader;
    this.query = query;
    this.response = response;
    this.writer = new RrsetWriter(reader.words, response);
  }

  /**
   * @param ruleAt   word index of the TRANSFER_RULE
   * @param routeAt  word index of the ROUTE
   * @returns TRANSFER_RESULT
   */
  answer(ruleAt: number, routeAt: number, client: QueryClient): number {
    const { query, response } = this;
    const { words } = this.reader;
    const zoneStepAt = findTransferredZone(words, routeAt, query.nameSize);
    if (zoneStepAt === NOT_FOUND) return TRANSFER_RESULT.NEXT;
    const isIncremental = query.qtype === TYPE.IXFR;
    if (!this.isAllowed(ruleAt, client)) {
      response.rcode = RCODE.REFUSED;
      response.extendedError = EDE.PROHIBITED;
      return TRANSFER_RESULT.DONE;
    }
    if (!client.isStream && !isIncremental) {
      response.rcode = RCODE.REFUSED;
      return TRANSFER_RESULT.DONE;
    }
    const zoneAt = words[zoneStepAt + 1]! * 2;
    const isStored = words[zoneStepAt] === STEP.ZONE;
    const datasetAt = this.reader.datasetAt(
      words[zoneAt + (isStored ? ZONE_RECORDS.at.dataset : ZONE_INFO.at.dataset)]!,
    );
    if ((words[datasetAt + DATASET.at.flags]! & DATASET_FLAG.SYNCED) === 0) {
      response.rcode = RCODE.SERVFAIL;
      response.extendedError = EDE.NOT_READY;
      return TRANSFER_RESULT.DONE;
    }
    if (!isIncremental) return TRANSFER_RESULT.SEND;
    const serialField = isStored ? DATASET.at.serial : words[zoneAt + ZONE_INFO.at.serialField]!;
    const serial = words[datasetAt + serialField]!;
    const held = this.heldSerial(client);
    if (held === NO_SERIAL) {
      response.rcode = RCODE.SERVFAIL;
      return TRANSFER_RESULT.DONE;
    }
    // 0 is what a client says that has nothing.
    if (client.isStream && (held === 0 || isOlder(held, serial))) return TRANSFER_RESULT.SEND;
    response.isAuthoritative = true;
    if (isStored) this.writeStoredSoa(datasetAt);
    else writeZoneSoa(response, words, zoneAt, datasetAt, response.ownerOffset);
    return TRANSFER_RESULT.DONE;
  }

  /** The SOA of a zone with records of its own, whose name is the question's. */
  private writeStoredSoa(datasetAt: number): void {
    const { reader, response, query } = this;
    const apexAt = reader.findEntryAt(datasetAt, KEY_SPACE.FORWARD, query.nameView, 0, 0);
    this.writer.begin(NO_TTL_MAX);
    const isWhole = this.writer.write(this.writer.find(apexAt, TYPE.SOA), response.ownerOffset, NO_TTL_MAX, 0);
    if (!isWhole) response.isTruncated = true;
  }

  private isAllowed(ruleAt: number, client: QueryClient): boolean {
    const { words } = this.reader;
    if ((words[ruleAt + TRANSFER_RULE.at.flags]! & TRANSFER_FLAG.ANYONE) !== 0) return true;
    const { count4, count6, networks } = TRANSFER_RULE.at;
    const { view } = this.response;
    return isClientInside(words, ruleAt + networks, words[ruleAt + count4]!, words[ruleAt + count6]!, view, client);
  }

  /** The serial of the SOA record in the authority section: what the client has. NO_SERIAL: there is none. */
  private heldSerial(client: QueryClient): number {
    const { bytes, view, messageAt } = this.response;
    if (view.getUint16(messageAt + ANCOUNT_AT) !== 0 || view.getUint16(messageAt + NSCOUNT_AT) !== 1) return NO_SERIAL;
    const end = messageAt + client.messageSize;
    const fixedAt = skipName(bytes, this.query.questionEnd, end);
    if (fixedAt + RECORD_FIXED_SIZE > end || view.getUint16(fixedAt) !== TYPE.SOA) return NO_SERIAL;
    const dataAt = fixedAt + RECORD_FIXED_SIZE;
    const dataEnd = dataAt + view.getUint16(fixedAt + 8);
    const serialAt = skipName(bytes, skipName(bytes, dataAt, dataEnd), dataEnd);
    return serialAt + SOA_NUMBERS_SIZE === dataEnd ? view.getUint32(serialAt) : NO_SERIAL;
  }
}

/** Step over a name that may end in a compression pointer. @returns its end; beyond `end` if it is not whole */
function skipName(bytes: Uint8Array, at: number, end: number): number {
  let position = at;
  for (let labels = 0; labels <= LABELS_MAX && position < end; labels++) {
    const size = bytes[position]!;
    if (size === 0) return position + 1;
    if (size >= POINTER_BITS) return position + 2;
    position += size + 1;
  }
  return end + 1;
}

/** RFC 1982 §3.2: whether the serial of a zone has moved on from `held` to `current`. */
function isOlder(held: number, current: number): boolean {
  return held !== current && (current - held) >>> 0 < 0x8000_0000;
}
