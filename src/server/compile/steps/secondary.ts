/** The steps of `secondary`: zones that are transferred in, and those that catalogs list. */
import { parseIP } from '../../../config/network.ts';
import type { AddressAndPort } from '../../../config/upstream-address.ts';
import type { CorefileBlock } from '../../../plugins/corefile-config.ts';
import type { NetworkWords } from '../../../snapshot/config-description.ts';
import type { PlannedSecondary } from '../../configuration/server-plan.ts';
import type { BlockCompilation, MakeSteps } from '../block-compilation.ts';
import { addAll } from '../zone-cover.ts';
import { zoneSteps } from './zones.ts';

export const makeSecondary: MakeSteps = (compilation) => {
  const { plugins, zones } = compilation;
  const { fallthrough } = plugins.secondary!;
  addAll(zones, fallthrough ?? []);
  const planned = new Map(secondaryZones(compilation).map((zone) => [zone.origin, planOf(compilation, zone)]));
  const datasets = new Map([...planned].map(([origin, { dataset }]) => [origin, dataset]));
  const answer = zoneSteps(compilation, 'secondary', datasets, fallthrough);
  return [
    answer,
    (suffix) => {
      const plan = planned.get(suffix);
      return plan === undefined ? [] : [{ kind: 'notified', networks: plan.primaries.flatMap(networkOf) }];
    },
  ];
};

type ZonePlan = Omit<PlannedSecondary, 'dataset' | 'block' | 'blockKeys'>;

/** The zones of a block's `secondary`: what is said last of one counts, and what is said more than what a catalog lists. */
export function secondaryZones(compilation: Pick<BlockCompilation, 'plugins' | 'block' | 'context'>): ZonePlan[] {
  const { plugins, block, context } = compilation;
  const found = new Map<string, ZonePlan>();
  for (const { names, transferFrom: primaries, catalogOf } of plugins.secondary?.zones ?? []) {
    for (const origin of names) {
      const [isCatalog, memberZones] = [catalogOf !== null, catalogOf ?? []];
      found.set(origin, { origin, primaries, memberId: null, isCatalog, memberZones });
    }
  }
  for (const { origin: catalog, primaries, isCatalog } of [...found.values()]) {
    if (!isCatalog) continue;
    for (const { id, zone: origin } of context.membersOf?.(nameOfBlock(block), catalog) ?? []) {
      if (found.has(origin)) continue;
      found.set(origin, { origin, primaries, memberId: id, isCatalog: false, memberZones: [] });
    }
  }
  return [...found.values()];
}

function planOf({ data, block, zones }: BlockCompilation, zone: ZonePlan): PlannedSecondary {
  zones.add(zone.origin);
  const plan = { ...zone, dataset: data.takeDataset(), block: nameOfBlock(block), blockKeys: keysOf(block).join(' ') };
  data.secondaries.push({ plan, block });
  return plan;
}

function nameOfBlock(block: CorefileBlock): string {
  return JSON.stringify([keysOf(block), block.plugins.bind, block.plugins.view]);
}

function keysOf({ keys }: CorefileBlock): string[] {
  return keys.map(({ scheme, zone, port }) => `${scheme}://${zone}:${port}`);
}

/** Whose notifications count: the address, from any port. */
function networkOf({ address }: AddressAndPort): readonly NetworkWords[] {
  const found = parseIP(address.replace(/%.*$/, ''));
  return found === undefined ? [] : [{ words: found.words, prefixLength: 32 * found.words.length }];
}
