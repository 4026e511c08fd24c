/**
 * A strict decoder of DNS messages for tests. It throws on whatever a careful client could trip over: octets after the
 * message, counts that do not fit, compression pointers that do not point backwards or lie where names must not be
 * compressed, labels and names that are too long, RDATA that does not fill its length.
 */
import { typeName, TYPE } from '../../src/dns/iana.ts';
import { formatAddress } from './addresses.ts';
import { formatName, type Labels } from './names.ts';

export interface DecodedRecord {
  readonly owner: Labels;
  readonly type: number;
  readonly class: number;
  readonly ttlSeconds: number;
  /** presentation form */
  readonly rdata: string;
  /** names inside RDATA */
  readonly targets: readonly Labels[];
  readonly rdataOctets: Uint8Array;
}

export interface DecodedOpt {
  readonly udpSize: number;
  readonly extendedRcode: number;
  readonly version: number;
  readonly dnssecOk: boolean;
  /** the Z bits: 0 in everything a server sends */
  readonly z: number;
  readonly options: readonly { readonly code: number; readonly data: Uint8Array }[];
}

export interface DecodedMessage {
  readonly id: number;
  readonly qr: boolean;
  readonly opcode: number;
  readonly aa: boolean;
  readonly tc: boolean;
  readonly rd: boolean;
  readonly ra: boolean;
  readonly z: boolean;
  readonly ad: boolean;
  readonly cd: boolean;
  /** with the high bits of OPT */
  readonly rcode: number;
  readonly questions: readonly { readonly name: Labels; readonly type: number; readonly class: number }[];
  readonly answer: readonly DecodedRecord[];
  readonly authority: readonly DecodedRecord[];
  /** without OPT */
  readonly additional: readonly DecodedRecord[];
  readonly opt: DecodedOpt | undefined;
  readonly size: number;
}

const NAME_SIZE_MAX = 255;
const CLASS_IN = 1;

class Cursor {
  readonly octets: Uint8Array;
  at = 0;

  constructor(octets: Uint8Array) {
    this.octets = octets;
  }

  u8(): number {
    if (this.at >= this.octets.length) throw new Error(`message ends at ${this.at}`);
    return this.octets[this.at++]!;
  }

  u16(): number {
    return (this.u8() << 8) | this.u8();
  }

  u32(): number {
    return this.u16() * 65_536 + this.u16();
  }

  take(size: number): Uint8Array {
    if (this.at + size > this.octets.length) throw new Error(`message ends inside ${size} octets at ${this.at}`);
    this.at += size;
    return this.octets.slice(this.at - size, this.at);
  }

  name(mayCompress: boolean): Labels {
    const labels: string[] = [];
    let size = 1;
    let at = this.at;
    let limit = this.at;
    let isJumped = false;
    for (;;) {
      const length = this.octets[at];
      if (length === undefined) throw new Error(`name ends outside the message at ${at}`);
      if (length >= 0xc0) {
        if (!mayCompress) throw new Error(`name at ${this.at} is compressed where it must not be`);
        const target = ((length & 0x3f) << 8) | (this.octets[at + 1] ?? Number.NaN);
        if (!(target < limit)) throw new Error(`pointer at ${at} to ${target} does not point backwards`);
        if (target < 12) throw new Error(`pointer at ${at} into the header`);
        if (!isJumped) this.at = at + 2;
        isJumped = true;
        limit = target;
        at = target;
        continue;
      }
      if (length > 63) throw new Error(`label type ${length >> 6} at ${at}`);
      if (length === 0) break;
      if (at + 1 + length > this.octets.length) throw new Error(`label at ${at} leaves the message`);
      labels.push(String.fromCharCode(...this.octets.subarray(at + 1, at + 1 + length)));
      size += 1 + length;
      if (size > NAME_SIZE_MAX) throw new Error('name is longer than 255 octets');
      at += 1 + length;
    }
    if (!isJumped) this.at = at + 1;
    return labels;
  }
}

/** @throws Error where the message is not as strict as it must be */
export function decodeStrictly(octets: Uint8Array): DecodedMessage {
  const cursor = new Cursor(octets);
  const id = cursor.u16();
  const flags = cursor.u16();
  const counts = [cursor.u16(), cursor.u16(), cursor.u16(), cursor.u16()] as const;
  const questions = Array.from({ length: counts[0] }, () => ({
    name: cursor.name(false),
    type: cursor.u16(),
    class: cursor.u16(),
  }));
  const answer = readSection(cursor, counts[1]);
  const authority = readSection(cursor, counts[2]);
  const all = readSection(cursor, counts[3]);
  if (cursor.at !== octets.length) throw new Error(`${octets.length - cursor.at} octets after the message`);
  const opts = all.filter((record) => record.type === TYPE.OPT);
  if (opts.length > 1) throw new Error('two OPT records');
  if ([...answer, ...authority].some((record) => record.type === TYPE.OPT)) throw new Error('OPT outside additional');
  const opt = opts[0] === undefined ? undefined : decodeOpt(opts[0]);
  const message: DecodedMessage = {
    id,
    qr: (flags & 0x8000) !== 0,
    opcode: (flags >> 11) & 15,
    aa: (flags & 0x0400) !== 0,
    tc: (flags & 0x0200) !== 0,
    rd: (flags & 0x0100) !== 0,
    ra: (flags & 0x0080) !== 0,
    z: (flags & 0x0040) !== 0,
    ad: (flags & 0x0020) !== 0,
    cd: (flags & 0x0010) !== 0,
    rcode: (flags & 15) | ((opt?.extendedRcode ?? 0) << 4),
    questions,
    answer,
    authority,
    additional: all.filter((record) => record.type !== TYPE.OPT),
    opt,
    size: octets.length,
  };
  checkSets(message);
  return message;
}

function readSection(cursor: Cursor, count: number): DecodedRecord[] {
  return Array.from({ length: count }, () => readRecord(cursor));
}

function readRecord(cursor: Cursor): DecodedRecord {
  const owner = cursor.name(true);
  const type = cursor.u16();
  const recordClass = cursor.u16();
  const ttlSeconds = cursor.u32();
  const size = cursor.u16();
  const start = cursor.at;
  if (start + size > cursor.octets.length) throw new Error(`RDATA at ${start} leaves the message`);
  const isMeta = type === TYPE.OPT || type === TYPE.TSIG;
  if (!isMeta && recordClass !== CLASS_IN) throw new Error(`class ${recordClass}`);
  if (type !== TYPE.OPT && ttlSeconds > 0x7fff_ffff) throw new Error(`TTL ${ttlSeconds}`);
  const { rdata, targets } = readRdata(cursor, type, size);
  if (cursor.at !== start + size) throw new Error(`RDATA of ${typeName(type)} at ${start} does not fill its length`);
  return {
    owner,
    type,
    class: recordClass,
    ttlSeconds,
    rdata,
    targets,
    rdataOctets: cursor.octets.slice(start, start + size),
  };
}

function readRdata(cursor: Cursor, type: number, size: number): { rdata: string; targets: Labels[] } {
  switch (type) {
    case TYPE.A:
      if (size !== 4) throw new Error(`A with ${size} octets`);
      return { rdata: formatAddress([...cursor.take(4)]), targets: [] };
    case TYPE.AAAA:
      if (size !== 16) throw new Error(`AAAA with ${size} octets`);
      return { rdata: formatAddress([...cursor.take(16)]), targets: [] };
    case TYPE.CNAME:
    case TYPE.NS:
    case TYPE.PTR: {
      const target = cursor.name(true);
      return { rdata: formatName(target), targets: [target] };
    }
    case TYPE.MX: {
      const preference = cursor.u16();
      const target = cursor.name(true);
      return { rdata: `${preference} ${formatName(target)}`, targets: [target] };
    }
    case TYPE.SRV: {
      const numbers = `${cursor.u16()} ${cursor.u16()} ${cursor.u16()}`;
      const target = cursor.name(false);
      return { rdata: `${numbers} ${formatName(target)}`, targets: [target] };
    }
    case TYPE.SOA: {
      const targets = [cursor.name(true), cursor.name(true)];
      const numbers = `${cursor.u32()} ${cursor.u32()} ${cursor.u32()} ${cursor.u32()} ${cursor.u32()}`;
      return { rdata: `${formatName(targets[0]!)} ${formatName(targets[1]!)} ${numbers}`, targets };
    }
    case TYPE.TXT: {
      const strings: string[] = [];
      const end = cursor.at + size;
      while (cursor.at < end) strings.push(JSON.stringify(String.fromCharCode(...cursor.take(cursor.u8()))));
      if (strings.length === 0) throw new Error('TXT without a string');
      return { rdata: strings.join(' '), targets: [] };
    }
    default:
      return { rdata: `\\# ${size} ${Buffer.from(cursor.take(size)).toString('hex')}`, targets: [] };
  }
}

function decodeOpt(record: DecodedRecord): DecodedOpt {
  if (record.owner.length !== 0) throw new Error('OPT with an owner');
  const cursor = new Cursor(record.rdataOctets);
  const options: { code: number; data: Uint8Array }[] = [];
  while (cursor.at < record.rdataOctets.length) {
    const code = cursor.u16();
    options.push({ code, data: cursor.take(cursor.u16()) });
  }
  return {
    udpSize: record.class,
    extendedRcode: Math.floor(record.ttlSeconds / 0x100_0000),
    version: (record.ttlSeconds >>> 16) & 0xff,
    dnssecOk: (record.ttlSeconds & 0x8000) !== 0,
    z: record.ttlSeconds & 0x7fff,
    options,
  };
}

/**
 * RFC 2181 §5: no duplicate records in a section, one TTL in an RRset; RFC 1034 §3.6.2: nothing beside a CNAME. A zone
 * transfer has its SOA record twice (RFC 5936 §2.2).
 */
function checkSets(message: DecodedMessage): void {
  const isTransfer = message.questions.some(({ type }) => type === TYPE.AXFR || type === TYPE.IXFR);
  for (const section of [message.answer, message.authority, message.additional]) {
    const seen = new Set<string>();
    const ttls = new Map<string, number>();
    for (const record of section) {
      const set = `${formatName(record.owner).toLowerCase()} ${record.type}`;
      const whole = `${set} ${record.rdata.toLowerCase()}`;
      if (seen.has(whole) && !(isTransfer && record.type === TYPE.SOA)) throw new Error(`record twice: ${whole}`);
      seen.add(whole);
      if ((ttls.get(set) ?? record.ttlSeconds) !== record.ttlSeconds) throw new Error(`two TTLs in ${set}`);
      ttls.set(set, record.ttlSeconds);
    }
    const aliases = section.filter((record) => record.type === TYPE.CNAME);
    for (const alias of aliases) {
      const owner = formatName(alias.owner).toLowerCase();
      const others = section.filter(
        (record) =>
          formatName(record.owner).toLowerCase() === owner &&
          // Signed aliases have them beside them (RFC 4034 §2.5).
          record.type !== TYPE.RRSIG &&
          record.type !== TYPE.NSEC &&
          // An external zone has the SRV records that a query there gets, as CoreDNS's has.
          !(isTransfer && record.type === TYPE.SRV),
      );
      if (others.length !== 1) throw new Error(`other data beside the CNAME of ${owner}`);
    }
  }
}
