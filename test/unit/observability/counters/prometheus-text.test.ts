import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { readdirSync, readlinkSync } from 'node:fs';
import { once } from 'node:events';
import { test } from 'node:test';
import { RCODE, TYPE } from '../../../../src/dns/iana.ts';
import { CounterCollector } from '../../../../src/observability/counters/counter-collector.ts';
import { createCounterBuffer } from '../../../../src/observability/counters/counter-layout.ts';
import { createMetricsPage, formatMetrics } from '../../../../src/observability/counters/prometheus-text.ts';
import type { MetricsSources } from '../../../../src/observability/counters/prometheus-text.ts';
import { MainCounters } from '../../../../src/observability/counters/server-metrics.ts';
import { DROP, PLUGIN, createShardCounters } from '../../../../src/observability/counters/shard-counters.ts';
import type { ShardCounters } from '../../../../src/observability/counters/shard-counters.ts';
import { parseUdpTable } from '../../../../src/observability/counters/udp-sockets.ts';
import { parsePrometheusText } from '../prometheus-parser.ts';
import { ACL_ACTION } from '../../../../src/snapshot/snapshot-layout.ts';

const SCOPES = [
  { server: 'dns://:53', zone: 'dropped', view: '' },
  { server: 'dns://:53', zone: '.', view: '' },
  { server: 'dns://[::1]:53', zone: '.', view: 'a "b" \\ c' },
];

function setup(more: Partial<MetricsSources> = {}) {
  const buffer = createCounterBuffer(2, SCOPES.length);
  const counters = new MainCounters();
  const page = createMetricsPage({
    version: '1.2.3',
    revision: 'abc',
    counters,
    snapshot: () => ({ generation: 7, nameCount: 11, liveSize: 100, retainedSize: 20, reservedSize: 4096 }),
    droppedLogLines: () => 5,
    plugins: () => [{ server: 'dns://:53', zone: '.', view: '', name: 'kubernetes' }],
    sockets: () => [],
    collector: new CounterCollector(buffer),
    scopes: SCOPES,
    ...more,
  });
  const shards: ShardCounters[] = [0, 1].map((shard) => createShardCounters(buffer, SCOPES.length, shard));
  /** Value of the one sample with this name and (at least) these labels. */
  const ask = async () => {
    const families = parsePrometheusText(await page());
    const all = [...families.values()].flatMap(({ samples }) => samples);
    const valueOf = (name: string, labels: Record<string, string> = {}) => {
      const found = all.filter(
        (sample) =>
          sample.name === name && Object.entries(labels).every(([label, text]) => sample.labels.get(label) === text),
      );
      assert.ok(found.length <= 1, `${name} ${JSON.stringify(labels)}: ${found.length}`);
      return found[0]?.value;
    };
    return { families, valueOf };
  };
  return { shards, counters, ask };
}

/** Names and labels as dashboards have them: observability.md section 2, and skyshard's own. */
const EXPECTED: Readonly<Record<string, string>> = {
  coredns_build_info: 'gauge version revision goversion',
  coredns_panics_total: 'counter',
  coredns_plugin_enabled: 'gauge server zone view name',
  coredns_dns_requests_total: 'counter server zone view proto family type',
  coredns_dns_request_duration_seconds: 'histogram server zone view',
  coredns_dns_request_size_bytes: 'histogram server zone view proto',
  coredns_dns_response_size_bytes: 'histogram server zone view proto',
  coredns_dns_do_requests_total: 'counter server zone view',
  coredns_dns_responses_total: 'counter server zone view rcode plugin',
  coredns_local_localhost_requests_total: 'counter',
  coredns_acl_blocked_requests_total: 'counter server zone view',
  coredns_acl_filtered_requests_total: 'counter server zone view',
  coredns_acl_dropped_requests_total: 'counter server zone view',
  coredns_acl_allowed_requests_total: 'counter server view',
  process_resident_memory_bytes: 'gauge',
  process_cpu_seconds_total: 'counter',
  process_open_fds: 'gauge',
  process_max_fds: 'gauge',
  process_start_time_seconds: 'gauge',
  coredns_autopath_success_total: 'counter server',
  coredns_dns64_requests_translated_total: 'counter server',
  coredns_siit_requests_translated_total: 'counter server',
  coredns_template_matches_total: 'counter server zone view class type',
  coredns_template_template_failures_total: 'counter server zone view class type section template',
  coredns_template_rr_failures_total: 'counter server zone view class type section template',
  skyshard_shard_requests_total: 'counter shard',
  skyshard_truncated_responses_total: 'counter proto zone',
  skyshard_dropped_datagrams_total: 'counter reason',
  skyshard_snapshot_generation: 'gauge',
  skyshard_snapshot_bytes: 'gauge state',
  skyshard_snapshot_names: 'gauge',
  skyshard_snapshot_publish_failures_total: 'counter',
  skyshard_shard_restarts_total: 'counter',
  skyshard_resolver_restarts_total: 'counter',
  skyshard_udp_socket_drops_total: 'counter socket',
  skyshard_udp_socket_receive_queue_bytes: 'gauge socket',
  skyshard_manifest_reload_failures_total: 'counter',
  skyshard_manifest_last_reload_success_timestamp_seconds: 'gauge',
  skyshard_log_lines_dropped_total: 'counter',
};

test('names, types and labels are those that dashboards and alerts have', async () => {
  const { ask, shards } = setup();
  for (const scope of SCOPES.keys()) {
    shards[0]!.countRequest(scope, 1, 1, TYPE.A, 60, 1);
    shards[0]!.countResponse(scope, 1, RCODE.REFUSED, PLUGIN.SERVER, 60, 1);
  }
  shards[0]!.publish();
  const { families } = await ask();
  assert.deepEqual([...families.keys()].sort(), Object.keys(EXPECTED).sort());
  for (const [name, { type, help, samples }] of families) {
    const [expectedType, ...labels] = EXPECTED[name]!.split(' ');
    assert.equal(type, expectedType, name);
    assert.match(help, /^[A-Z].*\.$/, name);
    for (const sample of samples) {
      const found = [...sample.labels.keys()].filter((label) => label !== 'le');
      assert.deepEqual(found, labels, name);
    }
  }
});

test('what acl did is counted by zone of its rules, and these zones have no series of queries', async () => {
  const server = 'dns://:53';
  const rules = ['', 'a.test.'].map((zone) => ({ server, zone, view: '', plugin: 'acl' }) as const);
  const { ask, shards } = setup({ scopes: [...SCOPES.slice(0, 1), ...rules] });
  for (const [scope, action, count] of [
    [1, ACL_ACTION.ALLOW, 4],
    [2, ACL_ACTION.BLOCK, 3],
    [2, ACL_ACTION.FILTER, 2],
    [2, ACL_ACTION.DROP, 1],
  ] as const) {
    for (let query = 0; query < count; query++) shards[0]!.countAcl(scope, action);
  }
  shards[0]!.publish();
  const { valueOf, families } = await ask();
  const of = { server, view: '' };
  assert.equal(valueOf('coredns_acl_allowed_requests_total', of), 4);
  assert.equal(valueOf('coredns_acl_blocked_requests_total', { ...of, zone: 'a.test.' }), 3);
  assert.equal(valueOf('coredns_acl_filtered_requests_total', { ...of, zone: 'a.test.' }), 2);
  assert.equal(valueOf('coredns_acl_dropped_requests_total', { ...of, zone: 'a.test.' }), 1);
  for (const [name, { samples }] of families) {
    if (!name.startsWith('coredns_dns_')) continue;
    assert.ok(
      samples.every(({ labels }) => labels.get('zone') === 'dropped'),
      name,
    );
  }
});

test('own zones have their series before the first query, with 0', async () => {
  const { valueOf, families } = await setup().ask();
  const own = { server: 'dns://:53', zone: '.', view: '' };
  for (const type of ['A', 'AAAA', 'PTR', 'SRV', 'other']) {
    for (const family of ['1', '2']) {
      assert.equal(valueOf('coredns_dns_requests_total', { ...own, proto: 'udp', family, type }), 0);
    }
  }
  for (const rcode of ['NOERROR', 'NXDOMAIN', 'SERVFAIL']) {
    assert.equal(valueOf('coredns_dns_responses_total', { ...own, rcode, plugin: 'kubernetes' }), 0);
  }
  assert.equal(valueOf('coredns_dns_request_duration_seconds_bucket', { ...own, le: '8.192' }), 0);
  assert.equal(valueOf('coredns_dns_request_size_bytes_count', { ...own, proto: 'udp' }), 0);
  assert.equal(valueOf('coredns_dns_response_size_bytes_bucket', { ...own, proto: 'udp', le: '8291' }), 0);
  assert.equal(valueOf('coredns_dns_do_requests_total', own), 0);
  assert.equal(valueOf('skyshard_truncated_responses_total', { proto: 'udp', zone: '.' }), 0);
  assert.equal(valueOf('skyshard_shard_requests_total', { shard: '1' }), 0);
  assert.ok(families.get('coredns_dns_requests_total')!.samples.every(({ labels }) => labels.get('proto') === 'udp'));
});

test('what shards count is on the page, under its labels', async () => {
  const { ask, shards, counters } = setup();
  for (const [index, shard] of shards.entries()) {
    for (let n = 0; n <= index; n++) {
      shard.countRequest(2, 0, 1, TYPE.HTTPS, 511, 1);
      shard.countResponse(2, 0, RCODE.NXDOMAIN, PLUGIN.KUBERNETES, 512, 1);
      shard.countDuration(2, 1, 0.5);
      shard.countDuration(2, 1, 9000);
    }
    shard.countRequest(0, 0, 0, TYPE.A, 12, 0);
    shard.countResponse(0, 0, RCODE.REFUSED, PLUGIN.SERVER, 12, 0);
    shard.countResponse(0, 0, 4000, PLUGIN.SERVER, 12, 0);
    shard.countDrop(DROP.SHORT);
    shard.publish();
  }
  counters.panics = 1;
  counters.shardRestarts = 2;
  counters.resolverRestarts = 5;
  counters.manifestReloadFailures = 3;
  counters.manifestReloadSuccessSeconds = 1_700_000_000.5;
  counters.snapshotPublishFailures = 4;
  const { valueOf } = await ask();
  const scope = { server: 'dns://[::1]:53', zone: '.', view: 'a "b" \\ c' };
  const dropped = { server: 'dns://:53', zone: 'dropped', view: '' };
  const udp = { ...scope, proto: 'udp' };
  assert.equal(valueOf('coredns_dns_requests_total', { ...udp, family: '2', type: 'HTTPS' }), 3);
  assert.equal(valueOf('coredns_dns_requests_total', { ...dropped, type: 'A' }), 2);
  assert.equal(valueOf('coredns_dns_do_requests_total', scope), 3);
  assert.equal(valueOf('coredns_dns_responses_total', { ...scope, rcode: 'NXDOMAIN', plugin: 'kubernetes' }), 3);
  assert.equal(valueOf('coredns_dns_responses_total', { ...dropped, rcode: 'REFUSED', plugin: '' }), 2);
  assert.equal(valueOf('coredns_dns_responses_total', { ...dropped, rcode: 'other', plugin: '' }), 2);
  assert.equal(valueOf('coredns_dns_request_size_bytes_bucket', { ...udp, le: '400' }), 0);
  assert.equal(valueOf('coredns_dns_request_size_bytes_bucket', { ...udp, le: '511' }), 3);
  assert.equal(valueOf('coredns_dns_request_size_bytes_sum', udp), 3 * 511);
  assert.equal(valueOf('coredns_dns_response_size_bytes_bucket', { ...udp, le: '511' }), 0);
  assert.equal(valueOf('coredns_dns_response_size_bytes_bucket', { ...udp, le: '1023' }), 3);
  assert.equal(valueOf('coredns_dns_request_duration_seconds_bucket', { ...scope, le: '0.00025' }), 0);
  assert.equal(valueOf('coredns_dns_request_duration_seconds_bucket', { ...scope, le: '0.0005' }), 3);
  assert.equal(valueOf('coredns_dns_request_duration_seconds_bucket', { ...scope, le: '8.192' }), 3);
  assert.equal(valueOf('coredns_dns_request_duration_seconds_bucket', { ...scope, le: '+Inf' }), 6);
  assert.equal(valueOf('coredns_dns_request_duration_seconds_sum', scope), 3 * 9.0005);
  assert.equal(valueOf('skyshard_truncated_responses_total', { proto: 'udp', zone: '.' }), 3);
  assert.equal(valueOf('skyshard_truncated_responses_total', { zone: 'dropped' }), undefined);
  assert.equal(valueOf('skyshard_dropped_datagrams_total', { reason: 'short' }), 2);
  assert.equal(valueOf('skyshard_shard_requests_total', { shard: '0' }), 2);
  assert.equal(valueOf('skyshard_shard_requests_total', { shard: '1' }), 3);
  assert.equal(valueOf('coredns_panics_total'), 1);
  assert.equal(valueOf('skyshard_shard_restarts_total'), 2);
  assert.equal(valueOf('skyshard_resolver_restarts_total'), 5);
  assert.equal(valueOf('skyshard_manifest_reload_failures_total'), 3);
  assert.equal(valueOf('skyshard_manifest_last_reload_success_timestamp_seconds'), 1_700_000_000.5);
  assert.equal(valueOf('skyshard_snapshot_publish_failures_total'), 4);
  assert.equal(valueOf('skyshard_snapshot_bytes', { state: 'live' }), 100);
  assert.equal(valueOf('skyshard_snapshot_bytes', { state: 'retained' }), 20);
  assert.equal(valueOf('skyshard_snapshot_bytes', { state: 'reserved' }), 4096);
  assert.equal(valueOf('skyshard_snapshot_generation'), 7);
  assert.equal(valueOf('skyshard_snapshot_names'), 11);
  assert.equal(valueOf('skyshard_log_lines_dropped_total'), 5);
  assert.equal(
    valueOf('coredns_build_info', { version: '1.2.3', revision: 'abc', goversion: `node ${process.version}` }),
    1,
  );
  assert.equal(valueOf('coredns_plugin_enabled', { name: 'kubernetes' }), 1);
});

test('the figures of the process are those of the process', async () => {
  const { valueOf } = await setup().ask();
  const rss = process.memoryUsage.rss();
  assert.ok(Math.abs(valueOf('process_resident_memory_bytes')! - rss) < rss / 2);
  assert.ok(valueOf('process_cpu_seconds_total')! > 0.01);
  assert.ok(valueOf('process_cpu_seconds_total')! < 600);
  const started = Date.now() / 1000 - process.uptime();
  assert.ok(Math.abs(valueOf('process_start_time_seconds')! - started) < 1);
  assert.ok(valueOf('process_open_fds')! >= 3);
  assert.ok(valueOf('process_max_fds')! >= valueOf('process_open_fds')!);
});

test('help and labels are escaped', async () => {
  const samples = () => [{ labels: { a: 'x"\\\n' }, value: 1 }];
  const text = await formatMetrics([{ name: 'm', type: 'gauge', help: 'One.\\ \n Two.', labels: ['a'], samples }]);
  const family = parsePrometheusText(text).get('m');
  assert.equal(family?.help, 'One.\\\\ \\n Two.');
  assert.equal(family.samples[0]?.labels.get('a'), 'x"\\\n');
});

test('the kernel’s table of UDP sockets is read', () => {
  const text = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  123: 0100007F:041D 00000000:0000 07 00000000:00000A80 00:00000000 00000000  1000        0 4711 2 0000000000000000 42
  124: 00000000000000000000000001000000:0035 00000000000000000000000000000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4712 2 0000000000000000 0
`;
  assert.deepEqual(parseUdpTable(text), [
    { inode: 4711, local: '0100007F:041D', port: 1053, receiveQueueSize: 2688, dropCount: 42 },
    { inode: 4712, local: '00000000000000000000000001000000:0035', port: 53, receiveQueueSize: 0, dropCount: 0 },
  ]);
});

test(
  'drops of a socket whose queue is full are seen',
  { skip: process.platform !== 'linux' && 'no /proc/net/udp' },
  async (t) => {
    const before = socketInodes();
    const socket = createSocket({ type: 'udp4', recvBufferSize: 4096 });
    t.after(() => socket.close());
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    const inode = [...socketInodes()].find((candidate) => !before.has(candidate));
    const sender = createSocket('udp4');
    t.after(() => sender.close());
    const { ask } = setup({
      sockets: () => [
        { name: '127.0.0.1:1053#0', inode: inode! },
        { name: 'gone', inode: 1 },
      ],
    });
    // the receiver's event loop cannot run before the kernel has dropped some
    const payload = Buffer.alloc(1000);
    await new Promise<void>((resolve) => {
      for (let n = 0; n < 200; n++)
        sender.send(payload, socket.address().port, '127.0.0.1', () => n === 199 && resolve());
    });
    const { valueOf, families } = await ask();
    assert.ok(valueOf('skyshard_udp_socket_drops_total', { socket: '127.0.0.1:1053#0' })! > 0);
    assert.equal(
      families.get('skyshard_udp_socket_drops_total')?.samples.length,
      1,
      'a socket that is gone has no series',
    );
  },
);

function socketInodes(): Set<number> {
  const links = readdirSync('/proc/self/fd').map((name) => {
    try {
      return readlinkSync(`/proc/self/fd/${name}`);
    } catch {
      return '';
    }
  });
  return new Set(links.flatMap((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? []).map(Number));
}
