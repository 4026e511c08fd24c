/**
 * One signed request and its response (RFC 8945 §5): `verifyRequest` says what is to be thought of the signature, and the
 * session it gives signs each message of the response. What is signed:
 *
 *   request          message · variables
 *   response         request's MAC · message · variables
 *   further messages MAC of the one before · message · time and fudge       (§5.3.1)
 *
 * where *message* is the message without its TSIG record and with the id it had when it was signed.
 */
import { timingSafeEqual, type Hmac } from 'node:crypto';
import { CLASS, RCODE, TYPE } from '../dns/iana.ts';
import { lowerCaseName } from '../dns/name.ts';
import {
  ANCOUNT_AT,
  ARCOUNT_AT,
  FLAGS_HIGH_AT,
  FLAGS_LOW_AT,
  HEADER_SIZE,
  POINTER_BITS,
  TC,
} from '../dns/wire-header.ts';
import { padMessage } from '../dns/padding.ts';
import { startMac, tsigAlgorithmOf, type TsigAlgorithm, type TsigKeys } from './tsig-keys.ts';
import {
  readTsigRecord,
  sizeOfTsigRecord,
  TSIG_ERROR,
  writeTime,
  writeTsigRecord,
  type TsigRecord,
} from './tsig-record.ts';

/** What clocks may differ by, seconds (RFC 8945 §10), where the client says nothing usable. */
const FUDGE_SECONDS = 300;
/** A MAC that is cut has at least so many octets, and at least half of the whole one (RFC 8945 §5.2.2.1). */
const MAC_SIZE_MIN = 10;
const TIME_SIZE = 6;
/** TYPE, CLASS, TTL and RDLENGTH. */
const RECORD_FIXED_SIZE = 10;
const NO_OCTETS = new Uint8Array(0);

export interface SignedMessage {
  readonly octets: Uint8Array;
  /** where the message starts in them */
  readonly at: number;
  readonly size: number;
  /** where its TSIG record starts: the last one of the additional section */
  readonly recordAt: number;
}

/**
 * Verify a request.
 *
 * @param nowSeconds  Unix time
 * @returns undefined if the record is not well-formed: FORMERR
 */
export function verifyRequest(message: SignedMessage, keys: TsigKeys, nowSeconds: number): TsigSession | undefined {
  const { octets, at, size, recordAt } = message;
  const record = readTsigRecord(octets, at, recordAt, at + size);
  if (record === undefined) return undefined;
  const secret = keys.secretOf(record.keyName);
  const algorithm = tsigAlgorithmOf(record.algorithmName);
  const mac = secret === undefined || algorithm === undefined ? undefined : startMac(algorithm, secret);
  if (mac === undefined) return new TsigSession(record, TSIG_ERROR.BADKEY, nowSeconds);
  const { macSize } = algorithm!;
  const given = record.mac.length;
  if (given > macSize || (given < macSize && given < Math.max(MAC_SIZE_MIN, macSize / 2))) return undefined;
  const key = { algorithm: algorithm!, secret: secret! };
  digestUnsigned(mac, octets, at, recordAt, record.originalId);
  digestVariables(mac, record);
  const isRight = timingSafeEqual(mac.digest().subarray(0, given), record.mac);
  if (!isRight) return new TsigSession(record, TSIG_ERROR.BADSIG, nowSeconds);
  const isInTime = Math.abs(nowSeconds - record.timeSigned) <= record.fudge;
  return new TsigSession(record, isInTime ? TSIG_ERROR.NONE : TSIG_ERROR.BADTIME, nowSeconds, key);
}

export class TsigSession {
  /** TSIG_ERROR: why the request is refused */
  readonly error: number;
  /** octets of the record that each message of the response gets */
  readonly recordSize: number;
  readonly #request: TsigRecord;
  /** undefined: the response is not signed, for the key is not known or the client does not have it */
  readonly #key: { readonly algorithm: TsigAlgorithm; readonly secret: Uint8Array } | undefined;
  readonly #other: Uint8Array;
  /** MAC of the request, then of the message before */
  #macBefore: Uint8Array;
  #isFirst = true;

  constructor(
    request: TsigRecord,
    error: number,
    nowSeconds: number,
    key?: { readonly algorithm: TsigAlgorithm; readonly secret: Uint8Array },
  ) {
    this.#request = request;
    this.error = error;
    this.#key = key;
    this.#other = error === TSIG_ERROR.BADTIME ? timeOf(nowSeconds) : NO_OCTETS;
    this.#macBefore = request.mac;
    const { keyName, algorithmName } = request;
    this.recordSize = sizeOfTsigRecord(keyName, algorithmName, key?.algorithm.macSize ?? 0, this.#other.length);
  }

  /** The key's name, in the letter case it came: wire form with root label. */
  get keyName(): Uint8Array {
    return this.#request.keyName;
  }

  /**
   * Sign a response that is otherwise done, or the next message of it. One that is truncated is the question alone then
   * (RFC 8945 §5.3). One that is to be padded is padded first: afterwards it could not be.
   *
   * @param at  where it starts in `octets`, which have room for `recordSize` more
   * @returns its size with the record
   */
  sign(octets: Uint8Array, at: number, size: number): number {
    const view = new DataView(octets.buffer, octets.byteOffset, octets.length);
    const isTruncated = (octets[at + FLAGS_HIGH_AT]! & TC) !== 0;
    const wholeSize = isTruncated ? keepQuestion(octets, at, size) : size;
    const unsignedSize = padMessage(view, at, wholeSize, this.recordSize);
    const end = at + unsignedSize;
    const { keyName, algorithmName, timeSigned, fudge } = this.#request;
    const isLate = this.error === TSIG_ERROR.BADTIME;
    const record = {
      keyName,
      algorithmName,
      timeSigned: isLate ? timeSigned : this.#key === undefined ? 0 : Math.floor(Date.now() / 1000),
      fudge: isLate ? fudge : FUDGE_SECONDS,
      mac: NO_OCTETS,
      originalId: view.getUint16(at),
      error: this.error,
      other: this.#other,
    };
    const mac = this.#macOf(octets, at, end, record);
    view.setUint16(at + ARCOUNT_AT, view.getUint16(at + ARCOUNT_AT) + 1);
    return writeTsigRecord(octets, end, { ...record, mac }) - at;
  }

  #macOf(octets: Uint8Array, at: number, end: number, record: TsigRecord): Uint8Array {
    const key = this.#key;
    if (key === undefined) return NO_OCTETS;
    const mac = startMac(key.algorithm, key.secret)!;
    mac.update(sizeOf(this.#macBefore.length)).update(this.#macBefore);
    mac.update(octets.subarray(at, end));
    if (this.#isFirst) digestVariables(mac, record);
    else mac.update(timersOf(record));
    this.#isFirst = false;
    this.#macBefore = mac.digest();
    return this.#macBefore;
  }
}

/** The message as it was before it was signed. @param end  where its TSIG record starts */
function digestUnsigned(mac: Hmac, octets: Uint8Array, at: number, end: number, originalId: number): void {
  const header = Buffer.from(octets.subarray(at, at + HEADER_SIZE));
  header.writeUInt16BE(originalId, 0);
  header.writeUInt16BE(header.readUInt16BE(ARCOUNT_AT) - 1, ARCOUNT_AT);
  mac.update(header).update(octets.subarray(at + HEADER_SIZE, end));
}

/** RFC 8945 §4.3.3: names in canonical form. */
function digestVariables(mac: Hmac, record: TsigRecord): void {
  const { keyName, algorithmName, error, other } = record;
  const classAndTtl = Buffer.alloc(6);
  classAndTtl.writeUInt16BE(CLASS.ANY, 0);
  mac.update(lowerCaseName(keyName.slice())).update(classAndTtl);
  mac.update(lowerCaseName(algorithmName.slice())).update(timersOf(record));
  mac.update(sizeOf(error)).update(sizeOf(other.length)).update(other);
}

function timersOf({ timeSigned, fudge }: TsigRecord): Uint8Array {
  const octets = Buffer.alloc(TIME_SIZE + 2);
  octets.set(timeOf(timeSigned));
  octets.writeUInt16BE(fudge, TIME_SIZE);
  return octets;
}

function timeOf(seconds: number): Uint8Array {
  const octets = new Uint8Array(TIME_SIZE);
  writeTime(new DataView(octets.buffer), 0, seconds);
  return octets;
}

function sizeOf(number: number): Uint8Array {
  return Uint8Array.of(number >>> 8, number & 0xff);
}

/**
 * Cut a truncated response to its question, and OPT if it has one, with rcode NOERROR.
 *
 * @returns its size
 */
function keepQuestion(octets: Uint8Array, at: number, size: number): number {
  const view = new DataView(octets.buffer, octets.byteOffset);
  const end = at + size;
  let records = 0;
  for (const countAt of [ANCOUNT_AT, ANCOUNT_AT + 2, ARCOUNT_AT]) records += view.getUint16(at + countAt);
  let position = skipName(octets, at + HEADER_SIZE, end) + 4;
  let kept = position;
  let additional = 0;
  for (; records > 0; records--) {
    const fixedAt = skipName(octets, position, end);
    if (fixedAt + RECORD_FIXED_SIZE > end) break;
    const next = fixedAt + RECORD_FIXED_SIZE + view.getUint16(fixedAt + 8);
    if (view.getUint16(fixedAt) === TYPE.OPT) {
      octets.copyWithin(kept, position, next);
      kept += next - position;
      additional = 1;
    }
    position = next;
  }
  octets[at + FLAGS_LOW_AT] = (octets[at + FLAGS_LOW_AT]! & 0xf0) | RCODE.NOERROR;
  octets.fill(0, at + ANCOUNT_AT, at + HEADER_SIZE);
  view.setUint16(at + ARCOUNT_AT, additional);
  return kept - at;
}

/** @returns where a name ends that may end in a pointer */
function skipName(octets: Uint8Array, at: number, end: number): number {
  let position = at;
  while (position < end) {
    const length = octets[position]!;
    if (length === 0) return position + 1;
    if (length >= POINTER_BITS) return position + 2;
    position += length + 1;
  }
  return end;
}
