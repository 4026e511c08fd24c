/**
 * From a Corefile, read and checked, to what the server is made of: listeners, metric scopes, the routes of the snapshot
 * with their steps, the datasets these read, and the groups of upstreams.
 *
 * A route is made for each key of a block and for each zone that one of its plugins names, so that at run time no step
 * has to compare names: whether a plugin's zone, `fallthrough` or `except` covers a name is decided here.
 */
import { assert } from '../base/assert.ts';
import type { CorefileToken } from '../config/corefile-token.ts';
import type { AddressOrderProgram } from '../answer/address-orders.ts';
import type { AddressAndPort } from '../config/upstream-address.ts';
import type { NameWeights } from '../config/weight-file.ts';
import { isReverseZone } from '../config/zone-name.ts';
import { lowerCaseName, parseName } from '../dns/name.ts';
import type { CorefileBlock, CorefileConfig } from '../plugins/corefile-config.ts';
import type { CacheProfile } from '../cache/cache-profiles.ts';
import type { ForwardGroup } from '../forward/forward-group.ts';
import type { CacheOptions } from '../plugins/cache/parse.ts';
import type { ForwardStanza } from '../plugins/forward/parse.ts';
import type { HostsOptions } from '../plugins/hosts/parse.ts';
import type { K8sExternalOptions } from '../plugins/k8s_external/parse.ts';
import type { KubernetesOptions } from '../plugins/kubernetes/parse.ts';
import type { AclOptions } from '../plugins/acl/parse.ts';
import type { LoadbalanceOptions } from '../plugins/loadbalance/parse.ts';
import type { TimeoutsOptions } from '../plugins/timeouts/parse.ts';
import type { PluginOptions } from '../plugins/order.ts';
import type { TemplateRule } from '../plugins/template/parse.ts';
import { formatListenAddress, type ListenAddress } from '../observability/listener-set.ts';
import type { MetricScope } from '../observability/shard-counters.ts';
import type {
  ListenerDescription,
  PolicyDescription,
  RewriteStep,
  RouteDescription,
  StepDescription,
} from '../snapshot/config-writer.ts';
import { UDP_SIZE_MAX_DEFAULT } from '../snapshot/snapshot-layout.ts';
import { DEFAULT_TCP_TIMEOUTS } from '../resolver/resolver-options.ts';
import type { TcpTimeouts } from '../resolver/resolver-options.ts';
import { compileRewrite } from './compile-rewrite.ts';
import { compileTemplate } from './compile-template.ts';
import { cacheProfileOf } from './cache-plan.ts';
import { forwardGroupOf } from './forward-groups.ts';
import { notifiedZones, ruleFor, transferableZones, transferStepOf } from './compile-transfer.ts';
import { headerFlagsOf } from './header-plan.ts';
import { localAddressesOf, wildcardAddresses } from './local-addresses.ts';
import { recordPlanOf } from './record-plan.ts';
import type { ServerPlan, ServicesPlan } from './server-plan.ts';
import type { PlannedListener } from './listener-table.ts';

/** Plugins that change nothing about answers here, or are read elsewhere. */
const WITHOUT_STEP: ReadonlySet<string> = new Set([
  'root',
  'metadata',
  'cancel',
  'timeouts',
  'multisocket',
  'reload',
  'nsid',
  'bufsize',
  'bind',
  'debug',
  'ready',
  'health',
  'prometheus',
  'errors',
  'log',
  'loadbalance',
  'header',
  'minimal',
  'loop',
  'pprof',
  // a property of what `forward` does
  'cache',
]);
/** Plugins accepted without effect: their absence costs time, never a wrong answer. */
const WITHOUT_EFFECT: ReadonlySet<string> = new Set(['pprof', 'shed']);
const VERSION_LABEL_DROPPED = 'dropped';

/** What a compilation takes from its surroundings. */
export interface CompileContext {
  /** of skyshard, for `chaos` */
  readonly version: string;
  readonly hostName: string;
  /** the index by which forward steps name a group of upstreams */
  readonly indexOfGroup: (group: ForwardGroup) => number;
  /** what was found for an upstream's host name; nothing if not given */
  readonly addressesOf?: (host: string, resolvers: readonly AddressAndPort[]) => readonly string[];
  /** what a file of `loadbalance weighted` says; nothing if not given */
  readonly weightsOf?: (file: string) => readonly NameWeights[];
  /** the index by which they say how answers are kept */
  readonly indexOfCacheProfile: (profile: CacheProfile) => number;
}

/** @throws SkyshardError CONFIG_UNSUPPORTED, with the place */
export function compileCorefile(config: CorefileConfig, context: CompileContext): ServerPlan {
  return new Compiler(config, context).compile();
}

class Compiler {
  readonly #config: CorefileConfig;
  readonly #context: CompileContext;
  readonly #scopes: MetricScope[] = [];
  /** the block that a scope counts for; none for what never entered a chain */
  readonly #scopeBlocks: (CorefileBlock | undefined)[] = [undefined];
  readonly #kubernetes: {
    readonly dataset: number;
    readonly options: KubernetesOptions;
    /** of the same server block */
    readonly external: K8sExternalOptions | undefined;
  }[] = [];
  /** datasets of `kubernetes` instances, by block: what `k8s_external` shows lies there too */
  readonly #datasets = new Map<CorefileBlock, number>();
  readonly #hosts: { readonly dataset: number; readonly options: HostsOptions }[] = [];
  #nextDataset = 0;
  readonly #warnings: string[] = [];
  /** by block, made once: all listeners of a block share its instances */
  readonly #blocks = new Map<CorefileBlock, CompiledBlock>();

  constructor(config: CorefileConfig, context: CompileContext) {
    this.#config = config;
    this.#context = context;
  }

  compile(): ServerPlan {
    const addresses: PlannedListener[] = [];
    const listeners: ListenerDescription[] = [];
    const first = this.#config.listeners.find(({ scheme }) => scheme === 'dns');
    this.#scopes.push({
      server: first === undefined ? '' : serverLabel(first.scheme, first.address, first.port),
      zone: VERSION_LABEL_DROPPED,
      view: '',
    });
    const wildcards = wildcardAddresses();
    for (const listener of this.#config.listeners) {
      const label = serverLabel(listener.scheme, listener.address, listener.port);
      if (listener.scheme !== 'dns') {
        this.#warnings.push(`${label} is not served yet: listeners with TLS are not built`);
        continue;
      }
      const routes = this.#routesOf(listener.zones, label);
      const timeouts = timeoutsOf(
        listener.zones.map(({ blockIndex }) => this.#config.blocks[blockIndex]!.plugins.timeouts),
      );
      for (const address of listener.address === '' ? wildcards : [listener.address]) {
        const id = addresses.length;
        addresses.push({ listener: id, address, port: listener.port, timeouts });
        listeners.push({ id, routes });
      }
    }
    return {
      addresses,
      scopes: this.#scopes,
      config: { listeners },
      records: this.#kubernetes.map(({ dataset, options, external }) =>
        recordPlanOf(dataset, options, external, localAddressesOf(addresses.map(({ address }) => address))),
      ),
      hosts: this.#hosts,
      services: this.#services(),
      enabledPlugins: this.#scopes.flatMap((scope, index) =>
        (this.#scopeBlocks[index]?.chain ?? []).map(({ name }) => ({ ...scope, name })),
      ),
      datasetCount: this.#nextDataset,
      hash: this.#config.hash,
      surroundings: '',
      reload: this.#config.blocks.find(({ plugins }) => plugins.reload !== undefined)?.plugins.reload,
      warnings: this.#warnings,
    };
  }

  #services(): ServicesPlan {
    const { blocks } = this.#config;
    const metrics = new Map<string, ListenAddress>();
    for (const { plugins } of blocks) {
      const { prometheus } = plugins;
      if (prometheus === undefined) continue;
      const { listen, tlsConfigFile: tlsFile } = prometheus;
      metrics.set(formatListenAddress(listen), { ...listen, tlsFile });
    }
    const linesOf = <Block>(make: (plugins: CorefileBlock['plugins']) => Block): Block[] => {
      const made = new Map(blocks.map((block) => [block, make(block.plugins)]));
      return this.#scopes.map((_, scope) => made.get(this.#scopeBlocks[scope]!)!);
    };
    return {
      health: blocks.flatMap(({ plugins }) => (plugins.health === undefined ? [] : [plugins.health])),
      ready: blocks.flatMap(({ plugins }) => {
        if (plugins.ready === undefined) return [];
        const datasets = this.#kubernetes.filter(({ options }) => options === plugins.kubernetes);
        return [{ ...plugins.ready, datasets: datasets.map(({ dataset }) => dataset) }];
      }),
      notified: blocks.flatMap((block) => {
        const dataset = this.#datasets.get(block);
        return dataset === undefined ? [] : notifiedZones(block.plugins, dataset);
      }),
      metrics: [...metrics.values()],
      hasStacktrace: blocks.some(({ plugins }) => plugins.errors?.hasStacktrace === true),
      queryLog: linesOf(({ log, metadata }) =>
        log === undefined ? undefined : { rules: log.rules, hasMetadata: metadata !== undefined },
      ),
      errorLog: linesOf(({ errors, debug }) =>
        errors === undefined ? undefined : { consolidate: errors.consolidate, isDebug: debug !== undefined },
      ),
    };
  }

  #routesOf(
    zones: readonly { readonly zone: string; readonly blockIndex: number }[],
    label: string,
  ): readonly RouteDescription[] {
    const routes: RouteDescription[] = [];
    const seen = new Set<string>();
    const serving = zones.map(({ zone, blockIndex }) => ({ zone, block: this.#config.blocks[blockIndex]! }));
    const scopes = new Map<string, number>();
    const scopeOf: ScopeOf = (zone) => this.#aclScope(label, zone);
    const suffixes = new Set([
      ...zones.map(({ zone }) => zone),
      ...serving.flatMap(({ block }) => [...this.#compiled(block).zones]),
    ]);
    for (const suffix of suffixes) {
      const server = longestCover(serving, suffix);
      if (server === undefined || seen.has(suffix)) continue;
      seen.add(suffix);
      const compiled = this.#compiled(server.block);
      let scope = scopes.get(server.zone);
      if (scope === undefined) {
        scope = this.#scopes.push({ server: label, zone: server.zone, view: '' }) - 1;
        this.#scopeBlocks[scope] = server.block;
        scopes.set(server.zone, scope);
      }
      routes.push({ zone: wireOf(suffix), scope, policy: compiled.policy, steps: compiled.stepsFor(suffix, scopeOf) });
    }
    return routes;
  }

  /** Where what `acl` does in one of its zones is counted. */
  #aclScope(server: string, zone: string): number {
    const isIt = (scope: MetricScope): boolean =>
      scope.plugin === 'acl' && scope.server === server && scope.zone === zone;
    const known = this.#scopes.findIndex(isIt);
    return known > 0 ? known : this.#scopes.push({ server, zone, view: '', plugin: 'acl' }) - 1;
  }

  #compiled(block: CorefileBlock): CompiledBlock {
    let compiled = this.#blocks.get(block);
    if (compiled === undefined) {
      compiled = this.#compileBlock(block);
      this.#blocks.set(block, compiled);
    }
    return compiled;
  }

  #compileBlock(block: CorefileBlock): CompiledBlock {
    const makers: StepMaker[] = [];
    const zones = new Set<string>(block.plugins.cache?.zones);
    for (const { name, token } of block.chain) {
      if (WITHOUT_EFFECT.has(name)) {
        this.#warn(token, `plugin/${name} has no effect yet: it is read and passed over`);
      } else if (!WITHOUT_STEP.has(name)) {
        const made =
          name === 'rewrite'
            ? [this.#makeRewrite(block, token, zones, makers, makers.length + 1)]
            : this.#makersOf(name, block, token, zones);
        if (made === undefined) {
          this.#warn(token, `plugin/${name} is not built yet: what would reach it is answered with SERVFAIL`);
          makers.push(unbuilt(zonesOfOptions(block, name), zones));
        } else {
          makers.push(...made);
        }
      }
    }
    return {
      policy: this.#policyOf(block, makers.length > 0),
      zones,
      stepsFor: (suffix, scopeOf) => makers.flatMap((make) => make(suffix, scopeOf)),
    };
  }

  /** @returns undefined if the plugin is not built */
  #makersOf(
    name: string,
    block: CorefileBlock,
    token: CorefileToken,
    zones: Set<string>,
  ): readonly StepMaker[] | undefined {
    const { plugins } = block;
    switch (name) {
      case 'any':
      case 'whoami':
        return [() => [{ kind: name }]];
      case 'local':
        return [() => [{ kind: 'local', isPrefixAnswered: plugins.local!.hasLocalhostPrefix }]];
      case 'chaos':
        return [
          () => [
            {
              kind: 'chaos',
              version: plugins.chaos!.version ?? `skyshard-${this.#context.version}`,
              hostname: this.#context.hostName,
              authors: plugins.chaos!.authors ?? ['skyshard'],
            },
          ],
        ];
      case 'template':
        return plugins.template!.templates.map((rule) => this.#makeTemplate(rule, zones));
      case 'transfer':
        return [makeTransfer(plugins, zones)];
      case 'acl':
        return [makeAcl(plugins.acl!, zones)];
      case 'hosts':
        return [this.#makeHosts(block, zones)];
      case 'kubernetes':
        return [this.#makeKubernetes(block, zones)];
      case 'k8s_external':
        return [this.#makeExternal(block, zones)];
      case 'forward':
        return this.#makeForwards(block, plugins.forward!.stanzas, token, zones);
      default:
        return undefined;
    }
  }

  /**
   * The step of the block's `rewrite`. Its table of routes is made when all plugins of the block have been looked at.
   *
   * @param makers  of the block; those behind it are from `restAt` on
   */
  #makeRewrite(
    block: CorefileBlock,
    token: CorefileToken,
    zones: ReadonlySet<string>,
    makers: readonly StepMaker[],
    restAt: number,
  ): StepMaker {
    const { program, changesClass, unbuilt } = compileRewrite(block.plugins.rewrite!);
    for (const what of unbuilt) {
      this.#warn(
        token,
        `plugin/rewrite: ${what} is not built yet: a question that comes to it is answered with SERVFAIL`,
      );
    }
    // What acl does is counted by listener; without it all have the same step.
    const steps = new Map<ScopeOf | undefined, RewriteStep>();
    return (_, scopeOf) => {
      const key = block.plugins.acl === undefined ? undefined : scopeOf;
      let step = steps.get(key);
      if (step === undefined) {
        const { policy } = this.#compiled(block);
        const rest = makers.slice(restAt);
        const routes = [...new Set(['.', ...zones])].map((suffix) => ({
          zone: wireOf(suffix),
          scope: 0,
          policy,
          steps: rest.flatMap((make) => make(suffix, scopeOf)),
        }));
        step = { kind: 'rewrite', program, changesClass, routes };
        steps.set(key, step);
      }
      return [step];
    };
  }

  #makeTemplate(rule: TemplateRule, zones: Set<string>): StepMaker {
    addAll(zones, rule.zones);
    const compiled = compileTemplate(rule);
    const step: StepDescription = compiled ?? { kind: 'unbuilt' };
    if (compiled === undefined) {
      this.#warnings.push('a template with var or expr is not built yet: it is answered with SERVFAIL');
    }
    return (suffix) => (rule.zones.some((zone) => covers(zone, suffix)) ? [step] : []);
  }

  #makeHosts({ plugins }: CorefileBlock, zones: Set<string>): StepMaker {
    const options = plugins.hosts!;
    addAll(zones, options.zones);
    addAll(zones, options.fallthrough ?? []);
    const dataset = this.#nextDataset++;
    this.#hosts.push({ dataset, options });
    return (suffix) => {
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
    };
  }

  #makeKubernetes(block: CorefileBlock, zones: Set<string>): StepMaker {
    const options = block.plugins.kubernetes!;
    addAll(zones, options.zones);
    addAll(zones, options.fallthrough ?? []);
    const dataset = this.#datasetOf(block);
    this.#kubernetes.push({ dataset, options, external: block.plugins.k8s_external });
    const primary = parseName(options.primaryZone);
    assert(primary !== null, 'the primary zone is a name');
    return (suffix) => {
      const zone = longestZone(options.zones, suffix);
      if (zone === undefined) return [];
      return [
        {
          kind: 'kubernetes',
          zone: wireOf(zone),
          dataset,
          ttlSeconds: cappedTtl(options.ttlSeconds, block.plugins.cache, suffix),
          isPodsInsecure: options.pods === 'insecure',
          isZonal: options.hasZonalNames,
          isClusterset: options.multiclusterZones.includes(zone),
          primary,
          isFallthrough: isCovered(options.fallthrough, suffix),
        },
      ];
    };
  }

  /** The dataset of a block's `kubernetes`. */
  #datasetOf(block: CorefileBlock): number {
    const known = this.#datasets.get(block);
    if (known !== undefined) return known;
    const dataset = this.#nextDataset++;
    this.#datasets.set(block, dataset);
    return dataset;
  }

  #makeExternal(block: CorefileBlock, zones: Set<string>): StepMaker {
    const options = block.plugins.k8s_external!;
    addAll(zones, options.zones);
    addAll(zones, options.fallthrough ?? []);
    const dataset = this.#datasetOf(block);
    const primary = wireOf(options.zones.find((zone) => !isReverseZone(zone)) ?? options.zones[0] ?? '.');
    // Relative to the zone: without the root label.
    const apex = wireOf(options.apex).subarray(0, -1);
    return (suffix) => {
      const zone = longestZone(options.zones, suffix);
      if (zone === undefined) return [];
      return [
        {
          kind: 'external',
          zone: wireOf(zone),
          dataset,
          ttlSeconds: cappedTtl(options.ttlSeconds, block.plugins.cache, suffix),
          primary,
          apex,
          isFallthrough: isCovered(options.fallthrough, suffix),
        },
      ];
    };
  }

  /** From the last stanza to the first: each names the one behind it. */
  #makeForwards(
    block: CorefileBlock,
    stanzas: readonly ForwardStanza[],
    token: CorefileToken,
    zones: Set<string>,
  ): StepMaker[] {
    const cacheProfileFor = this.#cacheProfiles(block, zones);
    const loopZone = block.plugins.loop?.zone ?? '';
    const makers: StepMaker[] = [];
    let next = -1;
    for (const stanza of stanzas.toReversed()) {
      zones.add(stanza.from);
      addAll(zones, stanza.except);
      const group = forwardGroupOf(stanza, next, loopZone, this.#context.addressesOf ?? (() => []));
      let step: StepDescription;
      if (typeof group === 'string') {
        this.#warn(
          token,
          `plugin/forward: ${group} is not built yet: what would be forwarded is answered with SERVFAIL`,
        );
        step = { kind: 'unbuilt' };
      } else {
        next = this.#context.indexOfGroup(group);
        step = { kind: 'forward', group: next };
      }
      makers.unshift((suffix) => {
        if (!covers(stanza.from, suffix) || stanza.except.some((zone) => covers(zone, suffix))) return [];
        return step.kind === 'forward' ? [{ ...step, cacheProfile: cacheProfileFor(suffix) }] : [step];
      });
    }
    return makers;
  }

  /** How forwarded answers below a suffix are kept; undefined: they are not. */
  #cacheProfiles({ plugins, keys }: CorefileBlock, zones: Set<string>): (suffix: string) => number | undefined {
    const options = plugins.cache;
    if (options === undefined) return () => undefined;
    addAll(zones, [...options.zones, ...options.success.disabledZones, ...options.denial.disabledZones]);
    const names = keys.map(({ scheme, zone, port }) => `${scheme}://${zone}:${port}`);
    const [first] = keys;
    const instance = {
      capacity: options.success.capacity + options.denial.capacity,
      key: JSON.stringify([names, plugins.bind, plugins.view]),
      labels: { server: serverLabel(first!.scheme, '', first!.port), zones: options.zones.join(','), view: '' },
    };
    return (suffix) => {
      if (!options.zones.some((zone) => covers(zone, suffix))) return undefined;
      return this.#context.indexOfCacheProfile(cacheProfileOf(options, instance, (zone) => covers(zone, suffix)));
    };
  }

  #warn(token: CorefileToken, message: string): void {
    this.#warnings.push(`${token.file}:${token.line}:${token.column}: ${message}`);
  }

  #orderOf(
    options: LoadbalanceOptions | undefined,
  ): Pick<PolicyDescription, 'rotates' | 'isShuffled' | 'addressOrder'> {
    if (options?.policy === 'weighted') {
      const program: AddressOrderProgram = { weights: this.#context.weightsOf?.(options.file) ?? [] };
      return { rotates: false, isShuffled: false, addressOrder: encodeJson(program) };
    }
    const prefer = options?.prefer ?? [];
    const isOn = options !== undefined;
    const program: AddressOrderProgram = { prefer };
    return { rotates: isOn, isShuffled: isOn, addressOrder: prefer.length === 0 ? null : encodeJson(program) };
  }

  #policyOf({ plugins }: CorefileBlock, hasHandlers: boolean): PolicyDescription {
    return {
      ...this.#orderOf(plugins.loadbalance),
      headerFlags: headerFlagsOf(plugins.header),
      isMinimal: plugins.minimal !== undefined,
      isLogged: plugins.log !== undefined,
      reportsErrors: plugins.errors !== undefined,
      isRecursionAvailable: plugins.forward?.stanzas.some(({ from }) => from === '.') ?? false,
      hasHandlers,
      udpSizeMax: plugins.bufsize?.size ?? UDP_SIZE_MAX_DEFAULT,
      nsid: new TextEncoder().encode(plugins.nsid?.data ?? '').subarray(0, NSID_SIZE_MAX),
    };
  }
}

const NSID_SIZE_MAX = 128;

function encodeJson(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

interface CompiledBlock {
  readonly policy: PolicyDescription;
  /** every zone its plugins name */
  readonly zones: ReadonlySet<string>;
  stepsFor(suffix: string, scopeOf: ScopeOf): readonly StepDescription[];
}

/** Our own answers do not go through the cache; clients keep them no longer than what does. */
function cappedTtl(ttlSeconds: number, cache: CacheOptions | undefined, suffix: string): number {
  const isCached = cache?.zones.some((zone) => covers(zone, suffix)) === true;
  return isCached ? Math.min(ttlSeconds, cache.success.maxTtlSeconds) : ttlSeconds;
}

/** The steps of one plugin for the names below a suffix: none where it has no say. */
type StepMaker = (suffix: string, scopeOf: ScopeOf) => readonly StepDescription[];

/** The metric scope that counts what `acl` does in one of its zones. */
type ScopeOf = (zone: string) => number;

function unbuilt(pluginZones: readonly string[] | undefined, zones: Set<string>): StepMaker {
  addAll(zones, pluginZones ?? []);
  return (suffix) =>
    pluginZones === undefined || pluginZones.some((zone) => covers(zone, suffix)) ? [{ kind: 'unbuilt' }] : [];
}

/** The zones of a plugin's options, if it has any: what lies outside does not reach it. */
function zonesOfOptions(block: CorefileBlock, name: string): readonly string[] | undefined {
  const options: unknown = Reflect.get(block.plugins, name);
  if (typeof options !== 'object' || options === null || !('zones' in options)) return undefined;
  const { zones } = options;
  return Array.isArray(zones) ? zones.filter((zone): zone is string => typeof zone === 'string') : undefined;
}

function makeTransfer(plugins: PluginOptions, zones: Set<string>): StepMaker {
  const { rules } = plugins.transfer!;
  const served = new Set(transferableZones(plugins).map(({ zone }) => zone));
  for (const rule of rules) addAll(zones, rule.zones);
  return (suffix) => {
    const rule = served.has(suffix) ? ruleFor(rules, suffix) : undefined;
    return rule === undefined ? [] : [transferStepOf(rule)];
  };
}

/** One step for all rules: the policies of those whose zones hold the name, in their order. */
function makeAcl({ rules }: AclOptions, zones: Set<string>): StepMaker {
  for (const rule of rules) addAll(zones, rule.zones);
  return (suffix, scopeOf) => {
    const policies = rules.flatMap((rule) => {
      const zone = longestZone(rule.zones, suffix);
      return zone === undefined ? [] : rule.policies.map((policy) => ({ ...policy, scope: scopeOf(zone) }));
    });
    return [{ kind: 'acl', allowedScope: scopeOf(''), policies }];
  };
}

function addAll(zones: Set<string>, more: readonly string[]): void {
  for (const zone of more) zones.add(zone);
}

/** Whether a canonical name lies in a zone: at it or below it. */
function covers(zone: string, name: string): boolean {
  return zone === '.' || name === zone || name.endsWith(`.${zone}`);
}

function isCovered(zones: readonly string[] | null, name: string): boolean {
  return zones?.some((zone) => covers(zone, name)) ?? false;
}

function longestZone(zones: readonly string[], name: string): string | undefined {
  return zones.filter((zone) => covers(zone, name)).sort((a, b) => b.length - a.length)[0];
}

function longestCover<Server extends { readonly zone: string }>(
  servers: readonly Server[],
  name: string,
): Server | undefined {
  let longest: Server | undefined;
  for (const server of servers) {
    if (covers(server.zone, name) && (longest === undefined || server.zone.length > longest.zone.length)) {
      longest = server;
    }
  }
  return longest;
}

function wireOf(zone: string): Uint8Array {
  const wire = parseName(zone);
  assert(wire !== null, 'a zone is a name');
  return lowerCaseName(wire);
}

/** Blocks that share a listener have one set: what the last one says that says something. */
function timeoutsOf(blocks: readonly (TimeoutsOptions | undefined)[]): TcpTimeouts {
  let found = DEFAULT_TCP_TIMEOUTS;
  for (const options of blocks) {
    found = {
      readMs: options?.readMs ?? found.readMs,
      writeMs: options?.writeMs ?? found.writeMs,
      idleMs: options?.idleMs ?? found.idleMs,
      queriesMax: queriesMaxOf(options?.tcpQueriesMax ?? null) ?? found.queriesMax,
    };
  }
  return found;
}

function queriesMaxOf(count: number | null): number | null {
  return count !== null && count < 0 ? Infinity : count;
}

/** CoreDNS's `server` label. */
function serverLabel(scheme: string, address: string, port: number): string {
  return `${scheme}://${address.includes(':') ? `[${address}]` : address}:${port}`;
}
