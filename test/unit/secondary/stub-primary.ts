/** A primary over TCP that says what a test wants. */
import { createServer, type Server, type Socket } from 'node:net';
import { addressOf, AXFR, IXFR, messageOf, SOA, soaOf } from './transfer-messages.ts';

export interface StubQuestion {
  readonly id: number;
  readonly qtype: number;
}

export class StubPrimary {
  /** asked so far: `SOA`, `AXFR`, `IXFR` */
  readonly asked: string[] = [];
  serial: number;
  /** last octet of the address of `www` */
  address = 1;
  /** messages in place of what it would say; undefined: what it would say; null: nothing, the connection stays open */
  respond: (question: StubQuestion) => readonly Buffer[] | null | undefined = () => undefined;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor(serial: number) {
    this.serial = serial;
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => this.#sockets.delete(socket));
      let held = Buffer.alloc(0);
      socket.on('data', (piece) => {
        held = Buffer.concat([held, piece]);
        while (held.length >= 2 && held.length >= 2 + held.readUInt16BE(0)) {
          const end = 2 + held.readUInt16BE(0);
          this.#answer(socket, held.subarray(2, end));
          held = held.subarray(end);
        }
      });
    });
  }

  async listen(port = 0): Promise<{ readonly address: string; readonly port: number }> {
    await new Promise<void>((resolve) => this.#server.listen(port, '127.0.0.1', resolve));
    return { address: '127.0.0.1', port: (this.#server.address() as { port: number }).port };
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #answer(socket: Socket, query: Buffer): void {
    const id = query.readUInt16BE(0);
    const qtype = query.readUInt16BE(query.indexOf(0, 12) + 1);
    this.asked.push(qtype === SOA ? 'SOA' : qtype === AXFR ? 'AXFR' : qtype === IXFR ? 'IXFR' : String(qtype));
    const given = this.respond({ id, qtype });
    if (given === null) return;
    for (const message of given ?? this.#messages({ id, qtype })) {
      const framed = Buffer.alloc(2 + message.length);
      framed.writeUInt16BE(message.length, 0);
      message.copy(framed, 2);
      socket.write(framed);
    }
  }

  #messages({ id, qtype }: StubQuestion): readonly Buffer[] {
    const soa = soaOf(this.serial);
    const question = { qtype };
    if (qtype === SOA) return [messageOf([soa], { id, question })];
    return [messageOf([soa, addressOf('www.example.org.', this.address)], { id, question }), messageOf([soa], { id })];
  }
}
