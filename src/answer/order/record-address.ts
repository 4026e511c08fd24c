/** The address that a record holds. */
import { TYPE } from '../../dns/iana.ts';

/** From the type on: the data. */
const DATA_AT = 10;

/** An address as words: one in use (IPv4, or an IPv6 address that maps one) or four. Used again for each record. */
export class RecordAddress {
  readonly words: Uint32Array = new Uint32Array(4);
  size = 0;

  /** @param typeAt  where the type of an A or AAAA record is; the record is whole */
  read(octets: Uint8Array, typeAt: number, end: number): void {
    const { words } = this;
    const count = (end - typeAt - DATA_AT) >>> 2;
    this.size = 0;
    if (count !== (octets[typeAt] === 0 && octets[typeAt + 1] === TYPE.A ? 1 : 4)) return;
    for (let index = 0; index < count; index++) {
      const at = typeAt + DATA_AT + 4 * index;
      words[index] = (octets[at]! << 24) | (octets[at + 1]! << 16) | (octets[at + 2]! << 8) | octets[at + 3]!;
    }
    const isMapped = count === 4 && words[0] === 0 && words[1] === 0 && words[2] === 0xffff;
    if (isMapped) words[0] = words[3]!;
    this.size = isMapped ? 1 : count;
  }
}
