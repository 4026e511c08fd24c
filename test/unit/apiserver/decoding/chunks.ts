/** Octets that arrive in pieces. */
import type {
  ListDecoder,
  ListEnd,
  ListItem,
  WatchDecoder,
  WatchItem,
} from '../../../../src/apiserver/decoding/decoded-item.ts';

/** Cut so that the given offsets are borders; a copy each, as a socket gives. */
export function cutAt(octets: Uint8Array, borders: readonly number[]): Uint8Array[] {
  const sorted = [0, ...borders, octets.length].toSorted((a, b) => a - b);
  return sorted.slice(1).map((end, index) => octets.slice(sorted[index], end));
}

export function everyOctet(octets: Uint8Array): Uint8Array[] {
  return [...octets].map((octet) => Uint8Array.of(octet));
}

export function readList(decoder: ListDecoder, chunks: Iterable<Uint8Array>): { items: ListItem[]; end: ListEnd } {
  const items: ListItem[] = [];
  for (const chunk of chunks) items.push(...decoder.push(chunk));
  return { items, end: decoder.end() };
}

export function readWatch(decoder: WatchDecoder, chunks: Iterable<Uint8Array>): WatchItem[] {
  const items: WatchItem[] = [];
  for (const chunk of chunks) items.push(...decoder.push(chunk));
  decoder.end();
  return items;
}
