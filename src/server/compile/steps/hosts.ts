/** The step of `hosts`, and the dataset it answers from. */
import { cappedTtl, type MakeSteps } from '../block-compilation.ts';
import { addAll, covers, isCovered } from '../zone-cover.ts';

export const makeHosts: MakeSteps = ({ plugins, zones, data }) => {
  const options = plugins.hosts!;
  addAll(zones, options.zones);
  addAll(zones, options.fallthrough ?? []);
  const dataset = data.takeDataset();
  data.hosts.push({ dataset, options });
  return [
    (suffix) => {
      const isInside = options.zones.some((zone) => covers(zone, suffix));
      if (!isInside && !options.hasReverse) return [];
      return [
        {
          kind: 'records',
          dataset,
          ttlSeconds: cappedTtl(options.ttlSeconds, plugins.cache, suffix),
          hasWildcards: true,
          isPointersOnly: !isInside,
          isFallthrough: isCovered(options.fallthrough, suffix),
          fallsThroughUnsupported: options.fallsThroughUnsupported,
        },
      ];
    },
  ];
};
