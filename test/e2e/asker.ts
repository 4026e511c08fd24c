/** A client with many questions at a time over one UDP socket; each is asked once. */
import dgram from 'node:dgram';
import { once } from 'node:events';
import dnsPacket from 'dns-packet';

export interface AskOptions {
  readonly type?: string;
  readonly isDnssec?: boolean;
  /** header flags beside RD */
  readonly flags?: number;
}

export type Answer = dnsPacket.DecodedPacket & { readonly rcode: string };

export class Asker {
  /** how long each answer took, ms; of those that came */
  readonly tookMs: number[] = [];
  lost = 0;
  readonly #socket: dgram.Socket;
  readonly #port: number;
  readonly #patienceMs: number;
  readonly #waiting = new Map<number, (message: Buffer) => void>();
  #lastId = Math.floor(Math.random() * 65_536);

  private constructor(socket: dgram.Socket, port: number, patienceMs: number) {
    this.#socket = socket;
    this.#port = port;
    this.#patienceMs = patienceMs;
    socket.on('message', (message) => this.#waiting.get(message.readUInt16BE(0))?.(message));
    // A port nobody listens on yet.
    socket.on('error', () => undefined);
  }

  /** @param patienceMs  how long an answer is waited for */
  static async open(port: number, patienceMs = 5000, address = '127.0.0.1'): Promise<Asker> {
    const socket = dgram.createSocket('udp4');
    socket.bind(0, address);
    await once(socket, 'listening');
    // A test that fails does not close it.
    socket.unref();
    return new Asker(socket, port, patienceMs);
  }

  /** @returns undefined: there was no answer */
  async ask(name: string, { type = 'A', isDnssec = false, flags = 0 }: AskOptions = {}): Promise<Answer | undefined> {
    const id = (this.#lastId = (this.#lastId + 1) & 0xffff);
    const query = dnsPacket.encode({
      type: 'query',
      id,
      flags: dnsPacket.RECURSION_DESIRED | flags,
      questions: [{ name, type: type as dnsPacket.RecordType, class: 'IN' }],
      additionals: [
        {
          type: 'OPT',
          name: '.',
          udpPayloadSize: 1232,
          flags: isDnssec ? dnsPacket.DNSSEC_OK : 0,
          options: [],
        } as never,
      ],
    });
    const startedMs = performance.now();
    const { promise, resolve } = Promise.withResolvers<Buffer | undefined>();
    const timer = setTimeout(() => resolve(undefined), this.#patienceMs);
    this.#waiting.set(id, resolve);
    this.#socket.send(query, this.#port, '127.0.0.1');
    const message = await promise;
    clearTimeout(timer);
    this.#waiting.delete(id);
    if (message === undefined) {
      this.lost++;
      return undefined;
    }
    this.tookMs.push(performance.now() - startedMs);
    return dnsPacket.decode(message) as Answer;
  }

  close(): void {
    this.#socket.close();
  }
}

/** Answers and rcode of a response, as sorted text; TTLs left out. */
export function textOf(answer: Answer | undefined): string {
  if (answer === undefined) return 'no answer';
  const records = (answer.answers ?? []).map((record) => {
    const data = 'data' in record ? (typeof record.data === 'string' ? record.data : JSON.stringify(record.data)) : '';
    return `${record.name.toLowerCase()} ${record.type} ${data}`;
  });
  return [answer.rcode, ...records.sort()].join(', ');
}
