/**
 * The limit of node:dgram: the same work as echo.c, through an event loop.
 *
 * usage: node dgram-echo-server.ts ADDRESS PORT GROWTH
 */

import { createSocket } from 'node:dgram';

const [address, port, growth] = process.argv.slice(2);
if (address === undefined || port === undefined || growth === undefined) {
  throw new Error('usage: dgram-echo-server.ts ADDRESS PORT GROWTH');
}
const growthSize = Number(growth);
// The system's limit caps it; other servers ask for as much.
const socket = createSocket({ type: 'udp4', recvBufferSize: 4 << 20 });
const response = Buffer.alloc(4096);
socket.on('message', (query, peer) => {
  // A fresh copy for each response: node:dgram keeps the buffer until the kernel has it.
  const size = query.length + growthSize;
  const copy = Buffer.allocUnsafe(size);
  query.copy(copy);
  response.copy(copy, query.length, 0, growthSize);
  copy[2]! |= 0x80;
  socket.send(copy, 0, size, peer.port, peer.address);
});
socket.bind(Number(port), address);
process.once('SIGTERM', () => process.exit(0));
