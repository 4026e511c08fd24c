/**
 * The endpoints of EndpointSlices: one row of 12 octets (16 if zones are kept) for each address of each endpoint.
 *
 * The rows of a slice are a chain, sorted by their words, so that the order in the object does not count. A slice holds
 * the first row of its chain, 0 if it has none.
 */
import type { Endpoint } from '../kubernetes/objects.ts';
import { layout } from '../memory/layout.ts';
import { addressOf, dashedLabel, dashedText, type Address } from './address.ts';
import { toBinary } from './binary-text.ts';
import type { OctetPool } from './octet-pool.ts';
import { RowTable } from './row-table.ts';

const ENDPOINT = layout('endpoint row', [
  ['next', 1, 'row, in the slice'],
  ['address', 1, 'IPv4: the address; IPv6: pooled, 16 octets'],
  ['label', 1, 'bits 0–30 pooled, 0: the dashed canonical address · bit 31 IPv6'],
  ['zone', 1, 'pooled; the field is there only if zones are kept'],
]);
const { next: NEXT, address: ADDRESS, label: LABEL, zone: ZONE } = ENDPOINT.at;
const IS_IPV6 = 0x8000_0000;
const LABEL_MASK = 0x7fff_ffff;

export interface EndpointTableOptions {
  /** zones are kept */
  readonly zonal: boolean;
  /** an endpoint without hostname is called after its pod */
  readonly endpointPodNames: boolean;
}

/** A row on its way into the table. It holds references to its strings. */
export interface EndpointRow {
  readonly address: number;
  readonly label: number;
  readonly zone: number;
}

/** `label` and `zone` are binary text. */
export type EndpointVisitor = (label: string, address: Address, zone: string) => void;

export class EndpointTable {
  readonly #options: EndpointTableOptions;
  readonly #pool: OctetPool;
  readonly #rows: RowTable;

  constructor(pool: OctetPool, options: EndpointTableOptions) {
    this.#pool = pool;
    this.#options = options;
    this.#rows = new RowTable(options.zonal ? ENDPOINT.words : ENDPOINT.words - 1);
  }

  get count(): number {
    return this.#rows.count;
  }

  get byteSize(): number {
    return this.#rows.byteSize;
  }

  /** Endpoints as rows, sorted, to be stored or released. What is no address is passed over. */
  read(endpoints: readonly Endpoint[]): EndpointRow[] {
    const { endpointPodNames, zonal } = this.#options;
    const rows: EndpointRow[] = [];
    for (let index = 0; index < endpoints.length; index++) {
      const endpoint = endpoints[index]!;
      const name = endpoint.hostname || (endpointPodNames ? endpoint.targetName.toLowerCase() : '');
      for (let at = 0; at < endpoint.addresses.length; at++) {
        const text = endpoint.addresses[at]!;
        const address = addressOf(text);
        if (address === undefined) continue;
        const label = this.#pool.intern(name === '' ? oddLabel(text, address) : toBinary(name));
        const zone = zonal ? this.#pool.intern(toBinary(endpoint.zone)) : 0;
        if (typeof address === 'number') rows.push({ address, label, zone });
        else rows.push({ address: this.#pool.intern(address), label: (label | IS_IPV6) >>> 0, zone });
      }
    }
    sortRows(rows);
    return rows;
  }

  release(rows: readonly EndpointRow[]): void {
    for (let index = 0; index < rows.length; index++) {
      const { address, label, zone } = rows[index]!;
      this.#releaseStrings(address, label, zone);
    }
  }

  /** Whether a chain is these rows. */
  equals(first: number, rows: readonly EndpointRow[]): boolean {
    const { words, stride } = this.#rows;
    let row = first;
    for (let index = 0; index < rows.length; index++) {
      const { address, label, zone } = rows[index]!;
      const at = row * stride;
      if (row === 0 || words[at + ADDRESS] !== address || words[at + LABEL] !== label) return false;
      if (this.#zoneAt(at) !== zone) return false;
      row = words[at + NEXT]!;
    }
    return row === 0;
  }

  /** Make a chain; the rows' references become the chain's. @returns its first row */
  store(rows: readonly EndpointRow[]): number {
    const table = this.#rows;
    // From the first to the last, so that a chain that is read forward is read forward in memory too.
    let first = 0;
    let previous = 0;
    for (let index = 0; index < rows.length; index++) {
      const { address, label, zone } = rows[index]!;
      const row = table.allocate();
      const at = row * table.stride;
      table.words[at + ADDRESS] = address;
      table.words[at + LABEL] = label;
      if (this.#options.zonal) table.words[at + ZONE] = zone;
      if (previous === 0) first = row;
      else table.words[previous * table.stride + NEXT] = row;
      previous = row;
    }
    return first;
  }

  free(first: number): void {
    const { words, stride } = this.#rows;
    let row = first;
    while (row !== 0) {
      const at = row * stride;
      const next = words[at + NEXT]!;
      this.#releaseStrings(words[at + ADDRESS]!, words[at + LABEL]!, this.#zoneAt(at));
      this.#rows.free(row);
      row = next;
    }
  }

  visit(first: number, visit: EndpointVisitor): void {
    const { words, stride } = this.#rows;
    for (let row = first; row !== 0; row = words[row * stride + NEXT]!) {
      const at = row * stride;
      const label = words[at + LABEL]!;
      const address = this.#fullAddress(words[at + ADDRESS]!, label);
      visit(this.#fullLabel(label, address), address, this.#pool.text(this.#zoneAt(at)));
    }
  }

  /**
   * Add the addresses of a chain, in order, if each is an IPv4 address whose label follows from it.
   *
   * @returns whether that is so; if not, some may have been added
   */
  addPlain(first: number, addresses: number[]): boolean {
    const { words, stride } = this.#rows;
    for (let row = first; row !== 0; row = words[row * stride + NEXT]!) {
      // IPv6 shows in a bit of the same word.
      if (words[row * stride + LABEL] !== 0) return false;
      addresses.push(words[row * stride + ADDRESS]!);
    }
    return true;
  }

  /** What a chain and the rows do not have in common; an endpoint may be there several times. Zones do not count. */
  visitDifference(first: number, rows: readonly EndpointRow[], visit: (label: string, address: Address) => void): void {
    const { words, stride } = this.#rows;
    let row = first;
    let index = 0;
    // Both are sorted by address and label.
    while (row !== 0 || index < rows.length) {
      const at = row * stride;
      const other = rows[index];
      let order = -1;
      if (row === 0) order = 1;
      else if (other !== undefined) order = words[at + ADDRESS]! - other.address || words[at + LABEL]! - other.label;
      if (order < 0) this.#visitRow({ address: words[at + ADDRESS]!, label: words[at + LABEL]! }, visit);
      if (order > 0) this.#visitRow(other!, visit);
      if (order <= 0) row = words[at + NEXT]!;
      if (order >= 0) index++;
    }
  }

  /** All of a chain and all of the rows. */
  visitBoth(first: number, rows: readonly EndpointRow[], visit: (label: string, address: Address) => void): void {
    this.visit(first, visit);
    for (const row of rows) this.#visitRow(row, visit);
  }

  hasAddress(rows: readonly EndpointRow[], addresses: ReadonlySet<Address>): boolean {
    return addresses.size > 0 && rows.some(({ address, label }) => addresses.has(this.#fullAddress(address, label)));
  }

  #visitRow(
    row: { readonly address: number; readonly label: number },
    visit: (label: string, address: Address) => void,
  ): void {
    const address = this.#fullAddress(row.address, row.label);
    visit(this.#fullLabel(row.label, address), address);
  }

  #releaseStrings(address: number, label: number, zone: number): void {
    if ((label & IS_IPV6) !== 0) this.#pool.release(address);
    this.#pool.release(label & LABEL_MASK);
    this.#pool.release(zone);
  }

  #zoneAt(at: number): number {
    return this.#options.zonal ? this.#rows.words[at + ZONE]! : 0;
  }

  #fullAddress(address: number, label: number): Address {
    return (label & IS_IPV6) === 0 ? address : this.#pool.text(address);
  }

  #fullLabel(label: number, address: Address): string {
    const id = label & LABEL_MASK;
    return id === 0 ? dashedLabel(address) : this.#pool.text(id);
  }
}

/** More rows than this are left to the engine's sort, which takes memory for each call. */
const INSERTION_MAX = 64;

function sortRows(rows: EndpointRow[]): void {
  if (rows.length > INSERTION_MAX) {
    rows.sort(compareRows);
    return;
  }
  for (let at = 1; at < rows.length; at++) {
    const row = rows[at]!;
    let to = at;
    for (; to > 0 && compareRows(rows[to - 1]!, row) > 0; to--) rows[to] = rows[to - 1]!;
    rows[to] = row;
  }
}

function compareRows(a: EndpointRow, b: EndpointRow): number {
  return a.address - b.address || a.label - b.label || a.zone - b.zone;
}

/** The label of an address whose spelling is not canonical, '' if it is. */
function oddLabel(text: string, address: Address): string {
  // Dotted decimal has one spelling.
  if (typeof address === 'number' && !text.includes(':')) return '';
  const label = dashedText(text);
  return label === dashedLabel(address) ? '' : label;
}
