/** One metric as Prometheus has it: a name, and samples that differ in their labels. */
export interface MetricFamily {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  /** one sentence; the reference page has it too */
  readonly help: string;
  readonly labels: readonly string[];
  /** the samples now */
  samples(): Iterable<Sample>;
}

export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
  /** `_bucket`, `_sum`, `_count` of a histogram */
  readonly suffix?: string;
}

/** Samples that differ in nothing but their value are one: views may have the same name. */
export function summed(samples: Iterable<Sample>): readonly Sample[] {
  const sums = new Map<string, Sample>();
  for (const sample of samples) {
    const key = `${sample.suffix ?? ''}\0${Object.values(sample.labels).join('\0')}`;
    const before = sums.get(key);
    sums.set(key, before === undefined ? sample : { ...before, value: before.value + sample.value });
  }
  return [...sums.values()];
}

/** The samples of one histogram: cumulative buckets, then sum and count. */
export function* histogramSamples(
  labels: Readonly<Record<string, string>>,
  bounds: readonly number[],
  /** how many observations fell into each bucket, by index of its bound; one more for what is above all bounds */
  countAt: (index: number) => number,
  sum: number,
): Generator<Sample> {
  let count = 0;
  for (let index = 0; index <= bounds.length; index++) {
    count += countAt(index);
    const le = index === bounds.length ? '+Inf' : String(bounds[index]);
    yield { labels: { ...labels, le }, value: count, suffix: '_bucket' };
  }
  yield { labels, value: sum, suffix: '_sum' };
  yield { labels, value: count, suffix: '_count' };
}
