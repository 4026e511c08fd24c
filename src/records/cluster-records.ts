/**
 * Kubernetes DNS-Based Service Discovery 1.1.0: from changes of objects to changes of records.
 *
 * One change costs what the names cost that it affects: an EndpointSlice the names of the endpoints that differ, and a
 * headless Service's own names; a Service its own names, and its endpoints' names if it comes, goes or changes its type;
 * a Namespace those of its Services and pods. What is written depends on the present objects alone, not on the way there.
 */
import { addressOfDashed, octetsOf, type Address } from '../cluster/address.ts';
import { toOctets } from '../cluster/binary-text.ts';
import type { ChangeSet } from '../cluster/change-set.ts';
import { ClusterState, type ClusterStateOptions, type ServiceView } from '../cluster/cluster-state.ts';
import { TYPE } from '../dns/iana.ts';
import { parseLabelSelector } from '../kubernetes/label-selector.ts';
import type { ObjectKind } from '../kubernetes/object-sink.ts';
import type { ObjectChange } from '../kubernetes/objects.ts';
import type { EntryContent, RecordSink } from '../snapshot/entry-content.ts';
import { ENTRY_FLAG, KEY_SPACE } from '../snapshot/snapshot-layout.ts';
import { addressSets, ENT, FIXED_ENT } from './contents.ts';
import { ExternalRecords } from './external-records.ts';
import { importedChange, importedKind } from './imported-change.ts';
import { findNameServers, NS_DNS, writeNameServers, type NameServers } from './name-servers.ts';
import { nameOf, POD, SVC } from './names.ts';
import type { RecordOptions } from './record-options.ts';
import { addressSetOf, ServiceRecords, wholeChange } from './service-records.ts';

/**
 * Endpoints touched after which the records are written, so that a whole cluster's changes never wait in memory: what
 * waits for long leaves the young generation and becomes garbage of the old one.
 */
const FLUSH_SIZE = 512;

/** TXT "1.1.0", TTL 28800, owner C00C: the version of the specification (its section 2.2). */
const DNS_VERSION = toOctets('\xc0\x0c\x00\x10\x00\x01\x00\x00\x70\x80\x00\x06\x051.1.0');

/** A state of objects and what follows from it. */
interface Part {
  readonly state: ClusterState;
  readonly services: ServiceRecords;
}

export class ClusterRecords {
  readonly state: ClusterState;
  readonly #options: RecordOptions;
  readonly #localAddresses: ReadonlySet<Address>;
  readonly #own: Part;
  /** what other clusters export; undefined: no zone shows it */
  readonly #imported: Part | undefined;
  readonly #external: ExternalRecords | undefined;
  /** key spaces of zones that have the same fixed names, Namespaces and pods */
  readonly #keySpaces: readonly (typeof KEY_SPACE.FORWARD | typeof KEY_SPACE.CLUSTERSET)[];
  #sink: RecordSink;
  #isFresh = true;
  /** the name servers last written, as text */
  #nameServers = '';
  /** they are those of Services */
  #hasServices = false;

  /** @throws SkyshardError LABEL_SELECTOR if `namespaceLabels` cannot be read */
  constructor(options: RecordOptions, sink: RecordSink) {
    this.#options = options;
    this.#sink = sink;
    this.#localAddresses = addressSetOf(options.localAddresses);
    const { ignoreEmptyService, zonal } = options;
    this.state = new ClusterState(stateOptionsOf(options, this.#localAddresses));
    this.#own = {
      state: this.state,
      services: new ServiceRecords(this.state, {
        keySpace: KEY_SPACE.FORWARD,
        ignoreEmptyService,
        zonal,
        hasPointers: true,
      }),
    };
    this.#imported = options.multiclusterZones.length === 0 ? undefined : importedPartOf(options);
    this.#keySpaces = this.#imported === undefined ? [KEY_SPACE.FORWARD] : [KEY_SPACE.FORWARD, KEY_SPACE.CLUSTERSET];
    const { external } = options;
    if (external !== undefined) this.#external = new ExternalRecords(this.state, external, this.#localAddresses);
  }

  /** Octets of memory that what is known of objects takes. */
  get byteSize(): number {
    return this.state.byteSize + (this.#imported?.state.byteSize ?? 0);
  }

  /**
   * Take changes in their order and write to the sink what follows from them. The first call also writes the names that
   * every zone has. Many changes come best from a generator, so that no object is kept longer than it is looked at.
   *
   * @returns whether the SOA serial moves: a Service, slice, Namespace or (if they are kept) pod came or went, or one of
   *   its fields that records depend on changed. Without it nothing was written, but for the first call.
   */
  apply(changes: Iterable<ObjectChange>): boolean {
    return runToEnd(this.applyInSteps(changes));
  }

  /** As apply; it pauses after each change and each Service, for a caller that has to look after other things too. */
  *applyInSteps(changes: Iterable<ObjectChange>): Generator<void, boolean> {
    let isChanged = false;
    for (const change of changes) {
      if (yield* this.#gather(this.state.applyInSteps(change))) isChanged = true;
      const imported = this.#imported === undefined ? undefined : importedChange(change);
      if (imported !== undefined && (yield* this.#gather(this.#imported!.state.applyInSteps(imported)))) {
        isChanged = true;
      }
      yield;
    }
    yield* this.#writeAll(isChanged);
    return isChanged;
  }

  /** All objects of a kind follow, in any number of `apply`: see ClusterState.beginList. */
  beginList(kind: ObjectKind): void {
    this.state.beginList(kind);
    const imported = importedKind(kind);
    if (imported !== undefined) this.#imported?.state.beginList(imported);
  }

  /** The list is complete: what was not put since `beginList` is deleted. Returns and pauses as applyInSteps does. */
  *endListInSteps(kind: ObjectKind): Generator<void, boolean> {
    let isChanged = yield* this.#gather(this.state.endListInSteps(kind));
    const imported = importedKind(kind);
    if (imported !== undefined && this.#imported !== undefined) {
      if (yield* this.#gather(this.#imported.state.endListInSteps(imported))) isChanged = true;
    }
    yield* this.#writeAll(isChanged);
    return isChanged;
  }

  /**
   * From now on, until `completeInSteps`, nothing is written of what changes, but by `writeReadyInSteps`: for the first lists,
   * which make the same name many times.
   */
  postpone(): void {
    for (const { state } of this.#parts()) state.noteChanges(false);
  }

  /** While all is postponed: write the Services that seem to be complete. It pauses as applyInSteps does. */
  *writeReadyInSteps(): Generator<void, void> {
    for (let service = this.state.takeReady(); service !== undefined; service = this.state.takeReady()) {
      this.#writeService(this.#own, service);
      yield;
    }
  }

  /** Write what was postponed. It pauses as applyInSteps does. */
  *completeInSteps(): Generator<void, void> {
    yield* this.#writeEverything(true);
  }

  /** Write everything to a sink that has no names but fixed ones, which takes the place of the old one. */
  rewrite(sink: RecordSink): void {
    runToEnd(this.rewriteInSteps(sink));
  }

  /** As rewrite; it pauses as applyInSteps does. */
  *rewriteInSteps(sink: RecordSink): Generator<void, void> {
    this.#sink = sink;
    yield* this.#writeEverything(false);
  }

  *#writeEverything(isBegun: boolean): Generator<void, void> {
    this.#isFresh = true;
    this.#nameServers = '';
    for (const namespace of this.state.namespaces()) this.#writeNamespace(namespace);
    for (const part of this.#parts()) {
      const { taken } = part.state;
      part.state.noteChanges(true);
      for (const service of part.state.services()) {
        if (isBegun && taken.has(service.id)) continue;
        this.#writeService(part, service);
        yield;
      }
    }
    yield* this.#gather(this.state.touchPods());
    yield* this.#writeAll(false);
  }

  /** All names of a Service of which none is there. */
  #writeService({ state, services }: Part, service: ServiceView): void {
    services.writeWhole(service, this.#sink);
    if (state === this.state) this.#external?.write(wholeChange(state, service), this.#sink);
  }

  #parts(): readonly Part[] {
    return this.#imported === undefined ? [this.#own] : [this.#own, this.#imported];
  }

  *#writeAll(isChanged: boolean): Generator<void, void> {
    if (!isChanged && !this.#isFresh) return;
    this.#writeFixedNames();
    yield* this.#flush();
    this.#writeNameServers();
    this.#external?.writeNameServers(this.#sink);
  }

  /** Step through a change of a state, and write whenever enough has gathered. */
  *#gather<Result>(steps: Generator<void, Result>): Generator<void, Result> {
    for (;;) {
      const { done, value } = steps.next();
      if (this.#own.state.changes.size >= FLUSH_SIZE || (this.#imported?.state.changes.size ?? 0) >= FLUSH_SIZE) {
        yield* this.#flush();
      }
      if (done) return value;
      yield;
    }
  }

  /** In the cluster zones and, if there are any, in the clusterset zones. */
  #put(key: string, content: EntryContent): void {
    for (const keySpace of this.#keySpaces) this.#sink.put(toOctets(key), content, keySpace);
  }

  #remove(key: string): void {
    for (const keySpace of this.#keySpaces) this.#sink.remove(toOctets(key), keySpace);
  }

  #writeFixedNames(): void {
    if (!this.#isFresh) return;
    this.#isFresh = false;
    this.#put(SVC, FIXED_ENT);
    this.#put(POD, FIXED_ENT);
    this.#put('\x03dns', FIXED_ENT);
    this.#put(NS_DNS, ENT);
    const rrsets = [{ type: TYPE.TXT, count: 1, records: DNS_VERSION }];
    this.#put('\x0bdns-version', { kind: 'raw', rrsets, flags: ENTRY_FLAG.FIXED });
    this.#external?.writeFixedNames(this.#sink);
  }

  *#flush(): Generator<void, void> {
    const changes = this.state.takeChanges();
    for (const namespace of changes.namespaces) this.#writeNamespace(namespace);
    yield* this.#flushServices(this.#own.services, changes);
    for (const [namespace, labels] of changes.podLabels) {
      for (const label of labels) this.#writePod(namespace, label);
    }
    for (const address of changes.clients) this.#writeClient(address);
    if (this.#imported === undefined) return;
    // Their Namespaces are those of the cluster.
    yield* this.#flushServices(this.#imported.services, this.#imported.state.takeChanges());
  }

  *#flushServices(services: ServiceRecords, changes: ChangeSet): Generator<void, void> {
    for (const change of changes.services.values()) {
      services.write(change, this.#sink);
      if (services === this.#own.services) this.#external?.write(change, this.#sink);
      yield;
    }
  }

  #writeNamespace(namespace: string): void {
    const name = nameOf(namespace);
    if (name === undefined) return;
    const isExposed = this.state.isExposed(namespace);
    this.#external?.writeNamespace(namespace, isExposed, this.#sink);
    if (isExposed) this.#put(name + SVC, ENT);
    else this.#remove(name + SVC);
    if (this.#options.pods === 'disabled') return;
    if (isExposed) this.#put(name + POD, ENT);
    else this.#remove(name + POD);
  }

  /** `IPDASH.N.pod` (pods verified). */
  #writePod(namespace: string, label: string): void {
    const first = nameOf(label);
    const second = nameOf(namespace);
    const address = addressOfDashed(label);
    if (first === undefined || second === undefined || address === undefined) return;
    const key = first + second + POD;
    if (!this.state.isExposed(namespace) || !this.state.hasPodLabel(namespace, label)) return this.#remove(key);
    this.#put(key, { kind: 'address', ...addressSets([address]), ports: [], weight: 0, targetSkip: 0 });
  }

  /** Whom an address belongs to, for those who look at where a query comes from. */
  #writeClient(address: Address): void {
    const key = octetsOf(address);
    const pod = this.state.clientOf(address);
    if (pod === undefined) return this.#sink.remove(key, KEY_SPACE.CLIENT);
    const content = {
      kind: 'client',
      namespace: toOctets(pod.namespace),
      name: toOctets(pod.name),
      ...(pod.labels !== '' && { labels: toOctets(pod.labels) }),
    } as const;
    this.#sink.put(key, content, KEY_SPACE.CLIENT);
  }

  /** `ns.dns` has the addresses of all name servers, also where those have other names. */
  #writeNameServers(): void {
    const hasOwn = this.state.hasLocalSlices;
    // Without any they are this server's own addresses, which stay.
    if (!hasOwn && this.#nameServers !== '' && !this.#hasServices) return;
    this.#hasServices = hasOwn;
    const servers = findNameServers(this.state, this.#localAddresses);
    const text = JSON.stringify(servers);
    if (text === this.#nameServers) return;
    this.#nameServers = text;
    writeNameServers(servers, this.#sink);
    this.#put(NS_DNS, nameServerContent(servers));
  }
}

/** @throws SkyshardError LABEL_SELECTOR */
function stateOptionsOf(options: RecordOptions, localAddresses: ReadonlySet<Address>): ClusterStateOptions {
  const { namespaces, namespaceLabels } = options;
  return {
    imported: false,
    zonal: options.zonal,
    endpointPodNames: options.endpointPodNames,
    noEndpoints: options.noEndpoints,
    externals: options.external !== undefined,
    podLabels: options.pods === 'verified',
    clients: options.clientIndex,
    clientLabels: options.clientLabels,
    namespaces: namespaces === undefined ? undefined : new Set(namespaces),
    namespaceLabels: namespaceLabels === undefined ? undefined : parseLabelSelector(namespaceLabels),
    localAddresses,
  };
}

/** Imported Services have no pods, no zone-scoped names and no PTR records; `noendpoints` is not about them. */
function importedPartOf(options: RecordOptions): Part {
  const state = new ClusterState({
    ...stateOptionsOf(options, new Set()),
    imported: true,
    zonal: false,
    noEndpoints: false,
    externals: false,
    podLabels: false,
    clients: false,
  });
  const { ignoreEmptyService } = options;
  const own = { keySpace: KEY_SPACE.CLUSTERSET, ignoreEmptyService, zonal: false, hasPointers: false };
  return { state, services: new ServiceRecords(state, own) };
}

function runToEnd<Result>(steps: Generator<void, Result>): Result {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}

function nameServerContent(servers: NameServers): EntryContent {
  const addresses = servers.flatMap(([, own]) => own);
  if (addresses.length === 0) return ENT;
  return { kind: 'address', ...addressSets(addresses), ports: [], weight: 0, targetSkip: 0 };
}
