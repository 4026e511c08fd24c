/**
 * The C library, through koffi: the one place that loads native code. Everything else in this folder takes a `Libc`.
 *
 * Loaded on first use, so that the native-free transport runs where koffi cannot. Structures are laid out by hand for
 * 64-bit little-endian Linux; on anything else loadLibc throws NATIVE_UNAVAILABLE.
 */
import { createRequire } from 'node:module';
import type * as Koffi from 'koffi';
import { SkyshardError } from '../base/skyshard-error.ts';

/** Memory a call may read or write. Its buffer comes from `new ArrayBuffer`: small typed arrays may move. */
export type CallMemory = Uint8Array;

export interface Libc {
  /**
   * recvmmsg or sendmmsg, by its number in `MESSAGE_CALL`: as system calls, because musl's sendmmsg makes one call a message.
   * `vector` is an address, as a bigint the caller keeps: a number that large would be boxed anew for each call. Returns -1
   * and sets errno, or the number of messages.
   */
  readonly messageCall: (
    call: number,
    fd: number,
    vector: bigint,
    count: number,
    flags: number,
    timeout: number,
  ) => number;
  readonly recvmmsgCall: number;
  readonly sendmmsgCall: number;
  /** errno of the last call that failed; meaningless after one that did not */
  readonly errno: () => number;
  readonly socket: (family: number, type: number, protocol: number) => number;
  readonly bind: (fd: number, address: CallMemory, size: number) => number;
  readonly connect: (fd: number, address: CallMemory, size: number) => number;
  readonly listen: (fd: number, backlog: number) => number;
  readonly getsockname: (fd: number, address: CallMemory, size: CallMemory) => number;
  readonly setsockopt: (fd: number, level: number, name: number, value: CallMemory, size: number) => number;
  readonly getsockopt: (fd: number, level: number, name: number, value: CallMemory, size: CallMemory) => number;
  readonly close: (fd: number) => number;
  readonly epoll_create1: (flags: number) => number;
  readonly epoll_ctl: (epollFd: number, operation: number, fd: number, event: CallMemory) => number;
  /** `events` is an address */
  readonly epoll_wait: (epollFd: number, events: bigint, eventMax: number, timeoutMs: number) => number;
  /** `duration` and `remaining` are addresses of a timespec, or 0 */
  readonly nanosleep: (duration: bigint, remaining: number) => number;
  readonly prctl: (option: number, value: number) => number;
  readonly sched_setaffinity: (tid: number, size: number, mask: CallMemory) => number;
  readonly sched_getaffinity: (tid: number, size: number, mask: CallMemory) => number;
  /** `tid` 0: the calling thread; the kernel has a nice value for each thread */
  readonly setpriority: (which: number, tid: number, nice: number) => number;
  /** always -1 with musl */
  readonly sched_setscheduler: (tid: number, policy: number, parameters: CallMemory) => number;
  readonly madvise: (address: number, size: number, advice: number) => number;
  /** undefined where the C library has none (musl) */
  readonly malloc_trim: ((pad: number) => number) | undefined;
  /** address of a buffer's memory, exact as a number: user space lies below 2^53 */
  readonly addressOf: (buffer: ArrayBuffer | SharedArrayBuffer) => bigint;
  /** an ArrayBuffer over `size` octets that another thread keeps alive */
  readonly viewOf: (address: bigint, size: number) => ArrayBuffer;
}

/** Linux errno values skyshard looks at. */
export const ERRNO = {
  EINTR: 4,
  EAGAIN: 11,
  EADDRINUSE: 98,
  EADDRNOTAVAIL: 99,
  EACCES: 13,
  EPERM: 1,
  EAFNOSUPPORT: 97,
  ECONNREFUSED: 111,
} as const;

const ERRNO_NAMES = new Map<number, string>(Object.entries(ERRNO).map(([name, number]) => [number, name]));

/** `EADDRINUSE`, … or `errno 71`. */
export function errnoName(errno: number): string {
  return ERRNO_NAMES.get(errno) ?? `errno ${errno}`;
}

/** System call numbers; arm64, riscv64 and loong64 share the kernel's generic table. */
const MESSAGE_CALL: Readonly<Record<string, readonly [recvmmsg: number, sendmmsg: number]>> = {
  x64: [299, 307],
  arm64: [243, 269],
  riscv64: [243, 269],
  loong64: [243, 269],
};

let loaded: Libc | undefined;

/**
 * The C library of this thread.
 *
 * @throws SkyshardError NATIVE_UNAVAILABLE: not Linux, an architecture without a table, or koffi does not load
 */
export function loadLibc(): Libc {
  loaded ??= bindLibc();
  return loaded;
}

/** Whether the native transport can be used here, and if not, why. */
export function nativeUnavailableReason(): string | undefined {
  try {
    loadLibc();
    return undefined;
  } catch (error) {
    if (error instanceof SkyshardError && error.code === 'NATIVE_UNAVAILABLE') return error.message;
    throw error;
  }
}

function bindLibc(): Libc {
  const calls = MESSAGE_CALL[process.arch];
  if (process.platform !== 'linux' || calls === undefined) {
    throw new SkyshardError(
      'NATIVE_UNAVAILABLE',
      `the mmsg transport needs 64-bit Linux, this is ${process.platform}/${process.arch}`,
    );
  }
  try {
    const koffi = createRequire(import.meta.url)('koffi') as typeof Koffi;
    const library = koffi.load(null);
    const bindCall = (name: string, result: string, parameters: string[]) =>
      library.func(name, result, parameters) as (...values: unknown[]) => number;
    return {
      messageCall: bindCall('syscall', 'int', ['long', 'int', 'size_t', 'uint', 'int', 'size_t']),
      recvmmsgCall: calls[0],
      sendmmsgCall: calls[1],
      errno: () => koffi.errno(),
      socket: bindCall('socket', 'int', ['int', 'int', 'int']),
      bind: bindCall('bind', 'int', ['int', 'void *', 'uint']),
      connect: bindCall('connect', 'int', ['int', 'void *', 'uint']),
      listen: bindCall('listen', 'int', ['int', 'int']),
      getsockname: bindCall('getsockname', 'int', ['int', 'void *', 'void *']),
      setsockopt: bindCall('setsockopt', 'int', ['int', 'int', 'int', 'void *', 'uint']),
      getsockopt: bindCall('getsockopt', 'int', ['int', 'int', 'int', 'void *', 'void *']),
      close: bindCall('close', 'int', ['int']),
      epoll_create1: bindCall('epoll_create1', 'int', ['int']),
      epoll_ctl: bindCall('epoll_ctl', 'int', ['int', 'int', 'int', 'void *']),
      epoll_wait: bindCall('epoll_wait', 'int', ['int', 'size_t', 'int', 'int']),
      nanosleep: bindCall('nanosleep', 'int', ['size_t', 'size_t']),
      prctl: bindCall('prctl', 'int', ['int', 'ulong']),
      sched_setaffinity: bindCall('sched_setaffinity', 'int', ['int', 'size_t', 'void *']),
      sched_getaffinity: bindCall('sched_getaffinity', 'int', ['int', 'size_t', 'void *']),
      setpriority: bindCall('setpriority', 'int', ['int', 'uint', 'int']),
      sched_setscheduler: bindCall('sched_setscheduler', 'int', ['int', 'int', 'void *']),
      madvise: bindCall('madvise', 'int', ['size_t', 'size_t', 'int']),
      malloc_trim: hasSymbol(library, 'malloc_trim') ? bindCall('malloc_trim', 'int', ['size_t']) : undefined,
      addressOf: (buffer) => koffi.address(buffer),
      viewOf: (address, size) => koffi.view(address, size),
    };
  } catch (cause) {
    throw new SkyshardError(
      'NATIVE_UNAVAILABLE',
      `koffi does not load here: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    );
  }
}

function hasSymbol(library: Koffi.LibraryHandle, name: string): boolean {
  try {
    library.symbol(name);
    return true;
  } catch {
    return false;
  }
}
