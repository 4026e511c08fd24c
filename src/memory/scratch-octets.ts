/**
 * Memory for octets that are looked at once and then written over: a small typed array costs some 250 octets of garbage, a
 * view that is kept costs nothing.
 */
export class ScratchOctets {
  readonly #octets: Uint8Array;
  /** by size; made when first asked for */
  readonly #views: (Uint8Array | undefined)[];

  constructor(sizeMax: number) {
    this.#octets = new Uint8Array(sizeMax);
    this.#views = Array.from<undefined>({ length: sizeMax + 1 }).fill(undefined);
  }

  /** The first octets, with what was written there last; whoever had them before has them no more. */
  ofSize(size: number): Uint8Array {
    return (this.#views[size] ??= this.#octets.subarray(0, size));
  }
}
