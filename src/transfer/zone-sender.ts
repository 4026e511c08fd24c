/**
 * Sends zones over TCP: an AXFR, or an IXFR from a serial that is not the zone's any more, which is answered in the form of
 * an AXFR (RFC 1995 §4). It lives on the event loop of a resolver, beside all other clients.
 *
 *   send ─► waiting ─► a snapshot is kept (memory/pinned-reader.ts) ─► a message a turn, while the client takes them ─► done
 *
 * - A transfer sees one snapshot from its first record to its last. It is kept between the turns, not held: a client that
 *   is slower than the cluster changes loses it when it retains too much memory, and its connection with it (the zone was
 *   not whole, RFC 5936 §2.2). The secondary asks again.
 * - The serial counts seconds, so a zone can change twice under one serial. What a secondary gets under a serial is the
 *   last content with that serial: a transfer waits until the second that made it is over.
 * - Nothing of the zone is in memory but the message in hand, and four octets a name.
 */
import type { QueryClient, ZoneSender } from '../answer/answerer-options.ts';
import type { Query } from '../answer/query.ts';
import type { Response } from '../answer/response.ts';
import { formatIPv4, formatIPv6 } from '../dns/address.ts';
import { RCODE } from '../dns/iana.ts';
import { formatName } from '../dns/name.ts';
import { PinnedReader } from '../memory/pinned-reader.ts';
import { SnapshotReader } from '../snapshot/reader.ts';
import { POLICY_FLAG } from '../snapshot/snapshot-layout.ts';
import { failureResponse } from './failure.ts';
import { TransferMessage, type TransferQuery } from './transfer-message.ts';
import type { ReportedQuery, TransferReport } from './transfer-report.ts';
import { findTransferZone } from './transfer-zone.ts';
import { writeStoredZone } from './stored-records.ts';
import { PAUSE, writeZone, type Pause } from './zone-records.ts';

/** Transfers that may wait. */
const WAITING_MAX = 64;
/** How long one may wait, ms: less than a connection's query may. */
const WAIT_MAX_MS = 8000;
/** How long a transfer may take, ms: whoever takes less than 100 kB/s of a large cluster does not end. */
const TRANSFER_MAX_MS = 300_000;
/** How long transfers work before the event loop looks after others, ms. */
const TURN_MAX_MS = 4;
/** How often a transfer waits for the end of a second, where the zone changes in every one. */
const SETTLE_MAX = 3;
const LENGTH_SIZE = 2;

/** The connections that transfers go to. */
export interface TransferClients {
  /** names the connection whose query is in hand */
  readonly currentToken: number;
  /**
   * Send a message, of which more follow unless it is the last.
   *
   * @param framed  behind its length
   * @returns whether the client takes more; if not, `onReady` is called when it does
   */
  sendPart(token: number, framed: Buffer, isLast: boolean): boolean;
  /** Close the connection at once: what it got is not all. */
  cut(token: number): void;
}

export interface ZoneSenderOptions {
  readonly buffer: SharedArrayBuffer;
  /** reader slots of this thread, one for each transfer under way */
  readonly pinSlots: readonly number[];
  readonly report: TransferReport;
  /** the memory queries are read from */
  readonly clientArena: ArrayBuffer;
  /** a transfer made the writer fail: a bug */
  readonly onPanic: (error: unknown) => void;
  /** what the operator may want to know */
  readonly log: (level: 'info' | 'warn', text: string) => void;
}

interface Transfer {
  readonly token: number;
  readonly listener: number;
  /** metric scope of its route */
  readonly scope: number;
  readonly query: TransferQuery;
  /** the zone's apex, wire form with root label */
  readonly name: Uint8Array;
  readonly clientText: string;
  readonly startMs: number;
  readonly reported: ReportedQuery;
  /** not before this time, Unix ms */
  notBeforeMs: number;
  settleCount: number;
}

interface RunningTransfer extends Transfer {
  readonly pin: number;
  readonly message: TransferMessage;
  readonly steps: Generator<Pause, void>;
  readonly serial: number;
  sentSize: number;
  isBlocked: boolean;
}

export class TcpZoneSender implements ZoneSender {
  readonly #options: ZoneSenderOptions;
  readonly #pins: readonly PinnedReader[];
  readonly #readers: readonly SnapshotReader[];
  readonly #freePins: number[];
  readonly #octets: Uint8Array;
  #clients: TransferClients | undefined = undefined;
  #waiting: Transfer[] = [];
  readonly #running = new Map<number, RunningTransfer>();
  #timer: NodeJS.Timeout | undefined = undefined;
  #isTurnPlanned = false;

  constructor(options: ZoneSenderOptions) {
    this.#options = options;
    this.#pins = options.pinSlots.map((slot) => new PinnedReader(options.buffer, slot));
    this.#readers = this.#pins.map((pin) => new SnapshotReader(options.buffer, pin));
    this.#freePins = this.#pins.map((_, index) => index);
    this.#octets = new Uint8Array(options.clientArena);
  }

  /** Before the first query. */
  start(clients: TransferClients): void {
    this.#clients = clients;
  }

  /** Transfers under way, and those that wait. */
  get runningCount(): number {
    return this.#running.size;
  }

  get waitingCount(): number {
    return this.#waiting.length;
  }

  send(query: Query, response: Response, client: QueryClient): boolean {
    if (this.#waiting.length >= WAITING_MAX) return false;
    const octets = this.#octets;
    const { messageAt, position } = response;
    const question = octets.slice(messageAt, query.questionEnd);
    this.#waiting.push({
      token: this.#clients!.currentToken,
      listener: client.listener,
      scope: client.scope,
      query: {
        question,
        isRecursionAvailable: (client.policyFlags & POLICY_FLAG.RECURSION) !== 0,
        opt: octets.slice(position, position + client.optSize),
        tsig: client.tsig,
      },
      name: octets.slice(query.nameAt, query.nameAt + query.nameSize),
      clientText: addressText(octets, client.peerOffset, client.peerSize),
      startMs: performance.now(),
      reported: this.#options.report.keep(query, client, messageAt),
      notBeforeMs: 0,
      settleCount: 0,
    });
    this.#planTurn();
    return true;
  }

  /** The client takes more. */
  onReady(token: number): void {
    const transfer = this.#running.get(token);
    if (transfer === undefined) return;
    transfer.isBlocked = false;
    this.#planTurn();
  }

  /** The connection is gone. */
  onGone(token: number): void {
    const transfer = this.#running.get(token);
    if (transfer !== undefined) this.#release(transfer);
    this.#waiting = this.#waiting.filter((waiting) => waiting.token !== token);
  }

  /** Give everything up. */
  close(): void {
    clearTimeout(this.#timer);
    this.#waiting = [];
    for (const transfer of [...this.#running.values()]) this.#release(transfer);
  }

  #planTurn(): void {
    if (this.#isTurnPlanned) return;
    this.#isTurnPlanned = true;
    setImmediate(() => this.#takeTurn());
  }

  #takeTurn(): void {
    this.#isTurnPlanned = false;
    this.#startWaiting();
    const endMs = performance.now() + TURN_MAX_MS;
    const ready = [...this.#running.values()].filter((transfer) => !transfer.isBlocked);
    for (const [index, transfer] of ready.entries()) {
      // Each of them gets its part of the turn.
      const nowMs = performance.now();
      this.#advance(transfer, nowMs + (endMs - nowMs) / (ready.length - index));
    }
    if ([...this.#running.values()].some((transfer) => !transfer.isBlocked)) this.#planTurn();
    this.#planTimer();
  }

  // ---- waiting --------------------------------------------------------------------------------------------------------

  #startWaiting(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const transfer of waiting) {
      const isLate = performance.now() - transfer.startMs >= WAIT_MAX_MS;
      if (isLate) this.#refuse(transfer);
      else if (!this.#tryStart(transfer)) this.#waiting.push(transfer);
    }
  }

  /** @returns false if it has to go on waiting */
  #tryStart(transfer: Transfer): boolean {
    const pin = this.#freePins.at(-1);
    // A connection has one transfer at a time.
    if (pin === undefined || Date.now() < transfer.notBeforeMs || this.#running.has(transfer.token)) return false;
    const reader = this.#readers[pin]!;
    const zone = reader.enter()
      ? findTransferZone(reader, transfer.listener, transfer.name, transfer.scope)
      : undefined;
    if (zone === undefined) {
      reader.leave();
      this.#refuse(transfer);
      return true;
    }
    const now = Date.now();
    // The serial of a zone with records of its own is the operator's, and says all.
    const isSettled = zone.kind === 'stored' || zone.serial !== Math.floor(now / 1000);
    if (!isSettled && transfer.settleCount < SETTLE_MAX) {
      reader.leave();
      transfer.settleCount++;
      transfer.notBeforeMs = (zone.serial + 1) * 1000;
      return false;
    }
    this.#pins[pin]!.rest();
    this.#freePins.pop();
    const message = new TransferMessage(transfer.query);
    this.#running.set(transfer.token, {
      ...transfer,
      pin,
      message,
      steps: zone.kind === 'stored' ? writeStoredZone(zone, message) : writeZone(zone, message),
      serial: zone.serial,
      sentSize: 0,
      isBlocked: false,
    });
    return true;
  }

  /** SERVFAIL: the zone is gone, not whole yet, or too many others were before. */
  #refuse(transfer: Transfer): void {
    const response = failureResponse(transfer.query, RCODE.SERVFAIL);
    this.#report(transfer, response.subarray(LENGTH_SIZE), response.length - LENGTH_SIZE, RCODE.SERVFAIL);
    this.#clients!.sendPart(transfer.token, response, true);
  }

  #planTimer(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const waits: number[] = [];
    const nowMs = performance.now();
    for (const { startMs, notBeforeMs } of this.#waiting) {
      waits.push(startMs + WAIT_MAX_MS - nowMs);
      if (notBeforeMs > 0 && this.#freePins.length > 0) waits.push(notBeforeMs - Date.now());
    }
    for (const { startMs } of this.#running.values()) waits.push(startMs + TRANSFER_MAX_MS - nowMs);
    if (waits.length === 0) return;
    this.#timer = setTimeout(() => this.#onTimer(), Math.max(1, Math.ceil(Math.min(...waits))));
  }

  #onTimer(): void {
    const nowMs = performance.now();
    for (const transfer of [...this.#running.values()]) {
      if (nowMs - transfer.startMs >= TRANSFER_MAX_MS) this.#cut(transfer, 'the client is too slow');
    }
    this.#takeTurn();
  }

  // ---- sending --------------------------------------------------------------------------------------------------------

  /** Write until the client takes no more, or the time is over. */
  #advance(transfer: RunningTransfer, endMs: number): void {
    do {
      const written = this.#writeSome(transfer, endMs);
      if (written !== undefined) this.#sendMessage(transfer, written.octets, written.isLast);
    } while (this.#running.has(transfer.token) && !transfer.isBlocked && performance.now() < endMs);
  }

  /** @returns a message; undefined if the time is over before one is full, or the transfer has ended */
  #writeSome(
    transfer: RunningTransfer,
    endMs: number,
  ): { readonly octets: Buffer; readonly isLast: boolean } | undefined {
    const { message, steps } = transfer;
    const pin = this.#pins[transfer.pin]!;
    if (!pin.resume()) {
      this.#cut(transfer, 'the zone changes faster than the client takes it');
      return undefined;
    }
    try {
      do {
        const { value } = steps.next();
        if (value === PAUSE.MESSAGE || value === PAUSE.LAST) {
          return { octets: message.finish(), isLast: value === PAUSE.LAST };
        }
      } while (performance.now() < endMs);
      return undefined;
    } catch (error) {
      this.#options.onPanic(error);
      this.#cut(transfer, 'it failed');
      return undefined;
    } finally {
      if (this.#running.has(transfer.token)) pin.rest();
    }
  }

  #sendMessage(transfer: RunningTransfer, octets: Buffer, isLast: boolean): void {
    transfer.sentSize += octets.length - LENGTH_SIZE;
    if (isLast) this.#complete(transfer, octets);
    const takesMore = this.#clients!.sendPart(transfer.token, octets, isLast);
    if (!isLast && !takesMore) transfer.isBlocked = true;
  }

  #complete(transfer: RunningTransfer, lastOctets: Buffer): void {
    this.#release(transfer);
    this.#report(transfer, lastOctets.subarray(LENGTH_SIZE), transfer.sentSize, RCODE.NOERROR);
    const zone = formatName(transfer.name);
    const { recordCount } = transfer.message;
    this.#options.log(
      'info',
      `plugin/transfer: Outgoing transfer of ${recordCount} records of zone "${zone}" to ${transfer.clientText} for ${transfer.serial} SOA serial`,
    );
  }

  #cut(transfer: RunningTransfer, reason: string): void {
    this.#release(transfer);
    this.#report(transfer, transfer.query.question, 0, RCODE.SERVFAIL);
    this.#options.log(
      'warn',
      `plugin/transfer: the transfer of zone "${formatName(transfer.name)}" to ${transfer.clientText} was cut: ${reason}`,
    );
    this.#clients!.cut(transfer.token);
  }

  #release(transfer: RunningTransfer): void {
    if (!this.#running.delete(transfer.token)) return;
    this.#readers[transfer.pin]!.leave();
    this.#freePins.push(transfer.pin);
    if (this.#waiting.length > 0) this.#planTurn();
  }

  #report(transfer: Transfer, message: Uint8Array, size: number, rcode: number): void {
    this.#options.report.add(transfer.reported, message, size, rcode, performance.now() - transfer.startMs);
  }
}

function addressText(octets: Uint8Array, at: number, size: number): string {
  const view = new DataView(octets.buffer, octets.byteOffset + at, size);
  if (size === 4) return formatIPv4(view.getUint32(0));
  return formatIPv6([0, 4, 8, 12].map((offset) => view.getUint32(offset)));
}
