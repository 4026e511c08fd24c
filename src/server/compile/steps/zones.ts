/** The steps of `file`, `auto` and `secondary`: one zone, one dataset. */
import { PLUGIN } from '../../../observability/counters/shard-counters.ts';
import type { StepDescription } from '../../../snapshot/config-description.ts';
import type { PlannedZone } from '../../configuration/server-plan.ts';
import { cappedTtl, type BlockCompilation, type MakeSteps, type StepMaker } from '../block-compilation.ts';
import { addAll, isCovered, longestZone, wireOf } from '../zone-cover.ts';

const TTL_AS_IT_IS = 0xffff_ffff;
const PLUGINS = { file: PLUGIN.FILE, auto: PLUGIN.AUTO, secondary: PLUGIN.SECONDARY } as const;

export const makeFile: MakeSteps = (compilation) => {
  const { zones, fallthrough } = compilation.plugins.file!;
  addAll(compilation.zones, fallthrough ?? []);
  const planned = new Map<string, number>();
  // What is said last of a zone counts.
  for (const { names, file, reloadMs, reloadsByTime } of zones.toReversed()) {
    for (const origin of names) {
      if (planned.has(origin)) continue;
      planned.set(origin, planZone(compilation, { plugin: 'file', origin, file, reloadMs, reloadsByTime }));
    }
  }
  return [zoneSteps(compilation, 'file', planned, fallthrough)];
};

export const makeAuto: MakeSteps = (compilation) => {
  const options = compilation.plugins.auto!;
  addAll(compilation.zones, options.zones);
  const planned = new Map<string, number>();
  for (const { origin, file } of compilation.context.zonesIn?.(options) ?? []) {
    const { reloadMs } = options;
    planned.set(origin, planZone(compilation, { plugin: 'auto', origin, file, reloadMs, reloadsByTime: false }));
  }
  return [zoneSteps(compilation, 'auto', planned, null)];
};

function planZone({ data, block, zones }: BlockCompilation, zone: Omit<PlannedZone, 'dataset'>): number {
  zones.add(zone.origin);
  const dataset = data.takeDataset();
  data.zones.push({ ...zone, dataset, block });
  return dataset;
}

/** @param planned  dataset of each zone */
export function zoneSteps(
  { plugins, block }: BlockCompilation,
  plugin: keyof typeof PLUGINS,
  planned: ReadonlyMap<string, number>,
  fallthrough: readonly string[] | null,
): StepMaker {
  const names = [...planned.keys()];
  // Who is the last of the chain and has no such zone is not authoritative: that is another thing than a failure.
  const elsewhere: readonly StepDescription[] = block.chain.at(-1)?.name === plugin ? [{ kind: 'refuse' }] : [];
  return (suffix) => {
    const origin = longestZone(names, suffix);
    if (origin === undefined) return elsewhere;
    const ttlMaxSeconds = cappedTtl(TTL_AS_IT_IS, plugins.cache, suffix);
    return [
      {
        kind: 'zone',
        zone: wireOf(origin),
        dataset: planned.get(origin)!,
        plugin: PLUGINS[plugin],
        ttlMaxSeconds,
        isFallthrough: isCovered(fallthrough, suffix),
      },
    ];
  };
}
