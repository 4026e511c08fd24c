/**
 * The reading side of the snapshot: from a name to the route that serves it and to its entry. Hot: nothing allocates.
 *
 * One object a thread. Between `enter` and `leave` the snapshot is a constant. All positions handed out are word
 * indexes into `words` and are meaningless after `leave`.
 */
import { BUFFER_HEADER } from '../memory/buffer-layout.ts';
import { EpochReader } from '../memory/epochs.ts';
import { hashKey, ZONE_HASH_SPACE } from './key-hash.ts';
import {
  CHUNK_BITS,
  CHUNK_PAGES,
  CONFIG,
  DATASET,
  ENTRY_SPACE_SHIFT,
  KEY_SPACE,
  LISTENER,
  PAGE_SLOTS,
  ROOT,
  ROUTE,
  STEP_WORDS,
} from './snapshot-layout.ts';

/** Not found: no word index of a block, since the buffer header is there. */
export const NOT_FOUND = 0;

const SLOT_MASK = PAGE_SLOTS - 1;
const KEY_SIZE_AND_SPACE = 0xfff;
/** Words of the longest name, and two of padding. */
const NAME_WORDS = 66;

/** Keeps the current snapshot from being taken away (memory/epochs.ts, memory/pinned-reader.ts). */
export interface SnapshotHold {
  /** @returns reference of the root, 0 if nothing is published yet */
  enter(): number;
  leave(): void;
}

export class SnapshotReader {
  /** the whole shared buffer */
  readonly words: Uint32Array;
  /** the key looked up last: words with a zero-padded tail */
  readonly keyWords = new Uint32Array(NAME_WORDS);

  private readonly epoch: SnapshotHold;
  private readonly zoneWords = new Uint32Array(NAME_WORDS);
  private readonly hashSeed: number;
  private rootAt = 0;
  private configAt = 0;

  /** @param hold  index of this thread's reader slot, or who else keeps the snapshot */
  constructor(buffer: SharedArrayBuffer, hold: number | SnapshotHold) {
    this.words = new Uint32Array(buffer);
    this.epoch = typeof hold === 'number' ? new EpochReader(buffer, hold) : hold;
    this.hashSeed = this.words[BUFFER_HEADER.at.hashSeed]!;
  }

  /** Hold the current snapshot. @returns false if none is published yet */
  enter(): boolean {
    const root = this.epoch.enter();
    this.rootAt = root * 2;
    if (root === 0) return false;
    this.configAt = this.words[this.rootAt + ROOT.at.config]! * 2;
    return true;
  }

  /** Let go of the snapshot: before anything that blocks or awaits. */
  leave(): void {
    this.epoch.leave();
  }

  /** LISTENER_FLAG bits of a listener. */
  listenerFlags(listener: number): number {
    if (listener >= this.words[this.configAt + CONFIG.at.listenerCount]!) return 0;
    return this.words[this.words[this.configAt + CONFIG.at.listeners + listener]! * 2 + LISTENER.at.flags]!;
  }

  /** Word index of the PROGRAM that has a listener's keys, 0: it has none. */
  listenerKeysAt(listener: number): number {
    const listenerAt = this.words[this.configAt + CONFIG.at.listeners + listener]! * 2;
    return this.words[listenerAt + LISTENER.at.keys]! * 2;
  }

  /** Word index of a DATASET block. */
  datasetAt(index: number): number {
    return this.words[this.rootAt + ROOT.at.datasets + index]! * 2;
  }

  /**
   * Find the longest zone of a listener that the name lies in.
   *
   * @param nameView     the lower-cased name, followed by zero octets to a whole word
   * @param labelStarts  start of each label, the root label's included
   * @returns word index of the ROUTE, or NOT_FOUND
   */
  findRoute(
    listener: number,
    nameView: DataView,
    nameSize: number,
    labelStarts: Uint8Array,
    labelCount: number,
  ): number {
    const words = this.words;
    if (listener >= words[this.configAt + CONFIG.at.listenerCount]!) return NOT_FOUND;
    const listenerAt = words[this.configAt + CONFIG.at.listeners + listener]! * 2;
    return this.findRouteIn(listenerAt, nameView, nameSize, labelStarts, labelCount);
  }

  /** The same in a LISTENER block at a word index. */
  findRouteIn(
    listenerAt: number,
    nameView: DataView,
    nameSize: number,
    labelStarts: Uint8Array,
    labelCount: number,
  ): number {
    const labelsMax = this.words[listenerAt + LISTENER.at.suffixLabelsMax]!;
    let label = labelCount > labelsMax ? labelCount - labelsMax : 0;
    for (; label <= labelCount; label++) {
      const start = labelStarts[label]!;
      const route = this.findZone(listenerAt, nameView, start, nameSize - start);
      if (route !== NOT_FOUND) return route;
    }
    return NOT_FOUND;
  }

  /** The ROUTE for exactly the zone that the end of a name is, from `start` on. @returns its word index, or NOT_FOUND */
  findZoneRoute(listener: number, nameView: DataView, start: number, size: number): number {
    if (listener >= this.words[this.configAt + CONFIG.at.listenerCount]!) return NOT_FOUND;
    return this.findZone(this.listenerAt(listener), nameView, start, size);
  }

  /** Word index of the LISTENER, which there is. */
  listenerAt(listener: number): number {
    return this.words[this.configAt + CONFIG.at.listeners + listener]! * 2;
  }

  private findZone(listenerAt: number, nameView: DataView, start: number, size: number): number {
    const words = this.words;
    const zoneWords = this.zoneWords;
    const count = (size + 3) >>> 2;
    for (let index = 0; index < count; index++) zoneWords[index] = nameView.getUint32(start + (index << 2), true);
    const hash = hashKey(zoneWords, 0, size, ZONE_HASH_SPACE, this.hashSeed);
    const mask = words[listenerAt + LISTENER.at.slotMask]!;
    const slotsAt = listenerAt + LISTENER.at.slots;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const reference = words[slotsAt + slot * 2 + 1]!;
      if (reference === 0) return NOT_FOUND;
      if (words[slotsAt + slot * 2] !== hash) continue;
      const routeAt = reference * 2;
      if (words[routeAt + ROUTE.at.zoneSize] !== size) continue;
      const zoneAt = routeAt + ROUTE.at.steps + STEP_WORDS * words[routeAt + ROUTE.at.stepCount]!;
      let index = 0;
      while (index < count && words[zoneAt + index] === zoneWords[index]) index++;
      if (index === count) return routeAt;
    }
  }

  /**
   * Find the entry of a name.
   *
   * @param datasetAt  word index of the DATASET
   * @param nameWords  the lower-cased name; its first keySize octets are the key
   * @returns word index of the entry, or NOT_FOUND. Cost: one hash, 1.5 probes on average.
   */
  findEntry(datasetAt: number, keySpace: number, nameWords: Uint32Array, keySize: number): number {
    const keyWords = this.keyWords;
    const count = (keySize + 3) >>> 2;
    for (let index = 0; index < count; index++) keyWords[index] = nameWords[index]!;
    const tail = keySize & 3;
    if (tail !== 0) keyWords[count - 1]! &= (1 << (tail << 3)) - 1;
    return this.findKey(datasetAt, keySpace, keySize);
  }

  /** The same for a key that does not start at a word: a part of the name from `start` on. */
  findEntryAt(datasetAt: number, keySpace: number, nameView: DataView, start: number, keySize: number): number {
    const keyWords = this.keyWords;
    const count = (keySize + 3) >>> 2;
    for (let index = 0; index < count; index++) keyWords[index] = nameView.getUint32(start + (index << 2), true);
    const tail = keySize & 3;
    if (tail !== 0) keyWords[count - 1]! &= (1 << (tail << 3)) - 1;
    return this.findKey(datasetAt, keySpace, keySize);
  }

  /**
   * Find the pod that alone has an address; kept only where an option of the instance asks for it.
   *
   * @param view  4 or 16 octets at `offset`, in network order
   * @returns word index of an entry of kind CLIENT, or NOT_FOUND: no pod, a node that pods share, or pods that do not agree
   */
  findClient(datasetAt: number, view: DataView, offset: number, size: number): number {
    return this.findEntryAt(datasetAt, KEY_SPACE.CLIENT, view, offset, size);
  }

  /** Find a key that was put into `keyWords`, its tail zero-padded. */
  findKey(datasetAt: number, keySpace: number, keySize: number): number {
    const words = this.words;
    const keyWords = this.keyWords;
    const hash = hashKey(keyWords, 0, keySize, keySpace, this.hashSeed);
    const page = hash >>> (32 - words[datasetAt + DATASET.at.depth]!);
    const chunkAt = words[words[datasetAt + DATASET.at.top]! * 2 + (page >>> CHUNK_BITS)]! * 2;
    const pageAt = words[chunkAt + (page & (CHUNK_PAGES - 1))]! * 2;
    const head = keySize | (keySpace << ENTRY_SPACE_SHIFT);
    const count = (keySize + 3) >>> 2;
    for (let slot = hash & SLOT_MASK; ; slot = (slot + 1) & SLOT_MASK) {
      const reference = words[pageAt + slot * 2 + 1]!;
      if (reference === 0) return NOT_FOUND;
      if (words[pageAt + slot * 2] !== hash) continue;
      const entryAt = reference * 2;
      if ((words[entryAt]! & KEY_SIZE_AND_SPACE) !== head) continue;
      let index = 0;
      while (index < count && words[entryAt + 1 + index] === keyWords[index]) index++;
      if (index === count) return entryAt;
    }
  }
}
