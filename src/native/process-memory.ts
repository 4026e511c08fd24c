/** Memory given back to the kernel. */
import { readFileSync } from 'node:fs';
import { runInNewContext } from 'node:vm';
import type { Libc } from './libc.ts';
import { withCollector } from './v8-flags.ts';

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
 * Collect garbage once with all that V8 can give back, and let the C library do the same: reading manifests takes 8 to 15 MiB
 * that a server at rest does not need. Blocks for some 30 ms.
 */
export function shrinkHeap(libc: Libc | undefined): void {
  collectGarbage('last-resort');
  libc?.malloc_trim?.(0);
}

/**
 * Collect the garbage of this thread: for what its start left behind, some 2 MiB, in a thread that allocates nothing
 * afterwards. Blocks for some 10 ms.
 *
 * @param flavor  last-resort: several times, until nothing more is found
 */
export function collectGarbage(flavor: 'regular' | 'last-resort' = 'regular'): void {
  const collect = withCollector(() => runInNewContext('globalThis.gc') as ((options: object) => void) | undefined);
  collect?.({ type: 'major', execution: 'sync', flavor });
}

/**
 * Let go of the pages of the program's own code and constants: a third of the process, and most of it ran once, for the
 * start. What is used again comes back from the page cache, 16 pages a fault. Only mappings that nothing was ever written
 * to are touched: of others the kernel would drop what was written.
 *
 * @param smaps  text of /proc/self/smaps; making it takes a few milliseconds
 * @returns octets of the mappings
 */
export function discardCode(libc: Libc, smaps: string = readSmaps()): number {
  let size = 0;
  for (const { start, end } of fileMappings(smaps, process.execPath)) {
    if (libc.madvise(start, end - start, MADV_DONTNEED) === 0) size += end - start;
  }
  return size;
}

/** @param file  for tests. Empty where there is none, as in a sandbox or with a kernel that was made without it */
export function readSmaps(file = '/proc/self/smaps'): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

/**
 * Mappings of a file that cannot be written and have no page but the file's, from the text of /proc/PID/smaps. What the
 * linker relocated is only readable too, and has pages of its own. Addresses are octets, exact as numbers.
 */
export function fileMappings(smaps: string, file: string): { readonly start: number; readonly end: number }[] {
  const mappings: { start: number; end: number }[] = [];
  let mapping: { start: number; end: number } | undefined;
  for (const line of smaps.split('\n')) {
    const [, start, end, permissions, path] = /^([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \d+ *(.*)$/.exec(line) ?? [];
    if (start !== undefined && end !== undefined) {
      const isCode = (permissions === 'r-xp' || permissions === 'r--p') && path === file;
      mapping = isCode ? { start: Number.parseInt(start, 16), end: Number.parseInt(end, 16) } : undefined;
    } else if (mapping !== undefined && /^Anonymous: +0 kB$/.test(line)) mappings.push(mapping);
  }
  return mappings;
}
