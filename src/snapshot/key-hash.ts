/**
 * The hash of names in the snapshot, the same in builder and readers.
 *
 * Murmur3's 32-bit mixing over the key words, with multipliers that depend on the buffer's secret seed
 * (BUFFER_HEADER.hashSeed). With known constants whoever may create Services could choose 53 names of one hash prefix,
 * and a page of the table could not be split any more; a seed that only starts the state would not help, since
 * Murmur3 has collisions for every start.
 */

/** In the place of a KEY_SPACE: the zone names of a LISTENER. */
export const ZONE_HASH_SPACE = 15;

/**
 * @param words     key words (little-endian octets, the last one padded with zeros)
 * @param start     index of the first key word
 * @param size      octets of the key
 * @param keySpace  KEY_SPACE of the key, or ZONE_HASH_SPACE
 * @param seed      BUFFER_HEADER.hashSeed
 * @returns u32
 */
export function hashKey(words: Uint32Array, start: number, size: number, keySpace: number, seed: number): number {
  const multiplier1 = 0xcc_9e_2d_51 ^ (seed << 1);
  const multiplier2 = 0x1b_87_35_93 ^ ((seed >>> 15) << 1) ^ (seed << 17);
  const end = start + ((size + 3) >>> 2);
  let hash = seed ^ size ^ (keySpace << 8);
  for (let index = start; index < end; index++) {
    let word = Math.imul(words[index]!, multiplier1);
    word = (word << 15) | (word >>> 17);
    hash ^= Math.imul(word, multiplier2);
    hash = (hash << 13) | (hash >>> 19);
    hash = (Math.imul(hash, 5) + 0xe6_54_6b_64) | 0;
  }
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85_eb_ca_6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2_b2_ae_35);
  hash ^= hash >>> 16;
  return hash >>> 0;
}
