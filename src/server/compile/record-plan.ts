/** From the options of `kubernetes` and `k8s_external` to what the record model takes. */
import type { ExternalOptions, RecordOptions } from '../../records/record-options.ts';
import type { K8sExternalOptions } from '../../plugins/k8s_external/parse.ts';
import type { PluginOptions } from '../../plugins/order.ts';
import type { PlannedData } from './block-compilation.ts';
import { kindsOf, type RecordPlan } from '../configuration/server-plan.ts';

/** A day: a timer takes no more than 24 of them. */
const STARTUP_TIMEOUT_MAX_MS = 86_400_000;

export function recordPlanOf(
  planned: PlannedData['kubernetes'][number],
  localAddresses: readonly string[],
): RecordPlan {
  const { dataset, options } = planned;
  const records = recordOptionsOf(planned, localAddresses);
  const { labels, namespaceLabels } = records;
  return {
    dataset,
    options: records,
    selection: { api: options.api, labels, namespaceLabels, kinds: kindsOf(records) },
    startupTimeoutMs: Math.min(options.startupTimeoutMs, STARTUP_TIMEOUT_MAX_MS),
  };
}

/** Whether a plugin of the block asks which pod a client is: `metadata` and `autopath` do, of pods that are verified. */
export function asksForClients({ kubernetes, metadata, autopath }: PluginOptions): boolean {
  const isAsked = metadata !== undefined || autopath?.search.kind === 'kubernetes';
  return kubernetes?.pods === 'verified' && isAsked;
}

/** Keys of the labels of pods that the block names (`kubernetes/client-label/KEY`), in expressions, templates, formats or rules. */
export function clientLabelsOf(plugins: PluginOptions): readonly string[] {
  if (plugins.metadata === undefined || !asksForClients(plugins)) return [];
  const text = JSON.stringify(plugins, (_key, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
  const keys = [...text.matchAll(/kubernetes\/client-label\/([\w./-]+)/g)].map((match) => match[1]!);
  return [...new Set(keys)].sort();
}

/** What the record model takes: zones without the final dot. */
function recordOptionsOf(
  { options, external, knowsClients, clientLabels }: PlannedData['kubernetes'][number],
  localAddresses: readonly string[],
): RecordOptions {
  return {
    zones: options.zones.map(withoutDot),
    multiclusterZones: options.multiclusterZones.map(withoutDot),
    external: external === undefined ? undefined : externalOptionsOf(external),
    clientIndex: knowsClients,
    clientLabels,
    ttlSeconds: options.ttlSeconds,
    pods: options.pods,
    endpointPodNames: options.namesEndpointsByPod,
    noEndpoints: !options.hasEndpoints,
    ignoreEmptyService: options.ignoresEmptyServices,
    zonal: options.hasZonalNames,
    namespaces: options.namespaces ?? undefined,
    namespaceLabels: options.namespaceLabels ?? undefined,
    labels: options.labels ?? undefined,
    localAddresses,
  };
}

function externalOptionsOf({ zones, apex, ttlSeconds, hasHeadless }: K8sExternalOptions): ExternalOptions {
  return { zones: zones.map(withoutDot), apex: apex.replace(/\.$/, ''), ttlSeconds, hasHeadless };
}

function withoutDot(zone: string): string {
  return zone === '.' ? zone : zone.slice(0, -1);
}
