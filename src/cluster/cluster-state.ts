/**
 * What the cluster consists of, as far as DNS needs it: rows of numbers and pooled strings, no object per endpoint.
 *
 *   namespace ──► Services (list) ──► slices (list) ──► endpoints (chain)
 *             └─► pods (list)
 *
 * `apply` takes one change after the other; what the records have to look at again gathers in a ChangeSet. Objects may
 * come in any order: a slice before its Service, a Service before its Namespace.
 *
 * A list of all objects of a kind is changes between `beginList` and `endListInSteps`: a bit in each row says whether its
 * object was there, and what was not is deleted at the end.
 */
import type { LabelSelector } from '../kubernetes/label-selector.ts';
import type { ObjectKind } from '../kubernetes/object-sink.ts';
import type { EndpointSlice, NamedPort, Namespace, ObjectChange, Pod, Service } from '../kubernetes/objects.ts';
import type { Address } from './address.ts';
import { toBinary } from './binary-text.ts';
import { ChangeSet, importedLabel, ServiceChange, type ServiceSummary, type ServiceType } from './change-set.ts';
import type { EndpointTableOptions } from './endpoint-table.ts';
import { NAMESPACE_FLAG, NamespaceTable } from './namespace-table.ts';
import { OctetPool } from './octet-pool.ts';
import { addressesOf, PodTable, type LabelsTouched } from './pod-table.ts';
import { PortLists } from './port-lists.ts';
import { ServiceTable } from './service-table.ts';
import { SliceTable, type SliceContent } from './slice-table.ts';

export interface ClusterStateOptions extends EndpointTableOptions {
  /** the objects come from other clusters: an endpoint is known by its label and the source cluster */
  readonly imported: boolean;
  /** EndpointSlices are not kept */
  readonly noEndpoints: boolean;
  /** external addresses of Services are kept */
  readonly externals: boolean;
  /** `hasPodLabel` is asked: pods are kept */
  readonly podLabels: boolean;
  /** `clientOf` is asked: pods are kept */
  readonly clients: boolean;
  /** keys of pod labels that it tells too */
  readonly clientLabels: readonly string[];
  /** names of the exposed Namespaces, undefined: all */
  readonly namespaces: ReadonlySet<string> | undefined;
  /** labels of the exposed Namespaces, undefined: all */
  readonly namespaceLabels: LabelSelector | undefined;
  /** slices with an endpoint of one of these addresses are listed by `localSlices` */
  readonly localAddresses: ReadonlySet<Address>;
}

/** One ready address of an endpoint; texts are binary text, `label` may be an `importedLabel`. `ports`: of its slice. */
export type ServiceEndpointVisitor = (
  label: string,
  address: Address,
  zone: string,
  ports: readonly NamedPort[],
) => void;

/** See ClusterState.plainEndpoints. */
export interface PlainEndpoints {
  readonly addresses: readonly number[];
  readonly ports: readonly NamedPort[];
}

/** A Service as the records see it; texts are binary text. */
export interface ServiceView extends ServiceSummary {
  readonly id: number;
  readonly type: ServiceType;
  readonly namespace: string;
  readonly name: string;
  readonly externalName: string;
}

/** A pod, in binary text. */
export interface PodName {
  readonly namespace: string;
  readonly name: string;
  /** as PodTable.clientLabelsOf */
  readonly labels: string;
}

const NOTHING: ReadonlySet<number> = new Set();

export class ClusterState {
  readonly #options: ClusterStateOptions;
  readonly #pool = new OctetPool();
  readonly #ports = new PortLists(this.#pool);
  readonly #namespaces = new NamespaceTable(this.#pool);
  readonly #services = new ServiceTable(this.#pool, this.#ports, this.#namespaces.services);
  readonly #slices: SliceTable;
  readonly #pods: PodTable;
  /** rows of slices that hold an address of this server */
  readonly #localSlices = new Set<number>();
  #changes = new ChangeSet();
  /** ids of the Services of which changes are noted; undefined: all changes are */
  #taken: Set<number> | undefined;
  /** Services that are listed with the slices that came one after the other; each may be there twice */
  #ready: number[] = [];
  /** the Service of the last slice: more of its own may follow */
  #lastListed = 0;

  constructor(options: ClusterStateOptions) {
    this.#options = options;
    this.#slices = new SliceTable(this.#pool, this.#ports, this.#services.slices, options);
    const { podLabels: labels, clients, clientLabels } = options;
    this.#pods = new PodTable(this.#pool, this.#namespaces.pods, { labels, clients, clientLabels });
  }

  /** Octets of memory the state holds, without the change set. */
  get byteSize(): number {
    const parts = [this.#namespaces, this.#services, this.#slices, this.#pods, this.#pool];
    return parts.reduce((sum, part) => sum + part.byteSize, 0);
  }

  /** How many rows and strings there are; Namespaces and Services count with those that are only referred to. */
  get counts(): Readonly<Record<'namespaces' | 'services' | 'slices' | 'endpoints' | 'pods' | 'strings', number>> {
    return {
      namespaces: this.#namespaces.count,
      services: this.#services.count,
      slices: this.#slices.count,
      endpoints: this.#slices.endpointCount,
      pods: this.#pods.count,
      strings: this.#pool.count,
    };
  }

  /** How many objects of each kind are there and kept. */
  get objectCounts(): Readonly<Record<ObjectKind, number>> {
    return {
      Namespace: this.#namespaces.existingCount,
      Service: this.#services.existingCount,
      EndpointSlice: this.#slices.count,
      Pod: this.#pods.count,
      ServiceImport: 0,
    };
  }

  /** What gathered since `takeChanges`. */
  get changes(): ChangeSet {
    return this.#changes;
  }

  takeChanges(): ChangeSet {
    const changes = this.#changes;
    this.#changes = new ChangeSet();
    return changes;
  }

  /**
   * Whether changes are put into the change set. Without it nothing tells later what changed: all may have, but for Services
   * that `takeReady` gives.
   */
  noteChanges(isNoting: boolean): void {
    this.#taken = isNoting ? undefined : new Set();
    this.#ready = [];
    this.#changes = new ChangeSet();
  }

  /**
   * While changes are not noted: a Service that is served and whose slices seem to be there, as they come one after the other.
   * What changes of it from now on is noted.
   */
  takeReady(): ServiceView | undefined {
    for (let id = this.#ready.pop(); id !== undefined; id = this.#ready.pop()) {
      if (!this.#isServed(id) || this.#taken?.has(id) !== false) continue;
      this.#taken.add(id);
      return this.#view(id);
    }
    return undefined;
  }

  /** How many Services `takeReady` would give, or some more. */
  get readyCount(): number {
    return this.#ready.length;
  }

  /** Ids of the Services that `takeReady` gave since changes are not noted. */
  get taken(): ReadonlySet<number> {
    return this.#taken ?? NOTHING;
  }

  /** As applyInSteps, in one. */
  apply(change: ObjectChange): boolean {
    const steps = this.applyInSteps(change);
    for (;;) {
      const { done, value } = steps.next();
      if (done) return value;
    }
  }

  /**
   * Take one change. It pauses where much is touched, so that the change set can be taken in between; no other change
   * may be given before the end.
   *
   * @returns whether it moves the SOA serial: an object came or went, or a field that records depend on changed; of a
   *   Namespace, whether it is exposed
   */
  *applyInSteps(change: ObjectChange): Generator<void, boolean> {
    if (change.op === 'put') {
      const { object } = change;
      switch (object.kind) {
        case 'Namespace':
          return yield* this.#putNamespace(object);
        case 'Service':
          return this.#putService(object);
        case 'EndpointSlice':
          return !this.#options.noEndpoints && this.#putSlice(object);
        case 'Pod':
          return this.#hasPods() && this.#putPod(object);
        case 'ServiceImport':
          return false;
      }
    }
    switch (change.kind) {
      case 'Namespace':
        return yield* this.#deleteNamespace(this.#namespaces.find(change.name));
      case 'Service':
        return this.#deleteService(this.#findService(change.namespace, change.name));
      case 'EndpointSlice':
        return this.#deleteSlice(this.#slices.find(this.#namespaces.find(change.namespace), change.name));
      case 'Pod':
        return this.#deletePod(this.#pods.find(this.#namespaces.find(change.namespace), change.name));
      case 'ServiceImport':
        return false;
    }
  }

  // ---- lists ----------------------------------------------------------------------------------------------------------

  /**
   * All objects of a kind follow. Nothing is gone before `endListInSteps`: a list that is begun again, or never ends,
   * loses nothing. Cost: one pass over the rows of the kind.
   */
  beginList(kind: ObjectKind): void {
    if (kind === 'Namespace') this.#namespaces.beginList();
    else if (kind === 'Service') this.#services.beginList();
    else if (kind === 'EndpointSlice') this.#slices.beginList();
    else if (kind === 'Pod') this.#pods.beginList();
  }

  /**
   * The list is complete: delete what was not put since `beginList`. Pauses as applyInSteps does, and no change may be
   * given before the end.
   *
   * @returns whether it moves the SOA serial
   */
  *endListInSteps(kind: ObjectKind): Generator<void, boolean> {
    let isChanged = false;
    switch (kind) {
      case 'Namespace':
        for (const row of this.#namespaces.unlisted()) {
          if (yield* this.#deleteNamespace(row)) isChanged = true;
          yield;
        }
        break;
      case 'Service':
        for (const id of this.#services.unlisted()) {
          if (this.#deleteService(id)) isChanged = true;
          yield;
        }
        break;
      case 'EndpointSlice':
        for (const slice of this.#slices.unlisted()) {
          if (this.#deleteSlice(slice)) isChanged = true;
          yield;
        }
        break;
      case 'Pod':
        for (const pod of this.#pods.unlisted()) {
          if (this.#deletePod(pod)) isChanged = true;
          yield;
        }
        break;
      case 'ServiceImport':
    }
    return isChanged;
  }

  // ---- what the records read ----------------------------------------------------------------------------------------

  isExposed(namespace: string): boolean {
    return this.#namespaces.isExposed(this.#namespaces.find(namespace));
  }

  /** A Service that is served: it is there and its Namespace is exposed. */
  findService(namespace: string, name: string): ServiceView | undefined {
    const id = this.#findService(namespace, name);
    return this.#isServed(id) ? this.#view(id) : undefined;
  }

  /** The type of a Service that is there, whether it is served or not. */
  typeOfService(namespace: string, name: string): ServiceType | undefined {
    return this.#services.typeOf(this.#findService(namespace, name));
  }

  /**
   * Keep when the change happened that a slice tells of: each later update of the slice repeats it.
   *
   * @returns whether it is news; false too if there is no such slice
   */
  noteTriggerTime(namespace: string, name: string, timeMs: number): boolean {
    const slice = this.#slices.find(this.#namespaces.find(namespace), name);
    return slice !== 0 && this.#slices.noteTriggerTime(slice, timeMs);
  }

  /** Every ready address of a Service's slices, in no particular order. */
  visitEndpoints(serviceId: number, visit: ServiceEndpointVisitor): void {
    for (let slice = this.#services.firstSlice(serviceId); slice !== 0; slice = this.#slices.next(slice)) {
      this.visitSlice(slice, visit);
    }
  }

  visitSlice(slice: number, visit: ServiceEndpointVisitor): void {
    this.#slices.visit(slice, (label, address, zone, ports, cluster) =>
      visit(this.#labelOf(label, cluster), address, zone, ports),
    );
  }

  hasEndpoints(serviceId: number): boolean {
    for (let slice = this.#services.firstSlice(serviceId); slice !== 0; slice = this.#slices.next(slice)) {
      if (this.#slices.hasEndpoints(slice)) return true;
    }
    return false;
  }

  get hasLocalSlices(): boolean {
    return this.#localSlices.size > 0;
  }

  /** Slices that hold an address of this server, with their Service if it is there, exposed or not. */
  localSlices(): { readonly slice: number; readonly service: ServiceView | undefined }[] {
    return [...this.#localSlices].map((slice) => {
      const id = this.#slices.serviceOf(slice);
      return { slice, service: this.#services.typeOf(id) === undefined ? undefined : this.#view(id) };
    });
  }

  /** Whether a pod of the namespace has the address with this dashed label. */
  hasPodLabel(namespace: string, label: string): boolean {
    return this.#pods.hasLabel(this.#namespaces.find(namespace), label);
  }

  /** The pod that alone has an address: no pod of the host's network, and no other one that is there. */
  clientOf(address: Address): PodName | undefined {
    const pod = this.#pods.clientOf(address);
    if (pod === 0) return undefined;
    return {
      namespace: this.#namespaces.nameOf(this.#pods.namespaceOf(pod)),
      name: this.#pods.nameOf(pod),
      labels: this.#pods.clientLabelsOf(pod),
    };
  }

  /** The names of all Namespaces that objects speak of, exposed or not; binary text. */
  namespaces(): Iterable<string> {
    return this.#namespaces.names();
  }

  /** All Services that are served. Nothing may change while they are walked. */
  *services(): Generator<ServiceView, void> {
    for (let id = 1; id < this.#services.idEnd; id++) if (this.#isServed(id)) yield this.#view(id);
  }

  /**
   * The addresses of a Service, sorted, if each is an IPv4 address of one endpoint that is known by it alone, and all have
   * the same ports: so nearly every Service is.
   */
  plainEndpoints(serviceId: number): PlainEndpoints | undefined {
    if (this.#options.imported) return undefined;
    const addresses: number[] = [];
    let ports = -1;
    for (let slice = this.#services.firstSlice(serviceId); slice !== 0; slice = this.#slices.next(slice)) {
      if (!this.#slices.hasEndpoints(slice)) continue;
      const list = this.#slices.portListOf(slice);
      const isFirst = ports < 0;
      if (!isFirst && list !== ports) return undefined;
      ports = list;
      if (!this.#slices.addPlain(slice, addresses)) return undefined;
      if (!isFirst) addresses.sort((a, b) => a - b);
    }
    for (let at = 1; at < addresses.length; at++) if (addresses[at] === addresses[at - 1]) return undefined;
    return { addresses, ports: this.#ports.get(Math.max(ports, 0)) };
  }

  /** Put all pods into the change set, as if none had been there before. Pauses as applyInSteps does. */
  *touchPods(): Generator<void, void> {
    for (const row of this.#namespaces.rows()) {
      yield* this.#pods.touchAll(this.#namespaces.firstPod(row), this.#podToucher(row));
    }
  }

  // ---- Namespaces -----------------------------------------------------------------------------------------------------

  #putNamespace(object: Namespace): Generator<void, boolean> {
    const { namespaces, namespaceLabels } = this.#options;
    const isExposed =
      (namespaces === undefined || namespaces.has(object.name)) &&
      (namespaceLabels === undefined || namespaceLabels.matches(object.labels));
    const { EXISTS, EXPOSED, LISTED } = NAMESPACE_FLAG;
    const flags = isExposed ? EXISTS | EXPOSED | LISTED : EXISTS | LISTED;
    return this.#setNamespaceFlags(this.#namespaces.rowOf(object.name), flags);
  }

  *#deleteNamespace(row: number): Generator<void, boolean> {
    if (row === 0) return false;
    const isChanged = yield* this.#setNamespaceFlags(row, 0);
    this.#namespaces.freeIfUnused(row);
    return isChanged;
  }

  /** @returns whether the exposure changes, and so everything in the namespace */
  *#setNamespaceFlags(row: number, flags: number): Generator<void, boolean> {
    const old = this.#namespaces.setFlags(row, flags);
    if (((old ^ flags) & NAMESPACE_FLAG.EXPOSED) === 0) return false;
    if (this.#taken?.size === 0) return true;
    this.#changes.namespaces.add(this.#namespaces.nameOf(row));
    yield* this.#touchContents(row, (old & NAMESPACE_FLAG.EXPOSED) !== 0);
    return true;
  }

  *#touchContents(namespace: number, wasExposed: boolean): Generator<void, void> {
    let service = this.#namespaces.firstService(namespace);
    for (; service !== 0; service = this.#services.next(service)) {
      if (this.#services.typeOf(service) !== undefined) this.#touchService(service, wasExposed);
      yield;
    }
    yield* this.#pods.touchAll(this.#namespaces.firstPod(namespace), this.#podToucher(namespace));
  }

  // ---- Services -------------------------------------------------------------------------------------------------------

  #putService(object: Service): boolean {
    const id = this.#services.rowOf(this.#namespaces.rowOf(object.namespace), object.name);
    const fields = this.#services.read(object, this.#options.externals);
    const isSame = this.#services.equals(id, fields);
    if (!isSame && this.#isNoted(id)) {
      if (this.#services.hasOtherEndpointNames(id, fields)) this.#touchService(id);
      else this.#changeOf(id).isOwnTouched = true;
    }
    this.#services.set(id, fields);
    if (this.#taken !== undefined && id !== this.#lastListed && this.#services.firstSlice(id) !== 0)
      this.#ready.push(id);
    return !isSame;
  }

  #deleteService(id: number): boolean {
    if (this.#services.typeOf(id) === undefined) return false;
    this.#touchService(id);
    this.#services.clear(id);
    this.#freeServiceIfUnused(id);
    return true;
  }

  /** @returns 0 if there is none */
  #findService(namespace: string, name: string): number {
    return this.#services.find(this.#namespaces.find(namespace), name);
  }

  #freeServiceIfUnused(id: number): void {
    const namespace = this.#services.namespaceOf(id);
    if (this.#services.freeIfUnused(id)) this.#namespaces.freeIfUnused(namespace);
  }

  #isInExposed(id: number): boolean {
    return this.#namespaces.isExposed(this.#services.namespaceOf(id));
  }

  #isServed(id: number): boolean {
    return this.#services.typeOf(id) !== undefined && this.#isInExposed(id);
  }

  /** Requires a Service that is there. */
  #view(id: number): ServiceView {
    return {
      ...this.#summarize(id, true),
      id,
      type: this.#services.typeOf(id)!,
      namespace: this.#namespaces.nameOf(this.#services.namespaceOf(id)),
      name: this.#services.nameOf(id),
      externalName: this.#services.externalNameOf(id),
    };
  }

  #summarize(id: number, isExposed: boolean): ServiceSummary {
    const type = this.#services.typeOf(id);
    const isHeadless = type === 'Headless';
    const ownPorts = this.#services.portsOf(id);
    return {
      type: isExposed ? type : undefined,
      clusterIPs: this.#services.clusterIPsOf(id),
      ports: isHeadless ? this.#slicePorts(id) : ownPorts,
      ownPorts,
      externals: this.#services.externalsOf(id),
      zones: isHeadless ? this.#zonesOf(id) : [],
    };
  }

  /** Ports of the slices that have endpoints, by the distinct lists. */
  #slicePorts(id: number): readonly NamedPort[] {
    let only: readonly NamedPort[] | undefined;
    let lists: Set<readonly NamedPort[]> | undefined;
    for (let slice = this.#services.firstSlice(id); slice !== 0; slice = this.#slices.next(slice)) {
      if (!this.#slices.hasEndpoints(slice)) continue;
      const ports = this.#slices.portsOf(slice);
      if (only === undefined) only = ports;
      else if (ports !== only) (lists ??= new Set([only])).add(ports);
    }
    // Nearly all have one, which stays the same object: what follows from it is remembered by it.
    return lists === undefined ? (only ?? []) : [...lists].flat();
  }

  #zonesOf(id: number): string[] {
    if (!this.#options.zonal) return [];
    const zones = new Set<string>();
    this.visitEndpoints(id, (_label, _address, zone) => zones.add(zone));
    zones.delete('');
    return [...zones].sort();
  }

  // ---- EndpointSlices -------------------------------------------------------------------------------------------------

  #putSlice(object: EndpointSlice): boolean {
    const found = this.#slices.find(this.#namespaces.find(object.namespace), object.name);
    if (object.service === '') return this.#deleteSlice(found);
    const namespace = this.#namespaces.rowOf(object.namespace);
    const service = this.#services.rowOf(namespace, object.service);
    if (this.#taken !== undefined && service !== this.#lastListed) this.#noteLast(service);
    if (found !== 0 && this.#slices.serviceOf(found) === service) {
      if (this.#slices.clusterOf(found) === toBinary(object.sourceCluster))
        return this.#replaceEndpoints(found, object);
    }
    // The slice is new, or goes over to another Service or source cluster.
    const owner = found === 0 ? service : this.#slices.serviceOf(found);
    if (found !== 0) this.#removeSlice(found);
    this.#replaceEndpoints(this.#slices.create(namespace, service, object.name, object.sourceCluster), object);
    if (owner !== service) this.#freeServiceIfUnused(owner);
    return true;
  }

  /** Slices of another Service come now. */
  #noteLast(service: number): void {
    if (this.#services.typeOf(this.#lastListed) !== undefined) this.#ready.push(this.#lastListed);
    this.#lastListed = service;
  }

  #deleteSlice(slice: number): boolean {
    if (slice === 0) return false;
    const service = this.#slices.serviceOf(slice);
    this.#removeSlice(slice);
    this.#freeServiceIfUnused(service);
    return true;
  }

  #removeSlice(slice: number): void {
    const service = this.#slices.serviceOf(slice);
    this.#touchEndpoints(slice, { rows: [], ports: this.#slices.portListOf(slice) });
    this.#slices.remove(this.#services.namespaceOf(service), slice);
    this.#localSlices.delete(slice);
  }

  /** @returns whether anything differs */
  #replaceEndpoints(slice: number, object: EndpointSlice): boolean {
    this.#slices.list(slice);
    const content = this.#slices.read(object);
    if (this.#slices.equals(slice, content)) {
      this.#slices.release(content);
      return false;
    }
    this.#touchEndpoints(slice, content);
    this.#slices.store(slice, content);
    if (this.#slices.hasAddress(content, this.#options.localAddresses)) this.#localSlices.add(slice);
    else this.#localSlices.delete(slice);
    return true;
  }

  // ---- pods -----------------------------------------------------------------------------------------------------------

  #hasPods(): boolean {
    return this.#options.podLabels || this.#options.clients;
  }

  #putPod(object: Pod): boolean {
    const namespace = this.#namespaces.rowOf(object.namespace);
    const isChanged = this.#pods.put(namespace, object, this.#podToucher(namespace));
    // One that is ending does not come to be.
    if (!isChanged) this.#namespaces.freeIfUnused(namespace);
    return isChanged;
  }

  #deletePod(pod: number): boolean {
    if (pod === 0) return false;
    const namespace = this.#pods.namespaceOf(pod);
    this.#pods.remove(namespace, pod, this.#podToucher(namespace));
    this.#namespaces.freeIfUnused(namespace);
    return true;
  }

  // ---- what changed ---------------------------------------------------------------------------------------------------

  #isNoted(service: number): boolean {
    return this.#taken?.has(service) !== false;
  }

  /** Call it before the change: the first call keeps what the Service was like. */
  #changeOf(id: number, wasExposed = this.#isInExposed(id)): ServiceChange {
    const namespace = this.#namespaces.nameOf(this.#services.namespaceOf(id));
    const name = this.#services.nameOf(id);
    const key = `${namespace}/${name}`;
    let change = this.#changes.services.get(key);
    if (change === undefined) {
      change = new ServiceChange(namespace, name, this.#summarize(id, wasExposed));
      this.#changes.services.set(key, change);
      this.#changes.size++;
    }
    return change;
  }

  /** The Service with all its endpoints' names. */
  #touchService(id: number, wasExposed?: boolean): void {
    if (!this.#isNoted(id)) return;
    const change = this.#changeOf(id, wasExposed);
    change.isOwnTouched = true;
    this.visitEndpoints(id, (label, address) => this.#touchEndpoint(change, label, address));
  }

  /**
   * Touch the endpoints that are in the slice or in `content`, but not in both; all of them if the ports differ.
   * A Service that is not served has no names: all of its endpoints are touched when it comes to be.
   */
  #touchEndpoints(slice: number, content: SliceContent): void {
    const service = this.#slices.serviceOf(slice);
    if (!this.#isNoted(service)) return;
    const type = this.#services.typeOf(service);
    if (!this.#isServed(service) || type === 'ExternalName') return;
    const change = this.#changeOf(service);
    if (type === 'Headless') change.isOwnTouched = true;
    const cluster = this.#slices.clusterOf(slice);
    this.#slices.visitDifference(slice, content, (label, address) =>
      this.#touchEndpoint(change, this.#labelOf(label, cluster), address),
    );
  }

  #labelOf(label: string, cluster: string): string {
    return this.#options.imported ? importedLabel(label, cluster) : label;
  }

  #touchEndpoint(change: ServiceChange, label: string, address: Address): void {
    change.touch(label, address);
    this.#changes.size++;
  }

  #podToucher(namespace: number): LabelsTouched {
    return (labels) => {
      if (this.#taken !== undefined) return;
      this.#changes.size += labels.length;
      if (this.#options.clients) for (const address of addressesOf(labels)) this.#changes.clients.add(address);
      if (!this.#options.podLabels) return;
      const name = this.#namespaces.nameOf(namespace);
      let touched = this.#changes.podLabels.get(name);
      if (touched === undefined) this.#changes.podLabels.set(name, (touched = new Set()));
      for (const label of labels) touched.add(label);
    };
  }
}
