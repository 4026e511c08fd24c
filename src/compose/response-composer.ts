/** Writes a response out of the records of others: every name anew, for pointers of another message lead nowhere here. */
import type { Query } from '../answer/query.ts';
import type { Response } from '../answer/response.ts';
import { CLASS, TYPE } from '../dns/iana.ts';
import { NameCompressor } from '../dns/name-compressor.ts';
import { RDATA_NAMES } from '../dns/records/rdata-names.ts';
import { HEADER_SIZE } from '../dns/wire-header.ts';
import { DATA_AT, type MessageRecord, type MessageRecords, nameEnd } from './message-records.ts';

const MESSAGE_MAX = 65_535;
const ANSWER = 0;
const AUTHORITY = 1;

/** What becomes of a record: data of another type, or another TTL. */
export interface ChangedRecord {
  readonly type: number;
  readonly ttlSeconds: number;
  readonly data: Uint8Array;
}

export class ResponseComposer {
  readonly #octets = new Uint8Array(MESSAGE_MAX);
  readonly #view = new DataView(this.#octets.buffer);
  readonly #names = new NameCompressor(this.#octets);
  #response: Response | undefined = undefined;
  #to = 0;
  #limit = 0;
  readonly #counts = [0, 0, 0];
  #isFull = false;

  /** Something did not fit: nothing behind it is written. */
  get isFull(): boolean {
    return this.#isFull;
  }

  /** Requires a response that is begun anew. */
  begin(response: Response, query: Query): void {
    const { bytes, messageAt } = response;
    this.#response = response;
    const questionSize = query.questionEnd - messageAt - HEADER_SIZE;
    this.#octets.set(bytes.subarray(messageAt + HEADER_SIZE, query.questionEnd), HEADER_SIZE);
    this.#names.begin();
    this.#names.write(bytes, messageAt, query.questionEnd, messageAt + HEADER_SIZE, HEADER_SIZE, false);
    this.#octets.set(bytes.subarray(query.questionEnd - 4, query.questionEnd), HEADER_SIZE + questionSize - 4);
    this.#to = HEADER_SIZE + questionSize;
    this.#limit = Math.min(response.limit - messageAt, MESSAGE_MAX);
    this.#counts.fill(0);
    this.#isFull = false;
  }

  /** A CNAME record of the question's name. @param target  wire form, without pointers */
  addAlias(target: Uint8Array, ttlSeconds: number): void {
    const question = this.#octets.slice(HEADER_SIZE, nameEnd(this.#octets, HEADER_SIZE));
    this.#add(ANSWER, question, 0, TYPE.CNAME, CLASS.IN, ttlSeconds, (at) => this.#writeName(target, 0, at, true));
  }

  /** A record of another message; `changed` takes the place of its data. */
  add({ octets, view }: MessageRecords, record: MessageRecord, changed?: ChangedRecord): void {
    const { section, nameAt, typeAt, end } = record;
    const { type, ttlSeconds, data } = changed ?? { ...record, data: undefined };
    const classNumber = view.getUint16(typeAt + 2);
    const dataAt = typeAt + DATA_AT;
    this.#add(section, octets, nameAt, type, classNumber, ttlSeconds, (at) =>
      data === undefined ? this.#copyData(octets, type, dataAt, end, at) : this.#copy(data, 0, data.length, at),
    );
  }

  /** A CNAME record of another message that leads elsewhere. @param target  wire form, without pointers */
  addRetargeted({ octets }: MessageRecords, { nameAt, ttlSeconds }: MessageRecord, target: Uint8Array): void {
    this.#add(ANSWER, octets, nameAt, TYPE.CNAME, CLASS.IN, ttlSeconds, (at) => this.#writeName(target, 0, at, true));
  }

  /** All that another message has behind its answers. */
  addRest(message: MessageRecords): void {
    for (const record of message.records) if (record.section !== ANSWER) this.add(message, record);
  }

  /** What was written is the response's, with rcode and flags of the message that decides. */
  end(message: MessageRecords): void {
    const response = this.#response!;
    const { bytes, messageAt, position } = response;
    const start = position - messageAt;
    bytes.set(this.#octets.subarray(start, this.#to), position);
    response.position = messageAt + this.#to;
    [response.answerCount, response.authorityCount, response.additionalCount] = this.#counts as [
      number,
      number,
      number,
    ];
    response.rcode = message.rcode;
    response.isAuthoritative = message.isAuthoritative;
    response.isTruncated ||= message.isTruncated;
    response.upstreamFlags = message.upstreamFlags;
    response.extendedError = message.extendedError;
    response.extendedErrorText = message.extendedErrorText;
  }

  #add(
    section: number,
    nameFrom: Uint8Array,
    nameAt: number,
    type: number,
    classNumber: number,
    ttlSeconds: number,
    writeData: (at: number) => number,
  ): void {
    if (this.#isFull) return;
    const end = this.#write(nameFrom, nameAt, type, classNumber, ttlSeconds, writeData);
    if (end === 0 || end > this.#limit) {
      this.#isFull = true;
      // Of a denial the authority section is needed; additional records are a kindness.
      if (section === ANSWER || (section === AUTHORITY && this.#counts[ANSWER] === 0))
        this.#response!.isTruncated = true;
      return;
    }
    this.#to = end;
    this.#counts[section]!++;
  }

  #write(
    nameFrom: Uint8Array,
    nameAt: number,
    type: number,
    classNumber: number,
    ttlSeconds: number,
    writeData: (at: number) => number,
  ): number {
    const at = this.#writeName(nameFrom, nameAt, this.#to, true);
    if (at === 0 || at + DATA_AT > MESSAGE_MAX) return 0;
    const view = this.#view;
    view.setUint16(at, type);
    view.setUint16(at + 2, classNumber);
    view.setUint32(at + 4, ttlSeconds);
    const end = writeData(at + DATA_AT);
    if (end !== 0) view.setUint16(at + DATA_AT - 2, end - at - DATA_AT);
    return end;
  }

  #writeName(from: Uint8Array, nameAt: number, to: number, isCompressed: boolean): number {
    return this.#names.write(from, 0, from.length, nameAt, to, isCompressed);
  }

  #copyData(from: Uint8Array, type: number, dataAt: number, end: number, to: number): number {
    const shape = RDATA_NAMES.get(type);
    if (shape === undefined) return this.#copy(from, dataAt, end, to);
    let source = dataAt + shape.before;
    let at = this.#copy(from, dataAt, source, to);
    for (let left = shape.names; left > 0 && at !== 0; left--) {
      at = this.#writeName(from, source, at, shape.isCompressible);
      source = this.#names.sourceEnd;
    }
    return at === 0 || source > end ? 0 : this.#copy(from, source, end, at);
  }

  #copy(from: Uint8Array, start: number, end: number, to: number): number {
    const size = end - start;
    if (size < 0 || to + size > MESSAGE_MAX) return 0;
    this.#octets.set(from.subarray(start, end), to);
    return to + size;
  }
}
