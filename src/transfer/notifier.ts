/**
 * Tells secondaries that a zone has changed (RFC 1996), so that they ask for it before its refresh time is over.
 *
 * A busy cluster changes all the time and every notification makes a secondary fetch a whole zone: so a zone is notified
 * when it is quiet or QUIET_MS have passed since the last time, whatever comes first after a change. Nobody waits longer
 * than that, and no secondary is told more often. It is told again until it answers, ATTEMPT_WAITS_MS apart.
 */
import { randomInt } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import { CLASS, OPCODE, rcodeName, TYPE } from '../dns/iana.ts';
import { parseName } from '../dns/name.ts';
import {
  AA,
  FLAGS_HIGH_AT,
  FLAGS_LOW_AT,
  HEADER_SIZE,
  OPCODE_MASK,
  OPCODE_SHIFT,
  QDCOUNT_AT,
  QR,
} from '../dns/wire-header.ts';
import type { ZoneKind } from '../snapshot/snapshot-layout.ts';

/** How often the serials are looked at, ms. */
const LOOK_MS = 500;
/** No zone is notified more often, ms. */
const QUIET_MS = 10_000;
/** How long an answer is waited for before the notification is sent again, ms: one more time for each, then no more. */
const ATTEMPT_WAITS_MS = [1000, 2000, 4000, 8000, 16_000];

/** A zone, and who is told of it. */
export interface NotifiedZone {
  /** canonical name */
  readonly zone: string;
  /** whose serial the zone has: of a dataset, for zones of its kind */
  readonly dataset: number;
  readonly kind: ZoneKind;
  readonly to: readonly { readonly address: string; readonly port: number }[];
  /** the address notifications leave from; null: any */
  readonly source: string | null;
}

export interface NotifierOptions {
  /** SOA serial of a zone; undefined: the first list of its dataset is not complete */
  readonly serialOf: (zone: NotifiedZone) => number | undefined;
  readonly log: (level: 'info' | 'warn', text: string) => void;
  /** for tests: shorter times */
  readonly lookMs?: number;
  readonly quietMs?: number;
  readonly attemptWaitsMs?: readonly number[];
}

interface WatchedZone {
  readonly zone: NotifiedZone;
  /** the serial it was last notified with */
  serial: number | undefined;
  notifiedMs: number;
}

/** A notification that has no answer yet. */
interface Exchange {
  readonly zone: string;
  readonly host: { readonly address: string; readonly port: number };
  readonly source: string | null;
  readonly id: number;
  readonly message: Buffer;
  attempts: number;
  timer: NodeJS.Timeout | undefined;
}

export class Notifier {
  readonly #options: Required<NotifierOptions>;
  #zones: WatchedZone[] = [];
  /** by zone and host: one at a time */
  readonly #exchanges = new Map<string, Exchange>();
  /** by address family and source */
  readonly #sockets = new Map<string, Socket>();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: NotifierOptions) {
    this.#options = { lookMs: LOOK_MS, quietMs: QUIET_MS, attemptWaitsMs: ATTEMPT_WAITS_MS, ...options };
  }

  /** Notify of these zones from now on: of those that are new, or told to others, as soon as they are complete. */
  configure(zones: readonly NotifiedZone[]): void {
    const known = new Map(this.#zones.map((watched) => [JSON.stringify(watched.zone), watched]));
    this.#zones = zones
      .filter(({ to }) => to.length > 0)
      .map((zone) => known.get(JSON.stringify(zone)) ?? { zone, serial: undefined, notifiedMs: -Infinity });
    if (this.#zones.length === 0) this.close();
    else this.#timer ??= setInterval(() => this.#look(), this.#options.lookMs).unref();
  }

  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    for (const key of [...this.#exchanges.keys()]) this.#end(key);
    for (const socket of this.#sockets.values()) socket.close();
    this.#sockets.clear();
  }

  #look(): void {
    const nowMs = performance.now();
    for (const watched of this.#zones) {
      const { zone } = watched;
      const serial = this.#options.serialOf(zone);
      if (serial === undefined || serial === watched.serial || nowMs - watched.notifiedMs < this.#options.quietMs)
        continue;
      // Until the second of a serial is over, the zone may change again under the same one.
      if (serial === Math.floor(Date.now() / 1000)) continue;
      watched.serial = serial;
      watched.notifiedMs = nowMs;
      for (const host of zone.to) this.#notify(zone, host);
    }
  }

  #notify(zone: NotifiedZone, host: Exchange['host']): void {
    const key = `${zone.zone} ${host.address} ${host.port}`;
    this.#end(key);
    const id = randomInt(0x1_0000);
    const { source } = zone;
    const message = notification(zone.zone, id);
    const exchange = { zone: zone.zone, host, source, id, message, attempts: 0, timer: undefined };
    this.#exchanges.set(key, exchange);
    this.#send(key, exchange);
  }

  #send(key: string, exchange: Exchange): void {
    const { host, source, message } = exchange;
    const waitMs = this.#options.attemptWaitsMs[exchange.attempts++];
    if (waitMs === undefined) {
      this.#end(key);
      this.#complain(exchange, 'there was no answer');
      return;
    }
    exchange.timer = setTimeout(() => this.#send(key, exchange), waitMs).unref();
    // An error that the socket can tell is what no answer would be too: the next attempt may do better.
    this.#socketFor(host.address, source).send(message, host.port, host.address, () => undefined);
  }

  #socketFor(address: string, source: string | null): Socket {
    const type = isIPv6(address.replace(/%.*$/, '')) ? 'udp6' : 'udp4';
    const key = `${type} ${source}`;
    let socket = this.#sockets.get(key);
    if (socket !== undefined) return socket;
    socket = createSocket(type);
    socket.unref();
    socket.on('message', (message, peer) => this.#receive(message, peer.address, peer.port));
    socket.on('error', (error) => {
      // A source address that is not this machine's, most likely.
      this.#options.log('warn', `plugin/transfer: notifications cannot be sent: ${error.message}`);
      this.#sockets.delete(key);
      socket?.close();
    });
    if (source !== null) socket.bind(0, source);
    this.#sockets.set(key, socket);
    return socket;
  }

  #receive(message: Buffer, address: string, port: number): void {
    if (message.length < HEADER_SIZE || (message[FLAGS_HIGH_AT]! & QR) === 0) return;
    if (((message[FLAGS_HIGH_AT]! >> OPCODE_SHIFT) & OPCODE_MASK) !== OPCODE.NOTIFY) return;
    const id = message.readUInt16BE(0);
    for (const [key, exchange] of this.#exchanges) {
      const { host } = exchange;
      if (exchange.id !== id || host.port !== port || host.address !== address) continue;
      this.#end(key);
      const rcode = message[FLAGS_LOW_AT]! & 0x0f;
      // It has heard, and asking again would not change its mind.
      if (rcode !== 0) this.#complain(exchange, `rcode was "${rcodeName(rcode)}"`);
      return;
    }
  }

  #end(key: string): void {
    clearTimeout(this.#exchanges.get(key)?.timer);
    this.#exchanges.delete(key);
  }

  #complain({ zone, host }: Exchange, reason: string): void {
    const where = host.address.includes(':') ? `[${host.address}]:${host.port}` : `${host.address}:${host.port}`;
    this.#options.log('warn', `plugin/transfer: notify for zone "${zone}" was not accepted by "${where}": ${reason}`);
  }
}

/** A NOTIFY of the zone's SOA record (RFC 1996 §3.6). */
function notification(zone: string, id: number): Buffer {
  const name = parseName(zone)!;
  const message = Buffer.alloc(HEADER_SIZE + name.length + 4);
  message.writeUInt16BE(id, 0);
  message[FLAGS_HIGH_AT] = (OPCODE.NOTIFY << OPCODE_SHIFT) | AA;
  message.writeUInt16BE(1, QDCOUNT_AT);
  message.set(name, HEADER_SIZE);
  message.writeUInt16BE(TYPE.SOA, HEADER_SIZE + name.length);
  message.writeUInt16BE(CLASS.IN, HEADER_SIZE + name.length + 2);
  return message;
}
