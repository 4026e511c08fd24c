import { ANCOUNT_AT, ARCOUNT_AT, CD, FLAGS_HIGH_AT, FLAGS_LOW_AT, HEADER_SIZE, QR, RD } from '../dns/wire-header.ts';
import type { TransferQuery } from './transfer-message.ts';

const LENGTH_SIZE = 2;

/** The response to a transfer that does not begin, behind its length. @param rcode  below 16 */
export function failureResponse({ question, opt, tsig }: TransferQuery, rcode: number): Buffer {
  const framed = Buffer.concat([Buffer.alloc(LENGTH_SIZE), question, opt, Buffer.alloc(tsig?.recordSize ?? 0)]);
  framed.writeUInt16BE(framed.length - LENGTH_SIZE, 0);
  const message = framed.subarray(LENGTH_SIZE);
  message[FLAGS_HIGH_AT] = QR | (question[FLAGS_HIGH_AT]! & RD);
  message[FLAGS_LOW_AT] = (question[FLAGS_LOW_AT]! & CD) | rcode;
  message.fill(0, ANCOUNT_AT, HEADER_SIZE);
  message.writeUInt16BE(opt.length === 0 ? 0 : 1, ARCOUNT_AT);
  tsig?.sign(message, 0, question.length + opt.length);
  return framed;
}
