/** Responses of primaries: the header, and the records of the answer section with their names written out. */
import { OPCODE, RCODE, rcodeName } from '../dns/iana.ts';
import { readMessageName } from '../dns/message-name.ts';
import { equalOctets, lowerCaseName } from '../dns/name.ts';
import { RDATA_NAMES } from '../dns/records/rdata-names.ts';
import {
  ANCOUNT_AT,
  FLAGS_HIGH_AT,
  FLAGS_LOW_AT,
  HEADER_SIZE,
  OPCODE_MASK,
  OPCODE_SHIFT,
  QDCOUNT_AT,
  QR,
  TC,
} from '../dns/wire-header.ts';
import type { NewRecord } from '../zones/zone-data.ts';
import { TransferFault } from './transfer-fault.ts';

/** TYPE, CLASS, TTL and RDLENGTH. */
const RECORD_FIXED_SIZE = 10;

/** What was asked, and is to be answered. */
export interface AskedQuestion {
  readonly id: number;
  /** wire form, lower-cased */
  readonly zone: Uint8Array;
  readonly qtype: number;
}

/**
 * Read the answers of a response.
 *
 * @throws TransferFault  it is no response to the question, or it is broken. Only as much was read as was taken.
 */
export function* readAnswers(message: Uint8Array, asked: AskedQuestion): Generator<NewRecord, void> {
  const view = new DataView(message.buffer, message.byteOffset, message.length);
  let at = checkHead(message, view, asked);
  for (let left = view.getUint16(ANCOUNT_AT); left > 0; left--) {
    const owner = readMessageName(message, 0, at, message.length);
    if (owner === undefined || owner.end + RECORD_FIXED_SIZE > message.length)
      throw new TransferFault('bad owner name');
    const fixedAt = owner.end;
    const dataAt = fixedAt + RECORD_FIXED_SIZE;
    const dataEnd = dataAt + view.getUint16(fixedAt + 8);
    if (dataEnd > message.length) throw new TransferFault('a record runs over the end of its message');
    const type = view.getUint16(fixedAt);
    yield {
      owner: owner.name,
      type,
      qclass: view.getUint16(fixedAt + 2),
      ttlSeconds: view.getUint32(fixedAt + 4),
      rdata: writeOut(message, type, dataAt, dataEnd),
    };
    at = dataEnd;
  }
}

/** @returns where the answers start */
function checkHead(message: Uint8Array, view: DataView, asked: AskedQuestion): number {
  if (message.length < HEADER_SIZE) throw new TransferFault('a message that is no DNS message');
  if (view.getUint16(0) !== asked.id) throw new TransferFault('bad id');
  const high = message[FLAGS_HIGH_AT]!;
  const opcode = (high >> OPCODE_SHIFT) & OPCODE_MASK;
  if ((high & QR) === 0 || opcode !== OPCODE.QUERY) throw new TransferFault('a message that is no response');
  const rcode = message[FLAGS_LOW_AT]! & 0x0f;
  if (rcode !== RCODE.NOERROR) throw new TransferFault(`rcode was ${rcodeName(rcode)}`);
  if ((high & TC) !== 0) throw new TransferFault('a truncated message');
  const questions = view.getUint16(QDCOUNT_AT);
  if (questions === 0) return HEADER_SIZE;
  const name = readMessageName(message, 0, HEADER_SIZE, message.length);
  const isAsked =
    questions === 1 &&
    name !== undefined &&
    name.end + 4 <= message.length &&
    view.getUint16(name.end) === asked.qtype &&
    equalOctets(lowerCaseName(name.name), asked.zone);
  if (!isAsked) throw new TransferFault('the response to another question');
  return name.end + 4;
}

/** The data of a record with its names written out. */
function writeOut(message: Uint8Array, type: number, start: number, end: number): Uint8Array {
  const shape = RDATA_NAMES.get(type);
  if (shape === undefined) return message.subarray(start, end);
  let at = start + shape.before;
  const parts = [message.subarray(start, Math.min(at, end))];
  for (let left = shape.names; left > 0; left--) {
    // What the name points to lies before it: only its own end has to be within the record.
    const name = at < end ? readMessageName(message, 0, at, message.length) : undefined;
    if (name === undefined || name.end > end) throw new TransferFault(`bad name in a record of type ${type}`);
    parts.push(name.name);
    at = name.end;
  }
  parts.push(message.subarray(at, end));
  return Buffer.concat(parts);
}
