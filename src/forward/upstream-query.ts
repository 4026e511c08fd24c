/** The query that goes upstream: all of it is ours but the name, as the client wrote it, DO and CD; and the options that `rewrite` puts there. */
import { TYPE } from '../dns/iana.ts';
import { CD, FLAGS_HIGH_AT, FLAGS_LOW_AT, HEADER_SIZE, OPT_SIZE, QDCOUNT_AT, RD } from '../dns/wire-header.ts';
import { UDP_SIZE_MAX_DEFAULT } from '../snapshot/snapshot-layout.ts';
import { ASKED } from './transaction-table.ts';

/** AD in a query: the response's AD is understood (RFC 6840 §5.7). */
const AD = 0x20;

export class UpstreamQuery {
  readonly #octets: Uint8Array;
  readonly #view: DataView;

  constructor(arena: ArrayBuffer) {
    this.#octets = new Uint8Array(arena);
    this.#view = new DataView(arena);
  }

  /**
   * Write it at `at`.
   *
   * @param flags   ASKED bits
   * @param nameAt  the name in wire form, nameSize octets
   * @param options EDNS options as they go on the wire, OPTIONS_SIZE_MAX octets at most
   * @returns its size
   */
  write(
    at: number,
    id: number,
    flags: number,
    nameAt: number,
    nameSize: number,
    qtype: number,
    qclass: number,
    options: Uint8Array | undefined,
  ): number {
    const octets = this.#octets;
    const view = this.#view;
    const isPlain = (flags & ASKED.PLAIN) !== 0;
    view.setUint16(at, id);
    octets[at + FLAGS_HIGH_AT] = (flags & ASKED.NO_RECURSION) === 0 ? RD : 0;
    octets[at + FLAGS_LOW_AT] = AD | ((flags & ASKED.CD) === 0 ? 0 : CD);
    view.setUint32(at + QDCOUNT_AT, 0x0001_0000);
    view.setUint32(at + QDCOUNT_AT + 4, isPlain ? 0 : 1);
    let end = at + HEADER_SIZE;
    for (let index = 0; index < nameSize; index++) octets[end + index] = octets[nameAt + index]!;
    end += nameSize;
    view.setUint32(end, (qtype << 16) | qclass);
    end += 4;
    if (isPlain) return end - at;
    octets[end] = 0;
    view.setUint32(end + 1, (TYPE.OPT << 16) | UDP_SIZE_MAX_DEFAULT);
    view.setUint32(end + 5, (flags & ASKED.DO) === 0 ? 0 : 0x8000);
    const size = options === undefined ? 0 : options.length;
    view.setUint16(end + 9, size);
    end += OPT_SIZE;
    if (options !== undefined) octets.set(options, end);
    return end + size - at;
  }
}
