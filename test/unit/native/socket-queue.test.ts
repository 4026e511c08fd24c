/** How full the kernel says a socket's queue is. */
import assert from 'node:assert/strict';
import dgram from 'node:dgram';
import { once } from 'node:events';
import test from 'node:test';
import { loadLibc, nativeUnavailableReason } from '../../../src/native/libc.ts';
import { SocketQueue } from '../../../src/native/socket-queue.ts';
import { closeUdpSocket, openUdpSocket } from '../../../src/native/udp-socket.ts';

const skip = nativeUnavailableReason() ?? false;

test('a queue that nobody reads fills, then datagrams are dropped', { skip }, async (t) => {
  const socket = openUdpSocket({
    address: '127.0.0.1',
    port: 0,
    isV6Only: false,
    receiveBufferSize: 64 * 1024,
    timeoutMs: 100,
  });
  const client = dgram.createSocket('udp4');
  t.after(() => {
    closeUdpSocket(socket.fd);
    client.close();
  });
  client.connect(socket.port, '127.0.0.1');
  await once(client, 'connect');
  const queue = new SocketQueue(loadLibc());
  assert.equal(queue.fill(socket.fd), 0);
  // At once, as it is connected.
  const send = (count: number): void => {
    for (let sent = 0; sent < count; sent++) client.send(Buffer.alloc(40));
  };
  send(10);
  const few = queue.fill(socket.fd);
  assert.ok(few > 0 && few < 0.5, `${few}`);
  assert.equal(queue.drops(socket.fd), 0);
  send(1000);
  assert.ok(queue.fill(socket.fd) > 0.9, `${queue.fill(socket.fd)}`);
  assert.ok(queue.drops(socket.fd) > 500, `${queue.drops(socket.fd)}`);
});

test('of what is no socket nothing is known', { skip }, () => {
  const queue = new SocketQueue(loadLibc());
  assert.equal(queue.fill(-1), 0);
  assert.equal(queue.drops(-1), 0);
});
