/** Asks a server some queries and keeps what it answers: to see that it is ready, what sizes it sends, whether servers agree. */

import { createSocket } from 'node:dgram';
import { createHash } from 'node:crypto';
import { decode, encode } from 'dns-packet';
import type { Answer, Packet, RecordType } from 'dns-packet';
import type { Query } from '../dataset/query-kinds.ts';

export interface AskOptions {
  readonly address: string;
  readonly port: number;
  readonly edns: boolean;
  readonly timeoutMs: number;
}

const RESEND_INTERVAL_MS = 1_000;

/**
 * Responses in the order of the queries; undefined where none came in time. At most 65,535 queries, all sent at once, and
 * sent again as long as they have no response: a busy machine drops some.
 */
export async function ask(queries: readonly Query[], options: AskOptions): Promise<(Buffer | undefined)[]> {
  const responses: (Buffer | undefined)[] = queries.map(() => undefined);
  const socket = createSocket({ type: 'udp4', recvBufferSize: 1 << 20 });
  let missing = queries.length;
  const send = (): void => {
    for (const [id, query] of queries.entries()) {
      if (responses[id] !== undefined) continue;
      socket.send(encodeQuery(id, query, options.edns), options.port, options.address);
    }
  };
  const resend = setInterval(send, RESEND_INTERVAL_MS);
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, options.timeoutMs);
    socket.on('message', (message) => {
      const id = message.length >= 2 ? message.readUInt16BE(0) : responses.length;
      if (id >= responses.length || responses[id] !== undefined) return;
      responses[id] = message;
      missing--;
      if (missing > 0) return;
      clearTimeout(timer);
      resolve();
    });
    // An ICMP «port unreachable» while a server starts: no response comes, and that is what is reported.
    socket.on('error', () => undefined);
    send();
  });
  clearInterval(resend);
  await new Promise<void>((resolve) => socket.close(resolve));
  return responses;
}

/** As dnsperf sends it: RD set, EDNS with 4096 octets. */
export function encodeQuery(
  id: number,
  query: { readonly name: string; readonly type: RecordType },
  edns: boolean,
): Buffer {
  const packet: Packet = {
    type: 'query',
    id,
    flags: 0x0100,
    questions: [{ type: query.type, name: query.name, class: 'IN' }],
  };
  if (edns) {
    packet.additionals = [
      {
        type: 'OPT',
        name: '.',
        udpPayloadSize: 4096,
        extendedRcode: 0,
        ednsVersion: 0,
        flags: 0,
        flag_do: false,
        options: [],
      },
    ];
  }
  return encode(packet);
}

/**
 * What a response says, without what servers may choose: the order of records, letter case, the SOA's serial, EDNS. Two
 * servers that agree have the same text.
 */
export function normaliseResponse(response: Buffer): string {
  const packet = decode(response);
  const rcode = response[3]! & 15;
  const records = (packet.answers ?? []).map((record) => `answer ${describeRecord(record)}`);
  records.push(
    ...(packet.additionals ?? [])
      .filter((record) => record.type !== 'OPT')
      .map((record) => `additional ${describeRecord(record)}`),
  );
  const authorities = (packet.authorities ?? []).map(
    (record) => `authority ${record.name.toLowerCase()} ${record.type}`,
  );
  return [`rcode ${rcode}`, ...records.toSorted(), ...authorities.toSorted()].join('\n');
}

function describeRecord(record: Answer): string {
  const data = 'data' in record ? JSON.stringify(record.data) : '';
  const ttl = 'ttl' in record ? record.ttl : 0;
  return `${record.name.toLowerCase()} ${record.type} ${ttl} ${data}`;
}

/** Short checksum of texts in order. */
export function checksum(texts: Iterable<string>): string {
  const hash = createHash('sha256');
  for (const text of texts) hash.update(text).update('\0');
  return hash.digest('hex').slice(0, 12);
}
