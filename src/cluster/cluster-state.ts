/**
 * What the cluster consists of, as far as DNS needs it: rows of numbers and pooled strings, no object per endpoint.
 *
 *   namespace ──► Services (list) ──► slices (list) ──► endpoints (chain)
 *             └─► pods (list)
 *
 * `apply` takes one change after the other; what the records have to look at again gathers in a ChangeSet. Objects may
 * come in any order: a slice before its Service, a Service before its Namespace.
 */
import type { LabelSelector } from '../kubernetes/label-selector.ts';
import type { EndpointSlice, NamedPort, Namespace, ObjectChange, Pod, Service } from '../kubernetes/objects.ts';
import { layout } from '../memory/layout.ts';
import { addressOf, decodeAddresses, encodeAddresses, type Address } from './address.ts';
import { toBinary } from './binary-text.ts';
import { ChangeSet, ServiceChange, type ServiceSummary, type ServiceType } from './change-set.ts';
import { EndpointTable, type EndpointRow, type EndpointTableOptions } from './endpoint-table.ts';
import { OctetPool } from './octet-pool.ts';
import { PairIndex } from './pair-index.ts';
import { PodTable, type LabelsTouched } from './pod-table.ts';
import { PortLists } from './port-lists.ts';
import { link, RowTable, unlink, type ListHeads } from './row-table.ts';

export interface ClusterStateOptions extends EndpointTableOptions {
  /** EndpointSlices are not kept */
  readonly noEndpoints: boolean;
  /** pods are kept */
  readonly pods: boolean;
  /** names of the exposed Namespaces, undefined: all */
  readonly namespaces: ReadonlySet<string> | undefined;
  /** labels of the exposed Namespaces, undefined: all */
  readonly namespaceLabels: LabelSelector | undefined;
  /** slices with an endpoint of one of these addresses are listed by `localSlices` */
  readonly localAddresses: ReadonlySet<Address>;
}

/** A Namespace that is not there, but has Services or pods, has a row too. */
const NAMESPACE = layout('namespace row', [
  ['name', 1, 'pooled'],
  ['flags', 1, 'EXISTS, EXPOSED'],
  ['firstService', 1, 'row'],
  ['firstPod', 1, 'row'],
]);
const EXISTS = 1;
const EXPOSED = 2;

/** A Service that is not there, but has slices, has a row too. */
const SERVICE = layout('service row', [
  ['namespace', 1, 'row'],
  ['name', 1, 'pooled'],
  ['type', 1, 'index into TYPES; ABSENT: the Service itself is not there'],
  ['clusterIPs', 1, 'pooled: encodeAddresses'],
  ['externalName', 1, 'pooled'],
  ['ports', 1, 'port list'],
  ['firstSlice', 1, 'row'],
  ['next', 1, 'row, in the namespace'],
  ['previous', 1, 'row, in the namespace'],
]);
const ABSENT = 0;
const TYPES: readonly (ServiceType | undefined)[] = [undefined, 'ClusterIP', 'Headless', 'ExternalName'];

const SLICE = layout('slice row', [
  ['service', 1, 'row'],
  ['name', 1, 'pooled'],
  ['ports', 1, 'port list'],
  ['firstEndpoint', 1, 'row'],
  ['next', 1, 'row, in the Service'],
  ['previous', 1, 'row, in the Service'],
]);

/** One ready address of an endpoint; texts are binary text. `ports`: of its slice. */
export type ServiceEndpointVisitor = (
  label: string,
  address: Address,
  zone: string,
  ports: readonly NamedPort[],
) => void;

/** A Service as the records see it; texts are binary text. */
export interface ServiceView extends ServiceSummary {
  readonly id: number;
  readonly type: ServiceType;
  readonly namespace: string;
  readonly name: string;
  readonly externalName: string;
}

export class ClusterState {
  readonly #options: ClusterStateOptions;
  readonly #pool = new OctetPool();
  readonly #ports = new PortLists(this.#pool);
  readonly #namespaceRows = new RowTable(NAMESPACE.words);
  readonly #serviceRows = new RowTable(SERVICE.words);
  readonly #sliceRows = new RowTable(SLICE.words);
  readonly #servicesOfNamespace: ListHeads = { rows: this.#namespaceRows, field: NAMESPACE.at.firstService };
  readonly #slicesOfService: ListHeads = { rows: this.#serviceRows, field: SERVICE.at.firstSlice };
  readonly #pods = new PodTable(this.#pool, { rows: this.#namespaceRows, field: NAMESPACE.at.firstPod });
  readonly #endpoints: EndpointTable;
  /** by name in binary text */
  readonly #namespaces = new Map<string, number>();
  /** (namespace row, name) → row */
  readonly #services = new PairIndex();
  readonly #slices = new PairIndex();
  /** rows of slices that hold an address of this server */
  readonly #localSlices = new Set<number>();
  #changes = new ChangeSet();

  constructor(options: ClusterStateOptions) {
    this.#options = options;
    this.#endpoints = new EndpointTable(this.#pool, options);
  }

  /** Octets of memory the state holds, without the change set. */
  get byteSize(): number {
    const tables = [this.#namespaceRows, this.#serviceRows, this.#sliceRows, this.#endpoints, this.#pods];
    const parts = [...tables, this.#pool, this.#services, this.#slices];
    return parts.reduce((sum, part) => sum + part.byteSize, 0);
  }

  /** How many rows and strings there are; Namespaces and Services count with those that are only referred to. */
  get counts(): Readonly<Record<'namespaces' | 'services' | 'slices' | 'endpoints' | 'pods' | 'strings', number>> {
    return {
      namespaces: this.#namespaceRows.count,
      services: this.#serviceRows.count,
      slices: this.#sliceRows.count,
      endpoints: this.#endpoints.count,
      pods: this.#pods.count,
      strings: this.#pool.count,
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
          return this.#options.pods && this.#putPod(object);
        case 'ServiceImport':
          return false;
      }
    }
    switch (change.kind) {
      case 'Namespace':
        return yield* this.#deleteNamespace(change.name);
      case 'Service':
        return this.#deleteService(change.namespace, change.name);
      case 'EndpointSlice':
        return this.#deleteSlice(change.namespace, change.name);
      case 'Pod':
        return this.#deletePod(change.namespace, change.name);
      case 'ServiceImport':
        return false;
    }
  }

  // ---- what the records read ----------------------------------------------------------------------------------------

  isExposed(namespace: string): boolean {
    return this.#isExposedRow(this.#findNamespace(namespace));
  }

  /** A Service that is served: it is there and its Namespace is exposed. */
  findService(namespace: string, name: string): ServiceView | undefined {
    const id = this.#findService(namespace, name);
    return this.#isServed(id) ? this.#view(id) : undefined;
  }

  /** Every ready address of a Service's slices, in no particular order. */
  visitEndpoints(serviceId: number, visit: ServiceEndpointVisitor): void {
    for (let slice = this.#firstSlice(serviceId); slice !== 0; slice = this.#nextSlice(slice)) {
      this.visitSlice(slice, visit);
    }
  }

  visitSlice(slice: number, visit: ServiceEndpointVisitor): void {
    const ports = this.#ports.get(this.#sliceRows.get(slice, SLICE.at.ports));
    this.#endpoints.visit(this.#firstEndpoint(slice), (label, address, zone) => visit(label, address, zone, ports));
  }

  hasEndpoints(serviceId: number): boolean {
    for (let slice = this.#firstSlice(serviceId); slice !== 0; slice = this.#nextSlice(slice)) {
      if (this.#firstEndpoint(slice) !== 0) return true;
    }
    return false;
  }

  /** Slices that hold an address of this server, with their Service if it is there, exposed or not. */
  localSlices(): { readonly slice: number; readonly service: ServiceView | undefined }[] {
    return [...this.#localSlices].map((slice) => {
      const id = this.#sliceRows.get(slice, SLICE.at.service);
      return { slice, service: this.#typeOf(id) === undefined ? undefined : this.#view(id) };
    });
  }

  /** Whether a pod of the namespace has the address with this dashed label. */
  hasPodLabel(namespace: string, label: string): boolean {
    return this.#pods.hasLabel(this.#findNamespace(namespace), label);
  }

  /** Put everything into the change set, as if nothing had been there before. Pauses as applyInSteps does. */
  *touchAll(): Generator<void, void> {
    for (const [name, row] of this.#namespaces) {
      this.#changes.namespaces.add(name);
      yield* this.#touchContents(row, false);
    }
  }

  // ---- Namespaces -----------------------------------------------------------------------------------------------------

  #putNamespace(object: Namespace): Generator<void, boolean> {
    const { namespaces, namespaceLabels } = this.#options;
    const isExposed =
      (namespaces === undefined || namespaces.has(object.name)) &&
      (namespaceLabels === undefined || namespaceLabels.matches(object.labels));
    return this.#setNamespaceFlags(this.#namespaceRow(object.name), isExposed ? EXISTS | EXPOSED : EXISTS);
  }

  *#deleteNamespace(name: string): Generator<void, boolean> {
    const row = this.#findNamespace(name);
    if (row === 0) return false;
    const isChanged = yield* this.#setNamespaceFlags(row, 0);
    this.#freeNamespaceIfUnused(row);
    return isChanged;
  }

  /** @returns whether the exposure changes, and so everything in the namespace */
  *#setNamespaceFlags(row: number, flags: number): Generator<void, boolean> {
    const old = this.#namespaceRows.get(row, NAMESPACE.at.flags);
    this.#namespaceRows.set(row, NAMESPACE.at.flags, flags);
    if (((old ^ flags) & EXPOSED) === 0) return false;
    this.#changes.namespaces.add(this.#namespaceName(row));
    yield* this.#touchContents(row, (old & EXPOSED) !== 0);
    return true;
  }

  *#touchContents(namespace: number, wasExposed: boolean): Generator<void, void> {
    let service = this.#namespaceRows.get(namespace, NAMESPACE.at.firstService);
    for (; service !== 0; service = this.#serviceRows.get(service, SERVICE.at.next)) {
      if (this.#typeOf(service) !== undefined) this.#touchService(service, wasExposed);
      yield;
    }
    const touch = this.#podToucher(namespace);
    yield* this.#pods.touchAll(this.#namespaceRows.get(namespace, NAMESPACE.at.firstPod), touch);
  }

  /** @returns 0 if there is none */
  #findNamespace(name: string): number {
    return this.#namespaces.get(toBinary(name)) ?? 0;
  }

  #namespaceRow(name: string): number {
    const key = toBinary(name);
    const found = this.#namespaces.get(key);
    if (found !== undefined) return found;
    const row = this.#namespaceRows.allocate();
    this.#namespaceRows.set(row, NAMESPACE.at.name, this.#pool.intern(key));
    this.#namespaces.set(key, row);
    return row;
  }

  #freeNamespaceIfUnused(row: number): void {
    const { flags, firstService, firstPod } = NAMESPACE.at;
    if ([flags, firstService, firstPod].some((field) => this.#namespaceRows.get(row, field) !== 0)) return;
    const name = this.#namespaceRows.get(row, NAMESPACE.at.name);
    this.#namespaces.delete(this.#pool.text(name));
    this.#pool.release(name);
    this.#namespaceRows.free(row);
  }

  #namespaceName(row: number): string {
    return this.#pool.text(this.#namespaceRows.get(row, NAMESPACE.at.name));
  }

  #isExposedRow(row: number): boolean {
    return row !== 0 && (this.#namespaceRows.get(row, NAMESPACE.at.flags) & EXPOSED) !== 0;
  }

  // ---- Services -------------------------------------------------------------------------------------------------------

  #putService(object: Service): boolean {
    const id = this.#serviceRow(object.namespace, object.name);
    const type = typeIndexOf(object);
    const isExternal = TYPES[type] === 'ExternalName';
    const clusterIPs = TYPES[type] === 'ClusterIP' ? this.#pool.intern(encodeClusterIPs(object.clusterIPs)) : 0;
    const externalName = isExternal ? this.#pool.intern(toBinary(object.externalName)) : 0;
    const ports = this.#ports.intern(object.ports);
    const rows = this.#serviceRows;
    const isSame =
      rows.get(id, SERVICE.at.type) === type &&
      rows.get(id, SERVICE.at.clusterIPs) === clusterIPs &&
      rows.get(id, SERVICE.at.externalName) === externalName &&
      rows.get(id, SERVICE.at.ports) === ports;
    if (!isSame) {
      if (rows.get(id, SERVICE.at.type) === type) this.#changeOf(id).isOwnTouched = true;
      else this.#touchService(id);
    }
    this.#setServiceFields(id, type, clusterIPs, externalName, ports);
    return !isSame;
  }

  #deleteService(namespace: string, name: string): boolean {
    const id = this.#findService(namespace, name);
    if (this.#typeOf(id) === undefined) return false;
    this.#touchService(id);
    this.#setServiceFields(id, ABSENT, 0, 0, 0);
    this.#freeServiceIfUnused(id);
    return true;
  }

  /** Takes over the references; the old ones are released. */
  #setServiceFields(id: number, type: number, clusterIPs: number, externalName: number, ports: number): void {
    const rows = this.#serviceRows;
    this.#pool.release(rows.get(id, SERVICE.at.clusterIPs));
    this.#pool.release(rows.get(id, SERVICE.at.externalName));
    this.#ports.release(rows.get(id, SERVICE.at.ports));
    rows.set(id, SERVICE.at.type, type);
    rows.set(id, SERVICE.at.clusterIPs, clusterIPs);
    rows.set(id, SERVICE.at.externalName, externalName);
    rows.set(id, SERVICE.at.ports, ports);
  }

  /** @returns 0 if there is none */
  #findService(namespace: string, name: string): number {
    const row = this.#findNamespace(namespace);
    const nameId = this.#pool.find(toBinary(name));
    return row === 0 || nameId < 0 ? 0 : this.#services.get(row, nameId);
  }

  #serviceRow(namespace: string, name: string): number {
    const namespaceRow = this.#namespaceRow(namespace);
    const nameId = this.#pool.intern(toBinary(name));
    const found = this.#services.get(namespaceRow, nameId);
    if (found !== 0) {
      this.#pool.release(nameId);
      return found;
    }
    const id = this.#serviceRows.allocate();
    this.#serviceRows.set(id, SERVICE.at.namespace, namespaceRow);
    this.#serviceRows.set(id, SERVICE.at.name, nameId);
    this.#services.set(namespaceRow, nameId, id);
    link(this.#serviceRows, SERVICE.at, id, this.#servicesOfNamespace, namespaceRow);
    return id;
  }

  #freeServiceIfUnused(id: number): void {
    if (this.#typeOf(id) !== undefined || this.#firstSlice(id) !== 0) return;
    const namespace = this.#serviceRows.get(id, SERVICE.at.namespace);
    const name = this.#serviceRows.get(id, SERVICE.at.name);
    unlink(this.#serviceRows, SERVICE.at, id, this.#servicesOfNamespace, namespace);
    this.#services.delete(namespace, name);
    this.#pool.release(name);
    this.#serviceRows.free(id);
    this.#freeNamespaceIfUnused(namespace);
  }

  /** undefined: the Service itself is not there, or `id` is 0. */
  #typeOf(id: number): ServiceType | undefined {
    return id === 0 ? undefined : TYPES[this.#serviceRows.get(id, SERVICE.at.type)];
  }

  #isInExposed(id: number): boolean {
    return this.#isExposedRow(this.#serviceRows.get(id, SERVICE.at.namespace));
  }

  #isServed(id: number): boolean {
    return this.#typeOf(id) !== undefined && this.#isInExposed(id);
  }

  /** Requires a Service that is there. */
  #view(id: number): ServiceView {
    return {
      ...this.#summarize(id, true),
      id,
      type: this.#typeOf(id)!,
      namespace: this.#namespaceName(this.#serviceRows.get(id, SERVICE.at.namespace)),
      name: this.#pool.text(this.#serviceRows.get(id, SERVICE.at.name)),
      externalName: this.#pool.text(this.#serviceRows.get(id, SERVICE.at.externalName)),
    };
  }

  #summarize(id: number, isExposed: boolean): ServiceSummary {
    const isHeadless = this.#typeOf(id) === 'Headless';
    return {
      type: isExposed ? this.#typeOf(id) : undefined,
      clusterIPs: decodeAddresses(this.#pool.text(this.#serviceRows.get(id, SERVICE.at.clusterIPs))),
      ports: isHeadless ? this.#slicePorts(id) : this.#ports.get(this.#serviceRows.get(id, SERVICE.at.ports)),
      zones: isHeadless ? this.#zonesOf(id) : [],
    };
  }

  /** Ports of the slices that have endpoints, by the distinct lists. */
  #slicePorts(id: number): NamedPort[] {
    const lists = new Set<number>();
    for (let slice = this.#firstSlice(id); slice !== 0; slice = this.#nextSlice(slice)) {
      if (this.#firstEndpoint(slice) !== 0) lists.add(this.#sliceRows.get(slice, SLICE.at.ports));
    }
    return [...lists].flatMap((list) => this.#ports.get(list));
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
    if (object.service === '') return this.#deleteSlice(object.namespace, object.name);
    const service = this.#serviceRow(object.namespace, object.service);
    const namespace = this.#serviceRows.get(service, SERVICE.at.namespace);
    const found = this.#slices.get(namespace, Math.max(0, this.#pool.find(toBinary(object.name))));
    if (found !== 0) {
      const owner = this.#sliceRows.get(found, SLICE.at.service);
      if (owner === service) return this.#replaceEndpoints(found, service, object);
      // The slice goes over to another Service.
      this.#removeSlice(namespace, found);
      this.#freeServiceIfUnused(owner);
    }
    const slice = this.#sliceRows.allocate();
    const nameId = this.#pool.intern(toBinary(object.name));
    this.#sliceRows.set(slice, SLICE.at.service, service);
    this.#sliceRows.set(slice, SLICE.at.name, nameId);
    this.#slices.set(namespace, nameId, slice);
    link(this.#sliceRows, SLICE.at, slice, this.#slicesOfService, service);
    this.#replaceEndpoints(slice, service, object);
    return true;
  }

  #deleteSlice(namespaceName: string, name: string): boolean {
    const namespace = this.#findNamespace(namespaceName);
    const slice = this.#slices.get(namespace, Math.max(0, this.#pool.find(toBinary(name))));
    if (slice === 0) return false;
    const service = this.#sliceRows.get(slice, SLICE.at.service);
    this.#removeSlice(namespace, slice);
    this.#freeServiceIfUnused(service);
    return true;
  }

  #removeSlice(namespace: number, slice: number): void {
    const service = this.#sliceRows.get(slice, SLICE.at.service);
    const nameId = this.#sliceRows.get(slice, SLICE.at.name);
    const ports = this.#sliceRows.get(slice, SLICE.at.ports);
    this.#touchEndpoints(slice, service, [], ports);
    this.#endpoints.free(this.#firstEndpoint(slice));
    this.#ports.release(ports);
    unlink(this.#sliceRows, SLICE.at, slice, this.#slicesOfService, service);
    this.#slices.delete(namespace, nameId);
    this.#pool.release(nameId);
    this.#localSlices.delete(slice);
    this.#sliceRows.free(slice);
  }

  /** @returns whether anything differs */
  #replaceEndpoints(slice: number, service: number, object: EndpointSlice): boolean {
    const rows = this.#endpoints.read(object.endpoints);
    const ports = this.#ports.intern(object.ports);
    const oldPorts = this.#sliceRows.get(slice, SLICE.at.ports);
    const first = this.#firstEndpoint(slice);
    if (oldPorts === ports && this.#endpoints.equals(first, rows)) {
      this.#endpoints.release(rows);
      this.#ports.release(ports);
      return false;
    }
    this.#touchEndpoints(slice, service, rows, ports);
    this.#endpoints.free(first);
    this.#ports.release(oldPorts);
    this.#sliceRows.set(slice, SLICE.at.ports, ports);
    this.#sliceRows.set(slice, SLICE.at.firstEndpoint, this.#endpoints.store(rows));
    if (this.#endpoints.hasAddress(rows, this.#options.localAddresses)) this.#localSlices.add(slice);
    else this.#localSlices.delete(slice);
    return true;
  }

  #firstSlice(service: number): number {
    return this.#serviceRows.get(service, SERVICE.at.firstSlice);
  }

  #nextSlice(slice: number): number {
    return this.#sliceRows.get(slice, SLICE.at.next);
  }

  #firstEndpoint(slice: number): number {
    return this.#sliceRows.get(slice, SLICE.at.firstEndpoint);
  }

  // ---- pods -----------------------------------------------------------------------------------------------------------

  #putPod(object: Pod): boolean {
    if (object.isTerminating) return false;
    const namespace = this.#namespaceRow(object.namespace);
    return this.#pods.put(namespace, object, this.#podToucher(namespace));
  }

  #deletePod(namespaceName: string, name: string): boolean {
    const namespace = this.#findNamespace(namespaceName);
    if (!this.#pods.delete(namespace, name, this.#podToucher(namespace))) return false;
    this.#freeNamespaceIfUnused(namespace);
    return true;
  }

  // ---- what changed ---------------------------------------------------------------------------------------------------

  /** Call it before the change: the first call keeps what the Service was like. */
  #changeOf(id: number, wasExposed = this.#isInExposed(id)): ServiceChange {
    const namespace = this.#namespaceName(this.#serviceRows.get(id, SERVICE.at.namespace));
    const name = this.#pool.text(this.#serviceRows.get(id, SERVICE.at.name));
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
    const change = this.#changeOf(id, wasExposed);
    change.isOwnTouched = true;
    this.visitEndpoints(id, (label, address) => this.#touchEndpoint(change, label, address));
  }

  /**
   * Touch the endpoints that are in the slice or in `rows`, but not in both; all of them if the ports differ.
   * A Service that is not served has no names: all of its endpoints are touched when it comes to be.
   */
  #touchEndpoints(slice: number, service: number, rows: readonly EndpointRow[], ports: number): void {
    if (!this.#isServed(service) || this.#typeOf(service) === 'ExternalName') return;
    const change = this.#changeOf(service);
    if (this.#typeOf(service) === 'Headless') change.isOwnTouched = true;
    const first = this.#firstEndpoint(slice);
    const touch = (label: string, address: Address): void => this.#touchEndpoint(change, label, address);
    if (this.#sliceRows.get(slice, SLICE.at.ports) === ports) this.#endpoints.visitDifference(first, rows, touch);
    else this.#endpoints.visitBoth(first, rows, touch);
  }

  #touchEndpoint(change: ServiceChange, label: string, address: Address): void {
    change.labels.add(label);
    change.addresses.add(address);
    this.#changes.size++;
  }

  #podToucher(namespace: number): LabelsTouched {
    return (labels) => {
      const name = this.#namespaceName(namespace);
      let touched = this.#changes.podLabels.get(name);
      if (touched === undefined) this.#changes.podLabels.set(name, (touched = new Set()));
      for (const label of labels) touched.add(label);
      this.#changes.size += labels.length;
    };
  }
}

/** Index into TYPES. */
function typeIndexOf(object: Service): number {
  if (object.type === 'ExternalName') return TYPES.indexOf('ExternalName');
  return TYPES.indexOf(object.clusterIPs[0] === 'None' ? 'Headless' : 'ClusterIP');
}

/** What is no address is passed over. */
function encodeClusterIPs(texts: readonly string[]): string {
  return encodeAddresses(texts.map(addressOf).filter((address) => address !== undefined));
}
