/** From flags and ConfigMap to a Corefile: what is asked of whom. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ConfigFiles } from '../../../src/config/corefile/config-files.ts';
import { readConfigMap, type ConfigMapData } from '../../../src/kubedns/config-map.ts';
import { readKubeDnsPlan } from '../../../src/kubedns/kube-dns-plan.ts';
import { makeCorefile } from '../../../src/kubedns/made-corefile.ts';
import { readCorefile, type CorefileBlock } from '../../../src/plugins/corefile-config.ts';

const FILES: ConfigFiles = {
  read: (file) => (file === '/etc/resolv.conf' ? 'nameserver 192.0.2.53\nnameserver 192.0.2.54\n' : undefined),
  list: () => [],
  exists: () => true,
};
const KUBEDNS = '--domain=cluster.local. --dns-port=10053';
const OWN_SERVERS =
  '--server=/cluster.local/127.0.0.1#10053 --server=/in-addr.arpa/127.0.0.1#10053 --server=/ip6.arpa/127.0.0.1#10053';

async function make(line: string, data: ConfigMapData = {}, files = FILES) {
  const plan = readKubeDnsPlan(
    line.split(' ').filter((word) => word !== ''),
    {},
  );
  const addressesOf = (host: string) => (host === 'ns.corp.example' ? ['10.0.0.1', '10.0.0.2'] : []);
  const { text, warnings } = makeCorefile(plan, readConfigMap(data), { addressesOf, files });
  // It is read like any other.
  const { blocks } = await readCorefile(text, 'made', { files });
  return { text, warnings, blocks };
}

/** `corp.→10.0.0.1#53`, in the order of the chain. */
function forwardsOf({ plugins }: CorefileBlock): string {
  return (plugins.forward?.stanzas ?? [])
    .map(
      ({ from, to }) =>
        `${from}→${to.map((server) => (server.kind === 'address' ? `${server.address}#${server.port}` : '')).join(',')}`,
    )
    .join(' ');
}

const keysOf = ({ keys }: CorefileBlock): string => keys.map(({ zone, port }) => `${zone}:${port}`).join(' ');

describe('the Corefile of kube-dns', () => {
  test('of kubedns alone: its names, and the rest to resolv.conf', async () => {
    const { blocks, warnings } = await make(KUBEDNS);
    assert.equal(blocks.length, 1);
    assert.equal(keysOf(blocks[0]!), '.:10053 cluster.local.:10053 in-addr.arpa.:10053 ip6.arpa.:10053');
    const { kubernetes, cache, hosts } = blocks[0]!.plugins;
    assert.deepEqual(kubernetes?.zones, ['cluster.local.', 'in-addr.arpa.', 'ip6.arpa.']);
    assert.equal(kubernetes?.pods, 'insecure');
    assert.equal(kubernetes?.ttlSeconds, 30);
    assert.deepEqual(kubernetes?.fallthrough, ['in-addr.arpa.', 'ip6.arpa.']);
    assert.equal(hosts, undefined);
    assert.equal(cache?.success.capacity, 9984);
    assert.equal(forwardsOf(blocks[0]!), '.→192.0.2.53#53,192.0.2.54#53');
    assert.deepEqual(warnings, []);
  });

  test('of dnsmasq alone: zones to kubedns, the rest to resolv.conf', async () => {
    const { blocks } = await make(`-- --cache-size=1000 --no-negcache --dns-loop-detect ${OWN_SERVERS}`);
    assert.deepEqual(blocks.map(keysOf), ['.:53', 'cluster.local.:53', 'in-addr.arpa.:53', 'ip6.arpa.:53']);
    assert.deepEqual(blocks.map(forwardsOf), [
      '.→192.0.2.53#53,192.0.2.54#53',
      '.→127.0.0.1#10053',
      '.→127.0.0.1#10053',
      '.→127.0.0.1#10053',
    ]);
    for (const { plugins } of blocks) {
      assert.equal(plugins.kubernetes, undefined);
      assert.equal(plugins.cache?.success.capacity, 1000);
      assert.deepEqual(plugins.cache.denial.disabledZones, ['.']);
      assert.notEqual(plugins.loop, undefined);
      assert.equal(plugins.hosts?.file, '/etc/hosts');
    }
  });

  test('of both in one process: the zones that would be asked of kubedns are answered, on both ports', async () => {
    const { blocks } = await make(`${KUBEDNS} -- ${OWN_SERVERS} --server=/corp/10.0.0.1`);
    assert.deepEqual(blocks.map(forwardsOf), ['.→192.0.2.53#53,192.0.2.54#53', '.→10.0.0.1#53']);
    assert.equal(keysOf(blocks[1]!), 'corp.:53 corp.:10053');
    assert.notEqual(blocks[0]!.plugins.kubernetes, undefined);
  });

  test('has a block for each stub domain, whose upstreams are its own', async () => {
    const stubDomains = '{"corp":["10.0.0.1:5353","ns.corp.example"],"a.corp":["10.0.0.9"],"none.test":[]}';
    const { blocks } = await make(KUBEDNS, { stubDomains, upstreamNameservers: '["8.8.8.8","9.9.9.9:5353"]' });
    assert.deepEqual(blocks.map(forwardsOf), [
      '.→8.8.8.8#53,9.9.9.9#5353',
      '.→10.0.0.1#5353,10.0.0.1#53,10.0.0.2#53',
      '.→10.0.0.9#53',
    ]);
  });

  test('has a block for each list of servers where stub domains are very many', async () => {
    const domains = Array.from({ length: 300 }, (_, index) => [`d${index}.test`, [`10.0.0.${index % 3}`]] as const);
    const { blocks } = await make(KUBEDNS, { stubDomains: JSON.stringify(Object.fromEntries(domains)) });
    assert.deepEqual(blocks.map(forwardsOf).slice(1), ['.→10.0.0.0#53', '.→10.0.0.1#53', '.→10.0.0.2#53']);
    assert.deepEqual(
      blocks.slice(1).map(({ keys }) => keys.length),
      [100, 100, 100],
    );
  });

  test('keeps the keys of the main block whatever the ConfigMap says: its cache stays', async () => {
    const first = await make(KUBEDNS);
    const second = await make(KUBEDNS, { stubDomains: '{"corp":["10.0.0.1"],"10.in-addr.arpa":["10.0.0.1"]}' });
    assert.equal(keysOf(second.blocks[0]!), keysOf(first.blocks[0]!));
  });

  test('asks for a zone inside of its own where the cluster has no such name, the longest first', async () => {
    const stubDomains =
      '{"in-addr.arpa":["10.0.0.3"],"10.in-addr.arpa":["10.0.0.1"],"consul.cluster.local":["10.0.0.2"]}';
    const { blocks } = await make(KUBEDNS, { stubDomains });
    assert.equal(blocks.length, 1);
    assert.deepEqual(blocks[0]!.plugins.kubernetes?.fallthrough, [
      'in-addr.arpa.',
      'ip6.arpa.',
      '10.in-addr.arpa.',
      'consul.cluster.local.',
    ]);
    assert.equal(
      forwardsOf(blocks[0]!),
      'consul.cluster.local.→10.0.0.2#53 10.in-addr.arpa.→10.0.0.1#53 in-addr.arpa.→10.0.0.3#53 .→192.0.2.53#53,192.0.2.54#53',
    );
  });

  test('says what cannot be: the cluster domain as a stub, port 0, no address, federations', async () => {
    const stubDomains = '{"cluster.local":["10.0.0.1"],"zero.test":["10.0.0.1:0"],"gone.test":["ns.gone.example"]}';
    const { blocks, warnings } = await make(KUBEDNS, { stubDomains, federations: 'prod=example.com' });
    assert.deepEqual(blocks.map(keysOf).slice(1), ['zero.test.:10053', 'gone.test.:10053']);
    for (const { plugins } of blocks.slice(1)) assert.equal(plugins.template?.templates[0]?.rcode, 2);
    assert.equal(warnings.length, 5);
    for (const what of [
      /federations prod=example.com: dropped/,
      /is the cluster domain/,
      /port 0/,
      /"zero.test." has no/,
      /"gone.test." has no/,
    ]) {
      assert.ok(
        warnings.some((warning) => what.test(warning)),
        String(what),
      );
    }
  });

  test('takes upstreams as nanny does: the ConfigMap, else flags and resolv.conf', async () => {
    const upstreamNameservers = '["8.8.8.8"]';
    const mainOf = async (line: string, data: ConfigMapData = {}) => forwardsOf((await make(line, data)).blocks[0]!);
    assert.equal(await mainOf('-- --server=9.9.9.9'), '.→9.9.9.9#53,192.0.2.53#53,192.0.2.54#53');
    assert.equal(await mainOf('-- --server=9.9.9.9 --no-resolv'), '.→9.9.9.9#53');
    assert.equal(await mainOf('-- --server=9.9.9.9', { upstreamNameservers }), '.→9.9.9.9#53,8.8.8.8#53');
    assert.equal(await mainOf('--nameservers=1.1.1.1:53'), '.→1.1.1.1#53');
    assert.equal(await mainOf('--nameservers=1.1.1.1:53', { upstreamNameservers }), '.→8.8.8.8#53');
  });

  test('goes without upstreams, and says so', async () => {
    const { blocks, warnings } = await make(KUBEDNS, {}, { ...FILES, read: () => undefined });
    assert.equal(blocks[0]!.plugins.forward, undefined);
    assert.ok(warnings.some((warning) => /no upstream server/.test(warning)));
  });

  test('bounds TTLs, sizes and numbers as dnsmasq was told', async () => {
    const line =
      '-- --max-ttl=60 --max-cache-ttl=30 --min-cache-ttl=5 --dns-forward-max=99 --strict-order --edns-packet-max=1400 --log-queries --no-hosts';
    const { plugins } = (await make(line)).blocks[0]!;
    assert.equal(plugins.cache?.success.maxTtlSeconds, 30);
    assert.equal(plugins.cache.success.minTtlSeconds, 5);
    assert.equal(plugins.forward?.stanzas[0]?.concurrentMax, 99);
    assert.equal(plugins.forward.stanzas[0].policy, 'sequential');
    assert.equal(plugins.bufsize?.size, 1400);
    assert.notEqual(plugins.log, undefined);
    assert.equal(plugins.hosts, undefined);
    assert.equal((await make('-- --cache-size=0')).blocks[0]!.plugins.cache, undefined);
  });

  test('gives the names of --address their addresses, in the block that has them', async () => {
    const { blocks, warnings } = await make(
      `${KUBEDNS} -- --address=/a.test/10.1.2.3 --address=/x.corp/fd00::1 --address=/no.test/ --address=/local/10.9.9.9 --server=/corp/10.0.0.1`,
    );
    const templatesOf = ({ plugins }: CorefileBlock) =>
      (plugins.template?.templates ?? []).map(({ zones, qtype, rcode }) => `${zones.join()} ${qtype} ${rcode}`);
    assert.deepEqual(templatesOf(blocks[0]!), [
      'a.test. 1 0',
      'a.test. 255 0',
      'x.corp. 28 0',
      'x.corp. 255 0',
      'no.test. 255 3',
    ]);
    assert.deepEqual(templatesOf(blocks[1]!), ['x.corp. 28 0', 'x.corp. 255 0']);
    assert.ok(warnings.some((warning) => warning.includes('--address=/local./')));
  });

  test('listens where it is told to', async () => {
    assert.deepEqual((await make('--dns-bind-address=127.0.0.1')).blocks[0]!.plugins.bind?.addresses, ['127.0.0.1']);
    assert.equal((await make('--dns-bind-address=0.0.0.0')).blocks[0]!.plugins.bind, undefined);
    assert.deepEqual((await make('-- --listen-address=127.0.0.2,127.0.0.3')).blocks[0]!.plugins.bind?.addresses, [
      '127.0.0.2',
      '127.0.0.3',
    ]);
    // One of both on all addresses: all it is.
    assert.equal((await make('--dns-bind-address=127.0.0.1 --')).blocks[0]!.plugins.bind, undefined);
  });
});
