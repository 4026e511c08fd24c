/** Sees when a name comes into being: asked again as soon as it was answered. */
import { createSocket } from 'node:dgram';
import { encodeQuery } from './ask.ts';

const RESEND_MS = 100;
const SEEN_MAX_MS = 10_000;

export class ChangeWatch {
  readonly #socket = createSocket('udp4');
  readonly #seen = Promise.withResolvers<number>();
  readonly #resend: NodeJS.Timeout;
  readonly #deadline: NodeJS.Timeout;

  constructor(address: string, port: number, name: string) {
    const query = encodeQuery(1, { name, type: 'A' }, false);
    const send = (): void => this.#socket.send(query, port, address);
    this.#resend = setInterval(send, RESEND_MS);
    this.#deadline = setTimeout(() => this.#seen.reject(new Error(`${name} is not answered`)), SEEN_MAX_MS);
    this.#socket.on('error', () => undefined);
    this.#socket.on('message', (response) => {
      if (response.readUInt16BE(6) > 0) this.#seen.resolve(performance.now());
      else send();
    });
    send();
  }

  /** @returns performance.now() when it was answered first */
  async seen(): Promise<number> {
    try {
      return await this.#seen.promise;
    } finally {
      clearInterval(this.#resend);
      clearTimeout(this.#deadline);
      this.#socket.close();
    }
  }
}
