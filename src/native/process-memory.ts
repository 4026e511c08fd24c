/** Memory given back to the kernel. Main only. */
import { readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Libc } from './libc.ts';

const MADV_DONTNEED = 4;
/** The largest page of the platforms that are supported; what is smaller divides it. */
const PAGE_SIZE = 65_536;
const PAGE_SIZE_SMALL = 4096;

/**
 * Let the kernel take the pages of a part of a buffer; it reads as zeros afterwards. What shares a page with the rest of
 * the buffer stays, because a buffer need not begin at a page.
 *
 * @param offset  octets from the start of the buffer
 */
export function discardPages(libc: Libc, buffer: SharedArrayBuffer, offset: number, size: number): void {
  const pageSize = process.arch === 'arm64' ? PAGE_SIZE : PAGE_SIZE_SMALL;
  const start = Number(libc.addressOf(buffer)) + offset;
  const first = Math.ceil(start / pageSize) * pageSize;
  const end = Math.floor((start + size) / pageSize) * pageSize;
  if (end > first) libc.madvise(first, end - first, MADV_DONTNEED);
}

/**
 * Keep what waits for collection small: main has a budget of octets, and what it reads is garbage a moment later. The young
 * generation stays at its first size (it would grow to three times 16 MiB while objects are read), the old one is collected
 * when it has grown by a fifth. For all threads of the process.
 */
export function boundGarbage(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
  setFlagsFromString('--heap-growing-percent=20');
}

/**
 * Collect garbage once with all that V8 can give back, and let the C library do the same: reading manifests takes 8 to 15 MiB
 * that a server at rest does not need. Blocks for some 30 ms.
 */
export function shrinkHeap(libc: Libc | undefined): void {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as (options: object) => void;
  setFlagsFromString('--no-expose-gc');
  collect({ type: 'major', execution: 'sync', flavor: 'last-resort' });
  libc?.malloc_trim?.(0);
}

/**
 * Let go of the pages of the program's own code and constants: a third of the process, and most of it ran once, for the
 * start. What is used again comes back from the page cache, 16 pages a fault. Only mappings that nothing was ever written
 * to are touched: of others the kernel would drop what was written.
 *
 * @returns octets of the mappings
 */
export function discardCode(libc: Libc, maps: string = readFileSync('/proc/self/maps', 'utf8')): number {
  let size = 0;
  for (const { start, end } of codeMappings(maps, process.execPath)) {
    if (libc.madvise(start, end - start, MADV_DONTNEED) === 0) size += end - start;
  }
  return size;
}

/**
 * Executable mappings of a file, from the text of /proc/PID/maps. Never those that are only readable: what the linker
 * relocated lies there. Addresses are octets, exact as numbers.
 */
export function codeMappings(maps: string, file: string): { readonly start: number; readonly end: number }[] {
  const mappings: { start: number; end: number }[] = [];
  for (const line of maps.split('\n')) {
    const [, start, end, permissions, path] = /^([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \d+ *(.*)$/.exec(line) ?? [];
    if (start === undefined || end === undefined || permissions !== 'r-xp' || path !== file) continue;
    mappings.push({ start: Number.parseInt(start, 16), end: Number.parseInt(end, 16) });
  }
  return mappings;
}
