/** Whether the octets of rdata are what their type says: what is served of a zone is never looked at again. */
import { LABEL_SIZE_MAX, NAME_SIZE_MAX } from '../dns/name.ts';
import { CLASS, TYPE } from '../dns/iana.ts';

/** Octets before the names, the number of names, octets behind them; null: any number. */
type Shape = readonly [before: number, names: number, behind: number | null];

/** By type: those whose rdata has names, or a size that clients rely on. Names are not compressed. */
const SHAPES: ReadonlyMap<number, Shape> = new Map([
  [TYPE.A, [4, 0, 0]],
  [TYPE.NS, [0, 1, 0]],
  [3, [0, 1, 0]],
  [4, [0, 1, 0]],
  [TYPE.CNAME, [0, 1, 0]],
  [TYPE.SOA, [0, 2, 20]],
  [7, [0, 1, 0]],
  [8, [0, 1, 0]],
  [9, [0, 1, 0]],
  [TYPE.PTR, [0, 1, 0]],
  [14, [0, 2, 0]],
  [TYPE.MX, [2, 1, 0]],
  [17, [0, 2, 0]],
  [18, [2, 1, 0]],
  [21, [2, 1, 0]],
  [23, [0, 1, 0]],
  [26, [2, 2, 0]],
  [TYPE.AAAA, [16, 0, 0]],
  [TYPE.SRV, [6, 1, 0]],
  [36, [2, 1, 0]],
  [TYPE.DNAME, [0, 1, 0]],
  [TYPE.DS, [4, 0, null]],
  [TYPE.RRSIG, [18, 1, null]],
  [TYPE.NSEC, [0, 1, null]],
  [TYPE.SVCB, [2, 1, null]],
  [TYPE.HTTPS, [2, 1, null]],
]);

/** @returns what is wrong, undefined if nothing is */
export function faultOfRdata(type: number, rdata: Uint8Array): string | undefined {
  if (rdata.length > 0xffff) return 'data longer than 65535 octets';
  if (type === TYPE.TXT && !isTexts(rdata)) return 'data is no sequence of texts';
  const shape = SHAPES.get(type);
  if (shape === undefined) return undefined;
  const [before, names, behind] = shape;
  let at = before;
  for (let left = names; left > 0; left--) {
    at = endOfName(rdata, at);
    if (at < 0) return 'a name in the data is cut, compressed or too long';
  }
  const rest = rdata.length - at;
  if (rest < 0 || (behind !== null && rest !== behind)) return `data of ${rdata.length} octets`;
  return undefined;
}

/** Classes a record of a zone can have. */
export function isZoneClass(qclass: number): boolean {
  return qclass === CLASS.IN;
}

/** @returns the end of the uncompressed name that starts at `start`, -1 if there is none */
export function endOfName(octets: Uint8Array, start: number): number {
  let at = start;
  while (at < octets.length && at - start < NAME_SIZE_MAX) {
    const size = octets[at]!;
    if (size === 0) return at + 1;
    if (size > LABEL_SIZE_MAX) return -1;
    at += size + 1;
  }
  return -1;
}

function isTexts(rdata: Uint8Array): boolean {
  let at = 0;
  while (at < rdata.length) at += rdata[at]! + 1;
  return at === rdata.length && at > 0;
}
