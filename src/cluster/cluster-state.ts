/**
 * What the cluster consists of, as far as DNS needs it: rows of numbers and pooled strings, no object per endpoint.
 *
 *   namespace ──► services (list) ──► slices (list) ──► endpoints (list)
 *             └─► pods (list)
 *
 * `apply` takes one change after the other; what the records have to look at again gathers in a ChangeSet. Objects may
 * come in any order: a slice before its Service, a Service before its Namespace.
 */
import { layout } from '../memory/layout.ts';
import type { LabelSelector } from '../kubernetes/label-selector.ts';
import type { EndpointSlice, NamedPort, Namespace, ObjectChange, Pod, Service } from '../kubernetes/objects.ts';
import { addressOf, compareAddresses, dashedLabel, dashedText, type Address } from './address.ts';
import { toBinary } from './binary-text.ts';
import { ChangeSet, ServiceChange, type ServiceSummary, type ServiceType } from './change-set.ts';
import { OctetPool } from './octet-pool.ts';
import { PairIndex } from './pair-index.ts';
import { PortLists } from './port-lists.ts';
import { RowTable } from './row-table.ts';

export interface ClusterStateOptions {
  /** zones of endpoints are kept */
  readonly zonal: boolean;
  /** an endpoint without hostname is called after its pod */
  readonly endpointPodNames: boolean;
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

const NAMESPACE = layout('namespace row', [
  ['name', 1, 'pooled'],
  ['flags', 1, 'EXISTS, EXPOSED'],
  ['firstService', 1, 'row of its first Service'],
  ['firstPod', 1, 'row of its first pod'],
]);
const EXISTS = 1;
const EXPOSED = 2;

/** A Service that is not there, but has slices, has a row too. */
const SERVICE = layout('service row', [
  ['namespace', 1, 'row'],
  ['name', 1, 'pooled'],
  ['type', 1, 'index into TYPES; 0: the Service itself is not there'],
  ['clusterIPs', 1, 'pooled: per address its size (4 or 16) and its octets'],
  ['externalName', 1, 'pooled'],
  ['ports', 1, 'port list'],
  ['firstSlice', 1, 'row'],
  ['next', 1, 'row, in the namespace'],
  ['previous', 1, 'row, in the namespace'],
]);
const TYPES: readonly (ServiceType | undefined)[] = [undefined, 'ClusterIP', 'Headless', 'ExternalName'];

const SLICE = layout('slice row', [
  ['service', 1, 'row'],
  ['name', 1, 'pooled'],
  ['ports', 1, 'port list'],
  ['firstEndpoint', 1, 'row'],
  ['next', 1, 'row, in the Service'],
  ['previous', 1, 'row, in the Service'],
]);

/** One address of one endpoint. The endpoints of a slice are sorted by their words, so that order does not count. */
const ENDPOINT = layout('endpoint row', [
  ['next', 1, 'row, in the slice'],
  ['address', 1, 'IPv4: the address; IPv6: pooled, 16 octets'],
  ['label', 1, 'bits 0–30 pooled, 0: the dashed canonical address · bit 31 IPv6'],
  ['zone', 1, 'pooled; the field is there only if zones are kept'],
]);
const IS_IPV6 = 0x8000_0000;

const POD = layout('pod row', [
  ['namespace', 1, 'row'],
  ['name', 1, 'pooled'],
  ['first', 1, 'pooled: the dashed label of its first address'],
  ['rest', 1, 'pooled: the labels of its other addresses, joined by spaces'],
  ['next', 1, 'row, in the namespace'],
  ['previous', 1, 'row, in the namespace'],
]);

/** An endpoint on its way into the table. */
interface EndpointRow {
  readonly address: number;
  readonly label: number;
  readonly zone: number;
}

/** `address` etc. of one ready address of an endpoint. `label`: binary text. `ports`: of its slice. */
export type EndpointVisitor = (label: string, address: Address, zone: string, ports: readonly NamedPort[]) => void;

/** A Service as the records see it. */
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
  readonly #endpointRows: RowTable;
  readonly #podRows = new RowTable(POD.words);
  readonly #namespaces = new Map<string, number>();
  /** (namespace row, name) → row */
  readonly #services = new PairIndex();
  readonly #slices = new PairIndex();
  readonly #pods = new PairIndex();
  /** (namespace row, dashed label) → number of pods with that address; the label has one reference for the entry */
  readonly #podLabels = new PairIndex();
  /** rows of slices that hold an address of this server */
  readonly #localSlices = new Set<number>();
  #changes = new ChangeSet();

  constructor(options: ClusterStateOptions) {
    this.#options = options;
    this.#endpointRows = new RowTable(options.zonal ? ENDPOINT.words : ENDPOINT.words - 1);
  }

  /** Octets of memory the state holds, without the change set. */
  get byteSize(): number {
    const parts = [this.#pool, this.#services, this.#slices, this.#pods, this.#podLabels];
    const rows = [this.#namespaceRows, this.#serviceRows, this.#sliceRows, this.#endpointRows, this.#podRows];
    return [...parts, ...rows].reduce((sum, part) => sum + part.byteSize, 0);
  }

  /** How many rows and strings there are; Services count with the ones that only have slices. */
  get counts(): {
    namespaces: number;
    services: number;
    slices: number;
    endpoints: number;
    pods: number;
    strings: number;
  } {
    return {
      namespaces: this.#namespaceRows.count,
      services: this.#serviceRows.count,
      slices: this.#sliceRows.count,
      endpoints: this.#endpointRows.count,
      pods: this.#podRows.count,
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

  /**
   * Take one change.
   *
   * @returns whether it moves the SOA serial: an object came or went, or a field that records depend on changed
   */
  apply(change: ObjectChange): boolean {
    if (change.op === 'put') {
      const { object } = change;
      switch (object.kind) {
        case 'Namespace':
          return this.#putNamespace(object);
        case 'Service':
          return this.#putService(object);
        case 'EndpointSlice':
          return !this.#options.noEndpoints && this.#putSlice(object);
        case 'Pod':
          return this.#options.pods && this.#putPod(object);
      }
    }
    switch (change.kind) {
      case 'Namespace':
        return this.#deleteNamespace(change.name);
      case 'Service':
        return this.#deleteService(change.namespace, change.name);
      case 'EndpointSlice':
        return this.#deleteSlice(change.namespace, change.name);
      case 'Pod':
        return this.#deletePod(change.namespace, change.name);
    }
  }

  // ---- what the records read ----------------------------------------------------------------------------------------

  isExposed(namespace: string): boolean {
    const row = this.#namespaces.get(toBinary(namespace));
    return row !== undefined && this.#isExposedRow(row);
  }

  /** A Service that is served: it is there and its Namespace is exposed. */
  findService(namespace: string, name: string): ServiceView | undefined {
    const id = this.#findService(namespace, name);
    return id === 0 || !this.#isServed(id) ? undefined : this.viewService(id);
  }

  /** Requires a Service that is there. */
  viewService(id: number): ServiceView {
    const { words } = this.#serviceRows;
    const at = id * SERVICE.words;
    return {
      id,
      namespace: this.#namespaceName(words[at + SERVICE.at.namespace]!),
      name: this.#pool.text(words[at + SERVICE.at.name]!),
      externalName: this.#pool.text(words[at + SERVICE.at.externalName]!),
      ...this.#summarize(id),
      type: TYPES[words[at + SERVICE.at.type]!]!,
    };
  }

  /** Every ready address of a Service's slices, in no particular order. */
  visitEndpoints(serviceId: number, visit: EndpointVisitor): void {
    for (let slice = this.#firstSlice(serviceId); slice !== 0; slice = this.#nextSlice(slice)) {
      this.visitSlice(slice, visit);
    }
  }

  visitSlice(slice: number, visit: EndpointVisitor): void {
    const ports = this.#ports.get(this.#sliceRows.words[slice * SLICE.words + SLICE.at.ports]!);
    const rows = this.#endpointRows;
    const { words, stride } = rows;
    let row = this.#sliceRows.words[slice * SLICE.words + SLICE.at.firstEndpoint]!;
    while (row !== 0) {
      const at = row * stride;
      const zone = this.#options.zonal ? this.#pool.text(words[at + ENDPOINT.at.zone]!) : '';
      const address = this.#addressOf(row);
      visit(this.#labelOf(row, address), address, zone, ports);
      row = words[at + ENDPOINT.at.next]!;
    }
  }

  hasEndpoints(serviceId: number): boolean {
    for (let slice = this.#firstSlice(serviceId); slice !== 0; slice = this.#nextSlice(slice)) {
      if (this.#sliceRows.words[slice * SLICE.words + SLICE.at.firstEndpoint] !== 0) return true;
    }
    return false;
  }

  /** Slices that hold an address of this server, with their Service if it is there, exposed or not. */
  localSlices(): { slice: number; service: ServiceView | undefined }[] {
    return [...this.#localSlices].map((slice) => {
      const id = this.#sliceRows.words[slice * SLICE.words + SLICE.at.service]!;
      const isThere = this.#serviceRows.words[id * SERVICE.words + SERVICE.at.type] !== 0;
      return { slice, service: isThere ? this.viewService(id) : undefined };
    });
  }

  /** Whether a pod of the namespace has the address with this dashed label. */
  hasPodLabel(namespace: string, label: string): boolean {
    const row = this.#namespaces.get(toBinary(namespace));
    const id = this.#pool.find(label);
    return row !== undefined && id > 0 && this.#podLabels.get(row, id) !== 0;
  }

  /** Put everything into the change set, as if all of it had just come. */
  touchAll(): void {
    for (const [name, row] of this.#namespaces) {
      this.#changes.namespaces.add(name);
      this.#touchNamespaceContents(row);
    }
  }

  // ---- Namespaces -----------------------------------------------------------------------------------------------------

  #putNamespace(object: Namespace): boolean {
    const { namespaces, namespaceLabels } = this.#options;
    const isExposed =
      (namespaces === undefined || namespaces.has(object.name)) &&
      (namespaceLabels === undefined || namespaceLabels.matches(object.labels));
    return this.#setNamespaceFlags(this.#namespaceRow(object.name), isExposed ? EXISTS | EXPOSED : EXISTS);
  }

  #deleteNamespace(name: string): boolean {
    const row = this.#namespaces.get(toBinary(name));
    if (row === undefined) return false;
    const isChanged = this.#setNamespaceFlags(row, 0);
    this.#freeNamespaceIfUnused(row);
    return isChanged;
  }

  /** A change of exposure touches everything in the namespace, as it was before and as it is after. */
  #setNamespaceFlags(row: number, flags: number): boolean {
    const at = row * NAMESPACE.words + NAMESPACE.at.flags;
    const old = this.#namespaceRows.words[at]!;
    if (old === flags) return false;
    if (((old ^ flags) & EXPOSED) !== 0) {
      this.#changes.namespaces.add(this.#namespaceName(row));
      this.#touchNamespaceContents(row);
    }
    this.#namespaceRows.words[at] = flags;
    return true;
  }

  #touchNamespaceContents(namespace: number): void {
    const at = namespace * NAMESPACE.words;
    let service = this.#namespaceRows.words[at + NAMESPACE.at.firstService]!;
    while (service !== 0) {
      if (this.#serviceRows.words[service * SERVICE.words + SERVICE.at.type] !== 0) this.#touchService(service);
      service = this.#serviceRows.words[service * SERVICE.words + SERVICE.at.next]!;
    }
    let pod = this.#namespaceRows.words[at + NAMESPACE.at.firstPod]!;
    while (pod !== 0) {
      this.#touchPodLabels(namespace, this.#podLabelsOf(pod));
      pod = this.#podRows.words[pod * POD.words + POD.at.next]!;
    }
  }

  #namespaceRow(name: string): number {
    const key = toBinary(name);
    const found = this.#namespaces.get(key);
    if (found !== undefined) return found;
    const row = this.#namespaceRows.allocate();
    this.#namespaceRows.words[row * NAMESPACE.words + NAMESPACE.at.name] = this.#pool.intern(key);
    this.#namespaces.set(key, row);
    return row;
  }

  #freeNamespaceIfUnused(row: number): void {
    const { words } = this.#namespaceRows;
    const at = row * NAMESPACE.words;
    const { flags, firstService, firstPod } = NAMESPACE.at;
    if (words[at + flags] !== 0 || words[at + firstService] !== 0 || words[at + firstPod] !== 0) return;
    const name = words[at + NAMESPACE.at.name]!;
    this.#namespaces.delete(this.#pool.text(name));
    this.#pool.release(name);
    this.#namespaceRows.free(row);
  }

  #namespaceName(row: number): string {
    return this.#pool.text(this.#namespaceRows.words[row * NAMESPACE.words + NAMESPACE.at.name]!);
  }

  #isExposedRow(row: number): boolean {
    return (this.#namespaceRows.words[row * NAMESPACE.words + NAMESPACE.at.flags]! & EXPOSED) !== 0;
  }

  // ---- Services -------------------------------------------------------------------------------------------------------

  #putService(object: Service): boolean {
    const id = this.#serviceRow(object.namespace, object.name);
    const at = id * SERVICE.words;
    const type = typeOf(object);
    const clusterIPs = this.#pool.intern(type === 1 ? encodeAddresses(object.clusterIPs) : '');
    const externalName = this.#pool.intern(type === 3 ? toBinary(object.externalName) : '');
    const ports = this.#ports.intern(object.ports);
    const { words } = this.#serviceRows;
    const isSame =
      words[at + SERVICE.at.type] === type &&
      words[at + SERVICE.at.clusterIPs] === clusterIPs &&
      words[at + SERVICE.at.externalName] === externalName &&
      words[at + SERVICE.at.ports] === ports;
    if (isSame) {
      this.#pool.release(clusterIPs);
      this.#pool.release(externalName);
      this.#ports.release(ports);
      return false;
    }
    const isTypeChanged = words[at + SERVICE.at.type] !== type;
    if (isTypeChanged) this.#touchService(id);
    else this.#touchOwnNames(id);
    this.#releaseServiceFields(id);
    words[at + SERVICE.at.type] = type;
    words[at + SERVICE.at.clusterIPs] = clusterIPs;
    words[at + SERVICE.at.externalName] = externalName;
    words[at + SERVICE.at.ports] = ports;
    return true;
  }

  #deleteService(namespace: string, name: string): boolean {
    const id = this.#findService(namespace, name);
    const at = id * SERVICE.words;
    if (id === 0 || this.#serviceRows.words[at + SERVICE.at.type] === 0) return false;
    this.#touchService(id);
    this.#releaseServiceFields(id);
    this.#serviceRows.words[at + SERVICE.at.type] = 0;
    this.#freeServiceIfUnused(id);
    return true;
  }

  #releaseServiceFields(id: number): void {
    const { words } = this.#serviceRows;
    const at = id * SERVICE.words;
    this.#pool.release(words[at + SERVICE.at.clusterIPs]!);
    this.#pool.release(words[at + SERVICE.at.externalName]!);
    this.#ports.release(words[at + SERVICE.at.ports]!);
    words[at + SERVICE.at.clusterIPs] = 0;
    words[at + SERVICE.at.externalName] = 0;
    words[at + SERVICE.at.ports] = 0;
  }

  /** @returns 0 if there is none */
  #findService(namespace: string, name: string): number {
    const row = this.#namespaces.get(toBinary(namespace));
    const nameId = this.#pool.find(toBinary(name));
    return row === undefined || nameId < 0 ? 0 : this.#services.get(row, nameId);
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
    this.#serviceRows.words[id * SERVICE.words + SERVICE.at.namespace] = namespaceRow;
    this.#serviceRows.words[id * SERVICE.words + SERVICE.at.name] = nameId;
    this.#services.set(namespaceRow, nameId, id);
    link(this.#serviceRows, SERVICE.at, id, this.#namespaceRows, namespaceRow, NAMESPACE.at.firstService);
    return id;
  }

  #freeServiceIfUnused(id: number): void {
    const { words } = this.#serviceRows;
    const at = id * SERVICE.words;
    if (words[at + SERVICE.at.type] !== 0 || words[at + SERVICE.at.firstSlice] !== 0) return;
    const namespace = words[at + SERVICE.at.namespace]!;
    const name = words[at + SERVICE.at.name]!;
    unlink(this.#serviceRows, SERVICE.at, id, this.#namespaceRows, namespace, NAMESPACE.at.firstService);
    this.#services.delete(namespace, name);
    this.#pool.release(name);
    this.#serviceRows.free(id);
    this.#freeNamespaceIfUnused(namespace);
  }

  #isServed(id: number): boolean {
    const { words } = this.#serviceRows;
    const at = id * SERVICE.words;
    return words[at + SERVICE.at.type] !== 0 && this.#isExposedRow(words[at + SERVICE.at.namespace]!);
  }

  #summarize(id: number): ServiceSummary {
    const { words } = this.#serviceRows;
    const at = id * SERVICE.words;
    const type = this.#isServed(id) ? TYPES[words[at + SERVICE.at.type]!] : undefined;
    const isHeadless = TYPES[words[at + SERVICE.at.type]!] === 'Headless';
    return {
      type,
      clusterIPs: decodeAddresses(this.#pool.text(words[at + SERVICE.at.clusterIPs]!)),
      ports: isHeadless ? this.#slicePorts(id) : this.#ports.get(words[at + SERVICE.at.ports]!),
      zones: isHeadless ? this.#zonesOf(id) : [],
    };
  }

  #slicePorts(id: number): NamedPort[] {
    const lists = new Set<number>();
    const { words } = this.#sliceRows;
    for (let slice = this.#firstSlice(id); slice !== 0; slice = this.#nextSlice(slice)) {
      const at = slice * SLICE.words;
      if (words[at + SLICE.at.firstEndpoint] !== 0) lists.add(words[at + SLICE.at.ports]!);
    }
    return [...lists].flatMap((list) => this.#ports.get(list));
  }

  #zonesOf(id: number): string[] {
    if (!this.#options.zonal) return [];
    const zones = new Set<string>();
    this.visitEndpoints(id, (_label, _address, zone) => zones.add(zone));
    zones.delete('');
    return [...zones].toSorted();
  }

  // ---- what changed ---------------------------------------------------------------------------------------------------

  #changeOf(id: number): ServiceChange {
    const { words } = this.#serviceRows;
    const namespace = this.#namespaceName(words[id * SERVICE.words + SERVICE.at.namespace]!);
    const name = this.#pool.text(words[id * SERVICE.words + SERVICE.at.name]!);
    const key = `${namespace}/${name}`;
    let change = this.#changes.services.get(key);
    if (change === undefined) {
      change = new ServiceChange(namespace, name, this.#summarize(id));
      this.#changes.services.set(key, change);
      this.#changes.size++;
    }
    return change;
  }

  #touchOwnNames(id: number): void {
    this.#changeOf(id).isOwnTouched = true;
  }

  /** The Service with all its endpoints' names. */
  #touchService(id: number): void {
    const change = this.#changeOf(id);
    change.isOwnTouched = true;
    this.visitEndpoints(id, (label, address) => this.#touchEndpoint(change, label, address));
  }

  #touchEndpoint(change: ServiceChange, label: string, address: Address): void {
    change.labels.add(label);
    change.addresses.add(address);
    this.#changes.size++;
  }

  // ---- EndpointSlices -------------------------------------------------------------------------------------------------

  #putSlice(object: EndpointSlice): boolean {
    const service = this.#serviceRow(object.namespace, object.service);
    const namespace = this.#serviceRows.words[service * SERVICE.words + SERVICE.at.namespace]!;
    const nameId = this.#pool.intern(toBinary(object.name));
    let slice = this.#slices.get(namespace, nameId);
    let isNew = slice === 0;
    if (!isNew && this.#sliceRows.words[slice * SLICE.words + SLICE.at.service] !== service) {
      // The slice went over to another Service.
      this.#removeSlice(namespace, nameId, slice);
      isNew = true;
    }
    if (isNew) slice = this.#addSlice(namespace, nameId, service);
    else this.#pool.release(nameId);
    const isChanged = this.#replaceEndpoints(slice, service, object);
    return isNew || isChanged;
  }

  /** Takes over the reference to the name. */
  #addSlice(namespace: number, nameId: number, service: number): number {
    const slice = this.#sliceRows.allocate();
    this.#sliceRows.words[slice * SLICE.words + SLICE.at.service] = service;
    this.#sliceRows.words[slice * SLICE.words + SLICE.at.name] = nameId;
    this.#slices.set(namespace, nameId, slice);
    link(this.#sliceRows, SLICE.at, slice, this.#serviceRows, service, SERVICE.at.firstSlice);
    return slice;
  }

  #deleteSlice(namespaceName: string, name: string): boolean {
    const namespace = this.#namespaces.get(toBinary(namespaceName));
    const nameId = this.#pool.find(toBinary(name));
    const slice = namespace === undefined || nameId < 0 ? 0 : this.#slices.get(namespace, nameId);
    if (slice === 0) return false;
    const service = this.#sliceRows.words[slice * SLICE.words + SLICE.at.service]!;
    this.#removeSlice(namespace!, nameId, slice);
    this.#freeServiceIfUnused(service);
    return true;
  }

  #removeSlice(namespace: number, nameId: number, slice: number): void {
    const { words } = this.#sliceRows;
    const service = words[slice * SLICE.words + SLICE.at.service]!;
    this.#touchDifference(slice, service, [], words[slice * SLICE.words + SLICE.at.ports]!);
    this.#freeEndpoints(slice);
    this.#ports.release(words[slice * SLICE.words + SLICE.at.ports]!);
    unlink(this.#sliceRows, SLICE.at, slice, this.#serviceRows, service, SERVICE.at.firstSlice);
    this.#slices.delete(namespace, nameId);
    this.#localSlices.delete(slice);
    this.#sliceRows.free(slice);
    this.#pool.release(nameId);
  }

  /** @returns whether anything differs */
  #replaceEndpoints(slice: number, service: number, object: EndpointSlice): boolean {
    const rows = this.#readEndpoints(object);
    const ports = this.#ports.intern(object.ports);
    const portsAt = slice * SLICE.words + SLICE.at.ports;
    const old = this.#sliceRows.words[portsAt]!;
    const isSame = old === ports && this.#hasSameEndpoints(slice, rows);
    if (isSame) {
      for (const row of rows) this.#releaseEndpoint(row.address, row.label, row.zone);
      this.#ports.release(ports);
      return false;
    }
    this.#touchDifference(slice, service, rows, ports);
    this.#freeEndpoints(slice);
    this.#ports.release(old);
    this.#sliceRows.words[portsAt] = ports;
    this.#storeEndpoints(slice, rows);
    return true;
  }

  /** The endpoints of a slice as rows, sorted; each holds references to its strings. Bad addresses are passed over. */
  #readEndpoints(object: EndpointSlice): EndpointRow[] {
    const { endpointPodNames, zonal } = this.#options;
    const rows: EndpointRow[] = [];
    for (const endpoint of object.endpoints) {
      const name = endpoint.hostname || (endpointPodNames ? endpoint.targetName : '');
      for (const text of endpoint.addresses) {
        const address = addressOf(text);
        if (address === undefined) continue;
        const label = this.#pool.intern(name === '' ? oddLabel(text, address) : toBinary(name));
        const zone = zonal ? this.#pool.intern(toBinary(endpoint.zone)) : 0;
        if (typeof address === 'number') rows.push({ address, label, zone });
        else rows.push({ address: this.#pool.intern(address), label: (label | IS_IPV6) >>> 0, zone });
      }
    }
    return rows.sort((a, b) => a.address - b.address || a.label - b.label || a.zone - b.zone);
  }

  #hasSameEndpoints(slice: number, rows: readonly EndpointRow[]): boolean {
    const { words, stride } = this.#endpointRows;
    let row = this.#sliceRows.words[slice * SLICE.words + SLICE.at.firstEndpoint]!;
    for (const { address, label, zone } of rows) {
      const at = row * stride;
      if (row === 0 || words[at + ENDPOINT.at.address] !== address || words[at + ENDPOINT.at.label] !== label) {
        return false;
      }
      if (this.#options.zonal && words[at + ENDPOINT.at.zone] !== zone) return false;
      row = words[at + ENDPOINT.at.next]!;
    }
    return row === 0;
  }

  /**
   * Touch the endpoints that are in the slice or in `rows`, but not in both; all of them if the ports differ.
   * A Service that is not served has no names: all of its endpoints are touched when it comes to be.
   */
  #touchDifference(slice: number, service: number, rows: readonly EndpointRow[], ports: number): void {
    if (!this.#isServed(service)) return;
    const change = this.#changeOf(service);
    const type = TYPES[this.#serviceRows.words[service * SERVICE.words + SERVICE.at.type]!];
    if (type === 'ExternalName') return;
    if (type === 'Headless') change.isOwnTouched = true;
    const isAll = this.#sliceRows.words[slice * SLICE.words + SLICE.at.ports] !== ports;
    // An endpoint may be there several times, which counts for the weight of its SRV records.
    const differences = new Map<string, { count: number; readonly address: number; readonly label: number }>();
    const count = (address: number, label: number, step: number): void => {
      const key = `${address} ${label}`;
      const entry = differences.get(key);
      if (entry === undefined) differences.set(key, { count: step, address, label });
      else entry.count += step;
    };
    for (const { address, label } of rows) count(address, label, 1);
    const { words, stride } = this.#endpointRows;
    let row = this.#sliceRows.words[slice * SLICE.words + SLICE.at.firstEndpoint]!;
    for (; row !== 0; row = words[row * stride + ENDPOINT.at.next]!) {
      count(words[row * stride + ENDPOINT.at.address]!, words[row * stride + ENDPOINT.at.label]!, -1);
    }
    for (const difference of differences.values()) {
      if (!isAll && difference.count === 0) continue;
      const address = this.#fullAddress(difference.address, difference.label);
      this.#touchEndpoint(change, this.#fullLabel(difference.label, address), address);
    }
  }

  #storeEndpoints(slice: number, rows: readonly EndpointRow[]): void {
    const table = this.#endpointRows;
    let next = 0;
    let isLocal = false;
    for (let index = rows.length - 1; index >= 0; index--) {
      const { address, label, zone } = rows[index]!;
      const row = table.allocate();
      const at = row * table.stride;
      table.words[at + ENDPOINT.at.next] = next;
      table.words[at + ENDPOINT.at.address] = address;
      table.words[at + ENDPOINT.at.label] = label;
      if (this.#options.zonal) table.words[at + ENDPOINT.at.zone] = zone;
      isLocal ||= this.#options.localAddresses.has(this.#fullAddress(address, label));
      next = row;
    }
    this.#sliceRows.words[slice * SLICE.words + SLICE.at.firstEndpoint] = next;
    if (isLocal) this.#localSlices.add(slice);
    else this.#localSlices.delete(slice);
  }

  #freeEndpoints(slice: number): void {
    const table = this.#endpointRows;
    let row = this.#sliceRows.words[slice * SLICE.words + SLICE.at.firstEndpoint]!;
    while (row !== 0) {
      const at = row * table.stride;
      const next = table.words[at + ENDPOINT.at.next]!;
      const zone = this.#options.zonal ? table.words[at + ENDPOINT.at.zone]! : 0;
      this.#releaseEndpoint(table.words[at + ENDPOINT.at.address]!, table.words[at + ENDPOINT.at.label]!, zone);
      table.free(row);
      row = next;
    }
    this.#sliceRows.words[slice * SLICE.words + SLICE.at.firstEndpoint] = 0;
  }

  #releaseEndpoint(address: number, label: number, zone: number): void {
    if ((label & IS_IPV6) !== 0) this.#pool.release(address);
    this.#pool.release((label & ~IS_IPV6) >>> 0);
    this.#pool.release(zone);
  }

  #addressOf(row: number): Address {
    const { words, stride } = this.#endpointRows;
    return this.#fullAddress(words[row * stride + ENDPOINT.at.address]!, words[row * stride + ENDPOINT.at.label]!);
  }

  #labelOf(row: number, address: Address): string {
    return this.#fullLabel(this.#endpointRows.words[row * this.#endpointRows.stride + ENDPOINT.at.label]!, address);
  }

  #fullAddress(address: number, label: number): Address {
    return (label & IS_IPV6) === 0 ? address : this.#pool.text(address);
  }

  #fullLabel(label: number, address: Address): string {
    const id = (label & ~IS_IPV6) >>> 0;
    return id === 0 ? dashedLabel(address) : this.#pool.text(id);
  }

  #firstSlice(service: number): number {
    return this.#serviceRows.words[service * SERVICE.words + SERVICE.at.firstSlice]!;
  }

  #nextSlice(slice: number): number {
    return this.#sliceRows.words[slice * SLICE.words + SLICE.at.next]!;
  }

  // ---- pods -----------------------------------------------------------------------------------------------------------

  #putPod(object: Pod): boolean {
    const namespace = this.#namespaceRow(object.namespace);
    const nameId = this.#pool.intern(toBinary(object.name));
    let pod = this.#pods.get(namespace, nameId);
    const isNew = pod === 0;
    if (isNew) {
      pod = this.#podRows.allocate();
      this.#podRows.words[pod * POD.words + POD.at.namespace] = namespace;
      this.#podRows.words[pod * POD.words + POD.at.name] = nameId;
      this.#pods.set(namespace, nameId, pod);
      link(this.#podRows, POD.at, pod, this.#namespaceRows, namespace, NAMESPACE.at.firstPod);
    } else {
      this.#pool.release(nameId);
    }
    const labels = object.podIPs.filter((text) => addressOf(text) !== undefined).map(podLabel);
    const old = this.#podLabelsOf(pod);
    if (labels.join(' ') === old.join(' ')) return isNew;
    this.#setPodLabels(namespace, pod, labels, old);
    return true;
  }

  #deletePod(namespaceName: string, name: string): boolean {
    const namespace = this.#namespaces.get(toBinary(namespaceName));
    const nameId = this.#pool.find(toBinary(name));
    const pod = namespace === undefined || nameId < 0 ? 0 : this.#pods.get(namespace, nameId);
    if (pod === 0) return false;
    this.#setPodLabels(namespace!, pod, [], this.#podLabelsOf(pod));
    unlink(this.#podRows, POD.at, pod, this.#namespaceRows, namespace!, NAMESPACE.at.firstPod);
    this.#pods.delete(namespace!, nameId);
    this.#podRows.free(pod);
    this.#pool.release(nameId);
    this.#freeNamespaceIfUnused(namespace!);
    return true;
  }

  #setPodLabels(namespace: number, pod: number, labels: readonly string[], old: readonly string[]): void {
    this.#touchPodLabels(namespace, [...labels, ...old]);
    for (const label of labels) this.#countPodLabel(namespace, label, 1);
    for (const label of old) this.#countPodLabel(namespace, label, -1);
    const at = pod * POD.words;
    const first = this.#pool.intern(labels[0] ?? '');
    const rest = this.#pool.intern(labels.slice(1).join(' '));
    const { words } = this.#podRows;
    this.#pool.release(words[at + POD.at.first]!);
    this.#pool.release(words[at + POD.at.rest]!);
    words[at + POD.at.first] = first;
    words[at + POD.at.rest] = rest;
  }

  #countPodLabel(namespace: number, label: string, step: number): void {
    const id = this.#pool.intern(label);
    const count = this.#podLabels.get(namespace, id) + step;
    if (count === 0) this.#podLabels.delete(namespace, id);
    else this.#podLabels.set(namespace, id, count);
    // The entry keeps the reference it was made with.
    if (step < 0 || count > 1) this.#pool.release(id);
    if (count === 0) this.#pool.release(id);
  }

  #podLabelsOf(pod: number): string[] {
    const { words } = this.#podRows;
    const at = pod * POD.words;
    const first = this.#pool.text(words[at + POD.at.first]!);
    if (first === '') return [];
    const rest = this.#pool.text(words[at + POD.at.rest]!);
    return rest === '' ? [first] : [first, ...rest.split(' ')];
  }

  #touchPodLabels(namespace: number, labels: readonly string[]): void {
    const name = this.#namespaceName(namespace);
    let touched = this.#changes.podLabels.get(name);
    if (touched === undefined) this.#changes.podLabels.set(name, (touched = new Set()));
    for (const label of labels) touched.add(label);
    this.#changes.size += labels.length;
  }
}

/** Fields of a row that is in a list. */
interface Links {
  readonly next: number;
  readonly previous: number;
}

/** Put a row at the head of a list. */
function link(rows: RowTable, at: Links, id: number, heads: RowTable, head: number, headAt: number): void {
  const headIndex = head * heads.stride + headAt;
  const next = heads.words[headIndex]!;
  rows.words[id * rows.stride + at.next] = next;
  rows.words[id * rows.stride + at.previous] = 0;
  if (next !== 0) rows.words[next * rows.stride + at.previous] = id;
  heads.words[headIndex] = id;
}

function unlink(rows: RowTable, at: Links, id: number, heads: RowTable, head: number, headAt: number): void {
  const next = rows.words[id * rows.stride + at.next]!;
  const previous = rows.words[id * rows.stride + at.previous]!;
  if (next !== 0) rows.words[next * rows.stride + at.previous] = previous;
  if (previous !== 0) rows.words[previous * rows.stride + at.next] = next;
  else heads.words[head * heads.stride + headAt] = next;
}

/** Index into TYPES. */
function typeOf(object: Service): number {
  if (object.type === 'ExternalName') return 3;
  return object.clusterIPs[0] === 'None' ? 2 : 1;
}

/** The label of an address whose spelling is not canonical, '' if it is. */
function oddLabel(text: string, address: Address): string {
  // Dotted decimal has one spelling.
  if (typeof address === 'number' && !text.includes(':')) return '';
  const label = dashedText(text);
  return label === dashedLabel(address) ? '' : label;
}

/** The label of a pod's address: as it is written, without an appended 0. */
function podLabel(text: string): string {
  return text.toLowerCase().replaceAll(/[.:]/g, '-');
}

/** Distinct addresses, sorted: per address its size (4 or 16) and its octets. Bad ones are passed over. */
function encodeAddresses(texts: readonly string[]): string {
  const addresses = new Set<Address>();
  for (const text of texts) {
    const address = addressOf(text);
    if (address !== undefined) addresses.add(address);
  }
  let encoded = '';
  for (const address of [...addresses].toSorted(compareAddresses)) {
    if (typeof address === 'string') encoded += `\x10${address}`;
    else {
      encoded += String.fromCharCode(
        4,
        address >>> 24,
        (address >>> 16) & 0xff,
        (address >>> 8) & 0xff,
        address & 0xff,
      );
    }
  }
  return encoded;
}

function decodeAddresses(encoded: string): Address[] {
  const addresses: Address[] = [];
  for (let at = 0; at < encoded.length; at += 1 + encoded.charCodeAt(at)) {
    if (encoded.charCodeAt(at) === 16) addresses.push(encoded.slice(at + 1, at + 17));
    else {
      const high = (encoded.charCodeAt(at + 1) << 8) | encoded.charCodeAt(at + 2);
      const low = (encoded.charCodeAt(at + 3) << 8) | encoded.charCodeAt(at + 4);
      addresses.push(((high << 16) | low) >>> 0);
    }
  }
  return addresses;
}
