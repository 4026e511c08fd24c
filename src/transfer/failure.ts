import { ANCOUNT_AT, ARCOUNT_AT, CD, FLAGS_HIGH_AT, FLAGS_LOW_AT, HEADER_SIZE, QR, RD } from '../dns/wire-header.ts';
import { padMessage, PADDING_ROOM } from '../dns/padding.ts';
import type { TransferQuery } from './transfer-message.ts';

const LENGTH_SIZE = 2;

/** The response to a transfer that does not begin, behind its length. @param rcode  below 16 */
export function failureResponse({ question, opt, tsig }: TransferQuery, rcode: number): Buffer {
  const room = Buffer.alloc((tsig?.recordSize ?? 0) + PADDING_ROOM);
  const framed = Buffer.concat([Buffer.alloc(LENGTH_SIZE), question, opt, room]);
  const message = framed.subarray(LENGTH_SIZE);
  message[FLAGS_HIGH_AT] = QR | (question[FLAGS_HIGH_AT]! & RD);
  message[FLAGS_LOW_AT] = (question[FLAGS_LOW_AT]! & CD) | rcode;
  message.fill(0, ANCOUNT_AT, HEADER_SIZE);
  message.writeUInt16BE(opt.length === 0 ? 0 : 1, ARCOUNT_AT);
  const unsignedSize = question.length + opt.length;
  const size = tsig === undefined ? padMessage(viewOf(message), 0, unsignedSize) : tsig.sign(message, 0, unsignedSize);
  framed.writeUInt16BE(size, 0);
  return framed.subarray(0, LENGTH_SIZE + size);
}

function viewOf({ buffer, byteOffset, length }: Buffer): DataView {
  return new DataView(buffer, byteOffset, length);
}
