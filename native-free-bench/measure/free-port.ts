/** A port of 127.0.0.1 that nothing listens on, for UDP and TCP both or for TCP alone. */

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';

const ATTEMPTS_MAX = 50;

export async function findFreePort(wanted: 'udp and tcp' | 'tcp' = 'udp and tcp'): Promise<number> {
  for (let i = 0; i < ATTEMPTS_MAX; i++) {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const isFree = wanted === 'tcp' || (await isFreeForUdp(port));
    server.close();
    await once(server, 'close');
    if (isFree) return port;
  }
  throw new Error(`no port that is free for UDP and TCP among ${ATTEMPTS_MAX}`);
}

function isFreeForUdp(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4');
    socket.once('error', () => resolve(false));
    socket.bind(port, '127.0.0.1', () => socket.close(() => resolve(true)));
  });
}
