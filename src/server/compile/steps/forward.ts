/** `forward` and the `cache` of what it gets. */
import type { StepDescription } from '../../../snapshot/config-description.ts';
import { type BlockCompilation, type MakeSteps, serverLabel, type StepMaker } from '../block-compilation.ts';
import { cacheProfileOf } from '../cache-plan.ts';
import { forwardGroupOf } from '../forward-groups.ts';
import { addAll, covers } from '../zone-cover.ts';

/** From the last stanza to the first: each names the one behind it. */
export const makeForward: MakeSteps = (compilation) => {
  const { plugins, zones, context } = compilation;
  const cacheProfileFor = cacheProfiles(compilation);
  const loopZone = plugins.loop?.zone ?? '';
  const makers: StepMaker[] = [];
  let next = -1;
  for (const stanza of plugins.forward!.stanzas.toReversed()) {
    zones.add(stanza.from);
    addAll(zones, stanza.except);
    const group = forwardGroupOf(stanza, next, loopZone, context.addressesOf ?? (() => []));
    const number = context.numberOfGroup(group);
    // What has no upstream yet is passed over by the stanza before it.
    if (group.upstreams.length > 0) next = number;
    const step: StepDescription = { kind: 'forward', group: number };
    makers.unshift((suffix) => {
      if (!covers(stanza.from, suffix) || stanza.except.some((zone) => covers(zone, suffix))) return [];
      return [{ ...step, cacheProfile: cacheProfileFor(suffix) }];
    });
  }
  return makers;
};

/** How forwarded answers below a suffix are kept; undefined: they are not. */
function cacheProfiles({ block, plugins, zones, context }: BlockCompilation): (suffix: string) => number | undefined {
  const options = plugins.cache;
  if (options === undefined) return () => undefined;
  addAll(zones, [...options.zones, ...options.success.disabledZones, ...options.denial.disabledZones]);
  const names = block.keys.map(({ scheme, zone, port }) => `${scheme}://${zone}:${port}`);
  const [first] = block.keys;
  const instance = {
    capacity: options.success.capacity + options.denial.capacity,
    key: JSON.stringify([names, plugins.bind, plugins.view]),
    labels: {
      server: serverLabel(first!.scheme, plugins.bind?.addresses[0] ?? '', first!.port),
      zones: options.zones.join(','),
      view: plugins.view?.name ?? '',
    },
  };
  return (suffix) => {
    if (!options.zones.some((zone) => covers(zone, suffix))) return undefined;
    return context.indexOfCacheProfile(cacheProfileOf(options, instance, (zone) => covers(zone, suffix)));
  };
}
