/** Services: what their own names depend on, by namespace and name. */
import type { NamedPort, Service } from '../kubernetes/objects.ts';
import { layout } from '../memory/layout.ts';
import { addressOf, decodeAddresses, encodeAddresses, type Address } from './address.ts';
import { toBinary } from './binary-text.ts';
import type { ServiceType } from './change-set.ts';
import { decodeExternals, encodeExternals, NO_EXTERNALS, type Externals } from './externals.ts';
import type { OctetPool } from './octet-pool.ts';
import { PairIndex } from './pair-index.ts';
import type { PortLists } from './port-lists.ts';
import { link, RowTable, unlink, type ListHeads } from './row-table.ts';

/** A Service that is not there, but has slices, has a row too. */
const SERVICE = layout('service row', [
  ['namespace', 1, 'row'],
  ['name', 1, 'pooled'],
  ['type', 1, 'bits 0–7 index into TYPES · bit 8 LISTED'],
  ['clusterIPs', 1, 'pooled: encodeAddresses'],
  ['externalName', 1, 'pooled'],
  ['externals', 1, 'pooled: encodeExternals'],
  ['ports', 1, 'port list'],
  ['firstSlice', 1, 'row'],
  ['next', 1, 'row, in the namespace'],
  ['previous', 1, 'row, in the namespace'],
]);
const TYPE_MASK = 0xff;
const LISTED = 0x100;
const TYPES: readonly (ServiceType | undefined)[] = [undefined, 'ClusterIP', 'Headless', 'ExternalName'];

/** What a Service's row says of it; the ids hold references. All 0: the Service itself is not there. */
export interface ServiceFields {
  readonly type: number;
  readonly clusterIPs: number;
  readonly externalName: number;
  readonly externals: number;
  readonly ports: number;
}
const ABSENT: ServiceFields = { type: 0, clusterIPs: 0, externalName: 0, externals: 0, ports: 0 };

export class ServiceTable {
  readonly slices: ListHeads;
  readonly #pool: OctetPool;
  readonly #ports: PortLists;
  readonly #heads: ListHeads;
  readonly #rows = new RowTable(SERVICE.words);
  /** (namespace row, name) → row */
  readonly #index = new PairIndex();

  /** @param heads  the field of a namespace row that holds its first Service */
  constructor(pool: OctetPool, ports: PortLists, heads: ListHeads) {
    this.#pool = pool;
    this.#ports = ports;
    this.#heads = heads;
    this.slices = { rows: this.#rows, field: SERVICE.at.firstSlice };
  }

  /** Those that are only referred to count too. */
  get count(): number {
    return this.#rows.count;
  }

  /** The ids of all rows, used and free ones, are below this. */
  get idEnd(): number {
    return this.#rows.idEnd;
  }

  /** Those that are there. Cost: one pass over the rows. */
  get existingCount(): number {
    let count = 0;
    for (let id = 1; id < this.#rows.idEnd; id++) if (this.#rows.get(id, SERVICE.at.type) !== 0) count++;
    return count;
  }

  get byteSize(): number {
    return this.#rows.byteSize + this.#index.byteSize;
  }

  /** @returns 0 if there is none */
  find(namespace: number, name: string): number {
    const nameId = this.#pool.find(toBinary(name));
    return namespace === 0 || nameId < 0 ? 0 : this.#index.get(namespace, nameId);
  }

  /** The row of a name, made if there is none. */
  rowOf(namespace: number, name: string): number {
    const nameId = this.#pool.intern(toBinary(name));
    const found = this.#index.get(namespace, nameId);
    if (found !== 0) {
      this.#pool.release(nameId);
      return found;
    }
    const id = this.#rows.allocate();
    this.#rows.set(id, SERVICE.at.namespace, namespace);
    this.#rows.set(id, SERVICE.at.name, nameId);
    this.#index.set(namespace, nameId, id);
    link(this.#rows, SERVICE.at, id, this.#heads, namespace);
    return id;
  }

  /** @param keepsExternals  external addresses are kept */
  read(object: Service, keepsExternals: boolean): ServiceFields {
    const type = typeIndexOf(object);
    const kind = TYPES[type];
    return {
      type,
      clusterIPs: kind === 'ClusterIP' ? this.#pool.intern(encodeClusterIPs(object.clusterIPs)) : 0,
      externalName: kind === 'ExternalName' ? this.#pool.intern(toBinary(object.externalName)) : 0,
      externals: keepsExternals ? this.#pool.intern(encodeExternals(object.externalIPs)) : 0,
      ports: this.#ports.intern(object.ports),
    };
  }

  equals(id: number, { type, clusterIPs, externalName, externals, ports }: ServiceFields): boolean {
    const { at } = SERVICE;
    return (
      (this.#rows.get(id, at.type) & TYPE_MASK) === type &&
      this.#rows.get(id, at.clusterIPs) === clusterIPs &&
      this.#rows.get(id, at.externalName) === externalName &&
      this.#rows.get(id, at.externals) === externals &&
      this.#rows.get(id, at.ports) === ports
    );
  }

  /** Whether names that follow from endpoints are others: by the type, or by whether there are external addresses. */
  hasOtherEndpointNames(id: number, { type, externals }: ServiceFields): boolean {
    const hadExternals = this.#rows.get(id, SERVICE.at.externals) !== 0;
    return (this.#rows.get(id, SERVICE.at.type) & TYPE_MASK) !== type || hadExternals !== (externals !== 0);
  }

  /** Takes over the references; the old ones are released. It is listed from now on. */
  set(id: number, fields: ServiceFields): void {
    this.#replace(id, fields, LISTED);
  }

  /** The Service itself is gone; its slices may still be there. */
  clear(id: number): void {
    this.#replace(id, ABSENT, 0);
  }

  freeIfUnused(id: number): boolean {
    if (this.typeOf(id) !== undefined || this.firstSlice(id) !== 0) return false;
    const namespace = this.namespaceOf(id);
    const name = this.#rows.get(id, SERVICE.at.name);
    unlink(this.#rows, SERVICE.at, id, this.#heads, namespace);
    this.#index.delete(namespace, name);
    this.#pool.release(name);
    this.#rows.free(id);
    return true;
  }

  /** undefined: the Service itself is not there, or `id` is 0. */
  typeOf(id: number): ServiceType | undefined {
    return id === 0 ? undefined : TYPES[this.#rows.get(id, SERVICE.at.type) & TYPE_MASK];
  }

  namespaceOf(id: number): number {
    return this.#rows.get(id, SERVICE.at.namespace);
  }

  /** Binary text. */
  nameOf(id: number): string {
    return this.#pool.text(this.#rows.get(id, SERVICE.at.name));
  }

  /** Binary text. */
  externalNameOf(id: number): string {
    return this.#pool.text(this.#rows.get(id, SERVICE.at.externalName));
  }

  clusterIPsOf(id: number): Address[] {
    return decodeAddresses(this.#pool.text(this.#rows.get(id, SERVICE.at.clusterIPs)));
  }

  externalsOf(id: number): Externals {
    const externals = this.#rows.get(id, SERVICE.at.externals);
    return externals === 0 ? NO_EXTERNALS : decodeExternals(this.#pool.text(externals));
  }

  portsOf(id: number): readonly NamedPort[] {
    return this.#ports.get(this.#rows.get(id, SERVICE.at.ports));
  }

  firstSlice(id: number): number {
    return this.#rows.get(id, SERVICE.at.firstSlice);
  }

  /** The next Service of the namespace; 0 after the last. */
  next(id: number): number {
    return this.#rows.get(id, SERVICE.at.next);
  }

  beginList(): void {
    this.#rows.clearBits(SERVICE.at.type, LISTED);
  }

  /** Rows of Services that were not put since `beginList`; each may be freed when it is seen. */
  *unlisted(): Generator<number, void> {
    for (let id = 1; id < this.#rows.idEnd; id++) {
      const type = this.#rows.get(id, SERVICE.at.type);
      if (type !== 0 && (type & LISTED) === 0) yield id;
    }
  }

  #replace(id: number, { type, clusterIPs, externalName, externals, ports }: ServiceFields, bits: number): void {
    const rows = this.#rows;
    const { at } = SERVICE;
    for (const field of [at.clusterIPs, at.externalName, at.externals]) this.#pool.release(rows.get(id, field));
    this.#ports.release(rows.get(id, at.ports));
    rows.set(id, at.type, type | bits);
    rows.set(id, at.clusterIPs, clusterIPs);
    rows.set(id, at.externalName, externalName);
    rows.set(id, at.externals, externals);
    rows.set(id, at.ports, ports);
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
