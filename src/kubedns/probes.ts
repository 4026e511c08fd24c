/** The sidecar's probes: a question every few seconds, and whether it was answered. */
import { rcodeName, TYPE } from '../dns/iana.ts';
import { histogramSamples, type MetricFamily } from '../observability/counters/metric-family.ts';
import { askQuestion } from './dns-question.ts';
import type { ProbeOptions } from './kube-dns-plan.ts';

export interface ProbeStatus {
  readonly isOk: boolean;
  readonly latencySeconds: number;
  /** '' if all is well */
  readonly error: string;
}

/** Milliseconds. */
const BOUNDS: readonly number[] = Array.from({ length: 16 }, (_, n) => 0.25 * 2 ** n);
const TIMEOUT_MS = 5000;

export class Probe {
  readonly options: ProbeOptions;
  readonly #counts = new Float64Array(BOUNDS.length + 1);
  #sumMs = 0;
  #errors = 0;
  #status: ProbeStatus = { isOk: false, latencySeconds: 0, error: 'waiting for first probe' };
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(options: ProbeOptions) {
    this.options = options;
  }

  get status(): ProbeStatus {
    return this.#status;
  }

  start(): void {
    void this.#run();
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }

  async #run(): Promise<void> {
    const { intervalMs } = this.options;
    const startMs = performance.now();
    await this.#ask(startMs);
    if (this.#isClosed) return;
    this.#timer = setTimeout(() => void this.#run(), Math.max(0, intervalMs - (performance.now() - startMs))).unref();
  }

  async #ask(startMs: number): Promise<void> {
    const { server, name, type } = this.options;
    try {
      const { rcode, answerCount } = await askQuestion({ server, name, qtype: TYPE[type], timeoutMs: TIMEOUT_MS });
      // The sidecar looks at nothing else: a denial has no answer either.
      if (answerCount === 0) throw new Error(`no answer to ${name} ${type}: ${rcodeName(rcode)}`);
      const tookMs = performance.now() - startMs;
      this.#observe(tookMs);
      this.#status = { isOk: true, latencySeconds: tookMs / 1000, error: '' };
    } catch (error) {
      this.#errors++;
      const latencySeconds = (performance.now() - startMs) / 1000;
      this.#status = { isOk: false, latencySeconds, error: error instanceof Error ? error.message : String(error) };
    }
  }

  #observe(tookMs: number): void {
    let bucket = 0;
    while (bucket < BOUNDS.length && tookMs > BOUNDS[bucket]!) bucket++;
    this.#counts[bucket]!++;
    this.#sumMs += tookMs;
  }

  /** @param prefix  `kubedns_` */
  families(prefix: string): readonly MetricFamily[] {
    const { label } = this.options;
    return [
      {
        name: `${prefix}probe_${label}_latency_ms`,
        type: 'histogram',
        help: `Time that the probe ${label} took, ms.`,
        labels: [],
        samples: () => histogramSamples({}, BOUNDS, (index) => this.#counts[index]!, this.#sumMs),
      },
      {
        name: `${prefix}probe_${label}_errors`,
        type: 'counter',
        help: `Probes ${label} without an answer.`,
        labels: [],
        samples: () => [{ labels: {}, value: this.#errors }],
      },
    ];
  }
}
