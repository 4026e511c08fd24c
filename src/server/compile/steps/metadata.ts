/** `metadata`: what of a query is known under a label in a server block, and which of it `log` prints. */
import type { CorefileBlock } from '../../../plugins/corefile-config.ts';
import type { MetadataDescription } from '../../../snapshot/config-description.ts';
import { asksForClients } from '../record-plan.ts';

/** What is known only when a query is answered, where it is printed: not with its report. */
const KNOWN_WHEN_PRINTED: ReadonlySet<string> = new Set(['log/type', 'log/class', 'forward/upstream']);

/**
 * @param dataset  of the block's `kubernetes`, if it has one
 * @returns null if the block has no `metadata`
 */
export function metadataOf({ plugins }: CorefileBlock, dataset: number | undefined): MetadataDescription | null {
  const { metadata, kubernetes, view, proxyproto } = plugins;
  if (metadata === undefined) return null;
  return {
    zones: metadata.zones,
    view: view?.name ?? null,
    hasProxyVector: proxyproto?.hasTlvMetadata ?? false,
    cluster:
      kubernetes === undefined || dataset === undefined
        ? null
        : {
            dataset,
            zones: kubernetes.zones,
            multiclusterZones: kubernetes.multiclusterZones,
            isZonal: kubernetes.hasZonalNames,
            knowsClients: asksForClients(plugins),
          },
    logged: loggedLabels(plugins.log?.rules.map(({ format }) => format) ?? []),
    logsUpstream: plugins.log?.rules.some(({ format }) => format.includes('{/forward/upstream}')) ?? false,
  };
}

/** Labels of the placeholders `{/LABEL}` of formats whose values go with the report of a query, each once. */
export function loggedLabels(formats: readonly string[]): readonly string[] {
  const labels = formats.flatMap((format) => [...format.matchAll(/\{\/([^{}]*)\}/g)].map((match) => match[1]!));
  return [...new Set(labels)].filter((label) => !KNOWN_WHEN_PRINTED.has(label));
}
