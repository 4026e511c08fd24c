/** The response to a query that made the answerer fail: SERVFAIL with nothing but a header (RFC 1035 §4.1.1). */
import { RCODE } from '../dns/iana.ts';

const HEADER_SIZE = 12;
const FLAGS_AT = 2;
const COUNTS_AT = 4;
const QR = 0x80;
const OPCODE_AND_RD = 0x79;

/**
 * Write it over the query at `messageOffset`. The id and the flags' first octet still are the query's, or what the answerer
 * had made of them.
 *
 * @returns size, 0 where the datagram is no query
 */
export function writeFailureResponse(octets: Uint8Array, messageOffset: number, messageSize: number): number {
  if (messageSize < HEADER_SIZE) return 0;
  const flags = messageOffset + FLAGS_AT;
  octets[flags] = QR | (octets[flags]! & OPCODE_AND_RD);
  octets[flags + 1] = RCODE.SERVFAIL;
  for (let i = COUNTS_AT; i < HEADER_SIZE; i++) octets[messageOffset + i] = 0;
  return HEADER_SIZE;
}
