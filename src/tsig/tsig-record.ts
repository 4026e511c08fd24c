/**
 * The TSIG record (RFC 8945 §4.2): read from a message, and written behind one.
 *
 *   NAME TYPE=TSIG CLASS=ANY TTL=0 RDLENGTH │ algorithm · time signed (48 bits) · fudge · MAC size · MAC · original id · error · other size · other
 */
import { CLASS, TYPE } from '../dns/iana.ts';
import { readMessageName } from '../dns/message-name.ts';

/** TYPE, CLASS, TTL and RDLENGTH. */
const RECORD_FIXED_SIZE = 10;
/** Time signed, fudge and MAC size; original id, error and other size. */
const BEFORE_MAC_SIZE = 10;
const BEHIND_MAC_SIZE = 6;

/** The error field (RFC 8945 §3). */
export const TSIG_ERROR = { NONE: 0, BADSIG: 16, BADKEY: 17, BADTIME: 18, BADTRUNC: 22 } as const;

export interface TsigRecord {
  /** wire form with root label, in the letter case it came */
  readonly keyName: Uint8Array;
  readonly algorithmName: Uint8Array;
  /** Unix seconds, 48 bits */
  readonly timeSigned: number;
  /** seconds that clocks may differ */
  readonly fudge: number;
  readonly mac: Uint8Array;
  /** id of the message when it was signed */
  readonly originalId: number;
  /** TSIG_ERROR */
  readonly error: number;
  readonly other: Uint8Array;
}

/**
 * Read the record.
 *
 * @param messageAt  where its message starts in `octets`
 * @param recordAt   where the record starts
 * @param end        of the message, which is the record's too
 * @returns undefined if it is not well-formed
 */
export function readTsigRecord(
  octets: Uint8Array,
  messageAt: number,
  recordAt: number,
  end: number,
): TsigRecord | undefined {
  const owner = readMessageName(octets, messageAt, recordAt, end);
  if (owner === undefined || owner.end + RECORD_FIXED_SIZE > end) return undefined;
  const view = new DataView(octets.buffer, octets.byteOffset);
  const fixedAt = owner.end;
  const dataAt = fixedAt + RECORD_FIXED_SIZE;
  const isTsig = view.getUint16(fixedAt) === TYPE.TSIG && view.getUint16(fixedAt + 2) === CLASS.ANY;
  if (!isTsig || dataAt + view.getUint16(fixedAt + 8) !== end) return undefined;
  const algorithm = readMessageName(octets, messageAt, dataAt, end);
  if (algorithm === undefined || algorithm.end + BEFORE_MAC_SIZE > end) return undefined;
  const at = algorithm.end;
  const macAt = at + BEFORE_MAC_SIZE;
  const macEnd = macAt + view.getUint16(at + 8);
  if (macEnd + BEHIND_MAC_SIZE > end) return undefined;
  const otherAt = macEnd + BEHIND_MAC_SIZE;
  if (otherAt + view.getUint16(macEnd + 4) !== end) return undefined;
  return {
    keyName: owner.name,
    algorithmName: algorithm.name,
    timeSigned: view.getUint16(at) * 2 ** 32 + view.getUint32(at + 2),
    fudge: view.getUint16(at + 6),
    mac: octets.slice(macAt, macEnd),
    originalId: view.getUint16(macEnd),
    error: view.getUint16(macEnd + 2),
    other: octets.slice(otherAt, end),
  };
}

/** Octets of a record. */
export function sizeOfTsigRecord(
  keyName: Uint8Array,
  algorithmName: Uint8Array,
  macSize: number,
  otherSize: number,
): number {
  const dataSize = algorithmName.length + BEFORE_MAC_SIZE + macSize + BEHIND_MAC_SIZE + otherSize;
  return keyName.length + RECORD_FIXED_SIZE + dataSize;
}

/** Write a record at `at`, where it has room. @returns its end */
export function writeTsigRecord(octets: Uint8Array, at: number, record: TsigRecord): number {
  const { keyName, algorithmName, mac, other } = record;
  const view = new DataView(octets.buffer, octets.byteOffset);
  octets.set(keyName, at);
  const fixedAt = at + keyName.length;
  view.setUint16(fixedAt, TYPE.TSIG);
  view.setUint16(fixedAt + 2, CLASS.ANY);
  view.setUint32(fixedAt + 4, 0);
  const dataAt = fixedAt + RECORD_FIXED_SIZE;
  octets.set(algorithmName, dataAt);
  const timeAt = dataAt + algorithmName.length;
  writeTime(view, timeAt, record.timeSigned);
  view.setUint16(timeAt + 6, record.fudge);
  view.setUint16(timeAt + 8, mac.length);
  octets.set(mac, timeAt + BEFORE_MAC_SIZE);
  const behindAt = timeAt + BEFORE_MAC_SIZE + mac.length;
  view.setUint16(behindAt, record.originalId);
  view.setUint16(behindAt + 2, record.error);
  view.setUint16(behindAt + 4, other.length);
  octets.set(other, behindAt + BEHIND_MAC_SIZE);
  const end = behindAt + BEHIND_MAC_SIZE + other.length;
  view.setUint16(fixedAt + 8, end - dataAt);
  return end;
}

/** Seconds as 48 bits. */
export function writeTime(view: DataView, at: number, seconds: number): void {
  view.setUint16(at, Math.floor(seconds / 2 ** 32));
  view.setUint32(at + 2, seconds % 2 ** 32);
}
