/**
 * Lists of ports as pooled strings: a cluster has far fewer different lists than Services and slices. A list is known by
 * its id in the pool, 0 is the empty one; equal lists in any order have one id.
 */
import type { NamedPort } from '../kubernetes/objects.ts';
import type { OctetPool } from './octet-pool.ts';
import { toBinary } from './binary-text.ts';

const CACHE_MAX = 256;
const NONE: readonly NamedPort[] = [];

export class PortLists {
  readonly #pool: OctetPool;
  /** lists read lately; one that nobody has any more leaves it, for its id may come back as another string */
  readonly #cache = new Map<number, readonly NamedPort[]>();

  constructor(pool: OctetPool) {
    this.#pool = pool;
  }

  intern(ports: readonly NamedPort[]): number {
    if (ports.length === 0) return 0;
    return this.#pool.intern(ports.map(encodePort).toSorted().join(''));
  }

  release(id: number): void {
    if (this.#pool.release(id)) this.#cache.delete(id);
  }

  /** The ports of a list, in an order that depends on them alone. */
  get(id: number): readonly NamedPort[] {
    if (id === 0) return NONE;
    const cached = this.#cache.get(id);
    if (cached !== undefined) return cached;
    if (this.#cache.size >= CACHE_MAX) this.#cache.clear();
    const ports = decodePorts(this.#pool.text(id));
    this.#cache.set(id, ports);
    return ports;
  }
}

/** Port (2 octets), size of the protocol, the protocol, size of the name, the name. */
function encodePort({ name, port, protocol }: NamedPort): string {
  const octets = toBinary(name);
  return (
    String.fromCharCode(port >>> 8, port & 0xff, protocol.length) +
    protocol +
    String.fromCharCode(octets.length) +
    octets
  );
}

function decodePorts(text: string): NamedPort[] {
  const ports: NamedPort[] = [];
  for (let at = 0; at < text.length;) {
    const port = (text.charCodeAt(at) << 8) | text.charCodeAt(at + 1);
    const protocolAt = at + 3;
    const nameAt = protocolAt + text.charCodeAt(at + 2) + 1;
    const end = nameAt + text.charCodeAt(nameAt - 1);
    ports.push({ name: text.slice(nameAt, end), port, protocol: text.slice(protocolAt, nameAt - 1) });
    at = end;
  }
  return ports;
}
