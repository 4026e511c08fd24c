/** Messages in a stream, each behind its length of two octets (RFC 1035 §4.2.2), on connections that this server opened. */

/** Octets of the length. */
export const LENGTH_SIZE = 2;

/** A message behind its length. @param message  copied */
export function framed(message: Uint8Array): Buffer {
  const octets = Buffer.allocUnsafe(LENGTH_SIZE + message.length);
  octets.writeUInt16BE(message.length, 0);
  octets.set(message, LENGTH_SIZE);
  return octets;
}

/** Messages out of a stream: every octet is copied once, however small the pieces are. */
export class MessageFrames {
  readonly #length = new Uint8Array(LENGTH_SIZE);
  #lengthSize = 0;
  #message: Buffer | undefined;
  #messageSize = 0;

  /**
   * Take a piece.
   *
   * @returns the messages that it completes, which the caller may keep
   */
  *take(piece: Uint8Array): Generator<Buffer, void> {
    for (let at = 0; at < piece.length;) {
      if (this.#message === undefined) {
        this.#length[this.#lengthSize++] = piece[at++]!;
        if (this.#lengthSize < LENGTH_SIZE) continue;
        this.#lengthSize = 0;
        this.#message = Buffer.allocUnsafe((this.#length[0]! << 8) | this.#length[1]!);
        this.#messageSize = 0;
      }
      const message = this.#message;
      const size = Math.min(message.length - this.#messageSize, piece.length - at);
      message.set(piece.subarray(at, at + size), this.#messageSize);
      this.#messageSize += size;
      at += size;
      if (this.#messageSize < message.length) return;
      this.#message = undefined;
      yield message;
    }
  }
}
