/**
 * Kubernetes DNS-Based Service Discovery 1.1.0: from changes of objects to changes of records.
 *
 * One change costs what the names cost that it affects: an EndpointSlice the names of the endpoints that differ, and a
 * headless Service's own names; a Service its own names, and its endpoints' names if it comes, goes or changes its type;
 * a Namespace those of its Services and pods. What is written depends on the present objects alone, not on the way there.
 */
import { addressOf, addressOfDashed, wordsOf, type Address } from '../cluster/address.ts';
import { toOctets } from '../cluster/binary-text.ts';
import type { ServiceChange } from '../cluster/change-set.ts';
import { ClusterState, type ServiceView } from '../cluster/cluster-state.ts';
import { TYPE } from '../dns/iana.ts';
import { reverseKey4, reverseKey6 } from '../dns/name.ts';
import { parseLabelSelector } from '../kubernetes/label-selector.ts';
import type { ObjectKind } from '../kubernetes/object-sink.ts';
import type { ObjectChange } from '../kubernetes/objects.ts';
import type { EntryContent, RecordSink } from '../snapshot/entry-content.ts';
import { KEY_SPACE } from '../snapshot/snapshot-layout.ts';
import { addressSets, endpointContent, ENT, type EndpointAddress } from './contents.ts';
import { findNameServers, NS_DNS, writeNameServers, type NameServers } from './name-servers.ts';
import { nameOf, POD, serviceName, SVC } from './names.ts';
import type { RecordOptions } from './record-options.ts';
import {
  clusterIpNames,
  externalNames,
  hasEndpointNames,
  headlessNames,
  ownPrefixes,
  type OwnNames,
} from './service-names.ts';

/**
 * Endpoints touched after which the records are written, so that a whole cluster's changes never wait in memory: what
 * waits for long leaves the young generation and becomes garbage of the old one.
 */
const FLUSH_SIZE = 512;

/** TXT "1.1.0", TTL 28800, owner C00C: the version of the specification (its section 2.2). */
const DNS_VERSION = toOctets('\xc0\x0c\x00\x10\x00\x01\x00\x00\x70\x80\x00\x06\x051.1.0');

export class ClusterRecords {
  readonly state: ClusterState;
  readonly #options: RecordOptions;
  readonly #localAddresses: ReadonlySet<Address>;
  #sink: RecordSink;
  #isFresh = true;
  /** the name servers last written, as text */
  #nameServers = '';

  /** @throws SkyshardError LABEL_SELECTOR if `namespaceLabels` cannot be read */
  constructor(options: RecordOptions, sink: RecordSink) {
    const { namespaces, namespaceLabels } = options;
    this.#options = options;
    this.#sink = sink;
    this.#localAddresses = new Set(options.localAddresses.map(addressOf).filter((address) => address !== undefined));
    this.state = new ClusterState({
      zonal: options.zonal,
      endpointPodNames: options.endpointPodNames,
      noEndpoints: options.noEndpoints,
      externals: false,
      podLabels: options.pods === 'verified',
      clients: false,
      namespaces: namespaces === undefined ? undefined : new Set(namespaces),
      namespaceLabels: namespaceLabels === undefined ? undefined : parseLabelSelector(namespaceLabels),
      localAddresses: this.#localAddresses,
    });
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
      yield;
    }
    yield* this.#writeAll(isChanged);
    return isChanged;
  }

  /** All objects of a kind follow, in any number of `apply`: see ClusterState.beginList. */
  beginList(kind: ObjectKind): void {
    this.state.beginList(kind);
  }

  /** The list is complete: what was not put since `beginList` is deleted. Returns and pauses as applyInSteps does. */
  *endListInSteps(kind: ObjectKind): Generator<void, boolean> {
    const isChanged = yield* this.#gather(this.state.endListInSteps(kind));
    yield* this.#writeAll(isChanged);
    return isChanged;
  }

  *#writeAll(isChanged: boolean): Generator<void, void> {
    if (!isChanged && !this.#isFresh) return;
    this.#writeFixedNames();
    yield* this.#flush();
    this.#writeNameServers();
  }

  /** Step through a change of the state, and write whenever enough has gathered. */
  *#gather<Result>(steps: Generator<void, Result>): Generator<void, Result> {
    for (;;) {
      const { done, value } = steps.next();
      if (this.state.changes.size >= FLUSH_SIZE) yield* this.#flush();
      if (done) return value;
      yield;
    }
  }

  /** Write everything to a new, empty sink, which takes the place of the old one. */
  rewrite(sink: RecordSink): void {
    this.#sink = sink;
    this.#isFresh = true;
    this.#nameServers = '';
    this.state.takeChanges();
    runToEnd(this.#gather(this.state.touchAll()));
    this.apply([]);
  }

  #put(key: string, content: EntryContent): void {
    this.#sink.put(toOctets(key), content);
  }

  #remove(key: string): void {
    this.#sink.remove(toOctets(key));
  }

  #writeFixedNames(): void {
    if (!this.#isFresh) return;
    this.#isFresh = false;
    this.#put(SVC, ENT);
    this.#put(POD, ENT);
    this.#put('\x03dns', ENT);
    this.#put(NS_DNS, ENT);
    const rrsets = [{ type: TYPE.TXT, count: 1, records: DNS_VERSION }];
    this.#put('\x0bdns-version', { kind: 'raw', rrsets });
  }

  *#flush(): Generator<void, void> {
    const changes = this.state.takeChanges();
    for (const namespace of changes.namespaces) this.#writeNamespace(namespace);
    for (const change of changes.services.values()) {
      this.#writeService(change);
      yield;
    }
    for (const [namespace, labels] of changes.podLabels) {
      for (const label of labels) this.#writePod(namespace, label);
    }
  }

  #writeNamespace(namespace: string): void {
    const name = nameOf(namespace);
    if (name === undefined) return;
    const isExposed = this.state.isExposed(namespace);
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

  // ---- Services -------------------------------------------------------------------------------------------------------

  #writeService(change: ServiceChange): void {
    const key = serviceName(change.name, change.namespace);
    if (key === undefined) return;
    const service = this.state.findService(change.namespace, change.name);
    const isOwn = change.isOwnTouched || this.#options.ignoreEmptyService;
    const addresses = new Set(change.addresses);
    if (change.isOwnTouched) {
      for (const address of change.before.clusterIPs) addresses.add(address);
      for (const address of service?.clusterIPs ?? []) addresses.add(address);
    }
    const isAll = isOwn && service?.type === 'Headless';
    const endpoints = this.#endpointsOf(service, isAll, change.labels, addresses);
    if (isOwn) this.#writeOwnNames(key, change, service, endpoints);
    this.#writeEndpointNames(key, change.labels, endpoints);
    this.#writePointers(key, addresses, service, endpoints);
  }

  /** The endpoints that are needed: those with a label or an address that changed, or all. */
  #endpointsOf(
    service: ServiceView | undefined,
    isAll: boolean,
    labels: ReadonlySet<string>,
    addresses: ReadonlySet<Address>,
  ): EndpointAddress[] {
    const endpoints: EndpointAddress[] = [];
    if (service === undefined || !hasEndpointNames(service.type)) return endpoints;
    if (!isAll && labels.size === 0 && addresses.size === 0) return endpoints;
    this.state.visitEndpoints(service.id, (label, address, zone, ports) => {
      if (isAll || labels.has(label) || addresses.has(address)) endpoints.push({ label, address, zone, ports });
    });
    return endpoints;
  }

  #writeOwnNames(
    key: string,
    change: ServiceChange,
    service: ServiceView | undefined,
    endpoints: readonly EndpointAddress[],
  ): void {
    const names = service === undefined ? new Map<string, EntryContent>() : this.#ownNames(service, endpoints);
    for (const prefix of ownPrefixes(change.before, this.#options.zonal))
      if (!names.has(prefix)) this.#remove(prefix + key);
    for (const [prefix, content] of names) this.#put(prefix + key, content);
  }

  #ownNames(service: ServiceView, endpoints: readonly EndpointAddress[]): OwnNames {
    switch (service.type) {
      case 'ExternalName':
        return externalNames(service);
      case 'Headless':
        return headlessNames(service, endpoints, this.#options.zonal);
      case 'ClusterIP':
        return this.#options.ignoreEmptyService && !this.state.hasEndpoints(service.id)
          ? new Map()
          : clusterIpNames(service);
    }
  }

  #writeEndpointNames(key: string, labels: ReadonlySet<string>, endpoints: readonly EndpointAddress[]): void {
    const byLabel = new Map<string, EndpointAddress[]>();
    for (const endpoint of endpoints) if (labels.has(endpoint.label)) addTo(byLabel, endpoint.label, endpoint);
    for (const label of labels) {
      const name = nameOf(label);
      if (name === undefined) continue;
      const members = byLabel.get(label);
      if (members === undefined) this.#remove(name + key);
      else this.#put(name + key, endpointContent(members));
    }
  }

  /** PTR records of the addresses that changed: cluster IPs and endpoints. */
  #writePointers(
    key: string,
    addresses: ReadonlySet<Address>,
    service: ServiceView | undefined,
    endpoints: readonly EndpointAddress[],
  ): void {
    const labelsOf = new Map<Address, string[]>();
    for (const { address, label } of endpoints) {
      if (!addresses.has(address) || nameOf(label) === undefined) continue;
      if (labelsOf.get(address)?.includes(label) !== true) addTo(labelsOf, address, label);
    }
    const serviceOctets = toOctets(key);
    for (const address of addresses) {
      const labels = (labelsOf.get(address) ?? []).sort().map(toOctets);
      const isIPv4 = typeof address === 'number';
      const reverse = isIPv4 ? reverseKey4(address) : reverseKey6(wordsOf(address));
      const keySpace = isIPv4 ? KEY_SPACE.REVERSE4 : KEY_SPACE.REVERSE6;
      const isClusterIp = service?.clusterIPs.includes(address) ?? false;
      this.#sink.point(keySpace, reverse, serviceOctets, labels, isClusterIp);
    }
  }

  // ---- name servers ---------------------------------------------------------------------------------------------------

  /** `ns.dns` has the addresses of all name servers, also where those have other names. */
  #writeNameServers(): void {
    const servers = findNameServers(this.state, this.#localAddresses);
    const text = JSON.stringify(servers);
    if (text === this.#nameServers) return;
    this.#nameServers = text;
    writeNameServers(servers, this.#sink);
    this.#put(NS_DNS, nameServerContent(servers));
  }
}

function runToEnd<Result>(steps: Generator<void, Result>): Result {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}

function addTo<Key, Value>(groups: Map<Key, Value[]>, key: Key, value: Value): void {
  const group = groups.get(key);
  if (group === undefined) groups.set(key, [value]);
  else group.push(value);
}

function nameServerContent(servers: NameServers): EntryContent {
  const addresses = servers.flatMap(([, own]) => own);
  if (addresses.length === 0) return ENT;
  return { kind: 'address', ...addressSets(addresses), ports: [], weight: 0, targetSkip: 0 };
}
