/** Asks DNS servers over UDP from wherever the wrapper leads: a process there sends (asker.ts). */
import { spawn, type ChildProcess } from 'node:child_process';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { AskerResponse } from './asker.ts';

const ASKER = path.join(path.dirname(fileURLToPath(import.meta.url)), 'asker.ts');

export interface ServerAddress {
  readonly address: string;
  readonly port: number;
}

export class WireClient {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (response: Uint8Array | undefined) => void>();
  #lastId = 0;

  constructor(wrapper: readonly string[]) {
    const [program, ...args] = [...wrapper, process.execPath, ASKER];
    this.#child = spawn(program!, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    createInterface({ input: this.#child.stdout! }).on('line', (line) => {
      const { id, response } = JSON.parse(line) as AskerResponse;
      this.#waiting.get(id)?.(response === null ? undefined : Uint8Array.from(Buffer.from(response, 'hex')));
      this.#waiting.delete(id);
    });
    this.#child.once('exit', () => {
      for (const resolve of this.#waiting.values()) resolve(undefined);
      this.#waiting.clear();
    });
  }

  /** undefined: no response within 5 s */
  ask(query: Uint8Array, { address, port }: ServerAddress): Promise<Uint8Array | undefined> {
    const id = (this.#lastId += 1);
    const { promise, resolve } = Promise.withResolvers<Uint8Array | undefined>();
    this.#waiting.set(id, resolve);
    const request = { id, address, port, query: Buffer.from(query).toString('hex') };
    this.#child.stdin!.write(`${JSON.stringify(request)}\n`);
    return promise;
  }

  close(): void {
    this.#child.stdin!.end();
    this.#child.kill();
  }
}
