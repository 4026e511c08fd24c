/** What resolvers say of their TCP connections: cells in shared memory, each written by one resolver, and their metrics. */
import { layout } from '../../memory/layout.ts';
import type { MetricFamily } from './metric-family.ts';

export const TCP_CELLS = layout('tcp cells', [
  ['connections', 1, 'open connections'],
  ['refused', 1, 'connections closed at once: the limit is reached and none of the others can go'],
  ['evicted', 1, 'connections closed to make room: for a new one, or for octets'],
]);
/** Words from one resolver's cells to the next: two cache lines. */
const STRIDE = 32;

export function createTcpCells(resolverCount: number): SharedArrayBuffer {
  return new SharedArrayBuffer(resolverCount * STRIDE * 4);
}

/** The cells of one resolver. */
export function tcpCellsOf(cells: SharedArrayBuffer, resolver: number): Int32Array {
  return new Int32Array(cells, resolver * STRIDE * 4, TCP_CELLS.words);
}

export function tcpMetrics(cells: SharedArrayBuffer): readonly MetricFamily[] {
  const words = new Int32Array(cells);
  const sum = (at: number): number => {
    let total = 0;
    for (let base = 0; base < words.length; base += STRIDE) total += Atomics.load(words, base + at) >>> 0;
    return total;
  };
  const family = (name: string, type: 'counter' | 'gauge', help: string, at: number): MetricFamily => ({
    name,
    type,
    help,
    labels: [],
    samples: () => [{ labels: {}, value: sum(at) }],
  });
  return [
    family('skyshard_tcp_connections', 'gauge', 'Open TCP connections of clients.', TCP_CELLS.at.connections),
    family(
      'skyshard_tcp_connections_refused_total',
      'counter',
      'TCP connections closed at once, because the limit is reached and no other can go.',
      TCP_CELLS.at.refused,
    ),
    family(
      'skyshard_tcp_connections_evicted_total',
      'counter',
      'TCP connections closed before their time, to make room.',
      TCP_CELLS.at.evicted,
    ),
  ];
}
