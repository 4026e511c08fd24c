/**
 * One message of a zone transfer while it is written (RFC 5936 §2.2): header, the question, then answer records, each
 * owner compressed. No message passes MESSAGE_SIZE_MAX, so that every name in it can be pointed to.
 *
 * `finish` is the one place where a message gets its end: OPT in the first one, and what signs it.
 */
import { SOA_EXPIRE_SECONDS, SOA_REFRESH_SECONDS, SOA_RETRY_SECONDS } from '../answer/response.ts';
import { TYPE } from '../dns/iana.ts';
import {
  AA,
  ANCOUNT_AT,
  CD,
  FLAGS_HIGH_AT,
  FLAGS_LOW_AT,
  HEADER_SIZE,
  NAME_SIZE_MAX,
  QR,
  RA,
  RD,
} from '../dns/wire-header.ts';
import { padMessage } from '../dns/padding.ts';
import type { TsigSession } from '../tsig/tsig-session.ts';
import { NameSuffixes } from './name-suffixes.ts';

/** What a pointer can reach; some servers' default is not far from it. */
export const MESSAGE_SIZE_MAX = 16_384;
/** A message that holds one record alone may be as large as a message over TCP can be. */
const LONE_MESSAGE_SIZE_MAX = 65_535;

const LENGTH_SIZE = 2;
/** TYPE, CLASS, TTL and RDLENGTH. */
const RECORD_FIXED_SIZE = 10;
const POINTER_SIZE = 2;
/** Priority, weight and port. */
const SRV_FIXED_SIZE = 6;

/** The query that is answered: what is copied of it. */
export interface TransferQuery {
  /** header and question as they came */
  readonly question: Uint8Array;
  readonly isRecursionAvailable: boolean;
  /** the OPT record of the first response; empty without EDNS */
  readonly opt: Uint8Array;
  /** by what each response is signed */
  readonly tsig: TsigSession | undefined;
}

/** An SRV record of priority 0. */
export interface ServiceRecord {
  readonly weight: number;
  readonly port: number;
  /** wire form */
  readonly target: Uint8Array;
  /** the target goes on with the zone's name */
  readonly isRelative: boolean;
}

export class TransferMessage {
  /** the message behind its length of two octets */
  #framed: Buffer = Buffer.alloc(LENGTH_SIZE + MESSAGE_SIZE_MAX);
  /** the message */
  #octets: Buffer = this.#framed.subarray(LENGTH_SIZE);
  readonly #query: TransferQuery;
  readonly #owners = new NameSuffixes();
  readonly #targets = new NameSuffixes();
  /** the owner name in hand, relative to the zone */
  readonly #owner = new Uint8Array(NAME_SIZE_MAX);
  #ownerSize = 0;
  /** where it stands in this message, 0: not yet */
  #ownerAt = 0;
  /** where the name that targets are relative to stands, 0: not yet */
  #targetBaseAt = 0;
  #position = 0;
  #records = 0;
  #isFirst = true;
  /** records of all messages */
  recordCount = 0;

  constructor(query: TransferQuery) {
    this.#query = query;
    this.#begin();
  }

  /** The zone's name: of the question, in the client's letter case. */
  get zoneName(): Uint8Array {
    return this.#query.question.subarray(HEADER_SIZE, -4);
  }

  /**
   * The records that follow belong to this name.
   *
   * @param name  `size` octets, relative to the zone, without root label; copied
   */
  setOwner(name: Uint8Array, size: number): void {
    for (let index = 0; index < size; index++) this.#owner[index] = name[index]!;
    this.#ownerSize = size;
    this.#ownerAt = size === 0 ? HEADER_SIZE : 0;
  }

  /** Complete the message. @returns it, behind its length; the next one begins */
  finish(): Buffer {
    const { opt, tsig } = this.#query;
    if (this.#isFirst && opt.length > 0) {
      this.#octets.set(opt, this.#position);
      this.#position += opt.length;
      this.#octets[HEADER_SIZE - 1] = 1;
    }
    this.#octets.writeUInt16BE(this.#records, ANCOUNT_AT);
    if (tsig !== undefined) this.#position = tsig.sign(this.#octets, 0, this.#position);
    else if (this.#isFirst) this.#position = padMessage(this.#view, 0, this.#position);
    this.#framed.writeUInt16BE(this.#position, 0);
    const whole = Buffer.from(this.#framed.subarray(0, LENGTH_SIZE + this.#position));
    this.recordCount += this.#records;
    this.#isFirst = false;
    this.#begin();
    return whole;
  }

  #begin(): void {
    const { question, isRecursionAvailable } = this.#query;
    const octets = this.#octets;
    octets.set(question, 0);
    octets[FLAGS_HIGH_AT] = QR | AA | (question[FLAGS_HIGH_AT]! & RD);
    octets[FLAGS_LOW_AT] = (isRecursionAvailable ? RA : 0) | (question[FLAGS_LOW_AT]! & CD);
    octets.fill(0, ANCOUNT_AT, HEADER_SIZE);
    this.#position = question.length;
    this.#records = 0;
    this.#owners.reset();
    this.#targets.reset();
    this.#targetBaseAt = 0;
    if (this.#ownerSize > 0) this.#ownerAt = 0;
  }

  // Every writer returns false, and has written nothing, when the record does not fit: `finish`, then again.

  writeA(address: number, ttlSeconds: number): boolean {
    if (!this.#writeHead(TYPE.A, ttlSeconds, 4)) return false;
    this.#position = this.#octets.writeUInt32BE(address, this.#position);
    return this.#end();
  }

  /** @param at  word index of the address: four words */
  writeAaaa(words: Uint32Array, at: number, ttlSeconds: number): boolean {
    if (!this.#writeHead(TYPE.AAAA, ttlSeconds, 16)) return false;
    for (let index = 0; index < 4; index++) {
      this.#position = this.#octets.writeUInt32BE(words[at + index]!, this.#position);
    }
    return this.#end();
  }

  /**
   * An SRV record; the target is not compressed (RFC 2782).
   *
   * @param target  wire form: whole, or relative to the zone
   */
  writeSrv({ weight, port, target, isRelative }: ServiceRecord, ttlSeconds: number): boolean {
    const size = SRV_FIXED_SIZE + target.length + (isRelative ? this.zoneName.length : 0);
    if (!this.#writeHead(TYPE.SRV, ttlSeconds, size)) return false;
    const octets = this.#octets;
    octets.writeUInt32BE(weight, this.#position);
    octets.writeUInt16BE(port, this.#position + 4);
    octets.set(target, this.#position + SRV_FIXED_SIZE);
    if (isRelative) octets.set(this.zoneName, this.#position + SRV_FIXED_SIZE + target.length);
    this.#position += size;
    return this.#end();
  }

  /** A CNAME record. @param target  wire form with root label */
  writeAlias(target: Uint8Array, ttlSeconds: number): boolean {
    if (!this.#writeHead(TYPE.CNAME, ttlSeconds, target.length)) return false;
    this.#octets.set(target, this.#position);
    this.#position += target.length;
    return this.#end();
  }

  /**
   * A record whose data is a name below another one that many have in common: NS and PTR.
   *
   * @param name  relative to `base`, without root label
   * @param base  wire form with root label; undefined: the zone
   */
  writeTarget(type: number, name: Uint8Array, base: Uint8Array | undefined, ttlSeconds: number): boolean {
    const baseAt = base === undefined ? HEADER_SIZE : this.#targetBaseAt;
    const size = name.length + (baseAt === 0 ? base!.length : POINTER_SIZE);
    if (!this.#writeHead(type, ttlSeconds, size)) return false;
    const octets = this.#octets;
    const start = this.#position;
    if (baseAt === 0) {
      octets.set(name, start);
      octets.set(base!, start + name.length);
      this.#targetBaseAt = start + name.length;
      this.#position = start + size;
    } else {
      this.#position = this.#targets.write(octets, start, name, name.length, baseAt);
    }
    octets.writeUInt16BE(this.#position - start, start - 2);
    return this.#end();
  }

  /** The zone's SOA record. @param names  of server and mailbox, relative to the zone */
  writeSoa(names: readonly [Uint8Array, Uint8Array], serial: number, ttlSeconds: number, minimum: number): boolean {
    this.setOwner(this.#owner, 0);
    const size = names[0].length + names[1].length + 2 * POINTER_SIZE + 5 * 4;
    if (!this.#writeHead(TYPE.SOA, ttlSeconds, size)) return false;
    const octets = this.#octets;
    let at = this.#position;
    for (const name of names) {
      octets.set(name, at);
      at = octets.writeUInt16BE(0xc000 | HEADER_SIZE, at + name.length);
    }
    for (const number of [serial, SOA_REFRESH_SECONDS, SOA_RETRY_SECONDS, SOA_EXPIRE_SECONDS, minimum]) {
      at = octets.writeUInt32BE(number, at);
    }
    this.#position = at;
    return this.#end();
  }

  /**
   * A record whose rdata is written as it is.
   *
   * @returns whether it fits; one that is larger than a message is left out
   */
  writeRecord(type: number, ttlSeconds: number, rdata: Uint8Array): boolean {
    const isAlone = this.#records === 0;
    if (isAlone) this.#makeRoom(rdata.length);
    if (!this.#writeHead(type, ttlSeconds, rdata.length)) return isAlone;
    this.#octets.set(rdata, this.#position);
    this.#position += rdata.length;
    return this.#end();
  }

  get #view(): DataView {
    return new DataView(this.#octets.buffer, this.#octets.byteOffset, this.#octets.length);
  }

  /** Octets that what ends the message takes. */
  get #reservedSize(): number {
    const { opt, tsig } = this.#query;
    return (this.#isFirst ? opt.length : 0) + (tsig?.recordSize ?? 0);
  }

  /** For the first record of a message: let it be as large as it has to be. */
  #makeRoom(dataSize: number): void {
    const overhead = this.#ownerSize + POINTER_SIZE + RECORD_FIXED_SIZE + this.#reservedSize;
    const sizeMax = Math.min(LONE_MESSAGE_SIZE_MAX, this.#position + overhead + dataSize);
    if (sizeMax <= this.#octets.length) return;
    const framed = Buffer.alloc(LENGTH_SIZE + sizeMax);
    framed.set(this.#framed.subarray(0, LENGTH_SIZE + this.#position));
    this.#framed = framed;
    this.#octets = framed.subarray(LENGTH_SIZE);
  }

  /** Owner, TYPE, CLASS IN, TTL and RDLENGTH, if all of the record has room. */
  #writeHead(type: number, ttlSeconds: number, dataSize: number): boolean {
    const octets = this.#octets;
    const ownerSizeMax = this.#ownerAt === 0 ? this.#ownerSize + POINTER_SIZE : POINTER_SIZE;
    const end = this.#position + ownerSizeMax + RECORD_FIXED_SIZE + dataSize + this.#reservedSize;
    if (end > (this.#records === 0 ? this.#octets.length : MESSAGE_SIZE_MAX)) return false;
    let at = this.#position;
    if (this.#ownerAt === 0) {
      this.#ownerAt = at;
      at = this.#owners.write(octets, at, this.#owner, this.#ownerSize, HEADER_SIZE);
    } else {
      at = octets.writeUInt16BE(0xc000 | this.#ownerAt, at);
    }
    octets.writeUInt32BE(((type << 16) | 1) >>> 0, at);
    octets.writeUInt32BE(ttlSeconds, at + 4);
    octets.writeUInt16BE(dataSize, at + 8);
    this.#position = at + RECORD_FIXED_SIZE;
    return true;
  }

  #end(): true {
    this.#records++;
    return true;
  }
}
