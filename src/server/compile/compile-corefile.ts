/**
 * From a Corefile, read and checked, to what the server is made of: listeners, metric scopes, the routes of the snapshot
 * with their steps, the datasets these read, and the groups of upstreams.
 *
 * A route is made for each key of a block and for each zone that one of its plugins names, so that at run time no step
 * has to compare names: whether a plugin's zone, `fallthrough` or `except` covers a name is decided here.
 */
import type { CorefileToken } from '../../config/corefile/corefile-token.ts';
import type { AddressOrderProgram } from '../../answer/order/address-orders.ts';
import type { CorefileBlock, CorefileConfig } from '../../plugins/corefile-config.ts';
import type { PluginOptions } from '../../plugins/order.ts';
import type { LoadbalanceOptions } from '../../plugins/loadbalance/parse.ts';
import { formatListenAddress, type ListenAddress } from '../../observability/endpoints/listener-set.ts';
import type { MetricScope } from '../../observability/counters/shard-counters.ts';
import type {
  ListenerDescription,
  PolicyDescription,
  RouteChoice,
  RouteDescription,
  StepDescription,
} from '../../snapshot/config-description.ts';
import { UDP_SIZE_MAX_DEFAULT } from '../../snapshot/snapshot-layout.ts';
import { type CompileContext, PlannedData, type ScopeOf, serverLabel, type StepMaker } from './block-compilation.ts';
import { ListenerScopes } from './listener-scopes.ts';
import { loggedLabels, metadataOf } from './steps/metadata.ts';
import { STEP_MAKERS } from './step-makers.ts';
import { keysOf, secretsText } from './steps/tsig.ts';
import { chosenRoute, conditionOf, isChosenByView, serversOf } from './views.ts';
import { addAll, covers, wireOf } from './zone-cover.ts';
import { notifiedStoredZones, notifiedZones } from './steps/transfer.ts';
import { headerFlagsOf } from './header-plan.ts';
import { listenerSettingsOf } from './listener-plan.ts';
import { localAddressesOf, wildcardAddresses } from './local-addresses.ts';
import { recordPlanOf } from './record-plan.ts';
import type { ServerPlan, ServicesPlan } from '../configuration/server-plan.ts';
import type { PlannedListener } from '../configuration/listener-table.ts';
import { encodeProgram } from '../../snapshot/program-text.ts';

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
  // of the listener
  'tls',
  'https',
  'proxyproto',
  'shed',
  // decides which block answers
  'view',
  // a property of what `forward` does
  'cache',
]);
/** Not part of CoreDNS's chain: with nothing but these a block refuses what it is asked. */
const WITHOUT_HANDLER: ReadonlySet<string> = new Set([
  ...['root', 'timeouts', 'multisocket', 'reload', 'bind', 'debug', 'ready', 'health', 'pprof', 'tls', 'https'],
  ...['proxyproto', 'view'],
]);
/** Plugins accepted without effect, and what is said of them. */
const WITHOUT_EFFECT: ReadonlyMap<string, string> = new Map([
  ['dnssec', 'nothing is signed: records that zone files and upstreams have signed are passed through'],
]);
const VERSION_LABEL_DROPPED = 'dropped';

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
  readonly #data = new PlannedData();
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
      const routes = this.#routesOf(listener.zones, label);
      const blocks = listener.zones.map(({ blockIndex }) => this.#config.blocks[blockIndex]!);
      const keys = keysOf(blocks);
      const settings = listenerSettingsOf(listener, blocks);
      for (const address of listener.address === '' ? wildcards : [listener.address]) {
        const id = addresses.length;
        addresses.push({ listener: id, address, port: listener.port, ...settings });
        listeners.push({ id, routes, keys, address, port: listener.port });
      }
    }
    return {
      addresses,
      scopes: this.#scopes,
      config: { listeners },
      records: this.#data.kubernetes.map((planned) =>
        recordPlanOf(planned, localAddressesOf(addresses.map(({ address }) => address))),
      ),
      hosts: this.#data.hosts,
      secondaries: this.#data.secondaries.map(({ plan }) => plan),
      zones: this.#data.zones.map(({ block: _, ...zone }) => zone),
      services: this.#services(),
      enabledPlugins: this.#scopes.flatMap((scope, index) =>
        (this.#scopeBlocks[index]?.chain ?? [])
          .filter(({ name }) => name === 'view' || !WITHOUT_HANDLER.has(name))
          .map(({ name }) => ({ ...scope, name })),
      ),
      datasetCount: this.#data.datasetCount,
      hash: this.#config.hash,
      surroundings: secretsText(this.#config.blocks),
      forwardGroups: { numbers: [], release: () => undefined, keep: () => undefined },
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
        const datasets = this.#data.kubernetes.filter(({ options }) => options === plugins.kubernetes);
        return [{ ...plugins.ready, datasets: datasets.map(({ dataset }) => dataset) }];
      }),
      notified: blocks.flatMap((block) => {
        const dataset = this.#data.knownClusterDataset(block);
        const transferredIn = this.#data.secondaries.filter((zone) => zone.block === block);
        const stored = [
          ...this.#data.zones.filter((zone) => zone.block === block),
          ...transferredIn.map(({ plan }) => plan),
        ];
        return [
          ...(dataset === undefined ? [] : notifiedZones(block.plugins, dataset)),
          ...notifiedStoredZones(block.plugins, stored),
        ];
      }),
      metrics: [...metrics.values()],
      hasStacktrace: blocks.some(({ plugins }) => plugins.errors?.hasStacktrace === true),
      queryLog: linesOf(({ log, metadata }) =>
        log === undefined
          ? undefined
          : {
              rules: log.rules,
              hasMetadata: metadata !== undefined,
              metadataLabels: loggedLabels(log.rules.map(({ format }) => format)),
            },
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
    const table = new ListenerScopes(label, this.#scopes, this.#scopeBlocks);
    const suffixes = new Set([
      ...zones.map(({ zone }) => zone),
      ...serving.flatMap(({ block }) => [...this.#compiled(block).zones]),
    ]);
    for (const suffix of suffixes) {
      const servers = serversOf(serving, suffix);
      if (servers.length === 0 || seen.has(suffix)) continue;
      seen.add(suffix);
      const made = servers.map(({ zone, block }): RouteDescription => {
        const { policy, stepsFor } = this.#compiled(block);
        const scope = table.scopeOf(zone, block);
        return {
          zone: wireOf(suffix),
          serverZoneSize: wireOf(zone).length,
          scope,
          policy,
          steps: stepsFor(suffix, table.aclScopes(block)),
        };
      });
      routes.push(
        isChosenByView(servers) ? chosenRoute(made, servers, (block) => this.#compiled(block).condition) : made[0]!,
      );
    }
    return routes;
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
      const withoutEffect = WITHOUT_EFFECT.get(name);
      if (withoutEffect !== undefined) {
        this.#warn(token, `plugin/${name}: ${withoutEffect}`);
      } else if (!WITHOUT_STEP.has(name)) {
        const make = STEP_MAKERS.get(name);
        if (make === undefined) {
          this.#warn(token, `plugin/${name} is not built yet: what would reach it is answered with SERVFAIL`);
          makers.push(unbuilt(zonesOfOptions(block, name), zones));
        } else {
          let behindAt = 0;
          const made = make({
            block,
            plugins: block.plugins,
            context: this.#context,
            zones,
            data: this.#data,
            warn: (message) => this.#warn(token, message),
            routesBehind: (scopeOf) => this.#routesBehind(block, zones, makers.slice(behindAt), scopeOf),
          });
          makers.push(...made);
          behindAt = makers.length;
        }
      }
    }
    return {
      policy: this.#policyOf(
        block,
        block.chain.some(({ name }) => !WITHOUT_HANDLER.has(name)),
      ),
      condition: conditionOf(block),
      zones,
      stepsFor: (suffix, scopeOf) => makers.flatMap((make) => make(suffix, scopeOf)),
    };
  }

  /** For every name, the steps that some plugins of a block make. */
  #routesBehind(
    block: CorefileBlock,
    zones: ReadonlySet<string>,
    makers: readonly StepMaker[],
    scopeOf: ScopeOf,
  ): readonly RouteDescription[] {
    const { policy } = this.#compiled(block);
    return [...new Set(['.', ...zones])].map((suffix) => ({
      zone: wireOf(suffix),
      scope: 0,
      policy,
      steps: makers.flatMap((make) => make(suffix, scopeOf)),
    }));
  }

  #warn(token: CorefileToken, message: string): void {
    this.#warnings.push(`${token.file}:${token.line}:${token.column}: ${message}`);
  }

  #orderOf(
    options: LoadbalanceOptions | undefined,
  ): Pick<PolicyDescription, 'rotates' | 'isShuffled' | 'addressOrder'> {
    if (options?.policy === 'weighted') {
      const program: AddressOrderProgram = { weights: this.#context.weightsOf?.(options.file) ?? [] };
      return { rotates: false, isShuffled: false, addressOrder: encodeProgram(program) };
    }
    const prefer = options?.prefer ?? [];
    const isOn = options !== undefined;
    const program: AddressOrderProgram = { prefer };
    return { rotates: isOn, isShuffled: isOn, addressOrder: prefer.length === 0 ? null : encodeProgram(program) };
  }

  #policyOf(block: CorefileBlock, hasHandlers: boolean): PolicyDescription {
    const { plugins } = block;
    return {
      metadata: metadataOf(block, this.#data.knownClusterDataset(block)),
      ...this.#orderOf(plugins.loadbalance),
      headerFlags: headerFlagsOf(plugins.header),
      isMinimal: plugins.minimal !== undefined,
      isLogged: plugins.log !== undefined,
      reportsErrors: plugins.errors !== undefined,
      isRecursionAvailable: plugins.forward?.stanzas.some(({ from }) => from === '.') ?? false,
      hasHandlers,
      isComposed: asksOtherQuestions(plugins),
      udpSizeMax: plugins.bufsize?.size ?? UDP_SIZE_MAX_DEFAULT,
      nsid: new TextEncoder().encode(plugins.nsid?.data ?? '').subarray(0, NSID_SIZE_MAX),
    };
  }
}

const NSID_SIZE_MAX = 128;

function asksOtherQuestions({ autopath, dns64, siit, rewrite, k8s_external: external }: PluginOptions): boolean {
  if (autopath !== undefined || dns64 !== undefined || siit !== undefined || external !== undefined) return true;
  return rewrite?.rules.some(({ change }) => change.field === 'cname') ?? false;
}

interface CompiledBlock {
  readonly policy: PolicyDescription;
  /** null: it answers in any case */
  readonly condition: RouteChoice['condition'];
  /** every zone its plugins name */
  readonly zones: ReadonlySet<string>;
  stepsFor(suffix: string, scopeOf: ScopeOf): readonly StepDescription[];
}

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
