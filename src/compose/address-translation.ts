/** IPv4 addresses within IPv6 addresses (RFC 6052), and pairs of addresses that stand for each other (RFC 7757). */

/** What is evaluated: plain data, which goes to the answering threads as JSON. */
export interface TranslationProgram {
  /** four words, and how many of their bits: 32, 40, 48, 56, 64 or 96 */
  readonly prefix: readonly number[];
  readonly prefixLength: number;
  /** dns64: names with AAAA records too */
  readonly translatesAll?: boolean;
  /** dns64: for clients that asked over IPv4 too */
  readonly allowsIPv4?: boolean;
  /** siit: single addresses, which go before the prefix */
  readonly mappings?: readonly { readonly address4: number; readonly address6: readonly number[] }[];
}

const WELL_KNOWN_PREFIX = '0064ff9b0000000000000000';
/** Bits 64 to 71 are 0, whatever the prefix (RFC 6052 §2.2). */
const RESERVED_OCTET = 8;
/** ::ffff:0:0/96: no address of a host (RFC 6147 §5.1.4). */
const MAPPED_PREFIX = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff);
/** Networks that the well-known prefix is not for, because their addresses mean nothing elsewhere (RFC 6052 §3.1). */
const PRIVATE_NETWORKS = [
  [0x0000_0000, 8],
  [0x0a00_0000, 8],
  [0x6440_0000, 10],
  [0x7f00_0000, 8],
  [0xa9fe_0000, 16],
  [0xac10_0000, 12],
  [0xc0a8_0000, 16],
] as const;

export class AddressTranslation {
  readonly program: TranslationProgram;
  readonly #prefix: Uint8Array;
  readonly #prefixSize: number;
  readonly #isWellKnown: boolean;
  /** IPv4 addresses by IPv6 addresses in hexadecimal */
  readonly #mappings: ReadonlyMap<string, Uint8Array>;

  constructor(program: TranslationProgram) {
    this.program = program;
    this.#prefix = octetsOf(program.prefix);
    this.#prefixSize = program.prefixLength / 8;
    this.#isWellKnown = Buffer.from(this.#prefix.subarray(0, this.#prefixSize)).toString('hex') === WELL_KNOWN_PREFIX;
    this.#mappings = new Map(
      program.mappings?.map(({ address4, address6 }) => [
        Buffer.from(octetsOf(address6)).toString('hex'),
        octetsOf([address4]),
      ]),
    );
  }

  /** @param program  JSON @throws if it is no program */
  static parse(program: Uint8Array): AddressTranslation {
    return new AddressTranslation(JSON.parse(Buffer.from(program).toString()) as TranslationProgram);
  }

  /** @param address4  4 octets @returns 16 octets; undefined if the prefix is not for this address */
  toIPv6(address4: Uint8Array): Uint8Array | undefined {
    if (this.#isWellKnown && isPrivate(address4)) return undefined;
    const address = this.#prefix.slice();
    let at = this.#prefixSize;
    for (const octet of address4) {
      if (at === RESERVED_OCTET) at++;
      address[at++] = octet;
    }
    return address;
  }

  /** The IPv4 address within an address of the prefix. @returns undefined if it is none */
  embedded(address6: Uint8Array): Uint8Array | undefined {
    for (let index = 0; index < this.#prefixSize; index++) {
      if (address6[index] !== this.#prefix[index]) return undefined;
    }
    if (address6[RESERVED_OCTET] !== 0) return undefined;
    const address = new Uint8Array(4);
    let at = this.#prefixSize;
    for (let index = 0; index < 4; index++) {
      if (at === RESERVED_OCTET) at++;
      address[index] = address6[at++]!;
    }
    return address;
  }

  /** What an IPv6 address is for those with IPv4 alone: the one it is mapped to, else the one within it. */
  toIPv4(address6: Uint8Array): Uint8Array | undefined {
    if (isMapped(address6, 0)) return undefined;
    return this.#mappings.get(Buffer.from(address6).toString('hex')) ?? this.embedded(address6);
  }
}

/** Whether 16 octets are an IPv4 address in disguise, which nobody can reach over IPv6. */
export function isMapped(octets: Uint8Array, at: number): boolean {
  for (let index = 0; index < MAPPED_PREFIX.length; index++) {
    if (octets[at + index] !== MAPPED_PREFIX[index]) return false;
  }
  return true;
}

function isPrivate(address4: Uint8Array): boolean {
  const word = ((address4[0]! << 24) | (address4[1]! << 16) | (address4[2]! << 8) | address4[3]!) >>> 0;
  return PRIVATE_NETWORKS.some(([network, bits]) => word >>> (32 - bits) === network >>> (32 - bits));
}

function octetsOf(words: readonly number[]): Uint8Array {
  const octets = new Uint8Array(words.length * 4);
  const view = new DataView(octets.buffer);
  for (const [index, word] of words.entries()) view.setUint32(index * 4, word);
  return octets;
}

const DIGITS_MAX = 32;
const NAME_END = Uint8Array.of(3, 0x69, 0x70, 0x36, 4, 0x61, 0x72, 0x70, 0x61, 0);

/** The address whose reverse name a name is. @param name  wire form, lower-cased @returns undefined if it is none */
export function addressOfReverseName(name: Uint8Array, nameSize: number): Uint8Array | undefined {
  if (nameSize !== DIGITS_MAX * 2 + NAME_END.length) return undefined;
  for (const [index, octet] of NAME_END.entries()) if (name[DIGITS_MAX * 2 + index] !== octet) return undefined;
  const address = new Uint8Array(16);
  for (let label = 0; label < DIGITS_MAX; label++) {
    const digit = Number.parseInt(String.fromCharCode(name[label * 2 + 1]!), 16);
    if (name[label * 2] !== 1 || Number.isNaN(digit)) return undefined;
    const place = DIGITS_MAX - 1 - label;
    address[place >>> 1]! |= place % 2 === 0 ? digit << 4 : digit;
  }
  return address;
}
