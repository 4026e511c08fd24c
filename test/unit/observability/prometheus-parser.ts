/** A strict reader of Prometheus's text format 0.0.4: what a scraper would pass over or guess is an error here. */
import assert from 'node:assert/strict';

export interface ParsedFamily {
  readonly type: string;
  readonly help: string;
  readonly samples: ParsedSample[];
}

export interface ParsedSample {
  readonly name: string;
  readonly labels: ReadonlyMap<string, string>;
  readonly value: number;
}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const SAMPLE = /^([^\s{]+)(?:\{(.*)\})? (\S+)$/;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,|$)/y;
const VALUE = /^(?:[+-]Inf|NaN|[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?)$/;

/** Families by name. Fails on anything the format does not have, on samples out of place and on series that stand twice. */
export function parsePrometheusText(text: string): Map<string, ParsedFamily> {
  assert.ok(text.endsWith('\n'), 'the last line ends');
  const families = new Map<string, ParsedFamily>();
  const helps = new Map<string, string>();
  const series = new Set<string>();
  let current = '';
  for (const line of text.slice(0, -1).split('\n')) {
    const comment = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line);
    if (line === '') continue;
    if (comment?.[1] === 'HELP') {
      const [, , name, help] = comment as unknown as [string, string, string, string];
      assert.ok(!helps.has(name), `HELP of ${name} twice`);
      assert.match(help, /^(?:[^\\]|\\[\\n])*$/, line);
      helps.set(name, help);
    } else if (comment?.[1] === 'TYPE') {
      const [, , name, type] = comment as unknown as [string, string, string, string];
      assert.match(name, NAME);
      assert.ok(['counter', 'gauge', 'histogram'].includes(type), line);
      assert.ok(!families.has(name), `TYPE of ${name} twice`);
      families.set(name, {
        type,
        help: helps.get(name) ?? assert.fail(`${name} has no HELP before its TYPE`),
        samples: [],
      });
      current = name;
    } else {
      const sample = parseSample(line);
      const family = families.get(current) ?? assert.fail(`a sample before any TYPE: ${line}`);
      const suffixes = family.type === 'histogram' ? ['_bucket', '_sum', '_count'] : [''];
      assert.ok(
        suffixes.some((suffix) => sample.name === current + suffix),
        `${line} under ${current}`,
      );
      const key = seriesKey(sample);
      assert.ok(!series.has(key), `${line} twice`);
      series.add(key);
      family.samples.push(sample);
    }
  }
  for (const [name, family] of families) checkFamily(name, family);
  return families;
}

function parseSample(line: string): ParsedSample {
  const [, name, labelText = '', value] = SAMPLE.exec(line) ?? assert.fail(`no sample: ${line}`);
  assert.match(name!, NAME, line);
  assert.match(value!, VALUE, line);
  const labels = new Map<string, string>();
  LABEL.lastIndex = 0;
  while (LABEL.lastIndex < labelText.length) {
    const [, label, text] = LABEL.exec(labelText) ?? assert.fail(`labels of ${line}`);
    assert.ok(!labels.has(label!), `${label} twice in ${line}`);
    labels.set(
      label!,
      text!.replace(/\\(.)/g, (_, char: string) => (char === 'n' ? '\n' : char)),
    );
  }
  return { name: name!, labels, value: parseValue(value!) };
}

function parseValue(text: string): number {
  return text.endsWith('Inf') ? (text.startsWith('-') ? -Infinity : Infinity) : Number(text);
}

function seriesKey({ name, labels }: ParsedSample): string {
  return JSON.stringify([name, [...labels].sort()]);
}

function checkFamily(name: string, { type, samples }: ParsedFamily): void {
  if (type === 'counter') {
    assert.match(name, /_total$/);
    for (const { value } of samples) assert.ok(value >= 0, `${name} is ${value}`);
  }
  if (type !== 'histogram') return;
  const histograms = Map.groupBy(samples, ({ labels }) =>
    JSON.stringify([...labels].filter(([label]) => label !== 'le')),
  );
  for (const [labels, members] of histograms) {
    const buckets = members.filter((sample) => sample.name === `${name}_bucket`);
    const bounds = buckets.map((sample) => parseValue(sample.labels.get('le') ?? assert.fail('a bucket without le')));
    assert.deepEqual(
      bounds,
      [...new Set(bounds)].sort((a, b) => a - b),
      `bounds of ${name} ${labels} rise`,
    );
    const counts = buckets.map(({ value }) => value);
    assert.deepEqual(
      counts,
      [...counts].sort((a, b) => a - b),
      `buckets of ${name} ${labels} are cumulative`,
    );
    assert.equal(bounds.at(-1), Infinity, `${name} ${labels} has a bucket +Inf`);
    const [sum, ...moreSums] = members.filter((sample) => sample.name === `${name}_sum`);
    const [count, ...moreCounts] = members.filter((sample) => sample.name === `${name}_count`);
    assert.ok(
      sum !== undefined && count !== undefined && moreSums.length + moreCounts.length === 0,
      `${name} ${labels}`,
    );
    assert.equal(count.value, counts.at(-1), `count of ${name} ${labels} is its +Inf`);
    assert.ok(count.value > 0 || sum.value === 0);
  }
}
