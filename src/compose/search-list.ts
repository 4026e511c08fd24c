/** `autopath`: the names that a client's resolver would ask one after the other, and which of them it has asked first. */
import { parseName } from '../dns/name.ts';
import { NAME_SIZE_MAX } from '../dns/wire-header.ts';
import type { Query } from '../answer/query.ts';

/** What is evaluated: plain data, which goes to the answering threads as JSON. Canonical names. */
export interface SearchProgram {
  /** zones of `kubernetes`: the list begins with those of the client's namespace there; empty: with `search` */
  readonly zones: readonly string[];
  /** what follows */
  readonly search: readonly string[];
}

/** SVC as a label. */
const SVC = Uint8Array.of(3, 0x73, 0x76, 0x63);
const ROOT = Uint8Array.of(0);

export class SearchList {
  /** longest first; wire form, lower-cased */
  readonly #zones: readonly Uint8Array[];
  readonly #search: readonly Uint8Array[];

  constructor(program: SearchProgram) {
    this.#zones = program.zones.map(wireOf).sort((a, b) => b.length - a.length);
    this.#search = program.search.map(wireOf);
  }

  /** @param program  JSON @throws if it is no program */
  static parse(program: Uint8Array): SearchList {
    return new SearchList(JSON.parse(Buffer.from(program).toString()) as SearchProgram);
  }

  /** Whether it depends on the client's namespace. */
  get isByNamespace(): boolean {
    return this.#zones.length > 0;
  }

  /**
   * @param namespace  the client's
   * @returns octets of the question's name that are in front of the first name of the list; 0: it is not below that
   */
  baseSize(query: Query, namespace: Uint8Array): number {
    const { nameBytes, nameSize } = query;
    let size = 0;
    if (this.isByNamespace) {
      const zone = this.#zoneOf(query);
      const svcAt = zone === undefined ? 0 : nameSize - zone.length - SVC.length;
      if (svcAt <= 0 || !endsWith(nameBytes, svcAt + SVC.length, SVC) || !isLabelAt(query, svcAt)) return 0;
      if (!endsWith(nameBytes, svcAt, namespace)) return 0;
      size = svcAt - namespace.length - 1;
      if (size > 0 && nameBytes[size] !== namespace.length) return 0;
    } else {
      const [first] = this.#search;
      if (first === undefined || !endsWith(nameBytes, nameSize, first)) return 0;
      size = nameSize - first.length;
    }
    return size > 0 && isLabelAt(query, size) ? size : 0;
  }

  /**
   * What to ask after the first one, wire form.
   *
   * @param name      the question's, as the client wrote it
   * @param baseSize  of the same question
   */
  candidates(query: Query, name: Uint8Array, baseSize: number): Uint8Array[] {
    const base = name.subarray(0, baseSize);
    const zone = this.#zoneOf(query) ?? ROOT;
    const inZone = this.isByNamespace ? [Uint8Array.of(...SVC, ...zone), zone, ...this.#search] : this.#search.slice(1);
    const names = [...inZone, ROOT].map((end) => Uint8Array.of(...base, ...end));
    return names.filter((one) => one.length <= NAME_SIZE_MAX);
  }

  #zoneOf(query: Query): Uint8Array | undefined {
    const { nameBytes, nameSize } = query;
    return this.#zones.find((one) => endsWith(nameBytes, nameSize, one) && isLabelAt(query, nameSize - one.length));
  }
}

function isLabelAt({ labelStarts, labelCount }: Query, offset: number): boolean {
  for (let label = 0; label <= labelCount; label++) if (labelStarts[label] === offset) return true;
  return false;
}

function endsWith(name: Uint8Array, end: number, part: Uint8Array): boolean {
  const start = end - part.length;
  if (start < 0) return false;
  for (let index = 0; index < part.length; index++) if (name[start + index] !== part[index]) return false;
  return true;
}

function wireOf(name: string): Uint8Array {
  const wire = parseName(name);
  if (wire === null) throw new Error('a search list holds names');
  return wire;
}
