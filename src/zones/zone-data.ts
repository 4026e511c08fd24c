/**
 * A zone in memory while it is on its way into the snapshot: all its records, checked and put in order by name and type.
 *
 *   zone file, transfer ──records──► ZoneBuilder ──finish──► Zone ──publish-zone.ts──► dataset of the snapshot
 *
 * It is built incrementally and keeps columns of numbers and one pool of octets, not an object a record: a hundred
 * thousand records are 10 MB for as long as they are loaded. Whoever made a zone lets go of it once it is published.
 */
import { TYPE } from '../dns/iana.ts';
import { compareOctets, equalOctets, formatName, isAbsoluteName, lowerCaseName } from '../dns/name.ts';
import { describeRecord, faultOfZoneRecord } from '../dns/records/zone-record-fault.ts';
import type { EntryContent } from '../snapshot/entry-content.ts';
import { ENTRY_FLAG } from '../snapshot/snapshot-layout.ts';
import { ZoneFault } from './zone-fault.ts';

/** One record on its way into a zone. */
export interface NewRecord {
  /** absolute wire form, any letter case; not changed, not kept */
  readonly owner: Uint8Array;
  readonly type: number;
  /** class */
  readonly qclass: number;
  readonly ttlSeconds: number;
  /** wire form; names in it are not compressed. Copied. */
  readonly rdata: Uint8Array;
}

/** A name of a zone with what the snapshot holds of it. */
export interface ZoneName {
  /** relative to the zone, lower-cased wire form without root label; empty: the apex */
  readonly key: Uint8Array;
  readonly content: EntryContent;
}

const RECORD_HEADER_SIZE = 6;
const NONE = -1;
const WARNINGS_MAX = 10;
/** Names looked at between two pauses of a generator. */
const NAMES_BEFORE_PAUSE = 256;
/** TTLs above are taken as 0 (RFC 2181 §8). */
const TTL_MAX = 0x7fff_ffff;
/** A name has one record of these at most (RFC 2181 §10.1, RFC 6672 §2.4). */
const SINGLE_TYPES: ReadonlySet<number> = new Set([TYPE.CNAME, TYPE.DNAME]);
/** What may stand beside a CNAME record (RFC 4034 §2.5). */
const BESIDE_ALIAS: ReadonlySet<number> = new Set([TYPE.RRSIG, TYPE.NSEC, 25]);
/**
 * Of one name: more fit into no response, whatever is asked, and a name is written at once. Four thousand addresses are all
 * that one message holds.
 */
const NAME_RECORDS_MAX = 16_384;
const NAME_DATA_SIZE_MAX = 4 * 1024 * 1024;
const ASTERISK = '\u0001*';

export class ZoneBuilder {
  /** absolute wire form, lower-cased */
  readonly origin: Uint8Array;
  /** index of each name by its key, an octet a character; those without records are found when the zone is complete */
  readonly #names = new Map<string, number>([['', 0]]);
  /** by name: its first and its last record */
  readonly #firsts = [NONE];
  readonly #lasts = [NONE];
  #types = new Uint16Array(1024);
  #ttls = new Uint32Array(1024);
  #dataAt = new Uint32Array(1024);
  #dataSizes = new Uint16Array(1024);
  /** the next record of the same name */
  #next = new Int32Array(1024);
  #recordCount = 0;
  #pool = new Uint8Array(32 * 1024);
  #poolSize = 0;
  #outsideCount = 0;
  readonly #warnings: string[] = [];
  #hasSoa = false;

  /** @param origin  the zone's apex, absolute wire form */
  constructor(origin: Uint8Array) {
    this.origin = lowerCaseName(origin.slice());
  }

  /** Records taken so far, duplicates among them. */
  get recordCount(): number {
    return this.#recordCount;
  }

  /** Octets taken for rdata so far. */
  get dataSize(): number {
    return this.#poolSize;
  }

  /**
   * Take a record. One that lies outside of the zone is left out (`Zone.warnings` says so).
   *
   * @throws ZoneFault  a SOA record of another name, a class other than IN, NSEC3 (as CoreDNS: a zone that is denied by
   *                    hashes is not served), rdata that is not what its type says
   */
  add(record: NewRecord): void {
    const { owner, type } = record;
    const key = this.#keyOf(owner);
    const fault = faultOfZoneRecord(record, this.origin);
    if (fault !== undefined) throw new ZoneFault(fault);
    if (key === undefined) {
      this.#outsideCount++;
      this.#warn(`${describeRecord(record)} lies outside of the zone: left out`);
      return;
    }
    if (type === TYPE.SOA) this.#hasSoa = true;
    this.#append(this.#nameOf(key), record);
  }

  /**
   * Complete the zone. The builder is not to be used after that.
   *
   * A generator that yields often, so that the event loop can have its turns (TurnSlice.run steps through it).
   *
   * @throws ZoneFault  there is no SOA record, or a name has more records than can be served
   */
  *finish(): Generator<void, Zone> {
    if (!this.#hasSoa) throw new ZoneFault(`no SOA record for origin ${formatName(this.origin)}`);
    const aboveWildcards = yield* this.#findParents();
    const flags = yield* this.#findFlags(aboveWildcards);
    return new Zone({
      origin: this.origin,
      names: this.#names,
      flags,
      firsts: this.#firsts,
      next: this.#next,
      types: this.#types,
      ttls: this.#ttls,
      dataAt: this.#dataAt,
      dataSizes: this.#dataSizes,
      pool: this.#pool,
      recordCount: this.#recordCount,
      warnings: this.#warnings,
      outsideCount: this.#outsideCount,
    });
  }

  /** @returns the key an octet a character; undefined if the name is not in the zone */
  #keyOf(owner: Uint8Array): string | undefined {
    if (!isAbsoluteName(owner)) throw new ZoneFault('an owner name is no domain name');
    const { origin } = this;
    const size = owner.length - origin.length;
    if (size < 0) return undefined;
    const lower = lowerCaseName(owner.slice());
    if (!equalOctets(lower.subarray(size), origin)) return undefined;
    // The octets before may end in the middle of a label.
    let at = 0;
    while (at < size) at += lower[at]! + 1;
    return at === size ? Buffer.from(lower.buffer, 0, size).toString('latin1') : undefined;
  }

  #nameOf(key: string): number {
    let name = this.#names.get(key);
    if (name === undefined) {
      name = this.#firsts.push(NONE) - 1;
      this.#lasts.push(NONE);
      this.#names.set(key, name);
    }
    return name;
  }

  #append(name: number, { type, ttlSeconds, rdata }: NewRecord): void {
    if (this.#recordCount === this.#types.length) this.#growColumns();
    if (this.#poolSize + rdata.length > this.#pool.length) {
      this.#pool = grown(this.#pool, new Uint8Array(this.#pool.length * 2 + rdata.length));
    }
    const record = this.#recordCount++;
    this.#types[record] = type;
    this.#ttls[record] = ttlSeconds > TTL_MAX ? 0 : ttlSeconds;
    this.#dataAt[record] = this.#poolSize;
    this.#dataSizes[record] = rdata.length;
    this.#next[record] = NONE;
    this.#pool.set(rdata, this.#poolSize);
    this.#poolSize += rdata.length;
    const last = this.#lasts[name]!;
    if (last === NONE) this.#firsts[name] = record;
    else this.#next[last] = record;
    this.#lasts[name] = record;
  }

  #growColumns(): void {
    const size = this.#types.length * 2;
    this.#types = grown(this.#types, new Uint16Array(size));
    this.#ttls = grown(this.#ttls, new Uint32Array(size));
    this.#dataAt = grown(this.#dataAt, new Uint32Array(size));
    this.#dataSizes = grown(this.#dataSizes, new Uint16Array(size));
    this.#next = grown(this.#next, new Int32Array(size));
  }

  /** Make a name of each empty non-terminal. @returns the names that have the label `*` directly below */
  *#findParents(): Generator<void, Set<string>> {
    const aboveWildcards = new Set<string>();
    let looked = 0;
    // Names that are made on the way are looked at too: what is above them is there by then.
    for (const name of this.#names.keys()) {
      if (looked++ % NAMES_BEFORE_PAUSE === 0) yield;
      let key = name;
      while (key !== '') {
        const parent = parentOf(key);
        if (key.startsWith(ASTERISK)) aboveWildcards.add(parent);
        const isKnown = this.#names.has(parent);
        if (!isKnown) this.#nameOf(parent);
        if (isKnown) break;
        key = parent;
      }
    }
    return aboveWildcards;
  }

  *#findFlags(aboveWildcards: ReadonlySet<string>): Generator<void, Uint16Array> {
    const flags = new Uint16Array(this.#names.size);
    for (const key of aboveWildcards) flags[this.#names.get(key)!]! |= ENTRY_FLAG.WILDCARD;
    let looked = 0;
    let hasCuts = false;
    for (const [key, name] of this.#names) {
      if (looked++ % NAMES_BEFORE_PAUSE === 0) yield;
      let aliases = 0;
      let others = 0;
      let count = 0;
      let dataSize = 0;
      for (let record = this.#firsts[name]!; record !== NONE; record = this.#next[record]!) {
        const type = this.#types[record]!;
        dataSize += this.#dataSizes[record]!;
        if (++count > NAME_RECORDS_MAX || dataSize > NAME_DATA_SIZE_MAX) throw this.#tooLarge(key);
        if (type === TYPE.CNAME) aliases++;
        else if (!BESIDE_ALIAS.has(type)) others++;
        if (type === TYPE.DNAME) flags[name]! |= ENTRY_FLAG.DNAME;
        else if (type === TYPE.NS && key !== '') flags[name]! |= ENTRY_FLAG.CUT;
      }
      if (aliases > 0 && aliases + others > 1) {
        this.#warn(`${this.#ownerOf(key)} has a CNAME record and others: the first CNAME is answered`);
      }
      if ((flags[name]! & (ENTRY_FLAG.CUT | ENTRY_FLAG.DNAME)) !== 0) hasCuts = true;
    }
    if (hasCuts) yield* this.#findOccluded(flags);
    return flags;
  }

  *#findOccluded(flags: Uint16Array): Generator<void, void> {
    let looked = 0;
    for (const [key, name] of this.#names) {
      if (looked++ % NAMES_BEFORE_PAUSE === 0) yield;
      for (let above = key; above !== '';) {
        above = parentOf(above);
        if ((flags[this.#names.get(above)!]! & (ENTRY_FLAG.CUT | ENTRY_FLAG.DNAME)) === 0) continue;
        flags[name]! |= ENTRY_FLAG.OCCLUDED;
        break;
      }
    }
  }

  #ownerOf(key: string): string {
    return formatName(Buffer.concat([octetsOf(key), this.origin]));
  }

  #tooLarge(key: string): ZoneFault {
    return new ZoneFault(
      `${this.#ownerOf(key)} has more than ${NAME_RECORDS_MAX} records, or ${NAME_DATA_SIZE_MAX} octets of data`,
    );
  }

  #warn(text: string): void {
    if (this.#warnings.length < WARNINGS_MAX) this.#warnings.push(text);
  }
}

interface ZoneColumns {
  readonly origin: Uint8Array;
  readonly names: ReadonlyMap<string, number>;
  /** ENTRY_FLAG bits by name */
  readonly flags: Uint16Array;
  readonly firsts: readonly number[];
  readonly next: Int32Array;
  readonly types: Uint16Array;
  readonly ttls: Uint32Array;
  readonly dataAt: Uint32Array;
  readonly dataSizes: Uint16Array;
  readonly pool: Uint8Array;
  readonly recordCount: number;
  readonly warnings: readonly string[];
  readonly outsideCount: number;
}

/** A complete zone: it has a SOA record, and a name for each empty non-terminal. Made by ZoneBuilder. */
export class Zone {
  /** absolute wire form, lower-cased */
  readonly origin: Uint8Array;
  /** what is odd about it, but served; the first few */
  readonly warnings: readonly string[];
  /** records that were left out because they lie outside */
  readonly outsideCount: number;
  /** the SOA record's data, wire form */
  readonly soa: Uint8Array;
  readonly #columns: ZoneColumns;

  constructor(columns: ZoneColumns) {
    this.#columns = columns;
    this.origin = columns.origin;
    this.warnings = columns.warnings;
    this.outsideCount = columns.outsideCount;
    this.soa = this.#soaData();
  }

  /** SOA serial. */
  get serial(): number {
    return new DataView(this.soa.buffer, this.soa.byteOffset, this.soa.length).getUint32(this.soa.length - 20);
  }

  get recordCount(): number {
    return this.#columns.recordCount;
  }

  /** Names, empty non-terminals included. */
  get nameCount(): number {
    return this.#columns.names.size;
  }

  hasName(key: Uint8Array): boolean {
    return this.#columns.names.has(Buffer.from(key).toString('latin1'));
  }

  /** All names with their records, in no order. */
  *names(): Generator<ZoneName, void> {
    for (const [key, name] of this.#columns.names) yield { key: octetsOf(key), content: this.#contentOf(name) };
  }

  /** The names that have NSEC records, in canonical order (RFC 4034 §6.1); none if the zone is not signed that way. */
  *signedNames(): Generator<void, Uint8Array[]> {
    const { names, firsts, next, types } = this.#columns;
    const found: Uint8Array[] = [];
    let looked = 0;
    for (const [key, name] of names) {
      if (looked++ % NAMES_BEFORE_PAUSE === 0) yield;
      let record = firsts[name]!;
      while (record !== NONE && types[record] !== TYPE.NSEC) record = next[record]!;
      if (record !== NONE) found.push(octetsOf(key));
    }
    return yield* sortNames(found);
  }

  #soaData(): Uint8Array {
    const { firsts, next, types } = this.#columns;
    let soa = NONE;
    for (let record = firsts[0]!; record !== NONE; record = next[record]!) if (types[record] === TYPE.SOA) soa = record;
    return this.#dataOf(soa);
  }

  #dataOf(record: number): Uint8Array {
    const { dataAt, dataSizes, pool } = this.#columns;
    return pool.subarray(dataAt[record]!, dataAt[record]! + dataSizes[record]!);
  }

  #contentOf(name: number): EntryContent {
    const { firsts, next, types, flags } = this.#columns;
    if (firsts[name] === NONE) return { kind: 'ent', flags: flags[name]! };
    const byType = new Map<number, number[]>();
    for (let record = firsts[name]!; record !== NONE; record = next[record]!) {
      const type = types[record]!;
      const records = byType.get(type);
      if (records === undefined) byType.set(type, [record]);
      // The last SOA record counts, and the first of others that there can be but one of.
      else if (type === TYPE.SOA) records[0] = record;
      else if (!SINGLE_TYPES.has(type)) records.push(record);
    }
    const rrsets = [...byType]
      .sort(([a], [b]) => a - b)
      .map(([type, records]) => this.#rrsetOf(type, this.#distinct(records)));
    return { kind: 'rrsets', rrsets, flags: flags[name]! };
  }

  /** RFC 2181 §5 */
  #distinct(records: readonly number[]): readonly number[] {
    if (records.length < 2) return records;
    const seen = new Set<string>();
    return records.filter((record) => {
      const data = this.#dataOf(record);
      const text = Buffer.from(data.buffer, data.byteOffset, data.length).toString('latin1');
      if (seen.has(text)) return false;
      seen.add(text);
      return true;
    });
  }

  /** All records of a set have one TTL, the smallest (RFC 2181 §5.2); signatures cover different sets. */
  #rrsetOf(type: number, records: readonly number[]): { type: number; count: number; records: Uint8Array } {
    const { ttls } = this.#columns;
    const shared = type === TYPE.RRSIG ? undefined : Math.min(...records.map((record) => ttls[record]!));
    let size = 0;
    for (const record of records) size += RECORD_HEADER_SIZE + this.#columns.dataSizes[record]!;
    const octets = new Uint8Array(size);
    const view = new DataView(octets.buffer);
    let at = 0;
    for (const record of records) {
      const data = this.#dataOf(record);
      view.setUint32(at, shared ?? ttls[record]!);
      view.setUint16(at + 4, data.length);
      octets.set(data, at + RECORD_HEADER_SIZE);
      at += RECORD_HEADER_SIZE + data.length;
    }
    return { type, count: records.length, records: octets };
  }
}

/** Merge sort from the bottom up, so that it can pause anywhere. */
function* sortNames(names: Uint8Array[]): Generator<void, Uint8Array[]> {
  let from = names;
  for (let width = 1; width < names.length; width *= 2) {
    const to: Uint8Array[] = [];
    for (let start = 0; start < from.length; start += 2 * width) {
      const middle = Math.min(start + width, from.length);
      const end = Math.min(middle + width, from.length);
      let left = start;
      let right = middle;
      while (to.length < end) {
        const isLeft = left < middle && (right === end || compareNames(from[left]!, from[right]!) <= 0);
        to.push(isLeft ? from[left++]! : from[right++]!);
        if (to.length % NAMES_BEFORE_PAUSE === 0) yield;
      }
    }
    from = to;
  }
  return from;
}

/** Canonical order of relative names (RFC 4034 §6.1): by label from the right, a name before what is below it. */
export function compareNames(a: Uint8Array, b: Uint8Array): number {
  const startsA = startsOf(a);
  const startsB = startsOf(b);
  const common = Math.min(startsA.length, startsB.length);
  for (let index = 1; index <= common; index++) {
    const atA = startsA.at(-index)!;
    const atB = startsB.at(-index)!;
    const difference = compareOctets(a.subarray(atA + 1, atA + 1 + a[atA]!), b.subarray(atB + 1, atB + 1 + b[atB]!));
    if (difference !== 0) return difference;
  }
  return startsA.length - startsB.length;
}

function startsOf(name: Uint8Array): number[] {
  const starts: number[] = [];
  for (let at = 0; at < name.length && name[at] !== 0; at += name[at]! + 1) starts.push(at);
  return starts;
}

function parentOf(key: string): string {
  return key.slice(key.charCodeAt(0) + 1);
}

function octetsOf(key: string): Uint8Array {
  return Uint8Array.from(Buffer.from(key, 'latin1'));
}

function grown<Column extends { set(from: Column): void }>(from: Column, to: Column): Column {
  to.set(from);
  return to;
}
