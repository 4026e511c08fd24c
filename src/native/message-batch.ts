/**
 * The memory of one shard's datagrams: headers, vectors, addresses and messages, wired together once and handed to
 * recvmmsg and sendmmsg for good. Main allocates it and keeps it; a shard works in it; when a shard dies, its successor
 * finds there what it had in hand.
 *
 *   +0      STATE            64 octets: where the owner stands (BATCH_STATE)
 *   +64     receive headers  BATCH_MAX × 64     struct mmsghdr
 *   +4160   send headers     BATCH_MAX × 64
 *   +8256   receive vectors  BATCH_MAX × 16     struct iovec
 *   +9280   send vectors     BATCH_MAX × 16
 *   +10304  slots            BATCH_MAX × SLOT_STRIDE
 *   behind  client           16: the address of a client who is not the sender
 *
 *   slot    +0 peer sockaddr (32) · +32 control (40) · +72 saved head of the query (120) · +192 message (MESSAGE_CAPACITY)
 *
 *   struct mmsghdr, 64-bit: name 0 · namelen 8 · iov 16 · iovlen 24 · control 32 · controllen 40 · flags 48 · msg_len 56
 *
 * A slot is an odd number of cache lines, so that the messages of a batch do not all fall into the same cache sets.
 * Addresses are written as pairs of u32 words, low half first; nothing here allocates after construction.
 */
import type { Libc } from './libc.ts';
import { RETURN_PATH } from './send-batch.ts';
import {
  AF_INET6,
  SOCKADDR_IN6_ADDRESS_AT,
  SOCKADDR_IN6_SIZE,
  SOCKADDR_IN_ADDRESS_AT,
  SOCKADDR_PORT_AT,
} from './sockaddr.ts';

/** Datagrams of one receive call; 16 to 256 measured alike. */
export const BATCH_MAX = 64;
/** Octets of a query that can be read, and room for a response. */
export const MESSAGE_CAPACITY = 4096;

const CACHE_LINE = 64;
const HEADER_SIZE = 64;
const VECTOR_SIZE = 16;
const SLOT_CONTROL_AT = 32;
const SLOT_SAVED_AT = 72;
const SLOT_MESSAGE_AT = 192;
/** Octets of a query kept aside while it is answered; a whole query of any ordinary client. */
const SAVED_MAX = SLOT_MESSAGE_AT - SLOT_SAVED_AT;
const SLOT_STRIDE = SLOT_MESSAGE_AT + MESSAGE_CAPACITY;

const RECEIVE_HEADERS_AT = CACHE_LINE;
const SEND_HEADERS_AT = RECEIVE_HEADERS_AT + BATCH_MAX * HEADER_SIZE;
const RECEIVE_VECTORS_AT = SEND_HEADERS_AT + BATCH_MAX * HEADER_SIZE;
const SEND_VECTORS_AT = RECEIVE_VECTORS_AT + BATCH_MAX * VECTOR_SIZE;
const SLOTS_AT = SEND_VECTORS_AT + BATCH_MAX * VECTOR_SIZE;
/** Octets of a shard's arena, with room to start it on a cache line. */
export const BATCH_ARENA_SIZE = SLOTS_AT + BATCH_MAX * SLOT_STRIDE + 2 * CACHE_LINE;

/** Words of a header. */
const NAME = 0;
const NAME_SIZE = 2;
const VECTOR = 4;
const VECTOR_COUNT = 6;
const CONTROL = 8;
const CONTROL_SIZE = 10;
const FLAGS = 12;
const MESSAGE_SIZE = 14;
const HEADER_WORDS = HEADER_SIZE / 4;
const VECTOR_WORDS = VECTOR_SIZE / 4;

/** Words of a control message: size u64, level, type, then its content. */
const CMSG_LEVEL = 2;
const CMSG_TYPE = 3;
const CMSG_CONTENT = 4;
const CONTROL_ROOM = 40;
const CMSG_SPACE_IPV4 = 32;
const CMSG_SPACE_IPV6 = 40;
const IPPROTO_IP = 0;
const IP_PKTINFO = 8;
const IPPROTO_IPV6 = 41;
const IPV6_PKTINFO = 50;

/** msg_len of a header that waits for a datagram; no datagram has that size. */
const ARMED = 0xff_ff_ff_ff;

const MSG_TRUNC = 0x20;
const MSG_DONTWAIT = 0x40;
const MSG_ERRQUEUE = 0x20_00;
const MSG_WAITFORONE = 0x1_00_00;

/** What the owner of the arena is doing. Words of STATE. */
const STATE_PHASE = 0;
const STATE_SOCKET = 1;
const STATE_RECEIVED = 2;
const STATE_STARTED = 3;
const STATE_SEND_COUNT = 4;
const STATE_SENT = 5;
const STATE_RETRIES = 6;

const PHASE_NEW = 0;
const PHASE_RECEIVE = 1;
const PHASE_ANSWER = 2;
const PHASE_SEND = 3;
const PHASE_REARM = 4;

const ERRNO_EINTR = 4;

export class MessageBatch {
  /** what the answerer works in; offsets are octets from its start */
  readonly arena: ArrayBuffer;
  readonly octets: Uint8Array;
  /** datagrams of the batch in hand */
  received = 0;
  /** index of the message in hand */
  index = 0;
  /** octets of message i and of its peer's address, filled by `select` */
  messageOffset = 0;
  messageSize = 0;
  peerOffset = 0;
  peerSize = 0;
  peerPort = 0;

  readonly #libc: Libc;
  readonly #words: Uint32Array;
  readonly #stateWord: number;
  readonly #receiveHeadersWord: number;
  readonly #sendHeadersWord: number;
  readonly #receiveVectorsWord: number;
  readonly #sendVectorsWord: number;
  readonly #slotsOffset: number;
  readonly #receiveHeadersAddress: bigint;
  /** address of each send header, for a send that goes on after the first */
  readonly #sendHeaderAddresses: readonly bigint[];

  /** @param arena  BATCH_ARENA_SIZE octets, all zero before the first owner */
  constructor(libc: Libc, arena: ArrayBuffer) {
    this.#libc = libc;
    this.arena = arena;
    this.octets = new Uint8Array(arena);
    this.#words = new Uint32Array(arena, 0, arena.byteLength >>> 2);
    const address = Number(libc.addressOf(arena));
    const start = (CACHE_LINE - (address % CACHE_LINE)) % CACHE_LINE;
    this.#stateWord = start >>> 2;
    this.#receiveHeadersWord = (start + RECEIVE_HEADERS_AT) >>> 2;
    this.#sendHeadersWord = (start + SEND_HEADERS_AT) >>> 2;
    this.#receiveVectorsWord = (start + RECEIVE_VECTORS_AT) >>> 2;
    this.#sendVectorsWord = (start + SEND_VECTORS_AT) >>> 2;
    this.#slotsOffset = start + SLOTS_AT;
    this.#receiveHeadersAddress = BigInt(address + start + RECEIVE_HEADERS_AT);
    this.#sendHeaderAddresses = Array.from({ length: BATCH_MAX }, (_, k) =>
      BigInt(address + start + SEND_HEADERS_AT + k * HEADER_SIZE),
    );
    if (this.#words[this.#stateWord + STATE_PHASE] === PHASE_NEW) this.#wire(address);
  }

  /** Receive into all slots. @returns datagrams, 0 if there was none within the socket's time-out (or at once, without `isBlocking`) */
  receive(fd: number, socketIndex: number, isBlocking: boolean): number {
    this.#words[this.#stateWord + STATE_SOCKET] = socketIndex;
    const count = this.#libc.messageCall(
      this.#libc.recvmmsgCall,
      fd,
      this.#receiveHeadersAddress,
      BATCH_MAX,
      isBlocking ? MSG_WAITFORONE : MSG_DONTWAIT,
      0,
    );
    // EAGAIN, EINTR and a late ECONNREFUSED all mean: nothing this time.
    this.received = count > 0 ? count : 0;
    if (count > 0) this.#begin(count);
    return this.received;
  }

  /**
   * Take message i in hand: fills messageOffset, messageSize, peerOffset, peerSize and peerPort.
   *
   * @returns false if the datagram was larger than its slot
   */
  select(i: number): boolean {
    const words = this.#words;
    const header = this.#receiveHeadersWord + i * HEADER_WORDS;
    const slot = this.#slotsOffset + i * SLOT_STRIDE;
    this.index = i;
    if ((words[header + FLAGS]! & MSG_TRUNC) !== 0) {
      words[this.#stateWord + STATE_STARTED] = i + 1;
      return false;
    }
    const size = words[header + MESSAGE_SIZE]!;
    this.messageOffset = slot + SLOT_MESSAGE_AT;
    this.messageSize = size;
    this.#selectPeer(slot);
    const message = this.messageOffset >>> 2;
    const saved = (slot + SLOT_SAVED_AT) >>> 2;
    const savedWords = (size < SAVED_MAX ? size + 3 : SAVED_MAX) >>> 2;
    for (let w = 0; w < savedWords; w++) words[saved + w] = words[message + w]!;
    // Last: a thread may be ended in the loop above, and what was saved half is not to be put back.
    words[this.#stateWord + STATE_STARTED] = i + 1;
    return true;
  }

  /**
   * Let the message in hand be one of somebody else's: octets in front of it are passed over.
   *
   * @param address  the client's, `addressSize` octets; 0: the sender is the client
   */
  readBehind(headerSize: number, address: Uint8Array, addressSize: number, port: number): void {
    const { octets, messageOffset } = this;
    octets.copyWithin(messageOffset, messageOffset + headerSize, messageOffset + this.messageSize);
    this.messageSize -= headerSize;
    if (addressSize === 0) return;
    this.peerOffset = this.#slotsOffset + BATCH_MAX * SLOT_STRIDE;
    for (let index = 0; index < addressSize; index++) octets[this.peerOffset + index] = address[index]!;
    this.peerSize = addressSize;
    this.peerPort = port;
  }

  /** Let the message in hand be answered with the `size` octets at its offset. `isWildcard`: from the address it was sent to. */
  queueResponse(i: number, size: number, isWildcard: boolean): void {
    const words = this.#words;
    const from = this.#receiveHeadersWord + i * HEADER_WORDS;
    const fromVector = this.#receiveVectorsWord + i * VECTOR_WORDS;
    const k = words[this.#stateWord + STATE_SEND_COUNT]!;
    const to = this.#sendHeadersWord + k * HEADER_WORDS;
    const toVector = this.#sendVectorsWord + k * VECTOR_WORDS;
    words[to + NAME] = words[from + NAME]!;
    words[to + NAME + 1] = words[from + NAME + 1]!;
    words[to + NAME_SIZE] = words[from + NAME_SIZE]!;
    words[toVector] = words[fromVector]!;
    words[toVector + 1] = words[fromVector + 1]!;
    words[toVector + 2] = size;
    let controlSize = 0;
    if (isWildcard) {
      controlSize = this.#prepareSource(i, from);
      words[to + CONTROL] = words[from + CONTROL]!;
      words[to + CONTROL + 1] = words[from + CONTROL + 1]!;
    }
    words[to + CONTROL_SIZE] = controlSize;
    words[this.#stateWord + STATE_SEND_COUNT] = k + 1;
  }

  /** Write the way back to the sender of the message in hand (RETURN_PATH) at word `at`, for a response that is sent later. */
  copyReturnPath(isWildcard: boolean, into: Uint32Array, at: number): void {
    const words = this.#words;
    const header = this.#receiveHeadersWord + this.index * HEADER_WORDS;
    const slot = (this.#slotsOffset + this.index * SLOT_STRIDE) >>> 2;
    const addressSize = words[header + NAME_SIZE]!;
    into[at + RETURN_PATH.ADDRESS_SIZE] = addressSize;
    const controlSize = isWildcard ? this.#prepareSource(this.index, header) : 0;
    into[at + RETURN_PATH.CONTROL_SIZE] = controlSize;
    for (let word = 0; word < addressSize >>> 2; word++) into[at + RETURN_PATH.ADDRESS + word] = words[slot + word]!;
    const control = slot + (SLOT_CONTROL_AT >>> 2);
    for (let word = 0; word < controlSize >>> 2; word++) into[at + RETURN_PATH.CONTROL + word] = words[control + word]!;
  }

  /** Whether the message in hand came from the socket address at word `at`: family, port and address are equal. */
  isFrom(address: Uint32Array, at: number): boolean {
    const words = this.#words;
    const slot = (this.#slotsOffset + this.index * SLOT_STRIDE) >>> 2;
    // family and port
    if (words[slot] !== address[at]) return false;
    if ((address[at]! & 0xffff) !== AF_INET6) return words[slot + 1] === address[at + 1];
    const first = SOCKADDR_IN6_ADDRESS_AT >>> 2;
    for (let word = first; word < first + 4; word++) if (words[slot + word] !== address[at + word]) return false;
    return true;
  }

  /** Receive what the network returned: datagrams sent from this socket that did not arrive, with where they went as peer. */
  receiveErrors(fd: number): number {
    const count = this.#libc.messageCall(
      this.#libc.recvmmsgCall,
      fd,
      this.#receiveHeadersAddress,
      BATCH_MAX,
      MSG_DONTWAIT | MSG_ERRQUEUE,
      0,
    );
    this.received = count > 0 ? count : 0;
    if (count > 0) this.#begin(count);
    return this.received;
  }

  /** Of the message in hand, which `receiveErrors` brought: why it did not arrive, an errno; 0 if that is not known. */
  get networkError(): number {
    const words = this.#words;
    const size = words[this.#receiveHeadersWord + this.index * HEADER_WORDS + CONTROL_SIZE]!;
    // struct sock_extended_err begins with it
    if (size < (CMSG_CONTENT + 1) * 4) return 0;
    return words[((this.#slotsOffset + this.index * SLOT_STRIDE + SLOT_CONTROL_AT) >>> 2) + CMSG_CONTENT]!;
  }

  /** Send what is queued. Goes on after a short send; steps over the datagram the kernel refuses. @returns datagrams refused */
  send(fd: number): number {
    const words = this.#words;
    const count = words[this.#stateWord + STATE_SEND_COUNT]!;
    words[this.#stateWord + STATE_PHASE] = PHASE_SEND;
    let sent = words[this.#stateWord + STATE_SENT]!;
    let refused = 0;
    while (sent < count) {
      const done = this.#libc.messageCall(
        this.#libc.sendmmsgCall,
        fd,
        this.#sendHeaderAddresses[sent]!,
        count - sent,
        0,
        0,
      );
      if (done > 0) {
        sent += done;
      } else if (this.#libc.errno() !== ERRNO_EINTR) {
        // -1 speaks of the first message only
        sent++;
        refused++;
      }
      words[this.#stateWord + STATE_SENT] = sent;
    }
    return refused;
  }

  /** The batch is done: make its headers ready for the next one. */
  rearm(): void {
    const words = this.#words;
    words[this.#stateWord + STATE_PHASE] = PHASE_REARM;
    const end = this.#receiveHeadersWord + this.received * HEADER_WORDS;
    for (let header = this.#receiveHeadersWord; header < end; header += HEADER_WORDS) {
      words[header + NAME_SIZE] = SOCKADDR_IN6_SIZE;
      words[header + CONTROL_SIZE] = CONTROL_ROOM;
      words[header + MESSAGE_SIZE] = ARMED;
    }
    this.#settle();
  }

  /**
   * What a predecessor left in hand.
   *
   * @returns index of the first message to answer (`received` if all are answered but not sent), or -1 if nothing is left.
   *   Where `retries` is above 1 the first message has ended two owners: it should not be tried again.
   */
  resume(): number {
    const words = this.#words;
    const phase = words[this.#stateWord + STATE_PHASE];
    if (phase === PHASE_RECEIVE) {
      let count = 0;
      while (count < BATCH_MAX && words[this.#messageSizeWord(count)] !== ARMED) count++;
      this.received = count;
      if (count === 0) return -1;
      this.#begin(count);
      return 0;
    }
    this.received = words[this.#stateWord + STATE_RECEIVED]!;
    if (phase === PHASE_SEND) return this.received;
    if (phase === PHASE_ANSWER) return this.#resumeAnswering();
    this.rearm();
    return -1;
  }

  /** how often the message in hand was begun by an owner that ended */
  get retries(): number {
    return this.#words[this.#stateWord + STATE_RETRIES]!;
  }

  /** index of the socket the batch in hand came from */
  get socketIndex(): number {
    return this.#words[this.#stateWord + STATE_SOCKET]!;
  }

  #resumeAnswering(): number {
    const words = this.#words;
    const started = words[this.#stateWord + STATE_STARTED]!;
    if (started === 0) return 0;
    const i = started - 1;
    const queued = words[this.#stateWord + STATE_SEND_COUNT]!;
    const vector = this.#receiveVectorsWord + i * VECTOR_WORDS;
    const last = this.#sendVectorsWord + (queued - 1) * VECTOR_WORDS;
    if (queued > 0 && words[last] === words[vector] && words[last + 1] === words[vector + 1]) return started;
    words[this.#stateWord + STATE_RETRIES] = words[this.#stateWord + STATE_RETRIES]! + 1;
    const slot = this.#slotsOffset + i * SLOT_STRIDE;
    const savedSize = Math.min(SAVED_MAX, words[this.#messageSizeWord(i)]!);
    this.octets.copyWithin(slot + SLOT_MESSAGE_AT, slot + SLOT_SAVED_AT, slot + SLOT_SAVED_AT + savedSize);
    return i;
  }

  #begin(count: number): void {
    const words = this.#words;
    words[this.#stateWord + STATE_RECEIVED] = count;
    words[this.#stateWord + STATE_STARTED] = 0;
    words[this.#stateWord + STATE_SEND_COUNT] = 0;
    words[this.#stateWord + STATE_SENT] = 0;
    words[this.#stateWord + STATE_PHASE] = PHASE_ANSWER;
  }

  #settle(): void {
    this.received = 0;
    this.#words[this.#stateWord + STATE_RETRIES] = 0;
    this.#words[this.#stateWord + STATE_PHASE] = PHASE_RECEIVE;
  }

  /** A client `::ffff:a.b.c.d` is an IPv4 client. */
  #selectPeer(slot: number): void {
    const octets = this.octets;
    this.peerPort = (octets[slot + SOCKADDR_PORT_AT]! << 8) | octets[slot + SOCKADDR_PORT_AT + 1]!;
    if (octets[slot] !== AF_INET6) {
      this.peerOffset = slot + SOCKADDR_IN_ADDRESS_AT;
      this.peerSize = 4;
      return;
    }
    const at = slot + SOCKADDR_IN6_ADDRESS_AT;
    const word = at >>> 2;
    const words = this.#words;
    const isMapped = words[word] === 0 && words[word + 1] === 0 && words[word + 2] === 0xff_ff_00_00;
    this.peerOffset = isMapped ? at + 12 : at;
    this.peerSize = isMapped ? 4 : 16;
  }

  /**
   * Turn the control message that says where datagram `i` was sent to into the one that says where its response leaves
   * from. The route decides on the interface, but for link-local addresses, which mean nothing without one.
   *
   * @returns octets of the control message, 0 if the datagram had none
   */
  #prepareSource(i: number, from: number): number {
    const words = this.#words;
    if (words[from + CONTROL_SIZE]! < CMSG_SPACE_IPV4) return 0;
    const control = (this.#slotsOffset + i * SLOT_STRIDE + SLOT_CONTROL_AT) >>> 2;
    const content = control + CMSG_CONTENT;
    if (words[control + CMSG_LEVEL] === IPPROTO_IP && words[control + CMSG_TYPE] === IP_PKTINFO) {
      // in_pktinfo: interface, source, destination; the kernel sends from the source, which is the address that was asked
      words[content] = 0;
      return CMSG_SPACE_IPV4;
    }
    if (words[control + CMSG_LEVEL] !== IPPROTO_IPV6 || words[control + CMSG_TYPE] !== IPV6_PKTINFO) return 0;
    // in6_pktinfo: address, interface
    const isLinkLocal = (words[content]! & 0xc0_ff) === 0x80_fe;
    if (!isLinkLocal) words[content + 4] = 0;
    return CMSG_SPACE_IPV6;
  }

  #messageSizeWord(i: number): number {
    return this.#receiveHeadersWord + i * HEADER_WORDS + MESSAGE_SIZE;
  }

  #wire(arenaAddress: number): void {
    const words = this.#words;
    for (let i = 0; i < BATCH_MAX; i++) {
      const slot = arenaAddress + this.#slotsOffset + i * SLOT_STRIDE;
      const receiveHeader = this.#receiveHeadersWord + i * HEADER_WORDS;
      const sendHeader = this.#sendHeadersWord + i * HEADER_WORDS;
      const receiveVector = this.#receiveVectorsWord + i * VECTOR_WORDS;
      const sendVector = this.#sendVectorsWord + i * VECTOR_WORDS;
      this.#writePointer(receiveHeader + NAME, slot);
      this.#writePointer(receiveHeader + CONTROL, slot + SLOT_CONTROL_AT);
      this.#writePointer(receiveHeader + VECTOR, arenaAddress + receiveVector * 4);
      words[receiveHeader + VECTOR_COUNT] = 1;
      this.#writePointer(receiveVector, slot + SLOT_MESSAGE_AT);
      words[receiveVector + 2] = MESSAGE_CAPACITY;
      this.#writePointer(sendHeader + VECTOR, arenaAddress + sendVector * 4);
      words[sendHeader + VECTOR_COUNT] = 1;
    }
    this.received = BATCH_MAX;
    this.rearm();
  }

  #writePointer(word: number, address: number): void {
    this.#words[word] = address % 0x1_00_00_00_00;
    this.#words[word + 1] = Math.floor(address / 0x1_00_00_00_00);
  }
}
