/** What an answer is found by: whose it is, the name without letter case, type, class, DO and CD. */
import { assert } from '../base/assert.ts';
import { NAME_SIZE_MAX } from '../dns/wire-header.ts';
import { CACHE_HEADER } from './cache-layout.ts';

export const KEY_DO = 1;
export const KEY_CD = 2;
export const KEY_KIND_SHIFT = 2;

/** One a thread, filled before each lookup or insertion. */
export class CacheKey {
  /** instance << 16 | type, and class << 16 | flags, as they stand in an entry of kind 0 */
  key = 0;
  keyClass = 0;
  nameSize = 0;
  /** the name, lower-cased, as words; zeros after its end in the last one */
  nameWords: Uint32Array;
  hash = 0;
  /** EDNS options that were sent upstream, as they go on the wire: asked without them it is another answer; undefined: none */
  options: Uint8Array | undefined;

  readonly #ownName: Uint8Array;
  readonly #ownNameWords: Uint32Array;
  readonly #seed: number;
  readonly #multiplier: number;

  /** @param words  the cache */
  constructor(words: Uint32Array) {
    const name = new ArrayBuffer(NAME_SIZE_MAX + 1);
    this.#ownName = new Uint8Array(name);
    this.#ownNameWords = new Uint32Array(name);
    this.nameWords = this.#ownNameWords;
    this.#seed = words[CACHE_HEADER.at.seed]!;
    // A known multiplier has names of one hash for every seed that only starts the state.
    this.#multiplier = 0x9e_37_79_b1 ^ (words[CACHE_HEADER.at.seed + 1]! << 1);
  }

  /**
   * @param flags      KEY_DO, KEY_CD
   * @param nameWords  not copied: it has to stay as it is until the key is used
   * @param nameSize   octets; with `options` NAME_SIZE_MAX at most
   */
  set(instance: number, qtype: number, qclass: number, flags: number, nameWords: Uint32Array, nameSize: number): void {
    this.key = ((instance << 16) | qtype) >>> 0;
    this.keyClass = ((qclass << 16) | flags) >>> 0;
    const words = this.options === undefined ? nameWords : this.#withOptions(this.options, nameWords, nameSize);
    const size = this.options === undefined ? nameSize : nameSize + this.options.length;
    this.nameWords = words;
    this.nameSize = size;
    const multiplier = this.#multiplier;
    let hash = Math.imul(this.#seed ^ this.key, multiplier);
    hash = Math.imul(hash ^ (hash >>> 15) ^ this.keyClass, multiplier);
    const count = (size + 3) >>> 2;
    for (let index = 0; index < count; index++) {
      hash = Math.imul(hash ^ (hash >>> 15) ^ words[index]!, multiplier);
    }
    hash = Math.imul(hash ^ (hash >>> 16), 0x85_eb_ca_6b);
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2_b2_ae_35);
    this.hash = (hash ^ (hash >>> 16)) >>> 0;
  }

  /** Options stand behind the name, whose end the root label tells: no other name is the same. */
  #withOptions(options: Uint8Array, nameWords: Uint32Array, nameSize: number): Uint32Array {
    const size = nameSize + options.length;
    assert(size <= NAME_SIZE_MAX, 'a cache key with options');
    const own = this.#ownNameWords;
    if (nameWords !== own) {
      for (let index = 0; index < (nameSize + 3) >>> 2; index++) own[index] = nameWords[index]!;
    }
    this.#ownName.fill(0, nameSize, (size + 3) & ~3);
    this.#ownName.set(options, nameSize);
    return own;
  }

  /** The same for a name in wire form whose letter case may be any. @param nameAt  where it stands */
  setFrom(
    instance: number,
    qtype: number,
    qclass: number,
    flags: number,
    octets: Uint8Array,
    nameAt: number,
    nameSize: number,
  ): void {
    this.#ownNameWords[(nameSize - 1) >>> 2] = 0;
    for (let index = 0; index < nameSize; index++) {
      const octet = octets[nameAt + index]!;
      this.#ownName[index] = octet >= 0x41 && octet <= 0x5a ? octet + 0x20 : octet;
    }
    this.set(instance, qtype, qclass, flags, this.#ownNameWords, nameSize);
  }
}
