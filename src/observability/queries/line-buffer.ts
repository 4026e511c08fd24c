/** One line while it is put together, as octets: nothing is left for the garbage collector but what the pieces are. */
const SIZE = 4096;
/** Octets of a UTF-16 unit, at most. */
const UTF8_UNIT_MAX = 3;

export class LineBuffer {
  private octets: Buffer = Buffer.allocUnsafeSlow(SIZE);
  private size = 0;

  clear(): void {
    this.size = 0;
  }

  /** Pieces are short, and ASCII nearly always: a loop beats a call into the runtime. */
  add(text: string): void {
    const length = text.length;
    if (this.size + length * UTF8_UNIT_MAX > this.octets.length) this.grow(length * UTF8_UNIT_MAX);
    const octets = this.octets;
    const at = this.size;
    for (let index = 0; index < length; index++) {
      const unit = text.charCodeAt(index);
      if (unit > 0x7f) {
        this.size = at + octets.write(text, at);
        return;
      }
      octets[at + index] = unit;
    }
    this.size = at + length;
  }

  /** What was added; good until the next change. */
  view(): Buffer {
    return this.octets.subarray(0, this.size);
  }

  private grow(more: number): void {
    const octets = Buffer.allocUnsafeSlow(Math.max(this.octets.length * 2, this.size + more));
    this.octets.copy(octets, 0, 0, this.size);
    this.octets = octets;
  }
}
