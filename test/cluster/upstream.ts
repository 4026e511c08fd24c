/**
 * The world outside the cluster, for a network namespace: knows example.com, and that nothing else exists.
 * `node upstream.ts ADDRESS PORT`; writes "ready" when it listens.
 */
import { createSocket } from 'node:dgram';
import dnsPacket from 'dns-packet';

const [address, port] = process.argv.slice(2);
const NXDOMAIN = 3;
const socket = createSocket('udp4');

socket.on('message', (message, peer) => {
  const query = dnsPacket.decode(message);
  const question = query.questions?.[0];
  if (question === undefined) return;
  const isKnown = question.name.toLowerCase() === 'example.com';
  const answers =
    isKnown && question.type === 'A' ? [{ type: 'A' as const, name: question.name, ttl: 60, data: '192.0.2.80' }] : [];
  const response = dnsPacket.encode({
    type: 'response',
    id: query.id ?? 0,
    flags: dnsPacket.RECURSION_DESIRED | dnsPacket.RECURSION_AVAILABLE | (isKnown ? 0 : NXDOMAIN),
    questions: [question],
    answers,
  });
  socket.send(response, peer.port, peer.address);
});
socket.bind(Number(port), address, () => console.log('ready'));
