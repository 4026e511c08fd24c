/** A kernel for the batch loop that costs nothing: it delivers as many datagrams as a test says and takes every response. */
import type { Libc } from '../../../src/native/libc.ts';

const RECVMMSG = 1;
const SENDMMSG = 2;
const HEADER_WORDS = 16;
const NAME_SIZE = 2;
const VECTOR = 4;
const CONTROL_SIZE = 10;
const FLAGS = 12;
const MESSAGE_SIZE = 14;
const QUERY_SIZE = 40;
const SOCKADDR_IN_SIZE = 16;
/** The fake address of the arena. */
const ARENA_ADDRESS = 0x7f_00_00_00_10_00n;
const ARENA_ADDRESS_LOW = Number(ARENA_ADDRESS & 0xff_ff_ff_ffn);
/** AF_INET, port 4660, 192.0.2.1; as words in the order of this machine */
const PEER = [0x34_12_00_02, 0x01_02_00_c0] as const;

export class FakeKernel {
  /** datagrams waiting, by file descriptor */
  readonly waiting: Int32Array = new Int32Array(16);
  /** what the loop did: descriptor of each receive, negative: of each send */
  readonly calls: number[] = [];
  /** set while a test wants `calls` */
  isRecording = false;
  /** datagrams one receive gives at most */
  batchMax = Infinity;
  /** what is delivered, in turn; none: what lies in the slots already */
  queries: readonly Uint8Array[] = [];
  received = 0;
  sent = 0;
  pauses = 0;
  /** called when nothing waits: the loop would block */
  onEmpty: () => void = () => undefined;
  #words = new Uint32Array(0);
  #octets = new Uint8Array(0);
  #nextQuery = 0;

  /** Where the loop's batch lies; before the first receive. */
  attach(arena: ArrayBuffer): void {
    this.#words = new Uint32Array(arena);
    this.#octets = new Uint8Array(arena);
  }

  readonly libc: Libc = {
    recvmmsgCall: RECVMMSG,
    sendmmsgCall: SENDMMSG,
    messageCall: (call, fd, vector, count) =>
      call === RECVMMSG ? this.#receive(fd, vector, count) : this.#send(fd, count),
    errno: () => 11,
    epoll_wait: (_epollFd, events) => this.#epollWait(events),
    nanosleep: () => {
      this.pauses++;
      return 0;
    },
    // All memory but the arena gets its index as address.
    addressOf: (buffer) => {
      if (buffer === this.#words.buffer) return ARENA_ADDRESS;
      return BigInt(this.#memories.push(new DataView(buffer)) - 1);
    },
    viewOf: unused,
    setpriority: unused,
    sched_setscheduler: unused,
    madvise: unused,
    malloc_trim: undefined,
    socket: unused,
    bind: unused,
    connect: unused,
    listen: unused,
    getsockname: unused,
    setsockopt: unused,
    getsockopt: unused,
    close: unused,
    epoll_create1: unused,
    epoll_ctl: () => 0,
    prctl: unused,
    sched_setaffinity: unused,
    sched_getaffinity: unused,
  };
  readonly #memories: DataView[] = [];
  #receiveVector = 0n;
  #receiveWord = 0;

  #receive(fd: number, vector: bigint, max: number): number {
    const count = Math.min(max, this.batchMax, this.waiting[fd]!);
    if (this.isRecording) this.calls.push(fd);
    if (count === 0) {
      this.onEmpty();
      return -1;
    }
    const words = this.#words;
    if (vector !== this.#receiveVector) this.#locate(vector);
    let header = this.#receiveWord;
    for (let i = 0; i < count; i++, header += HEADER_WORDS) {
      words[header + NAME_SIZE] = SOCKADDR_IN_SIZE;
      words[header + CONTROL_SIZE] = 0;
      words[header + FLAGS] = 0;
      words[header + MESSAGE_SIZE] = this.queries.length === 0 ? QUERY_SIZE : this.#deliver(header);
    }
    this.waiting[fd]! -= count;
    this.received += count;
    return count;
  }

  /** Put the next query where the header's vector says. @returns its size */
  #deliver(header: number): number {
    const words = this.#words;
    const peer = (words[header]! - ARENA_ADDRESS_LOW) >>> 2;
    words[peer] = PEER[0];
    words[peer + 1] = PEER[1];
    const vector = (words[header + VECTOR]! - ARENA_ADDRESS_LOW) >>> 2;
    const query = this.queries[this.#nextQuery]!;
    this.#nextQuery = this.#nextQuery + 1 === this.queries.length ? 0 : this.#nextQuery + 1;
    this.#octets.set(query, words[vector]! - ARENA_ADDRESS_LOW);
    return query.length;
  }

  #locate(vector: bigint): void {
    this.#receiveVector = vector;
    this.#receiveWord = Number(vector - ARENA_ADDRESS) >>> 2;
  }

  #send(fd: number, count: number): number {
    if (this.isRecording) this.calls.push(-fd);
    this.sent += count;
    return count;
  }

  /** Descriptors are 1, 2, … in the order of the loop's sockets. */
  #epollWait(events: bigint): number {
    const memory = this.#memories[Number(events)]!;
    let readable = 0;
    const size = process.arch === 'x64' ? 12 : 16;
    for (let fd = 1; fd < this.waiting.length; fd++) {
      if (this.waiting[fd] === 0) continue;
      memory.setUint32(readable * size + (size === 12 ? 4 : 8), fd - 1, true);
      readable++;
    }
    if (readable === 0) this.onEmpty();
    return readable;
  }
}

function unused(): never {
  throw new Error('the loop has no business with this call');
}
