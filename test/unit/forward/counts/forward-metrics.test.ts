/** What forwarding counts, under CoreDNS's names. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ForwardCounters, UPSTREAM_CELLS } from '../../../../src/forward/counts/forward-counters.ts';
import { ForwardMetrics } from '../../../../src/forward/counts/forward-metrics.ts';
import { createForwardBuffer } from '../../../../src/forward/forward-buffer.ts';
import { ForwardGroupTable } from '../../../../src/forward/group-table.ts';
import { DEFAULT_FORWARD_GROUP } from '../../../../src/forward/forward-group.ts';

test('sockets and connections: an upstream that is asked has series of both kinds for how it is asked', () => {
  const buffer = createForwardBuffer(1);
  const table = new ForwardGroupTable(buffer);
  const upstreams = ['192.0.2.1', '192.0.2.2', '192.0.2.3'].map((address) => ({ address, port: 53 }));
  table.hold({ ...DEFAULT_FORWARD_GROUP, upstreams });
  const counters = new ForwardCounters(buffer, 0);
  const { datagrams, streamHits, streamMisses } = UPSTREAM_CELLS.at;
  for (let count = 0; count < 3; count++) counters.countUpstream(0, datagrams);
  counters.countUpstream(1, streamMisses);
  counters.countUpstream(1, streamHits);
  const families = new ForwardMetrics(buffer, table).families().filter(({ name }) => name.includes('conn_cache'));
  const lines = families.flatMap(({ name, samples }) =>
    [...samples()].map(({ labels, value }) => {
      const { to, proto } = labels as Record<string, string>;
      return `${name.replace('coredns_proxy_conn_cache_', '')} ${to} ${proto} ${String(value)}`;
    }),
  );
  assert.deepEqual(lines, [
    'hits_total 192.0.2.1:53 udp 3',
    'hits_total 192.0.2.2:53 tcp 1',
    'misses_total 192.0.2.1:53 udp 0',
    'misses_total 192.0.2.2:53 tcp 1',
  ]);
});
