/** A port of 127.0.0.1 that nothing listens on, for UDP and TCP both or for TCP alone. */

import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';

const ATTEMPTS_MAX = 50;
/** Below what systems give to those who ask for no port in particular: the sources of a forwarder's queries are thousands. */
const FIRST = 12_000;
const COUNT = 20_000;

export async function findFreePort(wanted: 'udp and tcp' | 'tcp' = 'udp and tcp'): Promise<number> {
  for (let i = 0; i < ATTEMPTS_MAX; i++) {
    const port = FIRST + Math.floor(Math.random() * COUNT);
    const isFree = (await isFreeForTcp(port)) && (wanted === 'tcp' || (await isFreeForUdp(port)));
    if (isFree) return port;
  }
  throw new Error(`no port that is free among ${ATTEMPTS_MAX}`);
}

function isFreeForTcp(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

function isFreeForUdp(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4');
    socket.once('error', () => resolve(false));
    socket.bind(port, '127.0.0.1', () => socket.close(() => resolve(true)));
  });
}
