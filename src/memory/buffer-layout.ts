/**
 * The fixed part of the shared buffer: its header and the reader slots of the epochs. Main writes the header; a reader
 * writes its own slot only. Blocks (block-allocator.ts) follow from BLOCKS_AT on.
 *
 *   octet 0        64          4096                        20480        65536                         sizeUnits * 8
 *   │ header │ (free)  │ reader slots, 128 octets each │ (free) │ blocks in chunks of 64 KiB … │
 */
import { layout } from './layout.ts';

export const SNAPSHOT_MAGIC = 0x53_4b_59_53;
export const LAYOUT_VERSION = 3;

/** Octets in a unit of a reference. */
export const UNIT_SIZE = 8;

export const BUFFER_HEADER = layout('buffer header', [
  ['magic', 1, 'SNAPSHOT_MAGIC'],
  ['version', 1, 'LAYOUT_VERSION'],
  ['sizeUnits', 1, 'size of the whole buffer in units of 8 octets'],
  ['readerMax', 1, 'number of reader slots'],
  ['root', 1, 'reference of the current root; written by Atomics.store only'],
  ['generation', 1, 'generation of the current root (u32, wraps, never 0: 1 before any); stored after root'],
  ['hashSeed', 1, 'secret of the key hash (snapshot/key-hash.ts): chosen names must not share a page'],
]);

/** Reader slots start here (words from the start of the buffer), each READER_SLOT_STRIDE words: two cache lines. */
export const READER_SLOTS_AT = 1024;
export const READER_SLOT_STRIDE = 32;
export const READER_MAX = 128;
/** Blocks start here (octets from the start of the buffer). */
export const BLOCKS_AT = 65_536;

export const READER_IDLE = 0;
export const READER_SLOT = layout('reader slot', [
  ['generation', 1, 'READER_IDLE, or the generation that was current before this reader loaded the root it uses'],
  ['turns', 1, 'counts how often the reader entered: a slot that is busy and does not move is a reader that hangs'],
  ['owner', 1, '0 free, else the thread id that uses the slot'],
  ['pin', 1, 'PIN: whether the reader keeps its snapshot between the times it reads, and whether main took it back'],
]);

/** What a reader slot's `pin` says (memory/pinned-reader.ts). */
export const PIN = {
  /** a reader that lets go of its snapshot whenever it waits */
  NONE: 0,
  /** the snapshot is kept and not read at the moment: main may take it back */
  RESTING: 1,
  /** the snapshot is being read */
  READING: 2,
  /** main took the snapshot back: nothing of it may be read any more */
  REVOKED: 3,
} as const;
