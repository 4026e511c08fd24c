/** Waiting for several sockets at once. The set belongs to main, as its sockets do; a shard only waits on it. */
import { SkyshardError } from '../base/skyshard-error.ts';
import { errnoName, loadLibc } from './libc.ts';
import type { Libc } from './libc.ts';

/** struct epoll_event is packed on x86-64: events u32 | data u64; elsewhere the data is aligned. */
const EVENT_SIZE = process.arch === 'x64' ? 12 : 16;
const EVENT_DATA_AT = process.arch === 'x64' ? 4 : 8;
const EPOLL_CLOEXEC = 0o2000000;
const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_DEL = 2;
const EPOLLIN = 1;
const EPOLLERR = 8;

/**
 * An empty set.
 *
 * @returns its descriptor, for the caller to close
 * @throws SkyshardError SHARD_START
 */
export function openEpoll(): number {
  const libc = loadLibc();
  const epollFd = libc.epoll_create1(EPOLL_CLOEXEC);
  if (epollFd < 0) throw new SkyshardError('SHARD_START', `epoll: ${errnoName(libc.errno())}`);
  return epollFd;
}

/** Add a descriptor to a set; its events name it by `index`. @returns whether the kernel took it */
export function addToEpoll(libc: Libc, epollFd: number, fd: number, index: number): boolean {
  const event = new Uint8Array(new ArrayBuffer(16));
  const view = new DataView(event.buffer);
  view.setUint32(0, EPOLLIN, true);
  view.setUint32(EVENT_DATA_AT, index, true);
  return libc.epoll_ctl(epollFd, EPOLL_CTL_ADD, fd, event) === 0;
}

/** Take a descriptor out of a set, where it is in it. */
export function removeFromEpoll(libc: Libc, epollFd: number, fd: number): void {
  libc.epoll_ctl(epollFd, EPOLL_CTL_DEL, fd, new Uint8Array(new ArrayBuffer(16)));
}

export class EpollWaiter {
  readonly #libc: Libc;
  readonly #epollFd: number;
  readonly #eventMax: number;
  readonly #words: Uint32Array;
  readonly #eventsAddress: bigint;

  constructor(libc: Libc, epollFd: number, eventMax: number) {
    this.#libc = libc;
    this.#epollFd = epollFd;
    this.#eventMax = eventMax;
    // The buffer lives as long as #words does: the kernel writes into it.
    const events = new ArrayBuffer(Math.max(64, eventMax * EVENT_SIZE));
    this.#words = new Uint32Array(events);
    this.#eventsAddress = libc.addressOf(events);
  }

  /** @returns how many descriptors can be read; 0 after the time-out; -1 after a signal */
  wait(timeoutMs: number): number {
    return this.#libc.epoll_wait(this.#epollFd, this.#eventsAddress, this.#eventMax, timeoutMs);
  }

  /** Whether the i-th descriptor of the last wait has queued errors. */
  hasErrorAt(i: number): boolean {
    return (this.#words[(i * EVENT_SIZE) >>> 2]! & EPOLLERR) !== 0;
  }

  /** index of the i-th readable descriptor of the last wait */
  readableAt(i: number): number {
    return this.#words[(i * EVENT_SIZE + EVENT_DATA_AT) >>> 2]!;
  }
}
