/** The steps of `kubernetes` and `k8s_external`, and the dataset that both answer from. */
import { assert } from '../../../base/assert.ts';
import { isReverseZone } from '../../../config/zone-name.ts';
import { parseName } from '../../../dns/name.ts';
import { cappedTtl, type MakeSteps } from '../block-compilation.ts';
import { asksForClients, clientLabelsOf } from '../record-plan.ts';
import { addAll, isCovered, longestZone, wireOf } from '../zone-cover.ts';

export const makeKubernetes: MakeSteps = ({ block, plugins, zones, data }) => {
  const options = plugins.kubernetes!;
  addAll(zones, options.zones);
  addAll(zones, options.fallthrough ?? []);
  const dataset = data.clusterDataset(block);
  data.kubernetes.push({
    dataset,
    options,
    external: plugins.k8s_external,
    knowsClients: asksForClients(plugins),
    clientLabels: clientLabelsOf(plugins),
  });
  const primary = parseName(options.primaryZone);
  assert(primary !== null, 'the primary zone is a name');
  return [
    (suffix) => {
      const zone = longestZone(options.zones, suffix);
      if (zone === undefined) return [];
      return [
        {
          kind: 'kubernetes',
          zone: wireOf(zone),
          dataset,
          ttlSeconds: cappedTtl(options.ttlSeconds, plugins.cache, suffix),
          isPodsInsecure: options.pods === 'insecure',
          isZonal: options.hasZonalNames,
          isClusterset: options.multiclusterZones.includes(zone),
          primary,
          isFallthrough: isCovered(options.fallthrough, suffix),
        },
      ];
    },
  ];
};

export const makeExternal: MakeSteps = ({ block, plugins, zones, data }) => {
  const options = plugins.k8s_external!;
  addAll(zones, options.zones);
  addAll(zones, options.fallthrough ?? []);
  const dataset = data.clusterDataset(block);
  const targetTtlSeconds = plugins.kubernetes?.ttlSeconds ?? options.ttlSeconds;
  const primary = wireOf(options.zones.find((zone) => !isReverseZone(zone)) ?? options.zones[0] ?? '.');
  // Relative to the zone: without the root label.
  const apex = wireOf(options.apex).subarray(0, -1);
  return [
    (suffix) => {
      const zone = longestZone(options.zones, suffix);
      if (zone === undefined) return [];
      return [
        {
          kind: 'external',
          zone: wireOf(zone),
          dataset,
          ttlSeconds: cappedTtl(options.ttlSeconds, plugins.cache, suffix),
          targetTtlSeconds: cappedTtl(targetTtlSeconds, plugins.cache, suffix),
          primary,
          apex,
          isFallthrough: isCovered(options.fallthrough, suffix),
        },
      ];
    },
  ];
};
