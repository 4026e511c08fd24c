/**
 * The messages of one stream: a length of two octets, then as many octets of message (RFC 1035 §4.2.2), in whatever
 * pieces they come. What is whole in one piece, nearly always, goes straight to where it is answered; only the beginning
 * of a message whose end is still to come is kept.
 */

/**
 * Octets of a message that are kept; the rest is read over. No query needs more (UDP takes no more either), and what was
 * cut is answered FORMERR. So a client cannot make the server hold 64 KiB by announcing them.
 */
export const STREAM_QUERY_MAX = 4096;

const LENGTH_SIZE = 2;
const HELD_SIZE_MIN = 64;

export class MessageReader {
  /** whether the last `take` completed a message */
  isComplete = false;
  /** of the message completed: octets copied, at most STREAM_QUERY_MAX */
  messageSize = 0;
  #lengthOctets = 0;
  #announcedSize = 0;
  /** octets of the message under way that have come */
  #seenSize = 0;
  /** those of them that are kept, as far as STREAM_QUERY_MAX */
  #held: Uint8Array | undefined = undefined;

  /** Octets of memory that hold the beginning of a message. */
  get heldSize(): number {
    return this.#held?.length ?? 0;
  }

  /** Whether part of a message, or of its length, has come. */
  get isPartial(): boolean {
    return this.#lengthOctets > 0;
  }

  /**
   * Read from `position` on, to the end of the next message or of the piece.
   *
   * @param into  receives the message from `at` on, STREAM_QUERY_MAX octets at most; written when it is complete only
   * @returns the position behind what was read
   */
  take(piece: Uint8Array, position: number, into: Uint8Array, at: number): number {
    this.isComplete = false;
    const end = piece.length;
    while (this.#lengthOctets < LENGTH_SIZE) {
      if (position === end) return position;
      this.#announcedSize = ((this.#announcedSize << 8) | piece[position++]!) & 0xffff;
      this.#lengthOctets++;
    }
    const missing = this.#announcedSize - this.#seenSize;
    if (end - position < missing) {
      this.#hold(piece, position, end);
      return end;
    }
    this.#complete(piece, position, position + missing, into, at);
    return position + missing;
  }

  #hold(piece: Uint8Array, from: number, to: number): void {
    const keptSize = Math.min(this.#seenSize, STREAM_QUERY_MAX);
    const copySize = Math.min(to - from, STREAM_QUERY_MAX - keptSize);
    this.#seenSize += to - from;
    if (copySize === 0) return;
    const wanted = keptSize + copySize;
    if (this.heldSize < wanted) {
      // Doubled, so that an octet at a time is not a copy at a time; and no more than has come, whatever was announced.
      const larger = new Uint8Array(Math.min(STREAM_QUERY_MAX, Math.max(HELD_SIZE_MIN, wanted, 2 * this.heldSize)));
      if (this.#held !== undefined) larger.set(this.#held);
      this.#held = larger;
    }
    this.#held!.set(piece.subarray(from, from + copySize), keptSize);
  }

  #complete(piece: Uint8Array, from: number, to: number, into: Uint8Array, at: number): void {
    const keptSize = Math.min(this.#seenSize, STREAM_QUERY_MAX);
    const copySize = Math.min(to - from, STREAM_QUERY_MAX - keptSize);
    if (this.#held !== undefined) into.set(this.#held.subarray(0, keptSize), at);
    into.set(piece.subarray(from, from + copySize), at + keptSize);
    this.messageSize = keptSize + copySize;
    this.isComplete = true;
    this.#held = undefined;
    this.#seenSize = 0;
    this.#announcedSize = 0;
    this.#lengthOctets = 0;
  }
}
