/**
 * Octets in, header, sections and OPT out: what every packet is owed (wire-and-rfc.md sections 1 – 6, 11, 13, 16 and
 * RFC 8906's list), for own zones over UDP; `overStream` is what differs over TCP.
 */
import { CLASS, EDE, EDNS_OPTION, OPCODE, TYPE } from '../../src/dns/iana.ts';
import { DEFAULT_RECORD_OPTIONS, type RecordOptions } from '../../src/records/record-options.ts';
import type { RawObject } from '../oracle/kubernetes-objects.ts';
import { nameToWire, parseName } from '../wire/names.ts';
import { buildQuery, headerOctets, optOctets, questionOctets, RD, u16, type EdnsOfQuery } from '../wire/query.ts';
import { clusterIp, externalName, headless, namespace, slice } from './objects.ts';

export const WIRE_OPTIONS: RecordOptions = DEFAULT_RECORD_OPTIONS;

const many = (prefix: string, count: number) =>
  Array.from({ length: count }, (_, i) => `${prefix}.${i >> 8}.${i & 255}`);

export const WIRE_OBJECTS: readonly RawObject[] = [
  namespace('default'),
  clusterIp('default/web', '10.96.0.5 fd00::5', 'http:80/TCP'),
  externalName('default/loop', 'loop.default.svc.cluster.local'),
  headless('default/many', 'x:1/TCP'),
  slice('default/many-1', 'many', 'x:1/TCP', many('10.1', 200)),
  headless('default/seven', 'x:1/TCP'),
  slice('default/seven-1', 'seven', 'x:1/TCP', many('10.2', 7)),
  headless('default/crowd', 'x:1/TCP'),
  slice('default/crowd-1', 'crowd', 'x:1/TCP', many('10.3', 60)),
];

/** Only what is given is compared; every response must be well-formed, echo id, opcode and RD, and keep Z and AD at 0. */
export interface WireExpectation {
  readonly rcode: number | readonly number[];
  readonly aa?: boolean;
  readonly tc?: boolean;
  readonly cd?: boolean;
  /** the question as the client wrote it, octet for octet */
  readonly isQuestionEchoed?: boolean;
  readonly answerCount?: number | readonly [min: number, max: number];
  readonly additionalCount?: number | readonly [min: number, max: number];
  readonly authorityTypes?: readonly number[];
  /** largest response, octets; default 512 without OPT, else min(max(512, size of the query's OPT), 1232) */
  readonly sizeMax?: number;
  readonly opt?: 'none' | { readonly dnssecOk?: boolean; readonly options?: readonly number[]; readonly ede?: number };
  /** size of the COOKIE option's data; it starts with the client's cookie */
  readonly cookieSize?: number;
}

export interface WireCase {
  readonly name: string;
  readonly query: Uint8Array;
  /** undefined: no response */
  readonly expect: WireExpectation | undefined;
  /** what is different over a stream, where all fits */
  readonly overStream?: Partial<WireExpectation>;
}

const WEB = 'web.default.svc.cluster.local';
const [NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED, NOTAUTH, BADVERS, BADCOOKIE] = [
  0, 1, 2, 3, 4, 5, 9, 16, 23,
];

const web = (more: { flags?: number; opcode?: number; class?: number; edns?: EdnsOfQuery; type?: number } = {}) =>
  buildQuery({ name: WEB, type: TYPE.A, ...more });

/** A message of raw parts: `counts` of question, answer, authority, additional. */
function raw(
  counts: readonly [number, number, number, number],
  body: readonly number[],
  flags: number = RD,
): Uint8Array {
  return Uint8Array.from([...headerOctets({ id: 0x1234, flags, counts }), ...body]);
}

function record(owner: string, type: number, rdata: readonly number[], recordClass: number = CLASS.IN): number[] {
  return [
    ...nameToWire(parseName(owner)),
    ...u16(type),
    ...u16(recordClass),
    0,
    0,
    0,
    0,
    ...u16(rdata.length),
    ...rdata,
  ];
}

const QUESTION = questionOctets(WEB, TYPE.A);
const A_RECORD = record(WEB, TYPE.A, [192, 0, 2, 1]);
const SOA_RECORD = record('cluster.local', TYPE.SOA, [0, 0, ...Array.from({ length: 20 }, () => 0)]);
const TSIG_RECORD = record(
  'key.example',
  TYPE.TSIG,
  Array.from({ length: 30 }, () => 0),
  CLASS.ANY,
);
const FORMERR_BARE: WireExpectation = {
  rcode: FORMERR,
  aa: false,
  answerCount: 0,
  authorityTypes: [],
  additionalCount: 0,
};
const GOOD: WireExpectation = { rcode: NOERROR, aa: true, tc: false, answerCount: 1, isQuestionEchoed: true };
const REFUSED_BARE: WireExpectation = { rcode: REFUSED, aa: false, answerCount: 0, authorityTypes: [] };

const labelsOf = (...sizes: number[]) => [
  ...sizes.flatMap((size) => [size, ...Array.from({ length: size }, () => 0x78)]),
  0,
];
const ZONE_WIRE = [...nameToWire(parseName('cluster.local'))];
const cookie = (size: number) => ({
  code: EDNS_OPTION.COOKIE,
  data: Uint8Array.from({ length: size }, (_, i) => i + 1),
});

const IGNORED: readonly WireCase[] = [
  { name: 'nothing at all', query: new Uint8Array(0), expect: undefined },
  { name: 'one octet', query: new Uint8Array(1), expect: undefined },
  { name: 'eleven octets', query: web().slice(0, 11), expect: undefined },
  { name: 'a response', query: web({ flags: RD | 0x8000 }), expect: undefined },
  { name: 'a response without question', query: raw([0, 0, 0, 0], [], 0x8000), expect: undefined },
  { name: 'a response with garbage behind it', query: raw([1, 2, 3, 4], [1, 2, 3], 0x8400), expect: undefined },
  { name: 'a response with another opcode', query: web({ flags: 0x8000, opcode: 4 }), expect: undefined },
  { name: 'a truncated response', query: web({ flags: 0x8200 }).slice(0, 20), expect: undefined },
];

const MALFORMED: readonly WireCase[] = [
  { name: 'a header alone, one question promised', query: raw([1, 0, 0, 0], []), expect: FORMERR_BARE },
  { name: 'no question', query: raw([0, 0, 0, 0], []), expect: FORMERR_BARE },
  { name: 'no question, EDNS without cookie', query: raw([0, 0, 0, 1], optOctets({})), expect: { rcode: FORMERR } },
  { name: 'two questions', query: raw([2, 0, 0, 0], [...QUESTION, ...QUESTION]), expect: FORMERR_BARE },
  { name: 'two questions promised, one there', query: raw([2, 0, 0, 0], QUESTION), expect: FORMERR_BARE },
  { name: '65535 questions', query: raw([65_535, 0, 0, 0], QUESTION), expect: FORMERR_BARE },
  { name: 'a question without class', query: web().slice(0, -2), expect: FORMERR_BARE },
  { name: 'a question without type', query: web().slice(0, -4), expect: FORMERR_BARE },
  { name: 'a name without end', query: web().slice(0, -5), expect: FORMERR_BARE },
  { name: 'a label longer than the message', query: raw([1, 0, 0, 0], [63, 0x61, 0x62]), expect: FORMERR_BARE },
  { name: 'label type 0x40', query: raw([1, 0, 0, 0], [0x41, 0x61, 0, 0, 1, 0, 1]), expect: FORMERR_BARE },
  { name: 'label type 0x80', query: raw([1, 0, 0, 0], [0x81, 0x61, 0, 0, 1, 0, 1]), expect: FORMERR_BARE },
  { name: 'a pointer to itself', query: raw([1, 0, 0, 0], [0xc0, 12, 0, 1, 0, 1]), expect: FORMERR_BARE },
  {
    name: 'a pointer to the label before it',
    query: raw([1, 0, 0, 0], [1, 0x61, 0xc0, 12, 0, 1, 0, 1]),
    expect: FORMERR_BARE,
  },
  { name: 'a pointer forward', query: raw([1, 0, 0, 0], [0xc0, 18, 0, 1, 0, 1, 0]), expect: FORMERR_BARE },
  { name: 'half a pointer', query: raw([1, 0, 0, 0], [0xc0]), expect: FORMERR_BARE },
  { name: 'a pointer past the end', query: raw([1, 0, 0, 0], [0xff, 0xff, 0, 1, 0, 1]), expect: FORMERR_BARE },
  {
    name: 'a name of 256 octets',
    query: raw([1, 0, 0, 0], [...labelsOf(63, 63, 63, 62), 0, 1, 0, 1]),
    expect: FORMERR_BARE,
  },
  {
    name: 'a name of 300 octets',
    query: raw([1, 0, 0, 0], [...labelsOf(63, 63, 63, 63, 42), 0, 1, 0, 1]),
    expect: FORMERR_BARE,
  },
  {
    name: 'a name of 256 octets in the zone',
    query: raw([1, 0, 0, 0], [...labelsOf(63, 63, 63, 48).slice(0, -1), ...ZONE_WIRE, 0, 1, 0, 1]),
    expect: FORMERR_BARE,
  },
  {
    name: 'one octet behind the message',
    query: Uint8Array.from([...web(), 0]),
    expect: { rcode: FORMERR, answerCount: 0 },
  },
  {
    name: 'garbage behind the message',
    query: Uint8Array.from([...web(), ...A_RECORD]),
    expect: { rcode: FORMERR, answerCount: 0 },
  },
  {
    name: 'an octet behind OPT',
    query: Uint8Array.from([...web({ edns: {} }), 7]),
    expect: { rcode: FORMERR, answerCount: 0 },
  },
  {
    name: 'two answers in a query',
    query: raw([1, 2, 0, 0], [...QUESTION, ...A_RECORD, ...A_RECORD]),
    expect: { rcode: FORMERR, answerCount: 0 },
  },
  {
    name: 'an answer in a query',
    query: raw([1, 1, 0, 0], [...QUESTION, ...A_RECORD]),
    expect: { rcode: [NOERROR, FORMERR] },
  },
  {
    name: 'two authority records in a query',
    query: raw([1, 0, 2, 0], [...QUESTION, ...SOA_RECORD, ...SOA_RECORD]),
    expect: { rcode: FORMERR, answerCount: 0 },
  },
  {
    name: 'three additional records',
    query: raw([1, 0, 0, 3], [...QUESTION, ...A_RECORD, ...A_RECORD, ...optOctets({})]),
    expect: { rcode: FORMERR, answerCount: 0 },
  },
  {
    name: 'an additional record promised',
    query: raw([1, 0, 0, 1], QUESTION),
    expect: { rcode: FORMERR, answerCount: 0 },
  },
  {
    name: '65535 additional records promised',
    query: raw([1, 0, 0, 65_535], QUESTION),
    expect: { rcode: FORMERR, answerCount: 0 },
  },
  { name: 'half an OPT', query: web({ edns: {} }).slice(0, -3), expect: { rcode: FORMERR, answerCount: 0 } },
  {
    name: 'an option longer than its OPT',
    query: raw([1, 0, 0, 1], [...QUESTION, 0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 4, 0, 10, 0, 9]),
    expect: { rcode: FORMERR, answerCount: 0 },
  },
  {
    name: 'half an option',
    query: raw([1, 0, 0, 1], [...QUESTION, 0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 3, 0, 10, 0]),
    expect: { rcode: FORMERR, answerCount: 0 },
  },
  {
    name: 'an OPT longer than the message',
    query: raw([1, 0, 0, 1], [...QUESTION, 0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 200]),
    expect: { rcode: FORMERR, answerCount: 0 },
  },
  {
    name: 'two OPT records',
    query: raw([1, 0, 0, 2], [...QUESTION, ...optOctets({}), ...optOctets({})]),
    expect: { rcode: FORMERR, answerCount: 0 },
  },
  {
    name: 'OPT with an owner',
    query: raw([1, 0, 0, 1], [...QUESTION, ...ZONE_WIRE.slice(0, -1), ...optOctets({})]),
    expect: { rcode: FORMERR, answerCount: 0 },
  },
  {
    name: 'OPT in the answer section',
    query: raw([1, 1, 0, 0], [...QUESTION, ...optOctets({})]),
    expect: { rcode: FORMERR, answerCount: 0 },
  },
  {
    name: 'OPT in the authority section',
    query: raw([1, 0, 1, 0], [...QUESTION, ...optOctets({})]),
    expect: { rcode: FORMERR, answerCount: 0 },
  },
];

const OPCODES_AND_CLASSES: readonly WireCase[] = [
  ...[OPCODE.IQUERY, OPCODE.STATUS, 3, OPCODE.UPDATE, OPCODE.DSO, 7, 8, 9, 10, 11, 12, 13, 14, 15].map((opcode) => ({
    name: `opcode ${opcode}`,
    query: web({ opcode }),
    expect: { rcode: NOTIMP, aa: false, answerCount: 0, authorityTypes: [] },
  })),
  {
    name: 'NOTIFY',
    query: buildQuery({ name: 'cluster.local', type: TYPE.SOA, opcode: OPCODE.NOTIFY, flags: 0x400 }),
    expect: { rcode: [NOTIMP, NOTAUTH], answerCount: 0 },
  },
  { name: 'UPDATE without a zone', query: raw([0, 0, 0, 0], [], OPCODE.UPDATE << 11), expect: { rcode: NOTIMP } },
  {
    name: 'an unknown opcode over EDNS',
    query: web({ opcode: 15, edns: {} }),
    expect: { rcode: NOTIMP, answerCount: 0 },
  },
  ...[0, 2, CLASS.CH, CLASS.HS, CLASS.NONE, CLASS.ANY, 65_280].map((recordClass) => ({
    name: `class ${recordClass}`,
    query: web({ class: recordClass }),
    expect: REFUSED_BARE,
  })),
  {
    name: 'CH TXT version.bind',
    query: buildQuery({ name: 'version.bind', type: TYPE.TXT, class: CLASS.CH }),
    expect: REFUSED_BARE,
  },
  {
    name: 'AXFR over UDP',
    query: buildQuery({ name: 'cluster.local', type: TYPE.AXFR }),
    expect: { rcode: [REFUSED, FORMERR], answerCount: 0 },
  },
  {
    name: 'IXFR with its SOA in authority',
    query: raw([1, 0, 1, 0], [...questionOctets('cluster.local', TYPE.IXFR), ...SOA_RECORD]),
    expect: { rcode: REFUSED, answerCount: 0 },
  },
];

const HEADER: readonly WireCase[] = [
  { name: 'a plain question', query: web(), expect: { ...GOOD, opt: 'none', cd: false } },
  { name: 'RD clear', query: web({ flags: 0 }), expect: GOOD },
  { name: 'CD is copied', query: web({ flags: RD | 0x10 }), expect: { ...GOOD, cd: true } },
  { name: 'AD is not', query: web({ flags: RD | 0x20 }), expect: GOOD },
  { name: 'Z is not', query: web({ flags: RD | 0x40 }), expect: GOOD },
  { name: 'RA, AA and TC of a query mean nothing', query: web({ flags: RD | 0x80 | 0x400 | 0x200 }), expect: GOOD },
  { name: 'the rcode of a query means nothing', query: web({ flags: RD | 5 }), expect: GOOD },
  { name: 'id 0', query: buildQuery({ name: WEB, type: TYPE.A, id: 0 }), expect: GOOD },
  { name: 'id 65535', query: buildQuery({ name: WEB, type: TYPE.A, id: 65_535 }), expect: GOOD },
  {
    name: 'CD on an error',
    query: buildQuery({ name: 'nosuch.cluster.local', type: TYPE.A, flags: RD | 0x10 }),
    expect: { rcode: NXDOMAIN, aa: true, cd: true, isQuestionEchoed: true, authorityTypes: [TYPE.SOA] },
  },
  {
    name: 'letter case is kept on a hit',
    query: buildQuery({ name: 'wEb.DEFault.sVc.CLUSter.locAL', type: TYPE.A }),
    expect: GOOD,
  },
  {
    name: 'letter case is kept on a miss',
    query: buildQuery({ name: 'nO.DEFault.sVc.CLUSter.locAL', type: TYPE.A }),
    expect: { rcode: NXDOMAIN, isQuestionEchoed: true },
  },
  {
    name: 'letter case is kept when refused',
    query: buildQuery({ name: 'eXample.ORG', type: TYPE.A }),
    expect: { ...REFUSED_BARE, isQuestionEchoed: true },
  },
  {
    name: 'octets that are no text',
    query: buildQuery({ name: 'a\\000b\\255.default.svc.cluster.local', type: TYPE.A }),
    expect: { rcode: NXDOMAIN, isQuestionEchoed: true },
  },
  {
    name: 'a dot in a label',
    query: buildQuery({ name: 'web\\.default.svc.cluster.local', type: TYPE.A }),
    expect: { rcode: NXDOMAIN, isQuestionEchoed: true },
  },
  {
    name: 'letters that fold in Unicode only',
    query: buildQuery({ name: 'w\\303\\211b.default.svc.cluster.local', type: TYPE.A }),
    expect: { rcode: NXDOMAIN, isQuestionEchoed: true },
  },
  {
    name: 'a name of 255 octets',
    query: raw([1, 0, 0, 0], [...labelsOf(63, 63, 63, 47).slice(0, -1), ...ZONE_WIRE, 0, 1, 0, 1]),
    expect: { rcode: NXDOMAIN, isQuestionEchoed: true },
  },
  {
    name: 'a name of 255 octets that is not served',
    query: raw([1, 0, 0, 0], [...labelsOf(63, 63, 63, 61), 0, 1, 0, 1]),
    expect: { ...REFUSED_BARE, isQuestionEchoed: true },
  },
  {
    name: '127 labels',
    query: raw([1, 0, 0, 0], [...labelsOf(...Array.from({ length: 127 }, () => 1)), 0, 1, 0, 1]),
    expect: { ...REFUSED_BARE, isQuestionEchoed: true },
  },
  {
    name: 'the root',
    query: buildQuery({ name: '.', type: TYPE.NS }),
    expect: { ...REFUSED_BARE, isQuestionEchoed: true },
  },
  { name: 'type 0', query: web({ type: 0 }), expect: { rcode: NOERROR, answerCount: 0, authorityTypes: [TYPE.SOA] } },
  {
    name: 'type 65535',
    query: web({ type: 65_535 }),
    expect: { rcode: NOERROR, answerCount: 0, authorityTypes: [TYPE.SOA] },
  },
  {
    name: 'type 1000 (RFC 8906)',
    query: web({ type: 1000 }),
    expect: { rcode: NOERROR, aa: true, answerCount: 0, authorityTypes: [TYPE.SOA] },
  },
  {
    name: 'ANY is no error',
    query: web({ type: TYPE.ANY }),
    expect: { rcode: NOERROR, aa: true, answerCount: 0, authorityTypes: [TYPE.SOA] },
  },
  {
    name: 'a loop of aliases',
    query: buildQuery({ name: 'loop.default.svc.cluster.local', type: TYPE.A }),
    expect: { rcode: SERVFAIL },
  },
  {
    name: 'not served',
    query: buildQuery({ name: 'example.org', type: TYPE.A }),
    expect: { ...REFUSED_BARE, opt: 'none', isQuestionEchoed: true },
  },
];

const EDNS: readonly WireCase[] = [
  { name: 'OPT for OPT', query: web({ edns: {} }), expect: { ...GOOD, opt: { dnssecOk: false, options: [] } } },
  {
    name: 'OPT on NXDOMAIN',
    query: buildQuery({ name: 'nosuch.cluster.local', type: TYPE.A, edns: {} }),
    expect: { rcode: NXDOMAIN, opt: {} },
  },
  {
    name: 'OPT and EDE 20 on REFUSED',
    query: buildQuery({ name: 'example.org', type: TYPE.A, edns: {} }),
    expect: { ...REFUSED_BARE, opt: { ede: EDE.NOT_AUTHORITATIVE } },
  },
  { name: 'DO is copied', query: web({ edns: { dnssecOk: true } }), expect: { ...GOOD, opt: { dnssecOk: true } } },
  { name: 'other flags are not', query: web({ edns: { z: 0x7fff } }), expect: { ...GOOD, opt: { dnssecOk: false } } },
  {
    name: 'DO among other flags',
    query: web({ edns: { z: 0x7fff, dnssecOk: true } }),
    expect: { ...GOOD, opt: { dnssecOk: true } },
  },
  {
    name: 'the extended rcode of a query means nothing',
    query: web({ edns: { extendedRcode: 7 } }),
    expect: { ...GOOD, opt: {} },
  },
  {
    name: 'version 1',
    query: web({ edns: { version: 1 } }),
    expect: { rcode: BADVERS, aa: false, answerCount: 0, authorityTypes: [], opt: {} },
  },
  {
    name: 'version 255 with an option and DO',
    query: web({ edns: { version: 255, dnssecOk: true, options: [{ code: 100, data: [1] }] } }),
    expect: { rcode: BADVERS, answerCount: 0, opt: { dnssecOk: true, options: [] } },
  },
  {
    name: 'an unknown option',
    query: web({ edns: { options: [{ code: 100, data: [1, 2, 3] }] } }),
    expect: { ...GOOD, opt: { options: [] } },
  },
  {
    name: 'an unknown option without data',
    query: web({ edns: { options: [{ code: 65_001, data: [] }] } }),
    expect: { ...GOOD, opt: { options: [] } },
  },
  {
    name: 'NSID',
    query: web({ edns: { options: [{ code: EDNS_OPTION.NSID, data: [] }] } }),
    expect: { ...GOOD, opt: { options: [EDNS_OPTION.NSID] } },
  },
  {
    name: 'NSID on REFUSED',
    query: buildQuery({ name: 'example.org', type: TYPE.A, edns: { options: [{ code: EDNS_OPTION.NSID, data: [] }] } }),
    expect: { ...REFUSED_BARE, opt: {} },
  },
  {
    name: 'ECS, EXPIRE, keepalive and padding are passed over',
    query: web({
      edns: {
        options: [
          { code: EDNS_OPTION.ECS, data: [0, 1, 24, 0, 192, 0, 2] },
          { code: EDNS_OPTION.EXPIRE, data: [] },
          { code: EDNS_OPTION.TCP_KEEPALIVE, data: [] },
          { code: EDNS_OPTION.PADDING, data: new Uint8Array(20) },
        ],
      },
    }),
    expect: { ...GOOD, opt: { options: [] } },
    overStream: { opt: { options: [EDNS_OPTION.TCP_KEEPALIVE] } },
  },
  {
    name: 'a query of 700 octets',
    query: web({ edns: { options: [{ code: EDNS_OPTION.PADDING, data: new Uint8Array(650) }] } }),
    expect: GOOD,
  },
  {
    name: 'a query of 4000 octets',
    query: web({ edns: { options: [{ code: EDNS_OPTION.PADDING, data: new Uint8Array(3950) }] } }),
    expect: GOOD,
  },
  {
    name: 'OPT before another record',
    query: raw([1, 0, 0, 2], [...QUESTION, ...optOctets({}), ...A_RECORD]),
    expect: { ...GOOD, opt: {} },
  },
  {
    name: 'OPT behind another record',
    query: raw([1, 0, 0, 2], [...QUESTION, ...A_RECORD, ...optOctets({})]),
    expect: { ...GOOD, opt: {} },
  },
  {
    name: 'TSIG with an unknown key is passed over',
    query: raw([1, 0, 0, 1], [...QUESTION, ...TSIG_RECORD]),
    expect: { ...GOOD, opt: 'none' },
  },
  {
    name: 'OPT and TSIG',
    query: raw([1, 0, 0, 2], [...QUESTION, ...optOctets({}), ...TSIG_RECORD]),
    expect: { ...GOOD, opt: {} },
  },
  {
    name: 'an additional record whose owner points at the question',
    query: raw([1, 0, 0, 1], [...QUESTION, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 1, 2, 3, 4]),
    expect: { ...GOOD, opt: 'none' },
  },
];

const COOKIES: readonly WireCase[] = [
  { name: 'a client cookie', query: web({ edns: { options: [cookie(8)] } }), expect: { ...GOOD, cookieSize: 24 } },
  {
    name: 'a client cookie on NXDOMAIN',
    query: buildQuery({ name: 'nosuch.cluster.local', type: TYPE.A, edns: { options: [cookie(8)] } }),
    expect: { rcode: NXDOMAIN, cookieSize: 24 },
  },
  ...[0, 1, 7, 9, 12, 15, 41, 100].map((size) => ({
    name: `a cookie of ${size} octets`,
    query: web({ edns: { options: [cookie(size)] } }),
    expect: { rcode: FORMERR, answerCount: 0 },
  })),
  ...[16, 24, 40].map((size) => ({
    name: `a foreign server cookie, ${size} octets in all`,
    query: web({ edns: { options: [cookie(size)] } }),
    expect: { rcode: [NOERROR, BADCOOKIE], cookieSize: 24 },
  })),
  {
    name: 'no question, a client cookie (RFC 7873 section 5.4)',
    query: raw([0, 0, 0, 1], optOctets({ options: [cookie(8)] })),
    expect: { rcode: NOERROR, answerCount: 0, authorityTypes: [], cookieSize: 24 },
  },
  {
    name: 'no question, a broken cookie',
    query: raw([0, 0, 0, 1], optOctets({ options: [cookie(5)] })),
    expect: { rcode: FORMERR },
  },
];

const bigA = (edns?: EdnsOfQuery) =>
  buildQuery({ name: 'many.default.svc.cluster.local', type: TYPE.A, ...(edns === undefined ? {} : { edns }) });

const ALL_200: Partial<WireExpectation> = { tc: false, answerCount: 200 };
const ALL_60: Partial<WireExpectation> = { tc: false, answerCount: 60, additionalCount: 60 };

const SIZES: readonly WireCase[] = [
  {
    name: '200 addresses, plain: what fits into 512',
    query: bigA(),
    expect: { rcode: NOERROR, aa: true, tc: true, answerCount: [28, 29], opt: 'none', isQuestionEchoed: true },
    overStream: ALL_200,
  },
  {
    name: '200 addresses, OPT size 0',
    query: bigA({ udpSize: 0 }),
    expect: { rcode: NOERROR, tc: true, answerCount: [27, 29], sizeMax: 512, opt: {} },
    overStream: ALL_200,
  },
  {
    name: '200 addresses, OPT size 511',
    query: bigA({ udpSize: 511 }),
    expect: { rcode: NOERROR, tc: true, answerCount: [27, 29], sizeMax: 512, opt: {} },
    overStream: ALL_200,
  },
  {
    name: '200 addresses, OPT size 512',
    query: bigA({ udpSize: 512 }),
    expect: { rcode: NOERROR, tc: true, answerCount: [27, 29], sizeMax: 512, opt: {} },
    overStream: ALL_200,
  },
  {
    name: '200 addresses, OPT size 1000',
    query: bigA({ udpSize: 1000 }),
    expect: { rcode: NOERROR, tc: true, answerCount: [56, 60], opt: {} },
    overStream: ALL_200,
  },
  {
    name: '200 addresses, OPT size 1232',
    query: bigA({ udpSize: 1232 }),
    expect: { rcode: NOERROR, tc: true, answerCount: [70, 73], opt: {} },
    overStream: ALL_200,
  },
  {
    name: '200 addresses, OPT size 65535: never more than the server announces',
    query: bigA({ udpSize: 65_535 }),
    expect: { rcode: NOERROR, tc: true, answerCount: [70, 73], opt: {} },
    overStream: ALL_200,
  },
  {
    name: '200 addresses with a cookie: OPT stays',
    query: bigA({ udpSize: 512, options: [cookie(8)] }),
    expect: { rcode: NOERROR, tc: true, answerCount: [25, 28], cookieSize: 24 },
    overStream: ALL_200,
  },
  {
    name: 'NODATA beside 200 addresses',
    query: buildQuery({ name: 'many.default.svc.cluster.local', type: TYPE.AAAA }),
    expect: { rcode: NOERROR, tc: false, answerCount: 0, authorityTypes: [TYPE.SOA] },
  },
  {
    name: 'seven SRV records fit, their addresses do not: no TC',
    query: buildQuery({ name: '_x._tcp.seven.default.svc.cluster.local', type: TYPE.SRV }),
    expect: { rcode: NOERROR, tc: false, answerCount: 7, additionalCount: [0, 6] },
    overStream: { additionalCount: 7 },
  },
  {
    name: 'seven SRV records with room for all',
    query: buildQuery({ name: '_x._tcp.seven.default.svc.cluster.local', type: TYPE.SRV, edns: { udpSize: 1232 } }),
    expect: { rcode: NOERROR, tc: false, answerCount: 7, additionalCount: 7 },
  },
  {
    name: 'sixty SRV records, plain',
    query: buildQuery({ name: '_x._tcp.crowd.default.svc.cluster.local', type: TYPE.SRV }),
    expect: { rcode: NOERROR, tc: true, answerCount: [5, 9], additionalCount: 0 },
    overStream: ALL_60,
  },
  {
    name: 'sixty SRV records over EDNS',
    query: buildQuery({ name: '_x._tcp.crowd.default.svc.cluster.local', type: TYPE.SRV, edns: { udpSize: 1232 } }),
    expect: { rcode: NOERROR, tc: true, answerCount: [17, 24], additionalCount: 0 },
    overStream: ALL_60,
  },
];

export const WIRE_CASES: readonly WireCase[] = [
  ...IGNORED,
  ...MALFORMED,
  ...OPCODES_AND_CLASSES,
  ...HEADER,
  ...EDNS,
  ...COOKIES,
  ...SIZES,
];
