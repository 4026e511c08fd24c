/**
 * Datagrams to send with one sendmmsg, written by the one thread that owns them: headers, vectors, addresses and messages,
 * wired together once. They lie in an arena at a multiple of 64 octets:
 *
 *   +0      headers   SEND_MAX × 64     struct mmsghdr (native/message-batch.ts)
 *   +4096   vectors   SEND_MAX × 16     struct iovec
 *   +5120   slots     SEND_MAX × (RETURN_PATH_SIZE + message, up to a multiple of 16)
 *
 *   return path   +0 size of the address · +4 size of the control message · +8 sockaddr (32) · +40 control message (40)
 */
import type { Libc } from './libc.ts';
import { ERRNO } from './libc.ts';

export const SEND_MAX = 64;
export const RETURN_PATH_SIZE = 80;
export const RETURN_PATH_WORDS: number = RETURN_PATH_SIZE / 4;
/** Words of a return path. */
export const RETURN_PATH = { ADDRESS_SIZE: 0, CONTROL_SIZE: 1, ADDRESS: 2, CONTROL: 10 } as const;

const HEADER_SIZE = 64;
const HEADER_WORDS = 16;
const VECTOR_SIZE = 16;
const VECTORS_AT = SEND_MAX * HEADER_SIZE;
const SLOTS_AT = VECTORS_AT + SEND_MAX * VECTOR_SIZE;

/** Words of a header. */
const NAME = 0;
const NAME_SIZE = 2;
const VECTOR = 4;
const VECTOR_COUNT = 6;
const CONTROL = 8;
const CONTROL_SIZE = 10;

/** Octets of a batch whose messages have up to `messageMax`. */
export function sendBatchSize(messageMax: number): number {
  return SLOTS_AT + SEND_MAX * slotStride(messageMax);
}

function slotStride(messageMax: number): number {
  return (RETURN_PATH_SIZE + messageMax + 15) & ~15;
}

export class SendBatch {
  /** messages queued */
  count = 0;

  readonly #libc: Libc;
  readonly #words: Uint32Array;
  readonly #headersWord: number;
  readonly #vectorsWord: number;
  readonly #slotsAt: number;
  readonly #stride: number;
  readonly #headerAddresses: readonly bigint[];
  readonly #tags = new Int32Array(SEND_MAX);

  /** @param at  where it lies in the arena, sendBatchSize(messageMax) octets, all zero */
  constructor(libc: Libc, arena: ArrayBuffer, at: number, messageMax: number) {
    this.#libc = libc;
    this.#words = new Uint32Array(arena, 0, arena.byteLength >>> 2);
    this.#headersWord = at >>> 2;
    this.#vectorsWord = (at + VECTORS_AT) >>> 2;
    this.#slotsAt = at + SLOTS_AT;
    this.#stride = slotStride(messageMax);
    const arenaAddress = Number(libc.addressOf(arena));
    this.#headerAddresses = Array.from({ length: SEND_MAX }, (_, i) => BigInt(arenaAddress + at + i * HEADER_SIZE));
    for (let i = 0; i < SEND_MAX; i++) this.#wire(i, arenaAddress);
  }

  get isFull(): boolean {
    return this.count === SEND_MAX;
  }

  /** Offset in the arena of the message that is queued next. */
  get room(): number {
    return this.#slotsAt + this.count * this.#stride + RETURN_PATH_SIZE;
  }

  /**
   * Queue the `size` octets at `room`.
   *
   * @param paths  holds the return path at word `pathWord`
   * @param tag    what `send` says of a message that was refused
   */
  queue(size: number, paths: Uint32Array, pathWord: number, tag: number): void {
    const words = this.#words;
    const i = this.count;
    const header = this.#headersWord + i * HEADER_WORDS;
    const slot = (this.#slotsAt + i * this.#stride) >>> 2;
    const controlSize = paths[pathWord + RETURN_PATH.CONTROL_SIZE]!;
    const pathWords = controlSize === 0 ? RETURN_PATH.CONTROL : RETURN_PATH_WORDS;
    for (let word = RETURN_PATH.ADDRESS; word < pathWords; word++) words[slot + word] = paths[pathWord + word]!;
    words[header + NAME_SIZE] = paths[pathWord + RETURN_PATH.ADDRESS_SIZE]!;
    words[header + CONTROL_SIZE] = controlSize;
    words[this.#vectorsWord + i * (VECTOR_SIZE / 4) + 2] = size;
    this.#tags[i] = tag;
    this.count = i + 1;
  }

  /**
   * Send all. Goes on after a short send; steps over what the kernel refuses, after a second try, because the first
   * error may be one that an earlier datagram met on its way (IP_RECVERR).
   *
   * @returns how many were refused; their tags are then given by `refusedTag`
   */
  send(fd: number): number {
    const count = this.count;
    let sent = 0;
    let refused = 0;
    let isSecondTry = false;
    while (sent < count) {
      const done = this.#libc.messageCall(
        this.#libc.sendmmsgCall,
        fd,
        this.#headerAddresses[sent]!,
        count - sent,
        0,
        0,
      );
      if (done > 0) {
        sent += done;
        isSecondTry = false;
      } else if (this.#libc.errno() === ERRNO.EINTR || !isSecondTry) {
        isSecondTry = true;
      } else {
        // -1 speaks of the first message only
        this.#tags[refused++] = this.#tags[sent++]!;
        isSecondTry = false;
      }
    }
    this.count = 0;
    return refused;
  }

  /** tag of the i-th message the last `send` was refused */
  refusedTag(i: number): number {
    return this.#tags[i]!;
  }

  #wire(i: number, arenaAddress: number): void {
    const header = this.#headersWord + i * HEADER_WORDS;
    const vector = this.#vectorsWord + i * (VECTOR_SIZE / 4);
    const slot = arenaAddress + this.#slotsAt + i * this.#stride;
    this.#writePointer(header + NAME, slot + RETURN_PATH.ADDRESS * 4);
    this.#writePointer(header + CONTROL, slot + RETURN_PATH.CONTROL * 4);
    this.#writePointer(header + VECTOR, arenaAddress + vector * 4);
    this.#words[header + VECTOR_COUNT] = 1;
    this.#writePointer(vector, slot + RETURN_PATH_SIZE);
  }

  #writePointer(word: number, address: number): void {
    this.#words[word] = address % 0x1_00_00_00_00;
    this.#words[word + 1] = Math.floor(address / 0x1_00_00_00_00);
  }
}
