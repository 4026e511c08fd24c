/** How many datagrams the kernel has dropped because a socket's queue was full. */
import type { Libc } from './libc.ts';

const SOL_SOCKET = 1;
const SO_MEMINFO = 55;
/** SK_MEMINFO_DROPS is the last of so many words (linux/sock_diag.h). */
const WORDS = 9;
const DROPS = 8;

export class SocketDrops {
  readonly #libc: Libc;
  readonly #octets = new Uint8Array(new ArrayBuffer(64));
  readonly #words = new Uint32Array(this.#octets.buffer);
  readonly #size = new Uint8Array(new ArrayBuffer(8));
  readonly #sizeWords = new Uint32Array(this.#size.buffer);

  constructor(libc: Libc) {
    this.#libc = libc;
  }

  /** @returns a count mod 2³²; 0 where the kernel does not say */
  read(fd: number): number {
    this.#sizeWords[0] = WORDS * 4;
    if (this.#libc.getsockopt(fd, SOL_SOCKET, SO_MEMINFO, this.#octets, this.#size) !== 0) return 0;
    return this.#sizeWords[0] === WORDS * 4 ? this.#words[DROPS]! : 0;
  }
}
