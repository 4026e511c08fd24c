/**
 * The one shared buffer of a process. It is reserved at its full size and never grows: reads of a growable
 * SharedArrayBuffer take ten times as long, and its address never moves. Pages the kernel has not been asked for
 * cost nothing, so the size is a limit, not a demand.
 */
import { randomBytes } from 'node:crypto';

import { SkyshardError } from '../base/skyshard-error.ts';
import { BLOCKS_AT, BUFFER_HEADER, LAYOUT_VERSION, READER_MAX, SNAPSHOT_MAGIC, UNIT_SIZE } from './buffer-layout.ts';

/** Octets reserved where nothing is said: every byte view stays under 2 GiB, past which V8 is 30 times slower. */
export const BUFFER_SIZE_DEFAULT = 1 << 30;
export const BUFFER_SIZE_MIN = 16 << 20;
export const BUFFER_SIZE_MAX = 2 ** 31 - BLOCKS_AT;

export interface SharedBufferOptions {
  /** octets to reserve; rounded down to whole chunks of 64 KiB */
  readonly sizeMax?: number;
  /** octets below which no smaller reservation is tried */
  readonly sizeMin?: number;
  /** seed of the key hash; random if absent. For tests and for repeatable dumps. */
  readonly hashSeed?: number;
  /** how memory is reserved; a test can refuse it */
  readonly reserve?: (size: number) => SharedArrayBuffer;
}

/**
 * Reserve the buffer, zero-filled, and write its header. Halves the size where the system refuses it.
 *
 * @throws SkyshardError MEMORY_RESERVE if not even sizeMin is to be had
 */
export function reserveSharedBuffer(options: SharedBufferOptions = {}): SharedArrayBuffer {
  const sizeMax = Math.min(options.sizeMax ?? BUFFER_SIZE_DEFAULT, BUFFER_SIZE_MAX);
  const sizeMin = Math.min(options.sizeMin ?? BUFFER_SIZE_MIN, sizeMax);
  const reserve = options.reserve ?? ((size: number) => new SharedArrayBuffer(size));
  let cause: unknown;
  for (let size = sizeMax; size >= sizeMin; size = Math.floor(size / 2)) {
    const sizeWhole = size - (size % BLOCKS_AT);
    if (sizeWhole < 2 * BLOCKS_AT) break;
    try {
      const buffer = reserve(sizeWhole);
      writeHeader(buffer, options.hashSeed ?? randomBytes(4).readUInt32LE());
      return buffer;
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      cause = error;
    }
  }
  throw new SkyshardError('MEMORY_RESERVE', `cannot reserve ${sizeMin} octets of shared memory`, { cause });
}

function writeHeader(buffer: SharedArrayBuffer, hashSeed: number): void {
  const words = new Uint32Array(buffer, 0, BUFFER_HEADER.words);
  const at = BUFFER_HEADER.at;
  words[at.magic] = SNAPSHOT_MAGIC;
  words[at.version] = LAYOUT_VERSION;
  words[at.sizeUnits] = buffer.byteLength / UNIT_SIZE;
  words[at.readerMax] = READER_MAX;
  words[at.hashSeed] = hashSeed;
  // Not 0: a reader that entered before the first publication would look idle in its slot.
  Atomics.store(words, at.generation, 1);
}

/**
 * Check that a buffer is one of this layout before anything in it is believed.
 *
 * @throws SkyshardError SNAPSHOT_CORRUPT
 */
export function checkSharedBuffer(buffer: SharedArrayBuffer): void {
  const at = BUFFER_HEADER.at;
  const words = buffer.byteLength >= 2 * BLOCKS_AT ? new Uint32Array(buffer, 0, BUFFER_HEADER.words) : undefined;
  if (words === undefined || words[at.magic] !== SNAPSHOT_MAGIC) {
    throw new SkyshardError('SNAPSHOT_CORRUPT', 'not a snapshot buffer: no magic at its start');
  }
  if (words[at.version] !== LAYOUT_VERSION) {
    throw new SkyshardError('SNAPSHOT_CORRUPT', `layout version ${words[at.version]}, expected ${LAYOUT_VERSION}`);
  }
  if (words[at.sizeUnits]! * UNIT_SIZE !== buffer.byteLength || words[at.readerMax] !== READER_MAX) {
    throw new SkyshardError('SNAPSHOT_CORRUPT', 'the header tells another size than the buffer has');
  }
}
