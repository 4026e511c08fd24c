/** The steps of `secondary`: zones that are transferred in, and those that catalogs list. */
import { parseIP } from '../../config/network.ts';
import type { AddressAndPort } from '../../config/upstream-address.ts';
import type { CorefileBlock } from '../../plugins/corefile-config.ts';
import type { NetworkWords } from '../../snapshot/config-description.ts';
import type { PlannedSecondary } from '../server-plan.ts';
import type { BlockCompilation, MakeSteps } from './block-compilation.ts';
import { addAll } from './zone-cover.ts';
import { zoneSteps } from './zones.ts';

export const makeSecondary: MakeSteps = (compilation) => {
  const { plugins, block, zones, context } = compilation;
  const { fallthrough } = plugins.secondary!;
  addAll(zones, fallthrough ?? []);
  const blockName = nameOfBlock(block);
  const planned = new Map<string, Plan>();
  for (const zone of configuredZones(compilation)) planned.set(zone.origin, planOf(compilation, zone));
  for (const catalog of [...planned.values()]) {
    if (!catalog.isCatalog) continue;
    for (const { id, zone: origin } of context.membersOf?.(blockName, catalog.origin) ?? []) {
      // What the Corefile says of a zone counts.
      if (planned.has(origin)) continue;
      const { primaries } = catalog;
      const member = { origin, primaries, memberId: id, isCatalog: false, memberZones: [] };
      planned.set(origin, planOf(compilation, member));
    }
  }
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

type Plan = PlannedSecondary;
type ZonePlan = Omit<PlannedSecondary, 'dataset' | 'block'>;

/** What is said last of a zone counts, as far as it says where it comes from. */
function configuredZones({ plugins }: BlockCompilation): readonly ZonePlan[] {
  const found = new Map<string, ZonePlan>();
  for (const { names, transferFrom, catalogOf } of plugins.secondary!.zones) {
    for (const origin of names) {
      const [isCatalog, memberZones] = [catalogOf !== null, catalogOf ?? []];
      found.set(origin, { origin, primaries: transferFrom, memberId: null, isCatalog, memberZones });
    }
  }
  return [...found.values()];
}

function planOf({ data, block, zones }: BlockCompilation, zone: ZonePlan): Plan {
  zones.add(zone.origin);
  const plan = { ...zone, dataset: data.takeDataset(), block: nameOfBlock(block) };
  data.secondaries.push(plan);
  return plan;
}

function nameOfBlock({ keys, plugins }: CorefileBlock): string {
  const names = keys.map(({ scheme, zone, port }) => `${scheme}://${zone}:${port}`);
  return JSON.stringify([names, plugins.bind, plugins.view]);
}

/** Whose notifications count: the address, from any port. */
function networkOf({ address }: AddressAndPort): readonly NetworkWords[] {
  const found = parseIP(address.replace(/%.*$/, ''));
  return found === undefined ? [] : [{ words: found.words, prefixLength: 32 * found.words.length }];
}
