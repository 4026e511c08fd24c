/**
 * `reload`: looks now and then whether the Corefile, or what it imports, says something else, checks all of it, and makes it
 * the server's configuration with one publication. Sockets, counters and records that stay the same are left alone. What
 * cannot be read or applied changes nothing; it is said once, counted, and tried again when the text changes.
 */
import { SkyshardError } from '../../base/skyshard-error.ts';
import type { LogFunction } from '../../observability/log.ts';
import type { MetricFamily } from '../../observability/counters/metric-family.ts';
import type { DatasetBuilder } from '../../snapshot/dataset-builder.ts';
import type { MetricScope } from '../../observability/counters/shard-counters.ts';
import type { SnapshotConfig } from '../../snapshot/config-description.ts';
import type { AnsweringThreads, ListenerChange } from '../threads/answering-threads.ts';
import type { BlockServices } from '../block-services.ts';
import type { HostsTable } from '../hosts/hosts-table.ts';
import type { FeedsChange, ObjectFeeds } from '../objects/object-feeds.ts';
import type { OtherNames, RecordPublisher } from '../objects/record-publisher.ts';
import { remapConfig, remapServices } from './remapped-plan.ts';
import { reloadMetrics, type ReloadFigures } from './reload-metrics.ts';
import type { HeldGroups, ServerPlan } from './server-plan.ts';
import type { Secondaries } from '../zones/secondaries.ts';
import type { ZoneTable } from '../zones/zone-table.ts';

export interface ConfigReloaderOptions {
  /** reads and checks the Corefile */
  readonly load: () => Promise<ServerPlan>;
  readonly plan: ServerPlan;
  /** of the running server, by index; grows */
  readonly scopes: MetricScope[];
  /** as many as there are cells for */
  readonly scopeMax: number;
  readonly publisher: RecordPublisher;
  readonly feeds: ObjectFeeds;
  readonly hosts: HostsTable;
  readonly zones: ZoneTable;
  readonly secondaries: Secondaries;
  readonly datasetOf: (dataset: number) => DatasetBuilder;
  readonly services: BlockServices;
  readonly threads: AnsweringThreads;
  readonly log: LogFunction;
  /** told of each configuration that is taken over */
  readonly onApplied?: (plan: ServerPlan) => void;
}

export class ConfigReloader {
  readonly #options: ConfigReloaderOptions;
  #plan: ServerPlan;
  /** what is published */
  #config: SnapshotConfig;
  /** that it names */
  #datasets: ReadonlySet<number>;
  /** of each address of the plan */
  #listenerIds: readonly number[];
  /** of all that is published, and of plans before it that may still be; the last is that of `#config` */
  #heldGroups: readonly HeldGroups[];
  /** closes the listeners that the last reload did away with */
  #leaving: { readonly hurry: AbortController; readonly done: Promise<void> } | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** the reload under way */
  #last: Promise<void> = Promise.resolve();
  /** what was said last about a text that was refused */
  #complaint = '';
  readonly #figures: ReloadFigures;
  #isClosed = false;

  constructor(options: ConfigReloaderOptions) {
    this.#options = options;
    this.#plan = options.plan;
    const { hash } = options.plan;
    this.#figures = { failures: 0, parseFailures: 0, isSuccess: true, successSeconds: Date.now() / 1000, hash };
    this.#config = options.plan.config;
    this.#heldGroups = [options.plan.forwardGroups];
    this.#datasets = new Set(Array.from({ length: options.plan.datasetCount }, (_, dataset) => dataset));
    this.#listenerIds = options.plan.addresses.map(({ listener }) => listener);
  }

  /** Look after the text from now on, if the configuration asks for it. */
  start(): void {
    const { reload } = this.#plan;
    if (reload === undefined || this.#isClosed) return;
    const waitMs = reload.intervalMs + (Math.random() - 0.5) * reload.jitterMs;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      void this.reload().then(() => this.start());
    }, waitMs).unref();
  }

  /** Look now. Does not reject. */
  reload(): Promise<void> {
    this.#last = this.#last.then(() => this.#look());
    return this.#last;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#options.feeds.stopWaiting();
    clearTimeout(this.#timer);
    await this.#last;
    await this.#finishLeaving();
  }

  families(): readonly MetricFamily[] {
    return reloadMetrics(() => this.#figures);
  }

  /** The plugins of what is served, a series each. */
  get enabledPlugins(): ServerPlan['enabledPlugins'] {
    return this.#plan.enabledPlugins;
  }

  async #look(): Promise<void> {
    if (this.#isClosed) return;
    let plan: ServerPlan;
    try {
      plan = await this.#options.load();
      // Who writes a file anew empties it first: taking that over would close everything.
      if (plan.addresses.length === 0) {
        plan.forwardGroups.release();
        throw new SkyshardError('CONFIG_ARGUMENT', 'it is empty');
      }
    } catch (error) {
      if (this.#complain(error, 'plugin/reload: the Corefile is not taken over')) this.#figures.parseFailures++;
      return;
    }
    if (plan.hash === this.#plan.hash && plan.surroundings === this.#plan.surroundings) {
      this.#complaint = '';
      this.#figures.isSuccess = true;
      plan.forwardGroups.release();
      return;
    }
    try {
      await this.#apply(plan);
    } catch (error) {
      if (!this.#heldGroups.includes(plan.forwardGroups)) plan.forwardGroups.release();
      if (this.#complain(error, 'plugin/reload: the Corefile cannot be applied')) this.#figures.failures++;
    }
  }

  /** @returns whether it is the first time that this is said */
  #complain(error: unknown, what: string): boolean {
    if (!(error instanceof SkyshardError)) throw error;
    this.#figures.isSuccess = false;
    const complaint = `${what}: ${error.message}; what was served before stays`;
    const isNew = complaint !== this.#complaint;
    if (isNew) this.#options.log('error', complaint);
    this.#complaint = complaint;
    return isNew;
  }

  async #apply(plan: ServerPlan): Promise<void> {
    const { log, feeds, threads } = this.#options;
    log('info', 'Reloading');
    // An address, or a source of objects, that is about to be left can be wanted again.
    await this.#finishLeaving();
    const datasetOf = new Map<number, number>();
    const scopeCount = this.#options.scopes.length;
    const feedsChange = await feeds.prepare(plan.records, datasetOf);
    try {
      const listeners = await threads.prepareListeners(plan.addresses);
      try {
        await this.#publish(plan, listeners, feedsChange, datasetOf);
      } catch (error) {
        await listeners.abort();
        throw error;
      }
    } catch (error) {
      await feedsChange.revert();
      // Nothing is counted under those that came with it, unless it was published.
      if (!this.#heldGroups.includes(plan.forwardGroups)) this.#options.scopes.length = scopeCount;
      throw error;
    }
    this.#plan = plan;
    this.#options.onApplied?.(plan);
    if (this.#leaving === undefined) this.#releaseFormerGroups();
    this.#complaint = '';
    this.#figures.isSuccess = true;
    this.#figures.successSeconds = Date.now() / 1000;
    this.#figures.hash = plan.hash;
    for (const warning of plan.warnings) log('warn', warning);
    log('info', 'Reloading complete');
  }

  /** Publish a plan, with its probes and lines. What listeners that go have served is served until they are closed. */
  async #publish(
    plan: ServerPlan,
    listeners: ListenerChange,
    feedsChange: FeedsChange,
    datasetOf: Map<number, number>,
  ): Promise<void> {
    const { publisher, hosts, zones, secondaries, services } = this.#options;
    const scopeOf = this.#scopesOf(plan.scopes);
    const hostsChange = await hosts.prepare(plan.hosts, datasetOf, () => publisher.takeDataset());
    const takeDataset = (): number => publisher.takeDataset();
    const zonesChange = await zones.prepare(plan.zones, datasetOf, takeDataset);
    const secondaryChange = await secondaries.prepare(plan.secondaries, this.#options, datasetOf, takeDataset);
    const servicesBefore = services.plan;
    const servicesPlan = remapServices(plan.services, scopeOf, this.#options.scopes.length, datasetOf);
    await services.configure(servicesPlan, addressesOf(plan, listeners.ids));
    const config = remapConfig(plan.config, scopeOf, datasetOf, listeners.ids);
    const gone = this.#config.listeners.filter(({ id }) => listeners.leaving.includes(id));
    const datasets = new Set(datasetOf.values());
    const isLeft = gone.length > 0;
    try {
      const served = isLeft ? new Set([...datasets, ...this.#datasets]) : datasets;
      await publisher.reconfigure(
        { listeners: [...config.listeners, ...gone] },
        served,
        allOf([hostsChange, zonesChange, secondaryChange]),
      );
    } catch (error) {
      await services.configure(servicesBefore, addressesOf(this.#plan, this.#listenerIds));
      throw error;
    }
    this.#heldGroups = [...this.#heldGroups, plan.forwardGroups];
    await listeners.commit();
    hostsChange.commit();
    zonesChange.commit();
    secondaryChange.commit();
    this.#config = config;
    this.#datasets = datasets;
    this.#listenerIds = listeners.ids;
    if (isLeft) this.#leave(listeners, feedsChange);
    else await feedsChange.commit();
  }

  /** Close the listeners that go, while the new configuration is served, and then what only they needed. */
  #leave(listeners: ListenerChange, feedsChange: FeedsChange): void {
    const { log, publisher } = this.#options;
    const hurry = new AbortController();
    const close = async (): Promise<void> => {
      await listeners.close(hurry.signal);
      await publisher.reconfigure(this.#config, this.#datasets, NO_NAMES);
      this.#releaseFormerGroups();
      await feedsChange.commit();
    };
    // What cannot be published for want of memory is a configuration that says more than it has to.
    const done = close().catch((error: unknown) => {
      for (const groups of this.#heldGroups.slice(0, -1)) groups.keep();
      log('error', `plugin/reload: former listeners: ${String(error)}`);
    });
    this.#leaving = { hurry, done };
  }

  /** What is published names those of the last plan alone. */
  #releaseFormerGroups(): void {
    const former = this.#heldGroups.slice(0, -1);
    this.#heldGroups = this.#heldGroups.slice(-1);
    for (const groups of former) groups.release();
  }

  async #finishLeaving(): Promise<void> {
    this.#leaving?.hurry.abort();
    await this.#leaving?.done;
    this.#leaving = undefined;
  }

  /** Index of the running server's scope for each of the plan's. @throws SkyshardError CONFIG_UNSUPPORTED */
  #scopesOf(wanted: readonly MetricScope[]): readonly number[] {
    const { scopes, scopeMax } = this.#options;
    // Blocks may be called the same, views of one name: each has a scope of its own all the same, which says what it logs.
    const taken = new Set<number>([0]);
    return wanted.map((scope, index) => {
      // What never entered a chain is counted in one place, whatever is served.
      if (index === 0) return 0;
      const known = scopes.findIndex((other, at) => !taken.has(at) && isSameScope(other, scope));
      if (known > 0) {
        taken.add(known);
        // What its templates say may be something else.
        scopes[known] = scope;
        return known;
      }
      if (scopes.length >= scopeMax) {
        throw new SkyshardError(
          'CONFIG_UNSUPPORTED',
          'there were too many different zones since the start: restart for that',
        );
      }
      const added = scopes.push(scope) - 1;
      taken.add(added);
      return added;
    });
  }
}

function allOf(changes: readonly OtherNames[]): OtherNames {
  return {
    write: () => {
      for (const change of changes) change.write();
    },
    revert: () => {
      for (const change of changes) change.revert();
    },
  };
}

const NO_NAMES: OtherNames = { write: () => undefined, revert: () => undefined };

function isSameScope(a: MetricScope, b: MetricScope): boolean {
  return a.server === b.server && a.zone === b.zone && a.view === b.view && a.plugin === b.plugin;
}

function addressesOf({ addresses }: ServerPlan, ids: readonly number[]): ReadonlyMap<number, string> {
  return new Map(addresses.map(({ address }, index) => [ids[index]!, address]));
}
