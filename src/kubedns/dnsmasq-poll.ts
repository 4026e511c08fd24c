/** What dnsmasq has counted, as the sidecar exports it: of this process, or asked for by name in class CHAOS. */
import type { AddressAndPort } from '../config/upstream-address.ts';
import { CLASS, TYPE } from '../dns/iana.ts';
import type { MetricFamily } from '../observability/counters/metric-family.ts';
import { askQuestion } from './dns-question.ts';

/** Metric name by counter. */
const EXPORTED = {
  hits: 'hits',
  misses: 'misses',
  evictions: 'evictions',
  insertions: 'insertions',
  cachesize: 'max_size',
} as const;
export type ExportedCounter = keyof typeof EXPORTED;
const COUNTERS = Object.keys(EXPORTED) as readonly ExportedCounter[];
export type ExportedCounters = Readonly<Record<ExportedCounter, number>>;

const HELP: Readonly<Record<ExportedCounter, string>> = {
  hits: 'Queries that were answered without asking another server.',
  misses: 'Queries that were forwarded.',
  evictions: 'Answers that made room in the cache before their end.',
  insertions: 'Answers that were put into the cache.',
  cachesize: 'Answers that the cache holds at most.',
};
const TIMEOUT_MS = 2000;

/** Asks a dnsmasq, or what stands in its place, every few seconds. */
export class DnsmasqPoll {
  readonly #server: AddressAndPort;
  readonly #intervalMs: number;
  #counters: ExportedCounters = { hits: 0, misses: 0, evictions: 0, insertions: 0, cachesize: 0 };
  #errors = 0;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(server: AddressAndPort, intervalMs: number) {
    this.#server = server;
    this.#intervalMs = intervalMs;
  }

  get counters(): ExportedCounters {
    return this.#counters;
  }

  get errors(): number {
    return this.#errors;
  }

  start(): void {
    void this.#run();
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }

  async #run(): Promise<void> {
    try {
      const values = await Promise.all(COUNTERS.map((counter) => this.#ask(counter)));
      this.#counters = Object.fromEntries(
        COUNTERS.map((counter, index) => [counter, values[index]!]),
      ) as unknown as ExportedCounters;
    } catch {
      this.#errors++;
    }
    if (this.#isClosed) return;
    this.#timer = setTimeout(() => void this.#run(), this.#intervalMs).unref();
  }

  async #ask(counter: ExportedCounter): Promise<number> {
    const question = { name: `${counter}.bind.`, qtype: TYPE.TXT, qclass: CLASS.CH, timeoutMs: TIMEOUT_MS };
    const { texts } = await askQuestion({ server: this.#server, ...question });
    const value = Number(texts[0] ?? '');
    if (texts.length !== 1 || !Number.isInteger(value)) throw new Error(`no counter ${counter}.bind`);
    return value;
  }
}

/** @param prefix  `kubedns_` */
export function dnsmasqFamilies(
  prefix: string,
  counters: () => ExportedCounters,
  errors: () => number,
): readonly MetricFamily[] {
  let current: ExportedCounters | undefined;
  const read = (): ExportedCounters => {
    // One page asks for all five in one go.
    current ??= counters();
    setImmediate(() => {
      current = undefined;
    });
    return current;
  };
  return [
    ...COUNTERS.map((counter): MetricFamily => ({
      name: `${prefix}dnsmasq_${EXPORTED[counter]}`,
      type: 'counter',
      help: HELP[counter],
      labels: [],
      samples: () => [{ labels: {}, value: read()[counter] }],
    })),
    {
      name: `${prefix}dnsmasq_errors`,
      type: 'counter',
      help: 'Times that the counters could not be had.',
      labels: [],
      samples: () => [{ labels: {}, value: errors() }],
    },
  ];
}
