/** Builds queries, sound and broken ones. */
import { CLASS, OPCODE, TYPE } from '../../src/dns/iana.ts';
import { nameToWire, parseName } from './names.ts';

export interface EdnsOfQuery {
  readonly udpSize?: number;
  readonly version?: number;
  readonly dnssecOk?: boolean;
  /** the 15 Z bits */
  readonly z?: number;
  readonly extendedRcode?: number;
  readonly options?: readonly { readonly code: number; readonly data: Uint8Array | readonly number[] }[];
}

export interface QuerySpec {
  /** presentation form, or labels' octets in wire form */
  readonly name: string | Uint8Array;
  readonly type: number;
  readonly class?: number;
  readonly id?: number;
  readonly opcode?: number;
  /** flag bits beside the opcode: QR 0x8000, AA 0x400, TC 0x200, RD 0x100, RA 0x80, Z 0x40, AD 0x20, CD 0x10 */
  readonly flags?: number;
  readonly edns?: EdnsOfQuery;
}

export const RD = 0x0100;

export function buildQuery(spec: QuerySpec): Uint8Array {
  const question = questionOctets(spec.name, spec.type, spec.class ?? CLASS.IN);
  const opt = spec.edns === undefined ? [] : optOctets(spec.edns);
  return Uint8Array.from([
    ...headerOctets({
      id: spec.id ?? 0x1234,
      flags: ((spec.opcode ?? OPCODE.QUERY) << 11) | (spec.flags ?? RD),
      counts: [1, 0, 0, opt.length === 0 ? 0 : 1],
    }),
    ...question,
    ...opt,
  ]);
}

/**
 * An IXFR query: in its authority section the SOA record of what the client has, under the question's name.
 *
 * @param names  octets of the record's two names: pointers to the question if not given
 */
export function buildIxfr(
  name: string,
  serial: number,
  names: readonly number[] = [...u16(0xc00c), ...u16(0xc00c)],
): Uint8Array {
  const rdata = [...names, ...u16(serial >>> 16), ...u16(serial & 0xffff), ...new Uint8Array(16)];
  return Uint8Array.from([
    ...headerOctets({ id: 0x1234, flags: 0, counts: [1, 0, 1, 0] }),
    ...questionOctets(name, TYPE.IXFR),
    ...[...u16(0xc00c), ...u16(TYPE.SOA), ...u16(CLASS.IN), 0, 0, 0, 0, ...u16(rdata.length), ...rdata],
  ]);
}

export function headerOctets(header: {
  readonly id: number;
  readonly flags: number;
  readonly counts: readonly [number, number, number, number];
}): number[] {
  return [header.id, header.flags, ...header.counts].flatMap(u16);
}

export function questionOctets(name: string | Uint8Array, type: number, questionClass: number = CLASS.IN): number[] {
  const wire = typeof name === 'string' ? nameToWire(parseName(name)) : name;
  return [...wire, ...u16(type), ...u16(questionClass)];
}

export function optOctets(edns: EdnsOfQuery): number[] {
  const options = (edns.options ?? []).flatMap(({ code, data }) => [...u16(code), ...u16(data.length), ...data]);
  const flags = (edns.dnssecOk === true ? 0x8000 : 0) | (edns.z ?? 0);
  return [
    0,
    ...u16(41),
    ...u16(edns.udpSize ?? 1232),
    edns.extendedRcode ?? 0,
    edns.version ?? 0,
    ...u16(flags),
    ...u16(options.length),
    ...options,
  ];
}

export function u16(value: number): [number, number] {
  return [value >> 8, value & 0xff];
}
