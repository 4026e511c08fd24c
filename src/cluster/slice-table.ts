/** EndpointSlices: to which Service they belong, their ports, and the chains of their endpoints. */
import type { EndpointSlice, NamedPort } from '../kubernetes/objects.ts';
import { layout } from '../memory/layout.ts';
import type { Address } from './address.ts';
import { toBinary } from './binary-text.ts';
import { EndpointTable, type EndpointRow, type EndpointTableOptions } from './endpoint-table.ts';
import type { OctetPool } from './octet-pool.ts';
import { PairIndex } from './pair-index.ts';
import type { PortLists } from './port-lists.ts';
import { link, RowTable, unlink, type ListHeads } from './row-table.ts';

const SLICE = layout('slice row', [
  ['service', 1, 'row'],
  ['name', 1, 'bits 0–30 pooled · bit 31 LISTED'],
  ['cluster', 1, 'pooled: the source cluster of an imported slice'],
  ['ports', 1, 'port list'],
  ['triggerTime', 1, 'Unix time in ms, modulo 2^32, that noteTriggerTime was told last; 0: none'],
  ['firstEndpoint', 1, 'row'],
  ['next', 1, 'row, in the Service'],
  ['previous', 1, 'row, in the Service'],
]);
const LISTED = 0x8000_0000;
const NAME_MASK = 0x7fff_ffff;

/** One ready address of an endpoint; texts are binary text. `ports`: of its slice. `cluster`: '' if not imported. */
export type SliceEndpointVisitor = (
  label: string,
  address: Address,
  zone: string,
  ports: readonly NamedPort[],
  cluster: string,
) => void;

/** What a slice is to hold; the ids and rows hold references. */
export interface SliceContent {
  readonly rows: readonly EndpointRow[];
  readonly ports: number;
}

export class SliceTable {
  readonly #pool: OctetPool;
  readonly #ports: PortLists;
  readonly #heads: ListHeads;
  readonly #rows = new RowTable(SLICE.words);
  readonly #endpoints: EndpointTable;
  /** (namespace row, name) → row */
  readonly #index = new PairIndex();

  /** @param heads  the field of a Service's row that holds its first slice */
  constructor(pool: OctetPool, ports: PortLists, heads: ListHeads, options: EndpointTableOptions) {
    this.#pool = pool;
    this.#ports = ports;
    this.#heads = heads;
    this.#endpoints = new EndpointTable(pool, options);
  }

  get count(): number {
    return this.#rows.count;
  }

  get endpointCount(): number {
    return this.#endpoints.count;
  }

  get byteSize(): number {
    return this.#rows.byteSize + this.#endpoints.byteSize + this.#index.byteSize;
  }

  /** @returns 0 if there is none */
  find(namespace: number, name: string): number {
    const nameId = this.#pool.find(toBinary(name));
    return nameId <= 0 ? 0 : this.#index.get(namespace, nameId);
  }

  /** A new slice, without endpoints. */
  create(namespace: number, service: number, name: string, cluster: string): number {
    const slice = this.#rows.allocate();
    const nameId = this.#pool.intern(toBinary(name));
    this.#rows.set(slice, SLICE.at.service, service);
    this.#rows.set(slice, SLICE.at.name, nameId);
    this.#rows.set(slice, SLICE.at.cluster, this.#pool.intern(toBinary(cluster)));
    this.#index.set(namespace, nameId, slice);
    link(this.#rows, SLICE.at, slice, this.#heads, service);
    return slice;
  }

  remove(namespace: number, slice: number): void {
    const nameId = this.#nameId(slice);
    this.#endpoints.free(this.#first(slice));
    this.#ports.release(this.#rows.get(slice, SLICE.at.ports));
    this.#pool.release(this.#rows.get(slice, SLICE.at.cluster));
    unlink(this.#rows, SLICE.at, slice, this.#heads, this.serviceOf(slice));
    this.#index.delete(namespace, nameId);
    this.#pool.release(nameId);
    this.#rows.free(slice);
  }

  /** To be stored or released. */
  read(object: EndpointSlice): SliceContent {
    return { rows: this.#endpoints.read(object.endpoints), ports: this.#ports.intern(object.ports) };
  }

  release({ rows, ports }: SliceContent): void {
    this.#endpoints.release(rows);
    this.#ports.release(ports);
  }

  equals(slice: number, { rows, ports }: SliceContent): boolean {
    return this.#rows.get(slice, SLICE.at.ports) === ports && this.#endpoints.equals(this.#first(slice), rows);
  }

  /** Takes over the references; the old ones are released. */
  store(slice: number, { rows, ports }: SliceContent): void {
    this.#endpoints.free(this.#first(slice));
    this.#ports.release(this.#rows.get(slice, SLICE.at.ports));
    this.#rows.set(slice, SLICE.at.ports, ports);
    this.#rows.set(slice, SLICE.at.firstEndpoint, this.#endpoints.store(rows));
  }

  /** Endpoints that are in the slice or in the content, but not in both; all of them if the ports differ. */
  visitDifference(
    slice: number,
    { rows, ports }: SliceContent,
    visit: (label: string, address: Address) => void,
  ): void {
    const first = this.#first(slice);
    if (this.#rows.get(slice, SLICE.at.ports) === ports) this.#endpoints.visitDifference(first, rows, visit);
    else this.#endpoints.visitBoth(first, rows, visit);
  }

  visit(slice: number, visit: SliceEndpointVisitor): void {
    const ports = this.portsOf(slice);
    const cluster = this.clusterOf(slice);
    this.#endpoints.visit(this.#first(slice), (label, address, zone) => visit(label, address, zone, ports, cluster));
  }

  /** As EndpointTable.addPlain. */
  addPlain(slice: number, addresses: number[]): boolean {
    return this.#endpoints.addPlain(this.#first(slice), addresses);
  }

  /** Whether content has one of the addresses. */
  hasAddress({ rows }: SliceContent, addresses: ReadonlySet<Address>): boolean {
    return this.#endpoints.hasAddress(rows, addresses);
  }

  hasEndpoints(slice: number): boolean {
    return this.#first(slice) !== 0;
  }

  serviceOf(slice: number): number {
    return this.#rows.get(slice, SLICE.at.service);
  }

  /** Binary text. */
  clusterOf(slice: number): string {
    return this.#pool.text(this.#rows.get(slice, SLICE.at.cluster));
  }

  portsOf(slice: number): readonly NamedPort[] {
    return this.#ports.get(this.portListOf(slice));
  }

  /** Equal lists of ports have one id. */
  portListOf(slice: number): number {
    return this.#rows.get(slice, SLICE.at.ports);
  }

  /** Keep when the change happened that the slice tells of. @returns whether it is another time than before */
  noteTriggerTime(slice: number, timeMs: number): boolean {
    const time = (timeMs % 2 ** 32) >>> 0;
    const isNew = this.#rows.get(slice, SLICE.at.triggerTime) !== time;
    this.#rows.set(slice, SLICE.at.triggerTime, time);
    return isNew;
  }

  /** The next slice of the Service; 0 after the last. */
  next(slice: number): number {
    return this.#rows.get(slice, SLICE.at.next);
  }

  beginList(): void {
    this.#rows.clearBits(SLICE.at.name, LISTED);
  }

  list(slice: number): void {
    this.#rows.set(slice, SLICE.at.name, (this.#nameId(slice) | LISTED) >>> 0);
  }

  /** Rows that were not put since `beginList`; each may be removed when it is seen. */
  *unlisted(): Generator<number, void> {
    for (let slice = 1; slice < this.#rows.idEnd; slice++) {
      const name = this.#rows.get(slice, SLICE.at.name);
      if (name !== 0 && (name & LISTED) === 0) yield slice;
    }
  }

  #first(slice: number): number {
    return this.#rows.get(slice, SLICE.at.firstEndpoint);
  }

  #nameId(slice: number): number {
    return this.#rows.get(slice, SLICE.at.name) & NAME_MASK;
  }
}
