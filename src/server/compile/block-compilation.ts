/** What the compilation of one plugin of a server block sees, and what it makes. */
import type { AddressAndPort } from '../../config/upstream-address.ts';
import type { NameWeights } from '../../config/weight-file.ts';
import type { CacheProfile } from '../../cache/cache-profiles.ts';
import type { ForwardGroup } from '../../forward/forward-group.ts';
import type { CacheOptions } from '../../plugins/cache/parse.ts';
import type { CorefileBlock } from '../../plugins/corefile-config.ts';
import type { CountedTemplate } from '../../observability/counters/counter-layout.ts';
import type { HostsOptions } from '../../plugins/hosts/parse.ts';
import type { K8sExternalOptions } from '../../plugins/k8s_external/parse.ts';
import type { KubernetesOptions } from '../../plugins/kubernetes/parse.ts';
import type { PluginOptions } from '../../plugins/order.ts';
import type { RouteDescription, StepDescription } from '../../snapshot/config-description.ts';
import type { AutoOptions } from '../../plugins/auto/parse.ts';
import type { OwnedMember } from '../zones/catalog-members.ts';
import type { PlannedSecondary, PlannedZone } from '../configuration/server-plan.ts';
import { covers } from './zone-cover.ts';

/** What a compilation takes from its surroundings. */
export interface CompileContext {
  /** of skyshard, for `chaos` */
  readonly version: string;
  readonly hostName: string;
  /** the number by which forward steps name a group of upstreams */
  readonly numberOfGroup: (group: ForwardGroup) => number;
  /** what was found for an upstream's host name; nothing if not given */
  readonly addressesOf?: (host: string, resolvers: readonly AddressAndPort[]) => readonly string[];
  /** what a file of `loadbalance weighted` says; nothing if not given */
  readonly weightsOf?: (file: string) => readonly NameWeights[];
  /** the zone files in the directory of `auto`; none if not given */
  readonly zonesIn?: (options: AutoOptions) => readonly FoundZone[];
  /** the zones that a catalog of `secondary` lists; none if not given */
  readonly membersOf?: (block: string, origin: string) => readonly OwnedMember[];
  /** the search list of the machine, or container, that the server runs on; nothing if not given */
  readonly hostSearch?: readonly string[];
  /** the index by which they say how answers are kept */
  readonly indexOfCacheProfile: (profile: CacheProfile) => number;
}

/** A zone file that `auto` found. */
export interface FoundZone {
  /** canonical name */
  readonly origin: string;
  /** absolute */
  readonly file: string;
}

/** The steps of one plugin for the names below a suffix: none where it has no say. */
export type StepMaker = (suffix: string, scopeOf: ScopeOf) => readonly StepDescription[];

/**
 * The metric scope that counts what `acl` does in one of its zones, or a template.
 *
 * @param templates  of `template`: what is counted there
 */
export type ScopeOf = (zone: string, templates?: readonly CountedTemplate[]) => number;

/** How a plugin's options become steps. */
export type MakeSteps = (compilation: BlockCompilation) => readonly StepMaker[];

export interface BlockCompilation {
  readonly block: CorefileBlock;
  readonly plugins: PluginOptions;
  readonly context: CompileContext;
  /** names that get a route of their own: every zone that makes a difference to a plugin is to be added */
  readonly zones: Set<string>;
  readonly data: PlannedData;
  /** Say what the operator is to know, with the plugin's place. */
  warn(message: string): void;
  /** Routes of the steps behind this plugin, for names that it puts in the place of others; once all plugins have been looked at. */
  routesBehind(scopeOf: ScopeOf): readonly RouteDescription[];
}

/** Where the records lie that steps answer from. */
export class PlannedData {
  datasetCount = 0;
  readonly hosts: { readonly dataset: number; readonly options: HostsOptions }[] = [];
  readonly kubernetes: {
    readonly dataset: number;
    readonly options: KubernetesOptions;
    /** of the same server block */
    readonly external: K8sExternalOptions | undefined;
    /** a plugin of the block asks which pod a client is */
    readonly knowsClients: boolean;
    /** keys of the labels of clients that it names */
    readonly clientLabels: readonly string[];
  }[] = [];
  readonly secondaries: { readonly plan: PlannedSecondary; readonly block: CorefileBlock }[] = [];
  readonly zones: (PlannedZone & { readonly block: CorefileBlock })[] = [];
  readonly #ofBlocks = new Map<CorefileBlock, number>();

  takeDataset(): number {
    return this.datasetCount++;
  }

  /** The dataset of a block's `kubernetes`: what `k8s_external` shows lies there too. */
  clusterDataset(block: CorefileBlock): number {
    const dataset = this.#ofBlocks.get(block) ?? this.takeDataset();
    this.#ofBlocks.set(block, dataset);
    return dataset;
  }

  /** @returns undefined if the block has no cluster */
  knownClusterDataset(block: CorefileBlock): number | undefined {
    return this.#ofBlocks.get(block);
  }
}

/** Our own answers do not go through the cache; clients keep them no longer than what does. */
export function cappedTtl(ttlSeconds: number, cache: CacheOptions | undefined, suffix: string): number {
  const isCached = cache?.zones.some((zone) => covers(zone, suffix)) === true;
  return isCached ? Math.min(ttlSeconds, cache.success.maxTtlSeconds) : ttlSeconds;
}

/** CoreDNS's `server` label. */
export function serverLabel(scheme: string, address: string, port: number): string {
  return `${scheme}://${address.includes(':') ? `[${address}]` : address}:${port}`;
}
