/** The canonical order of a signed zone's names (RFC 4034 §6.1), searched for the name before one that is not there. */
import { LABELS_MAX } from '../../dns/wire-header.ts';
import { NOT_FOUND } from '../../snapshot/reader.ts';
import { DATASET, ENTRY_KEY_SIZE_MASK, NAME_ORDER } from '../../snapshot/snapshot-layout.ts';

export class ZoneOrder {
  private readonly words: Uint32Array;
  private readonly starts = new Uint8Array(LABELS_MAX + 1);
  private readonly entryStarts = new Uint8Array(LABELS_MAX + 1);

  constructor(words: Uint32Array) {
    this.words = words;
  }

  /**
   * The last name with a NSEC record that is not behind a name, itself if it has one.
   *
   * @param datasetAt  word index of the DATASET
   * @param key        `size` octets from `from` on: the name relative to the zone, lower-cased
   * @returns word index of its entry, NOT_FOUND: the zone has no NSEC records
   */
  before(datasetAt: number, key: Uint8Array, from: number, size: number): number {
    const words = this.words;
    const order = words[datasetAt + DATASET.at.order]! * 2;
    if (order === 0) return NOT_FOUND;
    const labels = this.readStarts(key, from, size);
    const entriesAt = order + NAME_ORDER.at.entries;
    let low = 0;
    let high = words[order + NAME_ORDER.at.count]!;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.compare(words[entriesAt + middle]! * 2, key, labels) > 0) high = middle;
      else low = middle + 1;
    }
    return low === 0 ? NOT_FOUND : words[entriesAt + low - 1]! * 2;
  }

  private readStarts(key: Uint8Array, from: number, size: number): number {
    let count = 0;
    for (let at = 0; at < size; at += key[from + at]! + 1) this.starts[count++] = from + at;
    return count;
  }

  /** Order of an entry's key and the key in hand: below 0, 0, above 0. */
  private compare(entryAt: number, key: Uint8Array, labels: number): number {
    const words = this.words;
    const size = words[entryAt]! & ENTRY_KEY_SIZE_MASK;
    const base = entryAt + 1;
    let count = 0;
    for (let at = 0; at < size;) {
      this.entryStarts[count++] = at;
      at += ((words[base + (at >>> 2)]! >>> ((at & 3) << 3)) & 0xff) + 1;
    }
    const common = count < labels ? count : labels;
    for (let index = 1; index <= common; index++) {
      const own = this.entryStarts[count - index]!;
      const other = this.starts[labels - index]!;
      const ownSize = (words[base + (own >>> 2)]! >>> ((own & 3) << 3)) & 0xff;
      const otherSize = key[other]!;
      const shared = ownSize < otherSize ? ownSize : otherSize;
      for (let octet = 1; octet <= shared; octet++) {
        const at = own + octet;
        const difference = ((words[base + (at >>> 2)]! >>> ((at & 3) << 3)) & 0xff) - key[other + octet]!;
        if (difference !== 0) return difference;
      }
      if (ownSize !== otherSize) return ownSize - otherSize;
    }
    return count - labels;
  }
}
