/**
 * Asks DNS servers over UDP from inside a network namespace: a line of JSON in, a line of JSON out.
 *
 *   {"id": 1, "address": "127.0.0.1", "port": 53, "query": "<hex>"}  →  {"id": 1, "response": "<hex>" | null}
 *
 * A query without a response is sent again each second, five times in all.
 */
import { createSocket } from 'node:dgram';
import { createInterface } from 'node:readline';

const ATTEMPTS_MAX = 5;
const ATTEMPT_MS = 1_000;

export interface AskerRequest {
  readonly id: number;
  readonly address: string;
  readonly port: number;
  readonly query: string;
}

export interface AskerResponse {
  readonly id: number;
  readonly response: string | null;
}

function ask({ id, address, port, query }: AskerRequest): void {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  let attempts = 0;
  const done = (response: string | null): void => {
    clearInterval(timer);
    socket.close();
    console.log(JSON.stringify({ id, response } satisfies AskerResponse));
  };
  const send = (): void => {
    attempts += 1;
    if (attempts > ATTEMPTS_MAX) done(null);
    else socket.send(Buffer.from(query, 'hex'), port, address);
  };
  const timer = setInterval(send, ATTEMPT_MS);
  socket.on('error', () => undefined);
  socket.on('message', (message) => done(message.toString('hex')));
  send();
}

createInterface({ input: process.stdin }).on('line', (line) => ask(JSON.parse(line) as AskerRequest));
