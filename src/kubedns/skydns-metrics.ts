/**
 * The series of kubedns (SkyDNS's), from the counters of the threads. SkyDNS counts by `system`; here it is made out of who answered
 * and in which zone.
 */
import { RCODE } from '../dns/iana.ts';
import type { CounterCollector } from '../observability/counters/counter-collector.ts';
import {
  DURATION_BOUNDS,
  PLUGIN,
  PLUGIN_LABELS,
  PROTO_LABELS,
  RCODE_OTHER,
  SCOPE_CELLS,
  SIZE_BOUNDS,
  SIZE_CELLS,
} from '../observability/counters/counter-layout.ts';
import { histogramSamples, type MetricFamily, type Sample } from '../observability/counters/metric-family.ts';
import type { MetricScope } from '../observability/counters/shard-counters.ts';

const SYSTEMS = ['auth', 'cache', 'recursive', 'reverse', 'stub'] as const;
type System = (typeof SYSTEMS)[number];

const DURATIONS = [0.001, 0.003, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const SIZES = [
  0, 512, 1024, 1500, 2048, 4096, 8192, 12_288, 16_384, 20_480, 24_576, 28_672, 32_768, 36_864, 40_960, 45_056, 49_152,
  53_248, 57_344, 61_440, 65_536,
];
const CAUSES = [
  ['nxdomain', RCODE.NXDOMAIN],
  ['refused', RCODE.REFUSED],
  ['servfail', RCODE.SERVFAIL],
] as const;
const AT = SCOPE_CELLS.at;
const NANOSECONDS = 1e9;

export interface SkydnsSources {
  readonly collector: CounterCollector;
  /** by index; grows */
  readonly scopes: readonly MetricScope[];
  /** canonical name of the cluster's zone */
  readonly domain: string;
  /** queries that were forwarded */
  readonly misses: () => number;
}

/** @param prefix  `skydns_skydns` */
export function skydnsFamilies(prefix: string, sources: SkydnsSources): readonly MetricFamily[] {
  const figures = new SkydnsFigures(sources);
  const name = (text: string): string => (prefix === '' ? text : `${prefix}_${text}`);
  return [
    {
      name: name('dns_request_count_total'),
      type: 'counter',
      help: 'Queries, by who answered: own names, reverse ones, the cache, an upstream or a stub server.',
      labels: ['system'],
      samples: () => bySystem((system) => figures.responses(system, () => true)),
    },
    {
      name: name('dns_request_duration_seconds'),
      type: 'histogram',
      help: 'Time from receiving a query to sending its response; what lies between the bounds that are counted is interpolated.',
      labels: ['system'],
      samples: () => figures.histograms(AT.durations, AT.durationSum, 1, NANOSECONDS, DURATION_BOUNDS, DURATIONS),
    },
    {
      name: name('dns_response_size_bytes'),
      type: 'histogram',
      help: 'Size of responses; what lies between the bounds that are counted is interpolated.',
      labels: ['system'],
      samples: () =>
        figures.histograms(AT.responseSizes, AT.responseSizeSum, PROTO_LABELS.length, 1, SIZE_BOUNDS, SIZES),
    },
    {
      name: name('dns_error_count_total'),
      type: 'counter',
      help: 'Responses that are no answer, by cause; nodata is not counted.',
      labels: ['system', 'cause'],
      samples: () => [
        ...CAUSES.flatMap(([cause, rcode]) =>
          bySystem((system) => figures.responses(system, (found) => found === rcode), { cause }),
        ),
        ...bySystem((system) => figures.truncated(system), { cause: 'truncated' }),
        ...bySystem(() => 0, { cause: 'overflow' }),
      ],
    },
    {
      name: name('dns_cachemiss_count_total'),
      type: 'counter',
      help: 'Queries that were not answered from the cache; signatures are not made.',
      labels: ['cache'],
      samples: () => [
        { labels: { cache: 'response' }, value: sources.misses() },
        { labels: { cache: 'signature' }, value: 0 },
      ],
    },
  ];
}

function bySystem(value: (system: System) => number, labels: Readonly<Record<string, string>> = {}): Sample[] {
  return SYSTEMS.map((system) => ({ labels: { system, ...labels }, value: value(system) }));
}

class SkydnsFigures {
  readonly #sources: SkydnsSources;

  constructor(sources: SkydnsSources) {
    this.#sources = sources;
  }

  responses(system: System, isIt: (rcode: number) => boolean): number {
    const { collector } = this.#sources;
    let sum = 0;
    for (const [scope, zone] of this.#zones()) {
      for (let plugin = 1; plugin < PLUGIN_LABELS.length; plugin++) {
        if (this.#systemOf(zone, plugin) !== system) continue;
        for (let rcode = 0; rcode <= RCODE_OTHER; rcode++) {
          if (isIt(rcode)) sum += collector.total(scope, AT.responses + plugin * (RCODE_OTHER + 1) + rcode);
        }
      }
    }
    return sum;
  }

  truncated(system: System): number {
    let sum = 0;
    for (const [scope, zone] of this.#zones()) {
      if (this.#systemOfZone(zone) !== system) continue;
      for (const proto of PROTO_LABELS.keys()) sum += this.#sources.collector.total(scope, AT.truncated + proto);
    }
    return sum;
  }

  /** By zone: who answered is not counted together with times and sizes. */
  *histograms(
    cellsAt: number,
    sumAt: number,
    protos: number,
    unit: number,
    counted: readonly number[],
    wanted: readonly number[],
  ): Generator<Sample> {
    const { collector } = this.#sources;
    for (const system of SYSTEMS) {
      if (system === 'cache') continue;
      const counts = new Float64Array(counted.length + 1);
      let sum = 0;
      for (const [scope, zone] of this.#zones()) {
        if (this.#systemOfZone(zone) !== system) continue;
        for (let proto = 0; proto < protos; proto++) {
          sum += collector.total(scope, sumAt + proto * 2);
          for (const cell of counts.keys())
            counts[cell]! += collector.total(scope, cellsAt + proto * SIZE_CELLS + cell);
        }
      }
      const buckets = moveBounds(counted, counts, wanted);
      yield* histogramSamples({ system }, wanted, (index) => buckets[index]!, sum / unit);
    }
  }

  *#zones(): Generator<readonly [scope: number, zone: string]> {
    for (const [index, { zone, plugin }] of this.#sources.scopes.entries()) {
      // The first is what never entered a chain.
      if (index > 0 && plugin === undefined) yield [index, zone];
    }
  }

  #systemOf(zone: string, plugin: number): System {
    if (plugin === PLUGIN.CACHE) return 'cache';
    if (plugin !== PLUGIN.FORWARD) return this.#ownSystem(zone);
    return this.#systemOfZone(zone) === 'stub' ? 'stub' : 'recursive';
  }

  #ownSystem(zone: string): System {
    return zone.endsWith('.arpa.') ? 'reverse' : 'auth';
  }

  #systemOfZone(zone: string): System {
    if (zone === '.') return 'recursive';
    if (zone.endsWith('.arpa.')) return 'reverse';
    return zone === this.#sources.domain ? 'auth' : 'stub';
  }
}

/** Counts between other bounds: those of a bucket that a bound divides are spread evenly over it. */
export function moveBounds(from: readonly number[], counts: Float64Array, to: readonly number[]): Float64Array {
  const moved = new Float64Array(to.length + 1);
  let before = 0;
  const total = counts.reduce((sum, count) => sum + count, 0);
  for (const [index, bound] of to.entries()) {
    let below = 0;
    let low = 0;
    for (const [bucket, high] of from.entries()) {
      const share = bound >= high ? 1 : bound <= low ? 0 : (bound - low) / (high - low);
      below += Math.floor(counts[bucket]! * share);
      low = high;
    }
    // What is above the last bound that is counted is above every other one, too, as far as is known.
    below = Math.max(before, below);
    moved[index] = below - before;
    before = below;
  }
  moved[to.length] = total - before;
  return moved;
}
