/** One question over UDP, as the sidecar and its likes ask it. */
import { createSocket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import { randomInt } from 'node:crypto';
import type { AddressAndPort } from '../config/upstream-address.ts';
import { CLASS, TYPE } from '../dns/iana.ts';
import { parseName } from '../dns/name.ts';

export interface DnsQuestion {
  readonly server: AddressAndPort;
  /** canonical name */
  readonly name: string;
  readonly qtype: number;
  readonly qclass?: number;
  readonly timeoutMs: number;
}

export interface DnsReply {
  readonly rcode: number;
  /** records of the answer section */
  readonly answerCount: number;
  /** texts of its TXT records */
  readonly texts: readonly string[];
}

const HEADER_SIZE = 12;
const FLAGS_RD = 0x01;
const OPT_SIZE = 11;
const UDP_SIZE = 4096;
const POINTER = 0xc0;

/** @throws Error if there is no reply in time */
export async function askQuestion(question: DnsQuestion): Promise<DnsReply> {
  const { server, timeoutMs } = question;
  const query = encodeQuestion(question);
  const socket = createSocket(isIPv6(server.address) ? 'udp6' : 'udp4');
  try {
    const reply = await new Promise<Buffer>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no reply within ${timeoutMs / 1000} s`)), timeoutMs);
      const end = (error: Error): void => {
        clearTimeout(timer);
        reject(error);
      };
      socket.on('error', end);
      socket.on('message', (message) => {
        // Another id, or another question: an earlier reply, or a guess.
        if (message.length < HEADER_SIZE || !message.subarray(0, 2).equals(query.subarray(0, 2))) return;
        clearTimeout(timer);
        resolve(message);
      });
      // Connected: the kernel takes nothing from others, and says when nobody listens.
      socket.connect(server.port, server.address, () => socket.send(query));
    });
    return decodeReply(reply);
  } finally {
    socket.close();
  }
}

function encodeQuestion({ name, qtype, qclass = CLASS.IN }: DnsQuestion): Buffer {
  const owner = parseName(name);
  if (owner === null) throw new Error(`no domain name: ${name}`);
  const query = Buffer.alloc(HEADER_SIZE + owner.length + 4 + OPT_SIZE);
  query.writeUInt16BE(randomInt(65_536), 0);
  query[2] = FLAGS_RD;
  query.writeUInt16BE(1, 4);
  query.writeUInt16BE(1, 10);
  query.set(owner, HEADER_SIZE);
  const at = HEADER_SIZE + owner.length;
  query.writeUInt16BE(qtype, at);
  query.writeUInt16BE(qclass, at + 2);
  query.writeUInt16BE(TYPE.OPT, at + 5);
  query.writeUInt16BE(UDP_SIZE, at + 7);
  return query;
}

/** @throws RangeError or Error if it is no DNS message */
function decodeReply(reply: Buffer): DnsReply {
  const answerCount = reply.readUInt16BE(6);
  const texts: string[] = [];
  let at = HEADER_SIZE;
  for (let left = reply.readUInt16BE(4); left > 0; left--) at = skipName(reply, at) + 4;
  for (let left = answerCount; left > 0; left--) {
    at = skipName(reply, at);
    const type = reply.readUInt16BE(at);
    const end = at + 10 + reply.readUInt16BE(at + 8);
    if (end > reply.length) throw new Error('the reply is cut off');
    for (let text = at + 10; type === TYPE.TXT && text < end; text += 1 + reply[text]!) {
      texts.push(reply.toString('latin1', text + 1, Math.min(end, text + 1 + reply[text]!)));
    }
    at = end;
  }
  return { rcode: reply[3]! & 0x0f, answerCount, texts };
}

function skipName(reply: Buffer, start: number): number {
  let at = start;
  for (;;) {
    const size = reply.readUInt8(at);
    if (size >= POINTER) return at + 2;
    at += 1 + size;
    if (size === 0) return at;
  }
}
