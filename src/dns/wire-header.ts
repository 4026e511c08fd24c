/**
 * The DNS header (RFC 1035 §4.1.1): octet offsets and the bits of the two flag octets.
 *
 *    0  1 | 2                   | 3                   | 4  5 | 6  7 | 8  9 | 10 11
 *    ID   | QR OPCODE AA TC RD  | RA Z AD CD RCODE    | QD   | AN   | NS   | AR
 */
export const HEADER_SIZE = 12;
export const FLAGS_HIGH_AT = 2;
export const FLAGS_LOW_AT = 3;
export const QDCOUNT_AT = 4;
export const ANCOUNT_AT = 6;
export const NSCOUNT_AT = 8;
export const ARCOUNT_AT = 10;

export const QR = 0x80;
export const OPCODE_SHIFT = 3;
export const OPCODE_MASK = 0x0f;
export const AA = 0x04;
export const TC = 0x02;
export const RD = 0x01;
export const RA = 0x80;
export const AD = 0x20;
export const CD = 0x10;

/** Largest name in wire form, root label included, and largest label (RFC 1035 §2.3.4). */
export const NAME_SIZE_MAX = 255;
export const LABEL_SIZE_MAX = 63;
/** Labels of the longest name, without the root label. */
export const LABELS_MAX = 127;
/** A compression pointer has these bits in its first octet. */
export const POINTER_BITS = 0xc0;
/** Largest offset a compression pointer can name. */
export const POINTER_OFFSET_MAX = 0x3fff;

/** OPT record without options: root owner, TYPE, size, extended rcode and version, flags, RDLENGTH (RFC 6891 §6.1.2). */
export const OPT_SIZE = 11;
/** UDP response without EDNS (RFC 1035 §4.2.1). */
export const UDP_SIZE_PLAIN = 512;
