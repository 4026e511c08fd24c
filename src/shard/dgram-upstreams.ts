/** Upstream servers on the native-free transport: the shard has an event loop, so streams are its own too. */
import type { Socket } from 'node:dgram';
import { EventLoopUpstreams } from '../forward/connections/event-loop-upstreams.ts';
import type { LogText } from '../forward/connections/tls-connector.ts';
import type { Forwarder } from '../forward/forwarder.ts';
import { WAITERS_MAX } from '../forward/transaction-table.ts';

export { EVENT_LOOP_IO_SIZE as DGRAM_IO_SIZE } from '../forward/connections/event-loop-upstreams.ts';

/** Sends a response from the socket that was asked. */
export type SendResponse = (socket: Socket, response: Buffer, port: number, address: string) => void;

export class DgramUpstreams {
  /** where the client's query in hand came from */
  clientSocket: Socket | undefined;
  clientPort = 0;
  clientAddress = '';

  readonly #upstreams: EventLoopUpstreams;
  readonly #sendResponse: SendResponse;
  readonly #waiterSocket: (Socket | undefined)[] = [];
  readonly #waiterAddress: string[] = [];
  readonly #waiterPort = new Uint16Array(WAITERS_MAX + 1);

  constructor(forwarder: Forwarder, sendResponse: SendResponse, log: LogText) {
    this.#sendResponse = sendResponse;
    const clients = {
      saveReturnPath: (waiter: number) => this.#saveReturnPath(waiter),
      copyReturnPath: (from: number, to: number) => this.#copyReturnPath(from, to),
      queueResponse: (waiter: number, message: Buffer) => this.#respond(waiter, message),
      flush: () => undefined,
    };
    this.#upstreams = new EventLoopUpstreams(forwarder, clients, log);
  }

  /** Now and then: what is due. */
  tick(nowMs: number): void {
    this.#upstreams.tick(nowMs);
  }

  close(): void {
    this.#upstreams.close();
  }

  #saveReturnPath(waiter: number): void {
    this.#waiterSocket[waiter] = this.clientSocket;
    this.#waiterAddress[waiter] = this.clientAddress;
    this.#waiterPort[waiter] = this.clientPort;
  }

  #copyReturnPath(from: number, to: number): void {
    this.#waiterSocket[to] = this.#waiterSocket[from];
    this.#waiterAddress[to] = this.#waiterAddress[from]!;
    this.#waiterPort[to] = this.#waiterPort[from]!;
  }

  #respond(waiter: number, message: Buffer): void {
    const socket = this.#waiterSocket[waiter];
    this.#waiterSocket[waiter] = undefined;
    if (socket === undefined) return;
    this.#sendResponse(socket, message, this.#waiterPort[waiter]!, this.#waiterAddress[waiter]!);
  }
}
