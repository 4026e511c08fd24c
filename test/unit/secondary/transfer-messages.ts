/** Messages of primaries, written by hand: names are not compressed but where a test says so. */
import { parseName } from '../../../src/dns/name.ts';
import type { NewRecord, Zone } from '../../../src/zones/zone-data.ts';
import { HEADER_SIZE } from '../../../src/dns/wire-header.ts';

export const ZONE = parseName('example.org.')!;
export const ID = 0x1234;
export const [A, NS, SOA, TXT, IXFR, AXFR] = [1, 2, 6, 16, 251, 252] as const;

export interface MessageSpec {
  readonly id?: number;
  readonly flags?: number;
  /** question: none, or of this type and name */
  readonly question?: { readonly qtype: number; readonly name?: Uint8Array } | undefined;
  readonly answerCount?: number;
}

export function messageOf(records: readonly Uint8Array[], spec: MessageSpec = {}): Buffer {
  const head = Buffer.alloc(HEADER_SIZE);
  head.writeUInt16BE(spec.id ?? ID, 0);
  head.writeUInt16BE(spec.flags ?? 0x8400, 2);
  const parts: Uint8Array[] = [head];
  if (spec.question !== undefined) {
    head.writeUInt16BE(1, 4);
    parts.push(spec.question.name ?? ZONE, Buffer.of(spec.question.qtype >> 8, spec.question.qtype & 255, 0, 1));
  }
  head.writeUInt16BE(spec.answerCount ?? records.length, 6);
  return Buffer.concat([...parts, ...records]);
}

export function recordOf(owner: string | Uint8Array, type: number, rdata: Uint8Array, ttl = 300, qclass = 1): Buffer {
  const fixed = Buffer.alloc(10);
  fixed.writeUInt16BE(type, 0);
  fixed.writeUInt16BE(qclass, 2);
  fixed.writeUInt32BE(ttl, 4);
  fixed.writeUInt16BE(rdata.length, 8);
  return Buffer.concat([typeof owner === 'string' ? parseName(owner)! : owner, fixed, rdata]);
}

export function soaOf(serial: number, owner: string = 'example.org.'): Buffer {
  const numbers = Buffer.alloc(20);
  for (const [index, number] of [serial, 7200, 900, 86_400, 60].entries()) numbers.writeUInt32BE(number, 4 * index);
  const names = [parseName('ns1.example.org.')!, parseName('host.example.org.')!];
  return recordOf(owner, SOA, Buffer.concat([...names, numbers]));
}

export function addressOf(owner: string, last: number, ttl = 300): Buffer {
  return recordOf(owner, A, Buffer.of(192, 0, 2, last), ttl);
}

/** The records of a zone as texts: `owner type ttl rdata`, in order. */
export function textsOf(zone: Zone): string[] {
  const texts: string[] = [];
  for (const { key, content } of zone.names()) {
    if (content.kind !== 'rrsets') continue;
    for (const { type, records } of content.rrsets) {
      const octets = Buffer.from(records);
      for (let at = 0; at < octets.length;) {
        const end = at + 6 + octets.readUInt16BE(at + 4);
        const data = type === SOA ? String(octets.readUInt32BE(end - 20)) : octets.subarray(at + 6, end).join('.');
        texts.push(`${labelsOf(key)} ${type} ${octets.readUInt32BE(at)} ${data}`);
        at = end;
      }
    }
  }
  return texts.sort();
}

function labelsOf(key: Uint8Array): string {
  const labels: string[] = [];
  for (let at = 0; at < key.length; at += key[at]! + 1) {
    labels.push(Buffer.from(key.subarray(at + 1, at + 1 + key[at]!)).toString('latin1'));
  }
  return labels.length === 0 ? '@' : labels.join('.');
}

/** Records of a zone as it is held. */
export function heldRecord(owner: string, type: number, rdata: Uint8Array, ttlSeconds = 300): NewRecord {
  return { owner: parseName(owner)!, type, qclass: 1, ttlSeconds, rdata };
}

export function finish<Result>(steps: Generator<void, Result>): Result {
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
  }
}
