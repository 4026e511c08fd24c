import type { KubernetesApiOptions } from '../../apiserver/api-options.ts';
import { SkyshardError } from '../../base/skyshard-error.ts';
import type { BlockContext } from '../../config/corefile/block-context.ts';
import { quoteText, type CorefileToken } from '../../config/corefile/corefile-token.ts';
import type { CorefileLine } from '../../config/corefile/corefile-tree.ts';
import { readDuration } from '../../config/duration.ts';
import {
  argumentFault,
  countFault,
  readOptions,
  readWord,
  takeArgument,
  takeArguments,
  takeNoArguments,
} from '../../config/corefile/line-reader.ts';
import { readFloat, readInteger } from '../../config/number.ts';
import { definePluginOnce } from '../../config/corefile/plugin-definition.ts';
import { isReverseZone } from '../../config/zone-name.ts';
import { parseLabelSelector } from '../../kubernetes/label-selector.ts';

export interface KubernetesOptions {
  /** canonical names, reverse zones among them */
  readonly zones: readonly string[];
  /** the first zone that is no reverse zone */
  readonly primaryZone: string;
  readonly api: KubernetesApiOptions;
  /** null: all */
  readonly namespaces: readonly string[] | null;
  /** label selectors, checked */
  readonly namespaceLabels: string | null;
  readonly labels: string | null;
  readonly pods: PodMode;
  /** endpoints without a host name are named after their pod */
  readonly namesEndpointsByPod: boolean;
  readonly hasEndpoints: boolean;
  readonly hasZonalNames: boolean;
  readonly ttlSeconds: number;
  /** canonical names; null: no fallthrough */
  readonly fallthrough: readonly string[] | null;
  /** a ClusterIP Service without ready endpoints does not exist */
  readonly ignoresEmptyServices: boolean;
  /** canonical names, each one of `zones` */
  readonly multiclusterZones: readonly string[];
  /** how long the start waits for the first lists */
  readonly startupTimeoutMs: number;
}

const POD_MODES = ['disabled', 'insecure', 'verified'] as const;
export type PodMode = (typeof POD_MODES)[number];

type Draft = {
  -readonly [Key in keyof Omit<KubernetesOptions, 'zones' | 'primaryZone' | 'api'>]: KubernetesOptions[Key];
};
type ApiDraft = { -readonly [Key in keyof KubernetesApiOptions]: KubernetesApiOptions[Key] };

/** `kubernetes [ZONES…] { … }` */
export default definePluginOnce('kubernetes', (line, block): KubernetesOptions => {
  const zones = block.readZonesOrKeys(line.arguments);
  const primaryZone = zones.find((zone) => !isReverseZone(zone));
  if (primaryZone === undefined) {
    throw argumentFault(
      line.arguments[0] ?? line.name,
      'non-reverse zone name must be used, expected such as cluster.local',
    );
  }
  const draft: Draft = {
    namespaces: null,
    namespaceLabels: null,
    labels: null,
    pods: 'disabled',
    namesEndpointsByPod: false,
    hasEndpoints: true,
    hasZonalNames: false,
    ttlSeconds: 5,
    fallthrough: null,
    ignoresEmptyServices: false,
    multiclusterZones: [],
    startupTimeoutMs: 5000,
  };
  const api: ApiDraft = { endpoint: null, tls: null, kubeconfig: null, queriesPerSecond: 0, burst: 0, inflightMax: 0 };
  readOptions(line, { ...apiReaders(api, block), ...recordReaders(draft, block), ...formerReaders(block) });
  checkTogether(line, zones, draft);
  return { zones, primaryZone, api, ...draft };
});

function apiReaders(api: ApiDraft, block: BlockContext): Record<string, (option: CorefileLine) => void> {
  return {
    endpoint: (option) => {
      const [first, second] = takeArguments(option, 1, Infinity, 'endpoint URL');
      if (second !== undefined) block.warn(second, `only the first endpoint ${quoteText(first!.text)} is used`);
      api.endpoint = first!.text;
    },
    tls: (option) => {
      const [certificate, key, authority] = takeArguments(option, 3, 3, 'tls CERT KEY CACERT');
      api.tls = {
        certificateFile: block.resolvePath(certificate!.text),
        keyFile: block.resolvePath(key!.text),
        authorityFile: block.resolvePath(authority!.text),
      };
    },
    kubeconfig: (option) => {
      const [file, context] = takeArguments(option, 1, 2, 'kubeconfig FILE [CONTEXT]');
      block.readFile(file!, 'kubeconfig');
      api.kubeconfig = { file: block.resolvePath(file!.text), context: context?.text ?? null };
    },
    apiserver_qps: (option) => {
      api.queriesPerSecond = readFloat(takeArgument(option, 'apiserver_qps N'), 'apiserver_qps', 0);
    },
    apiserver_burst: (option) => {
      api.burst = readInteger(takeArgument(option, 'apiserver_burst N'), 'apiserver_burst');
    },
    apiserver_max_inflight: (option) => {
      api.inflightMax = readInteger(takeArgument(option, 'apiserver_max_inflight N'), 'apiserver_max_inflight');
    },
  };
}

function recordReaders(draft: Draft, block: BlockContext): Record<string, (option: CorefileLine) => void> {
  return {
    namespaces: (option) => {
      const names = takeArguments(option, 1, Infinity, 'namespaces NAME…').map((token) => token.text);
      draft.namespaces = [...new Set([...(draft.namespaces ?? []), ...names])];
    },
    namespace_labels: (option) => {
      draft.namespaceLabels = readSelector(option);
    },
    labels: (option) => {
      draft.labels = readSelector(option);
    },
    pods: (option) => {
      const token = takeArgument(option, 'pods disabled|insecure|verified');
      draft.pods = readWord(token, POD_MODES, 'wrong value for pods:');
    },
    endpoint_pod_names: (option) => {
      takeNoArguments(option);
      draft.namesEndpointsByPod = true;
    },
    noendpoints: (option) => {
      takeNoArguments(option);
      draft.hasEndpoints = false;
    },
    zonal: (option) => {
      takeNoArguments(option);
      draft.hasZonalNames = true;
    },
    ttl: (option) => {
      const [token] = takeArguments(option, 1, Infinity, 'ttl SECONDS');
      draft.ttlSeconds = readInteger(token!, 'ttl must be in range [0, 3600]:', 0, 3600);
    },
    fallthrough: (option) => {
      draft.fallthrough = block.readFallthrough(option.arguments);
    },
    ignore: (option) => {
      const [token] = option.arguments;
      if (token === undefined) return;
      readWord(token, ['empty_service'], 'unable to parse ignore value:');
      draft.ignoresEmptyServices = true;
    },
    multicluster: (option) => {
      draft.multiclusterZones = block.readZones(option.arguments);
    },
    startup_timeout: (option) => {
      const [token] = takeArguments(option, 1, Infinity, 'startup_timeout DURATION');
      draft.startupTimeoutMs = Math.max(0, readDuration(token!, 'startup_timeout', { minMs: -Infinity }));
    },
  };
}

/** Options of Corefiles before CoreDNS 1.7: without effect, so nobody has to edit a cluster's ConfigMap first. */
function formerReaders(block: BlockContext): Record<string, (option: CorefileLine) => void> {
  const passOver = (option: CorefileLine): void => {
    block.warn(option.name, `plugin/kubernetes: option '${option.name.text}' is gone from CoreDNS and has no effect`);
  };
  return { upstream: passOver, resyncperiod: passOver, transfer: passOver };
}

/** The words of a selector joined by spaces, as they stood. */
function readSelector(option: CorefileLine): string {
  const [first] = option.arguments;
  if (first === undefined) throw countFault(option.name, `${option.name.text} SELECTOR`);
  const text = option.arguments.map((token: CorefileToken) => token.text).join(' ');
  try {
    parseLabelSelector(text);
    return text;
  } catch (error) {
    if (!(error instanceof SkyshardError)) throw error;
    throw argumentFault(first, `unable to parse label selector: ${error.message}`);
  }
}

function checkTogether(line: CorefileLine, zones: readonly string[], draft: Draft): void {
  if (draft.namespaces !== null && draft.namespaceLabels !== null) {
    throw argumentFault(line.name, 'namespaces and namespace_labels cannot both be set');
  }
  const foreign = draft.multiclusterZones.find((zone) => !zones.includes(zone));
  if (foreign !== undefined) {
    const message = `is not authoritative for the multicluster zone ${foreign} (authoritative zones: ${zones.join(' ')})`;
    throw argumentFault(line.name, message);
  }
  if (draft.hasZonalNames && !draft.hasEndpoints) {
    throw argumentFault(line.name, 'zonal requires the endpoint cache; remove noendpoints');
  }
}
