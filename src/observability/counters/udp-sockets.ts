/** What the kernel counts of UDP sockets: /proc/net/udp and udp6, which exist on Linux only. */
import { readFile } from 'node:fs/promises';

export interface UdpSocketFigures {
  readonly inode: number;
  /** where it is bound, as the table has it: address and port in hexadecimal, the address in words of this machine's order */
  readonly local: string;
  readonly port: number;
  /** octets that wait to be read */
  readonly receiveQueueSize: number;
  /** datagrams that found the queue full, since the socket was opened */
  readonly dropCount: number;
}

/** All UDP sockets of this network namespace; empty where there is no such table. */
export async function readUdpSockets(): Promise<readonly UdpSocketFigures[]> {
  const tables = ['/proc/net/udp', '/proc/net/udp6'].map((path) => readFile(path, 'latin1').catch(() => ''));
  return (await Promise.all(tables)).flatMap(parseUdpTable);
}

/** A heading, then a line a socket: sl local remote st tx:rx tr:when retrnsmt uid timeout inode ref pointer drops. */
export function parseUdpTable(text: string): UdpSocketFigures[] {
  return text
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const words = line.trim().split(/\s+/);
      if (words.length < 13) return [];
      return {
        inode: Number(words[9]),
        local: words[1]!,
        port: Number.parseInt(words[1]!.split(':').at(-1)!, 16),
        receiveQueueSize: Number.parseInt(words[4]!.split(':')[1]!, 16),
        dropCount: Number(words[12]),
      };
    });
}
