/**
 * Makes a zone of the responses to AXFR or IXFR, record by record.
 *
 *   AXFR         SOA ─ records … ─ SOA                                                    (RFC 5936 §2.2)
 *   IXFR         SOA                                             nothing is newer         (RFC 1995 §4)
 *                SOA ─ records … ─ SOA                           as AXFR
 *                SOA ─ (old SOA ─ gone … ─ new SOA ─ come …) … ─ SOA
 *
 * What a primary sends is trusted only as far as it makes a zone: records outside of it are left out (ZoneBuilder), a
 * stream without end ends at RECORDS_MAX and OCTETS_MAX, and nothing of a transfer that is not complete is ever used.
 */
import { TYPE } from '../dns/iana.ts';
import { equalOctets, lowerCaseName } from '../dns/name.ts';
import { faultOfRdata } from '../dns/records/rdata-shape.ts';
import { type NewRecord, type Zone, ZoneBuilder } from '../zones/zone-data.ts';
import { type AskedQuestion, readAnswers } from './response-records.ts';
import { TransferFault } from './transfer-fault.ts';
import { isLater, readZoneTimes } from './zone-serial.ts';

/** Of one transfer: more than a server of this kind has room for. */
export const RECORDS_MAX = 4_000_000;
const OCTETS_MAX = 256 * 1024 * 1024;
/** Records between two pauses. */
const RECORDS_BEFORE_PAUSE = 64;

/** The zone as it is held, for differences to be applied to. */
export interface HeldZone {
  readonly serial: number;
  /** all its records, the SOA record too, in any order; may be called later */
  records(): Iterable<NewRecord>;
}

/** What a transfer led to; undefined: what is held is as new as what the primary has. */
export type Transferred = Zone | undefined;

const STATE = { FIRST: 0, SECOND: 1, WHOLE: 2, GONE: 3, COME: 4, DONE: 5 } as const;

export class ZoneReader {
  readonly #asked: AskedQuestion;
  readonly #held: HeldZone | undefined;
  readonly #limits: { readonly records: number; readonly octets: number };
  readonly #builder: ZoneBuilder;
  #state: number = STATE.FIRST;
  #recordCount = 0;
  #octetCount = 0;
  /** the SOA record that began it all */
  #soa: NewRecord | undefined;
  #serial = 0;
  /** of differences: the serial they have led to so far, and by record what becomes of it; null: it goes */
  #reached = 0;
  readonly #changes = new Map<string, NewRecord | null>();
  /** records that the first difference that names them takes away: the zone must have them */
  readonly #expected = new Set<string>();
  #isCurrent = false;

  /**
   * @param asked   with qtype AXFR or IXFR
   * @param held    of IXFR
   * @param limits  for tests
   */
  constructor(
    asked: AskedQuestion,
    held: HeldZone | undefined,
    limits: { readonly records: number; readonly octets: number } = { records: RECORDS_MAX, octets: OCTETS_MAX },
  ) {
    this.#asked = asked;
    this.#held = held;
    this.#limits = limits;
    this.#builder = new ZoneBuilder(asked.zone);
  }

  /** Whether no message is to follow. */
  get isComplete(): boolean {
    return this.#state === STATE.DONE;
  }

  /** Records taken so far. */
  get recordCount(): number {
    return this.#recordCount;
  }

  /**
   * Take a message, with pauses.
   *
   * @throws TransferFault, ZoneFault  the transfer is not worth going on with
   */
  *take(message: Uint8Array): Generator<void, void> {
    this.#octetCount += message.length;
    if (this.#octetCount > this.#limits.octets) throw new TransferFault(`more than ${this.#limits.octets} octets`);
    const before = this.#recordCount;
    for (const record of readAnswers(message, this.#asked)) {
      if (this.#state === STATE.DONE) throw new TransferFault('records behind the last one');
      if (++this.#recordCount > this.#limits.records)
        throw new TransferFault(`more than ${this.#limits.records} records`);
      this.#takeRecord(record);
      if (this.#recordCount % RECORDS_BEFORE_PAUSE === 0) yield;
    }
    if (this.#recordCount === before) throw new TransferFault('a message without records');
    // One SOA record, and no newer one: there is nothing to transfer.
    if (this.#state === STATE.SECOND && this.#held !== undefined && !isLater(this.#serial, this.#held.serial)) {
      this.#isCurrent = true;
      this.#state = STATE.DONE;
    }
  }

  /**
   * Make the zone, with pauses. Only when it is complete.
   *
   * @throws TransferFault, ZoneFault
   */
  *finish(): Generator<void, Transferred> {
    if (this.#isCurrent) return undefined;
    if (this.#state !== STATE.DONE) throw new TransferFault('the transfer ended before its last record');
    if (this.#changes.size > 0) yield* this.#applyChanges();
    this.#builder.add(this.#soa!);
    return yield* this.#builder.finish();
  }

  #takeRecord(record: NewRecord): void {
    const isSoa = record.type === TYPE.SOA;
    const serial = isSoa ? this.#serialOf(record) : 0;
    switch (this.#state) {
      case STATE.FIRST:
        if (!isSoa) throw new TransferFault('no SOA record at the beginning');
        this.#soa = keep(record);
        this.#serial = serial;
        this.#state = STATE.SECOND;
        return;
      case STATE.SECOND:
        if (isSoa && this.#held !== undefined && serial === this.#held.serial && serial !== this.#serial) {
          this.#reached = serial;
          this.#state = STATE.GONE;
        } else {
          this.#state = STATE.WHOLE;
          this.#takeWhole(record, isSoa, serial);
        }
        return;
      case STATE.WHOLE:
        this.#takeWhole(record, isSoa, serial);
        return;
      case STATE.GONE:
        if (isSoa) {
          if (!isLater(serial, this.#reached)) throw new TransferFault('a difference that leads nowhere');
          this.#reached = serial;
          this.#state = STATE.COME;
        } else this.#change(record, null);
        return;
      default:
        this.#takeCome(record, isSoa, serial);
    }
  }

  #takeWhole(record: NewRecord, isSoa: boolean, serial: number): void {
    if (!isSoa) {
      this.#builder.add(record);
      return;
    }
    if (serial !== this.#serial) throw new TransferFault('two SOA records of different serials');
    this.#state = STATE.DONE;
  }

  #takeCome(record: NewRecord, isSoa: boolean, serial: number): void {
    if (!isSoa) {
      this.#change(record, keep(record));
      return;
    }
    if (serial !== this.#reached) throw new TransferFault('differences that do not follow each other');
    this.#state = serial === this.#serial ? STATE.DONE : STATE.GONE;
  }

  #change(record: NewRecord, becomes: NewRecord | null): void {
    const key = keyOf(record);
    if (becomes === null && !this.#changes.has(key)) this.#expected.add(key);
    this.#changes.set(key, becomes);
  }

  *#applyChanges(): Generator<void, void> {
    let looked = 0;
    for (const record of this.#held!.records()) {
      if (++looked % RECORDS_BEFORE_PAUSE === 0) yield;
      if (record.type === TYPE.SOA) continue;
      const key = keyOf(record);
      this.#expected.delete(key);
      if (!this.#changes.has(key)) this.#builder.add(record);
    }
    if (this.#expected.size > 0) throw new TransferFault('differences that do not fit the zone that is held');
    for (const record of this.#changes.values()) {
      if (++looked % RECORDS_BEFORE_PAUSE === 0) yield;
      if (record !== null) this.#builder.add(record);
    }
  }

  #serialOf({ owner, type, rdata }: NewRecord): number {
    const fault = faultOfRdata(type, rdata);
    if (fault !== undefined) throw new TransferFault(`SOA record: ${fault}`);
    if (!equalOctets(lowerCaseName(owner.slice()), this.#asked.zone))
      throw new TransferFault('SOA record of another zone');
    return readZoneTimes(rdata).serial;
  }
}

/** A record whose data may lie in a message that goes. */
function keep(record: NewRecord): NewRecord {
  return { ...record, rdata: record.rdata.slice() };
}

/** Two records with the same key are the same, whatever their TTL. */
function keyOf({ owner, type, rdata }: NewRecord): string {
  const name = Buffer.from(lowerCaseName(owner.slice())).toString('latin1');
  return `${name}${type} ${Buffer.from(rdata.buffer, rdata.byteOffset, rdata.length).toString('latin1')}`;
}
