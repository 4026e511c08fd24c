/** What a record must not be to stand in a zone, wherever it comes from: a file that is checked, one that is loaded, a transfer. */
import { CLASS, TYPE } from '../iana.ts';
import { equalOctets, formatName, lowerCaseName } from '../name.ts';
import { faultOfRdata } from './rdata-shape.ts';
import { typeWord } from './record-words.ts';

/** The record as octets; names in its data are not compressed. */
export interface RecordOctets {
  /** absolute wire form, any letter case */
  readonly owner: Uint8Array;
  readonly type: number;
  readonly qclass: number;
  readonly rdata: Uint8Array;
}

/** Types that only questions and messages have (RFC 6895 §3.1). */
const META_TYPE_MIN = 128;
const META_TYPE_MAX = 255;

/**
 * @param origin  the zone's apex, absolute wire form, lower-cased
 * @returns what is wrong, undefined if nothing is
 */
export function faultOfZoneRecord(record: RecordOctets, origin: Uint8Array): string | undefined {
  const { owner, type, qclass, rdata } = record;
  if (qclass !== CLASS.IN) return `class ${qclass} of ${describeRecord(record)}: expected IN`;
  if (type === TYPE.SOA && !equalOctets(lowerCaseName(owner.slice()), origin)) {
    return `SOA owner ${formatName(owner)} does not match origin ${formatName(origin)}`;
  }
  if (type === TYPE.NSEC3 || type === TYPE.NSEC3PARAM) {
    return `NSEC3 zone is not supported: ${formatName(owner)} for zone ${formatName(origin)}; sign it with NSEC`;
  }
  if (type === 0 || type === TYPE.OPT || (type >= META_TYPE_MIN && type <= META_TYPE_MAX)) {
    return `${describeRecord(record)}: no zone has records of this type`;
  }
  const fault = faultOfRdata(type, rdata);
  return fault === undefined ? undefined : `${describeRecord(record)}: ${fault}`;
}

export function describeRecord({ owner, type }: Pick<RecordOctets, 'owner' | 'type'>): string {
  return `${formatName(owner)} ${typeWord(type) ?? `TYPE${type}`}`;
}
