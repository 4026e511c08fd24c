/**
 * The counters that dnsmasq answers in class CHAOS (`hits.bind` …), from the cells of all threads. They are added up when somebody
 * asks, at most every tenth of a second: a flood of such questions costs no more than any other.
 */
import type { ChaosCounters } from '../../answer/answerer-options.ts';
import type { Query } from '../../answer/query.ts';
import type { Response } from '../../answer/response.ts';
import { CACHE_CELLS, CACHE_HEADER, cacheCellsAt, INSTANCES_MAX } from '../../cache/cache-layout.ts';
import { CLASS, TYPE } from '../../dns/iana.ts';
import { layout } from '../../memory/layout.ts';
import {
  COUNTERS_HEADER,
  DURATION_CELLS,
  PLUGIN,
  PLUGIN_LABELS,
  RCODE_OTHER,
  regionAt,
  SCOPE_CELLS,
} from '../../observability/counters/counter-layout.ts';
import {
  FORWARD_HEADER,
  groupIndexOf,
  openUse,
  PLACES,
  readForwardGroup,
  UPSTREAM_CELLS,
  UPSTREAM_RCODES,
  upstreamCellsAt,
} from '../forward-buffer.ts';
import { GROUPS_MAX, type ForwardGroup } from '../forward-group.ts';

/** What main tells the threads. */
const DNSMASQ_BOARD = layout('dnsmasq board', [
  ['cacheSize', 1, 'entries, as it was asked for'],
  ['groups', GROUPS_MAX / 32, 'bits: groups of upstreams that the configuration has'],
]);

export interface DnsmasqNumbers {
  readonly cacheSize: number;
  readonly insertions: number;
  readonly evictions: number;
  /** answered without asking anybody */
  readonly hits: number;
  /** forwarded */
  readonly misses: number;
  /** in the order of the configuration */
  readonly servers: readonly { readonly name: string; readonly queries: number; readonly failures: number }[];
}

export interface DnsmasqCounterBuffers {
  /** of createDnsmasqBoard */
  readonly board: SharedArrayBuffer;
  readonly counterBuffer: SharedArrayBuffer;
  readonly cacheBuffer: SharedArrayBuffer;
  readonly forwardBuffer: SharedArrayBuffer;
}

const MEMORY_MS = 100;
const TEXT_SIZE_MAX = 255;
/** Octets of all texts of one record. */
const RDATA_SIZE_MAX = 4096;
const RCODES = RCODE_OTHER + 1;

/** @param groups  numbers of those that the configuration has that is served first */
export function createDnsmasqBoard(cacheSize: number, groups: readonly number[]): SharedArrayBuffer {
  const board = new SharedArrayBuffer(DNSMASQ_BOARD.words * 4);
  new Uint32Array(board)[DNSMASQ_BOARD.at.cacheSize] = cacheSize;
  setBoardGroups(board, groups);
  return board;
}

/** The groups of the configuration that is served from now on. */
export function setBoardGroups(board: SharedArrayBuffer, groups: readonly number[]): void {
  const words = new Uint32Array(board);
  const bits = new Uint32Array(GROUPS_MAX / 32);
  for (const number of groups) bits[groupIndexOf(number) >>> 5]! |= 1 << (number & 31);
  for (const [index, word] of bits.entries()) Atomics.store(words, DNSMASQ_BOARD.at.groups + index, word);
}

type TextsOf = (numbers: DnsmasqNumbers) => readonly string[];

/** The texts of a name's TXT record; the names are without their root label. */
const NAMES: ReadonlyMap<string, TextsOf> = new Map<string, TextsOf>([
  ['cachesize.bind', ({ cacheSize }) => [String(cacheSize)]],
  ['insertions.bind', ({ insertions }) => [String(insertions)]],
  ['evictions.bind', ({ evictions }) => [String(evictions)]],
  ['hits.bind', ({ hits }) => [String(hits)]],
  ['misses.bind', ({ misses }) => [String(misses)]],
  // dnsmasq counts here what it answers as an authority for zones of its own configuration; kube-dns has none.
  ['auth.bind', () => ['0']],
  ['servers.bind', ({ servers }) => servers.map(({ name, queries, failures }) => `${name} ${queries} ${failures}`)],
]);

export class DnsmasqCounters implements ChaosCounters {
  readonly #board: Uint32Array;
  readonly #counters: Uint32Array;
  readonly #cache: Uint32Array;
  readonly #forward: Uint32Array;
  readonly #words: Int32Array;
  readonly #forwardBuffer: SharedArrayBuffer;
  /** by index, with the use that it is of */
  readonly #groups: ({ readonly use: number; readonly group: ForwardGroup } | undefined)[] = [];
  /** records by name in wire form, as of the time they were added up */
  #records = new Map<string, Uint32Array>();
  #sizes = new Map<string, number>();
  #madeMs = -Infinity;

  constructor({ board, counterBuffer, cacheBuffer, forwardBuffer }: DnsmasqCounterBuffers) {
    this.#board = new Uint32Array(board);
    this.#counters = new Uint32Array(counterBuffer);
    this.#cache = new Uint32Array(cacheBuffer);
    this.#forward = new Uint32Array(forwardBuffer);
    this.#words = new Int32Array(forwardBuffer);
    this.#forwardBuffer = forwardBuffer;
  }

  /** Answer a question of class CH for TXT. @returns false if there is no such counter */
  answer(query: Query, response: Response): boolean {
    const name = readName(query.nameBytes, query.nameSize);
    if (!NAMES.has(name)) return false;
    this.#make();
    response.isAuthoritative = true;
    const record = this.#records.get(name);
    if (record === undefined) return true;
    if (response.writeRaw(record, 0, this.#sizes.get(name)!, 1) === 0) response.isTruncated = true;
    return true;
  }

  /** What all threads have counted. */
  numbers(): DnsmasqNumbers {
    const { at } = CACHE_CELLS;
    const { hits, misses } = this.#responses();
    return {
      cacheSize: this.#board[DNSMASQ_BOARD.at.cacheSize]!,
      insertions: this.#cached(at.insertions),
      evictions: this.#cached(at.evictionsSuccess) + this.#cached(at.evictionsDenial),
      hits,
      misses,
      servers: this.#servers(),
    };
  }

  #make(): void {
    const nowMs = performance.now();
    if (nowMs - this.#madeMs < MEMORY_MS) return;
    this.#madeMs = nowMs;
    const numbers = this.numbers();
    this.#records = new Map();
    this.#sizes = new Map();
    for (const [name, textsOf] of NAMES) {
      const record = encodeRecord(textsOf(numbers));
      if (record === undefined) continue;
      const padded = new Uint8Array((record.length + 3) & ~3);
      padded.set(record);
      this.#records.set(name, new Uint32Array(padded.buffer));
      this.#sizes.set(name, record.length);
    }
  }

  #responses(): { hits: number; misses: number } {
    const words = this.#counters;
    const scopeMax = words[COUNTERS_HEADER.at.scopeMax]!;
    let hits = 0;
    let misses = 0;
    for (let thread = 0; thread < words[COUNTERS_HEADER.at.shardMax]!; thread++) {
      const region = regionAt(scopeMax, thread);
      for (let scope = 0; scope < scopeMax; scope++) {
        const at = region + scope * SCOPE_CELLS.words + SCOPE_CELLS.at.responses;
        for (let cell = RCODES; cell < PLUGIN_LABELS.length * RCODES; cell++) {
          const count = Atomics.load(words, at + cell);
          if (cell >= PLUGIN.FORWARD * RCODES && cell < (PLUGIN.FORWARD + 1) * RCODES) misses += count;
          else hits += count;
        }
      }
    }
    return { hits, misses };
  }

  #cached(cell: number): number {
    const words = this.#cache;
    let sum = 0;
    // Each instance has a profile, so there are no more of them.
    const instanceCount = Math.min(Atomics.load(words, CACHE_HEADER.at.profileCount), INSTANCES_MAX);
    for (let writer = 0; writer < words[CACHE_HEADER.at.writerMax]!; writer++) {
      for (let instance = 0; instance < instanceCount; instance++) {
        sum += Atomics.load(words, cacheCellsAt(writer, instance) + cell);
      }
    }
    return sum;
  }

  /** One server may be in several groups, and is one line nevertheless, as with dnsmasq. */
  #servers(): DnsmasqNumbers['servers'] {
    const servers = new Map<string, { name: string; queries: number; failures: number }>();
    for (let index = 0; index < GROUPS_MAX; index++) {
      const bits = Atomics.load(this.#board, DNSMASQ_BOARD.at.groups + (index >>> 5));
      const group = ((bits >>> (index & 31)) & 1) === 1 ? this.#groupAt(index) : undefined;
      for (const [place, { address, port }] of (group?.upstreams ?? []).entries()) {
        const name = `${address}#${port}`;
        const server = servers.get(name) ?? { name, queries: 0, failures: 0 };
        const upstream = Atomics.load(this.#forward, FORWARD_HEADER.at.members + index * PLACES + place);
        servers.set(name, this.#addUpstream(server, upstream));
      }
    }
    return [...servers.values()];
  }

  /** What has been closed meanwhile is left out, once. */
  #groupAt(index: number): ForwardGroup | undefined {
    const use = openUse(this.#words, index);
    if (this.#groups[index]?.use === use) return this.#groups[index].group;
    const group = readForwardGroup(this.#forwardBuffer, index);
    this.#groups[index] = group === undefined ? undefined : { use, group };
    return group;
  }

  #addUpstream<Server extends { queries: number; failures: number }>(server: Server, upstream: number): Server {
    const words = this.#forward;
    const { timeouts, unreachable, durations } = UPSTREAM_CELLS.at;
    for (let thread = 0; thread < words[FORWARD_HEADER.at.shardMax]!; thread++) {
      const at = upstreamCellsAt(thread, upstream);
      const failures = Atomics.load(words, at + timeouts) + Atomics.load(words, at + unreachable);
      let responses = 0;
      for (let cell = 0; cell < UPSTREAM_RCODES.length * DURATION_CELLS; cell++) {
        responses += Atomics.load(words, at + durations + cell);
      }
      server.failures += failures;
      server.queries += failures + responses;
    }
    return server;
  }
}

/** Dotted, without the root label; labels are lower-cased by then, and none of these names has a dot in a label. */
function readName(octets: Uint8Array, size: number): string {
  let text = '';
  for (let at = 0; at < size - 1; at += 1 + octets[at]!) {
    const label = Buffer.from(octets.subarray(at + 1, at + 1 + octets[at]!)).toString('latin1');
    text += text === '' ? label : `.${label}`;
  }
  return text;
}

/** A TXT record of class CH with TTL 0, owned by the question's name; undefined if there is nothing to say. */
function encodeRecord(texts: readonly string[]): Uint8Array | undefined {
  const rdata: number[] = [];
  for (const text of texts) {
    const octets = Buffer.from(text, 'latin1').subarray(0, TEXT_SIZE_MAX);
    if (rdata.length + 1 + octets.length > RDATA_SIZE_MAX) break;
    rdata.push(octets.length, ...octets);
  }
  if (rdata.length === 0) return undefined;
  return Uint8Array.from([
    0xc0,
    0x0c,
    0,
    TYPE.TXT,
    0,
    CLASS.CH,
    0,
    0,
    0,
    0,
    rdata.length >>> 8,
    rdata.length & 0xff,
    ...rdata,
  ]);
}
