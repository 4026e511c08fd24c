/** How long a response may be kept by caches that know only HTTP (RFC 8484 §5.1). */
import { RCODE, TYPE } from './iana.ts';
import {
  ANCOUNT_AT,
  ARCOUNT_AT,
  FLAGS_LOW_AT,
  HEADER_SIZE,
  NSCOUNT_AT,
  POINTER_BITS,
  QDCOUNT_AT,
} from './wire-header.ts';

/** TYPE, CLASS, TTL and RDLENGTH. */
const RECORD_FIXED_SIZE = 10;
const TTL_MAX = 0x7fff_ffff;

/**
 * The smallest TTL of its records; of a denial, not more than the SOA record's MINIMUM (RFC 2308 §5).
 *
 * @param message  a response, well-formed; what is not ends the walk
 * @returns seconds; 0 for what is no answer and no denial
 */
export function lifetimeSeconds(message: Uint8Array): number {
  const view = new DataView(message.buffer, message.byteOffset, message.length);
  const rcode = message[FLAGS_LOW_AT]! & 0x0f;
  if (rcode !== RCODE.NOERROR && rcode !== RCODE.NXDOMAIN) return 0;
  const answers = view.getUint16(ANCOUNT_AT);
  const count = answers + view.getUint16(NSCOUNT_AT) + view.getUint16(ARCOUNT_AT);
  let at = HEADER_SIZE;
  for (let left = view.getUint16(QDCOUNT_AT); left > 0; left--) at = behindName(message, at) + 4;
  let least = Infinity;
  let hasSoa = false;
  for (let index = 0; index < count; index++) {
    const fixedAt = behindName(message, at);
    if (fixedAt + RECORD_FIXED_SIZE > message.length) return 0;
    const type = view.getUint16(fixedAt);
    at = fixedAt + RECORD_FIXED_SIZE + view.getUint16(fixedAt + 8);
    if (at > message.length) return 0;
    if (type === TYPE.OPT) continue;
    least = Math.min(least, ttlAt(view, fixedAt + 4));
    if (type !== TYPE.SOA || index < answers) continue;
    hasSoa = true;
    least = Math.min(least, ttlAt(view, at - 4));
  }
  // Nothing says how long a denial without an SOA record may be kept.
  if (least === Infinity || (!hasSoa && (answers === 0 || rcode === RCODE.NXDOMAIN))) return 0;
  return least;
}

/** One with the top bit set is zero (RFC 2181 §8). */
function ttlAt(view: DataView, at: number): number {
  const ttl = view.getUint32(at);
  return ttl > TTL_MAX ? 0 : ttl;
}

function behindName(message: Uint8Array, from: number): number {
  let at = from;
  while (at < message.length) {
    const size = message[at]!;
    if (size >= POINTER_BITS) return at + 2;
    at += size + 1;
    if (size === 0) break;
  }
  return at;
}
