/**
 * How crowded a shard on an event loop is. It sees of a socket's queue only what the loop takes of it in one turn; while much comes,
 * a turn that took all it may means that more waits. How much that is, the kernel's table says now and then.
 */
import type { Admission } from '../forward/admission.ts';
import { QueueTable, type WatchedAddress } from './queue-table.ts';

/** Datagrams that libuv takes of one socket in a turn of the event loop at the most. */
export const TURN_MAX = 32;
/** With fewer queries than this between two looks nothing overflows, and nobody has to look. */
const CROWD_QUERIES = 50;

export interface CrowdedSocket extends WatchedAddress {
  /** datagrams of it in this turn of the event loop, while it is watched */
  taken: number;
}

export class DgramCrowd {
  readonly #admission: Admission;
  readonly #table: QueueTable;
  #sockets: readonly CrowdedSocket[] = [];
  #windowQueries = 0;
  #isWatching = false;
  #isTurnBegun = false;
  /** what part of its room the longest queue took at the last look */
  #fill = 0;

  constructor(admission: Admission, table: QueueTable = new QueueTable()) {
    this.#admission = admission;
    this.#table = table;
  }

  /** A query came to this socket. */
  note(socket: CrowdedSocket): void {
    this.#windowQueries++;
    if (!this.#isWatching) return;
    socket.taken++;
    if (this.#isTurnBegun) return;
    this.#isTurnBegun = true;
    setImmediate(this.#endTurn);
  }

  /**
   * Now and then: a window is over.
   *
   * @param sockets  those there are
   * @param room     octets that the queue of each may take, the kernel's bookkeeping included
   */
  look(sockets: readonly CrowdedSocket[], room: number): void {
    const admission = this.#admission;
    const queries = this.#windowQueries;
    this.#windowQueries = 0;
    this.#sockets = sockets;
    const isCrowd = queries >= CROWD_QUERIES && admission.isOfUse;
    if (isCrowd) {
      this.#table.look(sockets);
      this.#fill = room > 0 ? this.#table.longest / room : 0;
    } else if (this.#isWatching) {
      admission.rest();
    }
    if (isCrowd !== this.#isWatching) for (const socket of sockets) socket.taken = 0;
    this.#isWatching = isCrowd;
    admission.endWindow(queries, isCrowd ? this.#table.drops : 0);
  }

  readonly #endTurn = (): void => {
    this.#isTurnBegun = false;
    let isFull = false;
    for (const socket of this.#sockets) {
      if (socket.taken >= TURN_MAX) isFull = true;
      socket.taken = 0;
    }
    if (isFull) {
      this.#admission.look(this.#fill, performance.now());
    } else {
      this.#fill = 0;
      this.#admission.rest();
    }
  };
}
