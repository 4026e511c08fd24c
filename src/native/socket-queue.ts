/** How full a socket's receive queue is, and how many datagrams the kernel has dropped because it was full. */
import type { Libc } from './libc.ts';

const SOL_SOCKET = 1;
const SO_MEMINFO = 55;
/** Words that it has (linux/sock_diag.h), of which three count here: octets that are taken, and how many may be; drops. */
const WORDS = 9;
const TAKEN = 0;
const ROOM = 1;
const DROPS = 8;

export class SocketQueue {
  readonly #libc: Libc;
  readonly #octets = new Uint8Array(new ArrayBuffer(64));
  readonly #words = new Uint32Array(this.#octets.buffer);
  readonly #size = new Uint8Array(new ArrayBuffer(8));
  readonly #sizeWords = new Uint32Array(this.#size.buffer);

  constructor(libc: Libc) {
    this.#libc = libc;
  }

  /**
   * @returns what part of its room is taken; 0 where the kernel does not say. Up to a quarter of the room may be of datagrams
   *   that were read already: the kernel gives it back at once.
   */
  fill(fd: number): number {
    return this.#read(fd) ? this.#words[TAKEN]! / this.#words[ROOM]! : 0;
  }

  /** @returns a count mod 2³²; 0 where the kernel does not say */
  drops(fd: number): number {
    return this.#read(fd) ? this.#words[DROPS]! : 0;
  }

  #read(fd: number): boolean {
    this.#sizeWords[0] = WORDS * 4;
    const result = this.#libc.getsockopt(fd, SOL_SOCKET, SO_MEMINFO, this.#octets, this.#size);
    return result === 0 && this.#sizeWords[0] === WORDS * 4;
  }
}
