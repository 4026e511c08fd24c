/**
 * The shards' counters in shared memory: who counts what in which cell. A shard writes its own cells only
 * (shard-counters.ts), main reads all (counter-collector.ts).
 *
 *   header │ gap │ shard 0: scope 0 … scope n-1, shard cells │ gap │ shard 1: … │ gap
 *
 * Cells are u32 and wrap; the gaps keep the cells of two shards at least 128 octets apart (two cache lines, which is what
 * a prefetcher takes at once). A sum of sizes or times is two cells, because u32 octets wrap within seconds on a busy shard:
 * bits 0–31 in one cell and bits 16–47 in the other. They overlap so that a reader that meets them between two stores can
 * still tell the true sum (wideValue).
 */
import { assert } from '../../base/assert.ts';
import { TYPE } from '../../dns/iana.ts';
import { layout } from '../../memory/layout.ts';

export const COUNTERS_MAGIC = 0x53_4b_43_4e;

/** One metric scope: what labels (server, zone, view) a query is counted under. Index = ROUTE.scope; 0 is `dropped`. */
export interface MetricScope {
  readonly server: string;
  readonly zone: string;
  readonly view: string;
  /** it counts what this plugin did in one of its zones, and no queries; '' is all of them */
  readonly plugin?: 'acl' | 'template';
  /** of `template`: those whose failures are counted here */
  readonly templates?: readonly CountedTemplate[];
}

export interface CountedTemplate {
  /** index into TEMPLATE_SECTIONS */
  readonly section: number;
  /** that it answers, 255: every type */
  readonly qtype: number;
  readonly text: string;
}

/** What is counted in the `responses` cells of a scope of `template`: for each, a cell a type. */
export const TEMPLATE_COUNT = {
  MATCH: 0,
  /** a template could not be evaluated: in the answer section; then additional, then authority */
  FAILED: 1,
  /** what it gave is no record: the same */
  NO_RECORD: 4,
} as const;
/** … and behind them, for FAILED and for NO_RECORD, a cell for some of the texts of templates: templateTextCell. */
export const TEMPLATE_TEXT_CELLS = 180;

/** The cell of a text stays the same, whatever else is configured later; two texts may have the same. */
export function templateTextCell(text: string): number {
  let hash = 0x811c_9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x0100_0193);
  return (hash >>> 0) % TEMPLATE_TEXT_CELLS;
}

/** The sections in the order in which they are evaluated: the `section` label. */
export const TEMPLATE_SECTIONS = ['answer', 'additional', 'authority'] as const;

/** The `proto` label, by index. */
export const PROTO_LABELS = ['udp', 'tcp'] as const;
/** The `family` label, by index. */
export const FAMILY_LABELS = ['1', '2'] as const;

/** Who wrote a response: the `plugin` label. Index into PLUGIN_LABELS. */
export const PLUGIN_LABELS = [
  '',
  'kubernetes',
  'hosts',
  'template',
  'any',
  'whoami',
  'chaos',
  'local',
  'forward',
  'transfer',
  'k8s_external',
  'cache',
  'acl',
  'tsig',
  'file',
  'auto',
  'secondary',
  'autopath',
  'dns64',
  'siit',
] as const;
export const PLUGIN = {
  SERVER: 0,
  KUBERNETES: 1,
  HOSTS: 2,
  TEMPLATE: 3,
  ANY: 4,
  WHOAMI: 5,
  CHAOS: 6,
  LOCAL: 7,
  FORWARD: 8,
  TRANSFER: 9,
  K8S_EXTERNAL: 10,
  CACHE: 11,
  ACL: 12,
  TSIG: 13,
  FILE: 14,
  AUTO: 15,
  SECONDARY: 16,
  AUTOPATH: 17,
  DNS64: 18,
  SIIT: 19,
} as const;

/** What steps that ask other questions did: cells of a scope. */
export const COMPOSED = { AUTOPATH: 0, DNS64: 1, SIIT: 2 } as const;

/** Why a datagram got no answer. */
export const DROP_REASONS = ['short', 'response', 'truncated', 'send_refused', 'proxy_header'] as const;
export const DROP = { SHORT: 0, RESPONSE: 1, TRUNCATED: 2, SEND_REFUSED: 3, PROXY_HEADER: 4 } as const;

/** The `type` label, by index: a closed list, so that a client cannot make series. The last stands for all others. */
export const TYPE_LABELS = [
  'A',
  'AAAA',
  'CNAME',
  'DNSKEY',
  'DS',
  'MX',
  'NS',
  'NSEC',
  'NSEC3',
  'PTR',
  'RRSIG',
  'SOA',
  'SRV',
  'TXT',
  'HTTPS',
  'SVCB',
  'AXFR',
  'IXFR',
  'ANY',
  'other',
] as const;
export const TYPE_OTHER = TYPE_LABELS.length - 1;

/** Index into TYPE_LABELS by type number; types from 256 on are TYPE_OTHER. */
export const TYPE_INDEX: Uint8Array = new Uint8Array(256).fill(TYPE_OTHER);
for (const [index, label] of TYPE_LABELS.entries()) {
  if (label !== 'other') TYPE_INDEX[TYPE[label]] = index;
}

/** rcodes below this have a cell of their own, all others share one. BADCOOKIE, 23, is the last assigned. */
export const RCODE_OTHER = 24;

/** Upper bounds of the size histograms, octets, inclusive: CoreDNS's, 8291 included. One more cell counts what is larger. */
export const SIZE_BOUNDS = [0, 100, 200, 300, 400, 511, 1023, 2047, 4095, 8291, 16e3, 32e3, 48e3, 64e3] as const;
/** Upper bounds of the duration histogram, seconds, inclusive. One more cell counts what is longer. */
export const DURATION_BOUNDS: readonly number[] = Array.from({ length: 16 }, (_, n) => 0.00025 * 2 ** n);

export const SIZE_CELLS = SIZE_BOUNDS.length + 1;
export const DURATION_CELLS = DURATION_BOUNDS.length + 1;
const PROTOS = PROTO_LABELS.length;

/** Octets of a wide sum that one step of its second cell stands for. */
export const WIDE_UNIT = 65_536;

/** Wide sums count modulo this. */
export const WIDE_MODULUS: number = WIDE_UNIT * 0x1_0000_0000;

/**
 * The sum in two cells, modulo WIDE_MODULUS, as it was when `low` was read, even if `high` is older or newer by less
 * than 2^31: of the sums that end in `low`, the nearest to what `high` says.
 */
export function wideValue(low: number, high: number): number {
  const coarse = high * WIDE_UNIT;
  const value = coarse + ((low - (coarse >>> 0)) | 0);
  return value < 0 ? value + WIDE_MODULUS : value >= WIDE_MODULUS ? value - WIDE_MODULUS : value;
}

export const COUNTERS_HEADER = layout('counters header', [
  ['magic', 1, 'COUNTERS_MAGIC'],
  ['shardMax', 1, 'number of shard regions'],
  ['scopeMax', 1, 'number of scopes of a region'],
]);

/** Cells of one metric scope of one shard. */
export const SCOPE_CELLS = layout('scope cells', [
  ['requests', PROTOS * FAMILY_LABELS.length * TYPE_LABELS.length, 'queries, by proto, family, type'],
  ['requestSizes', PROTOS * SIZE_CELLS, 'queries, by proto and size'],
  ['requestSizeSum', PROTOS * 2, 'octets of queries, by proto: bits 0–31, bits 16–47'],
  ['responseSizes', PROTOS * SIZE_CELLS, 'responses, by proto and size'],
  ['responseSizeSum', PROTOS * 2, 'octets of responses, by proto: bits 0–31, bits 16–47'],
  ['responses', PLUGIN_LABELS.length * (RCODE_OTHER + 1), 'responses, by plugin and rcode'],
  ['truncated', PROTOS, 'responses with TC set, by proto'],
  ['dnssecOk', 1, 'queries with DO set'],
  ['durations', DURATION_CELLS, 'queries, by time from receive to send'],
  ['durationSum', 2, 'nanoseconds from receive to send: bits 0–31, bits 16–47'],
  ['acl', 4, 'queries, by what `acl` did: blocked, filtered, dropped, allowed'],
  ['composed', 3, 'queries, by who answered them out of other answers: `autopath`, `dns64`, `siit`'],
]);

const TEMPLATE_TEXTS_AT: number = (TEMPLATE_COUNT.NO_RECORD + TEMPLATE_SECTIONS.length) * TYPE_LABELS.length;
assert(
  TEMPLATE_TEXTS_AT + 2 * TEMPLATE_TEXT_CELLS <= PLUGIN_LABELS.length * (RCODE_OTHER + 1),
  'what templates count fits into the cells for responses',
);

/** In `responses`: the first cell by text. @param what  FAILED or NO_RECORD */
export function templateTextAt(what: number): number {
  return TEMPLATE_TEXTS_AT + (what === TEMPLATE_COUNT.FAILED ? 0 : TEMPLATE_TEXT_CELLS);
}

/** Cells of a shard that belong to no scope. */
export const SHARD_CELLS = layout('shard cells', [
  ['drops', DROP_REASONS.length, 'datagrams without answer, by reason'],
  ['localhost', 1, 'questions for names below or beginning with localhost that `local` answered'],
]);

const GAP_WORDS = 32;

/** Words of a shard's region, without the gap behind it. */
export function regionWords(scopeMax: number): number {
  return scopeMax * SCOPE_CELLS.words + SHARD_CELLS.words;
}

/** Where the region of a shard starts, in words from the start of the buffer: a multiple of 32. */
export function regionAt(scopeMax: number, shard: number): number {
  const stride = GAP_WORDS + Math.ceil(regionWords(scopeMax) / GAP_WORDS) * GAP_WORDS;
  return GAP_WORDS + shard * stride;
}

/** Shared memory for the counters of `shardMax` shards and `scopeMax` metric scopes, all 0. */
export function createCounterBuffer(shardMax: number, scopeMax: number): SharedArrayBuffer {
  const buffer = new SharedArrayBuffer(regionAt(scopeMax, shardMax) * 4);
  const words = new Uint32Array(buffer);
  words[COUNTERS_HEADER.at.magic] = COUNTERS_MAGIC;
  words[COUNTERS_HEADER.at.shardMax] = shardMax;
  words[COUNTERS_HEADER.at.scopeMax] = scopeMax;
  return buffer;
}
