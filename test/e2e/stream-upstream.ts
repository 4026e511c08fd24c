/** An upstream server for tests over UDP, TCP or TLS on one port: it notes what it is asked and answers as a test says. */
import dgram from 'node:dgram';
import { once } from 'node:events';
import net from 'node:net';
import { after } from 'node:test';
import tls from 'node:tls';
import dnsPacket from 'dns-packet';
import { framed } from '../wire/tcp-client.ts';
import { freePort } from './skyshard-process.ts';

export interface AskedQuestion {
  readonly name: string;
  readonly type: string;
  readonly over: 'udp' | 'tcp' | 'tls';
  /** the address it came from */
  readonly from: string;
}

/** @returns octets to send, undefined: none now; `send` takes them later */
export type StreamAnswer = (
  query: dnsPacket.DecodedPacket,
  over: AskedQuestion['over'],
  send: (reply: Uint8Array) => void,
) => Uint8Array | undefined;

export interface StreamUpstreamOptions {
  readonly answer?: StreamAnswer;
  readonly isTcp?: boolean;
  /** 127.0.0.1 if not given */
  readonly address?: string;
  readonly port?: number;
  /** TLS in place of TCP */
  readonly tls?: tls.TlsOptions;
}

export interface StreamUpstream {
  readonly port: number;
  /** what was asked, in order, without health probes */
  readonly asked: AskedQuestion[];
  /** connections there ever were */
  readonly connections: net.Socket[];
}

/** Over UDP it answers with TC and `few` addresses, over streams with `many`. */
export function truncating(few: number, many: number): StreamAnswer {
  return (query, over) =>
    addressReply(query, over === 'udp' ? few : many, over === 'udp' ? dnsPacket.TRUNCATED_RESPONSE : 0);
}

export function addressReply(query: dnsPacket.DecodedPacket, count: number, flags = 0): Uint8Array {
  const [question] = query.questions!;
  const answers = Array.from({ length: question!.type === 'A' ? count : 0 }, (_, index) => ({
    type: 'A' as const,
    name: question!.name,
    ttl: 60,
    data: `192.0.${index >> 8}.${index & 255}`,
  }));
  return dnsPacket.encode({
    type: 'response',
    id: query.id!,
    flags: flags | dnsPacket.RECURSION_DESIRED | dnsPacket.RECURSION_AVAILABLE,
    questions: query.questions!,
    answers,
  });
}

export async function startStreamUpstream(options: StreamUpstreamOptions = {}): Promise<StreamUpstream> {
  const { answer = truncating(1, 12), address = '127.0.0.1' } = options;
  const port = options.port ?? (await freePort(address));
  const upstream: StreamUpstream = { port, asked: [], connections: [] };
  const take = (
    message: Buffer,
    over: AskedQuestion['over'],
    from: string,
    send: (reply: Uint8Array) => void,
  ): void => {
    const query = dnsPacket.decode(message);
    const { name, type } = query.questions![0]!;
    if (type !== 'NS') upstream.asked.push({ name, type, over, from });
    const reply = answer(query, over, send);
    if (reply !== undefined) send(reply);
  };
  const datagrams = dgram.createSocket('udp4');
  datagrams.on('message', (message, peer) => {
    take(message, 'udp', peer.address, (reply) => datagrams.send(reply, peer.port, peer.address));
  });
  datagrams.bind(port, address);
  await once(datagrams, 'listening');
  after(() => datagrams.close());
  if (options.isTcp === false) return upstream;
  const accept = (socket: net.Socket): void => {
    const over = options.tls === undefined ? 'tcp' : 'tls';
    upstream.connections.push(socket);
    let unread = Buffer.alloc(0);
    socket.on('error', () => undefined);
    socket.on('data', (piece) => {
      unread = Buffer.concat([unread, piece]);
      while (unread.length >= 2 && unread.length >= 2 + unread.readUInt16BE(0)) {
        const end = 2 + unread.readUInt16BE(0);
        take(unread.subarray(2, end), over, socket.remoteAddress ?? '', (reply) => socket.write(framed(reply)));
        unread = unread.subarray(end);
      }
    });
  };
  const server = options.tls === undefined ? net.createServer(accept) : tls.createServer(options.tls, accept);
  server.listen(port, address);
  await once(server, 'listening');
  after(() => {
    server.close();
    for (const socket of upstream.connections) socket.destroy();
  });
  return upstream;
}
