/**
 * The world outside of a cluster, in a network namespace of its own: every server answers each A question with its own
 * address, so that a test sees who was asked. Over UDP and TCP, or TLS.
 *
 * `node answering-upstream.ts CERTIFICATE KEY ADDRESS:PORT…`, TLS on port 853; writes "ready" when all listen.
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import tls from 'node:tls';
import dnsPacket from 'dns-packet';
import { framed } from '../wire/tcp-client.ts';

const [certificate, key, ...places] = process.argv.slice(2);

function answer(message: Buffer, address: string): Buffer {
  const query = dnsPacket.decode(message);
  const [question] = query.questions!;
  return dnsPacket.encode({
    type: 'response',
    id: query.id!,
    flags: dnsPacket.RECURSION_DESIRED | dnsPacket.RECURSION_AVAILABLE,
    questions: [question!],
    answers: question!.type === 'A' ? [{ type: 'A', name: question!.name, ttl: 60, data: address }] : [],
  });
}

function serveStream(socket: Socket, address: string): void {
  let unread = Buffer.alloc(0);
  socket.on('error', () => undefined);
  socket.on('data', (piece) => {
    unread = Buffer.concat([unread, piece]);
    while (unread.length >= 2 && unread.length >= 2 + unread.readUInt16BE(0)) {
      const end = 2 + unread.readUInt16BE(0);
      socket.write(framed(answer(unread.subarray(2, end), address)));
      unread = unread.subarray(end);
    }
  });
}

for (const place of places) {
  const [address, port] = place.split(':') as [string, string];
  const accept = (socket: Socket): void => serveStream(socket, address);
  const credentials = { cert: readFileSync(certificate!), key: readFileSync(key!) };
  const server = port === '853' ? tls.createServer(credentials, accept) : createServer(accept);
  server.listen(Number(port), address);
  await once(server, 'listening');
  if (port === '853') continue;
  const datagrams = createSocket('udp4');
  datagrams.on('message', (message, peer) => {
    datagrams.send(answer(message, address), peer.port, peer.address);
  });
  datagrams.bind(Number(port), address);
  await once(datagrams, 'listening');
}
console.log('ready');
