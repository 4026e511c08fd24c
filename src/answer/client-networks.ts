/** Whether a client's address lies in networks that the snapshot lists: IPv4 ones, then IPv6 ones. */
import type { QueryClient } from './answerer-options.ts';

/** Words of a network: address and mask. */
export const NETWORK4_WORDS = 2;
export const NETWORK6_WORDS = 8;

/** @param networksAt  word index of count4 networks of IPv4, then count6 of IPv6 */
export function isClientInside(
  words: Uint32Array,
  networksAt: number,
  count4: number,
  count6: number,
  arena: DataView,
  client: QueryClient,
): boolean {
  const isIPv4 = client.peerSize === 4;
  const size = isIPv4 ? 1 : 4;
  let at = isIPv4 ? networksAt : networksAt + NETWORK4_WORDS * count4;
  for (let left = isIPv4 ? count4 : count6; left > 0; left--, at += 2 * size) {
    let difference = 0;
    for (let index = 0; index < size; index++) {
      difference |= (arena.getUint32(client.peerOffset + 4 * index) & words[at + size + index]!) ^ words[at + index]!;
    }
    if (difference === 0) return true;
  }
  return false;
}
