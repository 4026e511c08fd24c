/** What directives are read into: defaults, every option once, and the order where it counts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PLUGIN_NAMES, PLUGINS, type PluginName } from '../../../src/plugins/order.ts';
import { read, readPlugin, warningsOf } from './corefile-fixture.ts';

/** A directive (its lines separated by `;`, a block in braces) and what its options have, among others. */
const CASES: readonly (readonly [name: PluginName, directive: string, options: object])[] = [
  ['root', 'root zones', { directory: '/etc/coredns/zones' }],
  ['metadata', 'metadata', { zones: ['example.org.'] }],
  ['metadata', 'metadata a 10.0.0.0/15', { zones: ['a.', '0.10.in-addr.arpa.', '1.10.in-addr.arpa.'] }],
  ['cancel', 'cancel', { timeoutMs: 5001 }],
  ['cancel', 'cancel 500ms', { timeoutMs: 500 }],
  [
    'proxyproto',
    'proxyproto',
    { allow: [], otherwise: 'use', udpSessionMs: 0, udpSessionsMax: 10_240, hasTlvMetadata: false },
  ],
  [
    'proxyproto',
    'proxyproto { allow 10.0.0.0/8; udp_session_tracking 30s 5; tlv_metadata }',
    {
      allow: [{ family: 4, words: [0x0a000000], prefixLength: 8 }],
      otherwise: 'ignore',
      udpSessionMs: 30_000,
      udpSessionsMax: 5,
      hasTlvMetadata: true,
    },
  ],
  ['proxyproto', 'proxyproto { default REJECT }', { otherwise: 'reject' }],
  ['https', 'https', { connectionsMax: 200, streamsMax: 250 }],
  ['https', 'https { max_connections 0; max_streams 7 }', { connectionsMax: 0, streamsMax: 7 }],
  ['timeouts', 'timeouts { read 1m; write 5 }', { readMs: 60_000, writeMs: 5000, idleMs: null, tcpQueriesMax: null }],
  ['timeouts', 'timeouts { idle 24h; maxtcpqueries -1 }', { idleMs: 86_400_000, tcpQueriesMax: -1 }],
  ['multisocket', 'multisocket', { socketCount: null }],
  ['multisocket', 'multisocket 1024', { socketCount: 1024 }],
  ['reload', 'reload', { intervalMs: 30_000, jitterMs: 15_000 }],
  ['reload', 'reload 10s 2s', { intervalMs: 10_000, jitterMs: 2000 }],
  ['reload', 'reload 2s', { intervalMs: 2000, jitterMs: 1000 }],
  ['reload', 'reload 10s 0', { intervalMs: 10_000, jitterMs: 0 }],
  ['nsid', 'nsid', { data: 'host-1' }],
  ['nsid', 'nsid a  b', { data: 'a b' }],
  ['bufsize', 'bufsize', { size: 1232 }],
  ['bufsize', 'bufsize 4096', { size: 4096 }],
  ['bind', 'bind eth0 127.0.0.1 { except 192.0.2.7 }', { addresses: ['2001:db8::7', 'fe80::7%eth0', '127.0.0.1'] }],
  ['debug', 'debug', { isEnabled: true }],
  ['ready', 'ready', { listen: { host: '', port: 8181 }, monitor: 'until-ready' }],
  ['ready', 'ready [::1]:81 { monitor continuously }', { listen: { host: '::1', port: 81 }, monitor: 'continuously' }],
  ['health', 'health', { listen: { host: '', port: 8080 }, lameduckMs: 0 }],
  ['pprof', 'pprof', { listen: { host: 'localhost', port: 6053 }, blockRate: 0 }],
  ['pprof', 'pprof :6060 { block }', { listen: { host: '', port: 6060 }, blockRate: 1 }],
  ['shed', 'shed', { writesMax: 1024 }],
  [
    'prometheus',
    'prometheus',
    { listen: { host: 'localhost', port: 9153 }, hasRuntimeMetrics: false, tlsConfigFile: null },
  ],
  [
    'prometheus',
    'prometheus :9 { runtime_metrics; tls web.yml }',
    { hasRuntimeMetrics: true, tlsConfigFile: '/etc/coredns/web.yml' },
  ],
  ['errors', 'errors', { hasStacktrace: false, consolidate: [] }],
  [
    'errors',
    'errors stdout { stacktrace; consolidate 5m ".* timeout$" warning show_first; consolidate 1s a }',
    {
      hasStacktrace: true,
      consolidate: [
        { periodMs: 300_000, pattern: '.* timeout$', level: 'warning', showsFirst: true },
        { periodMs: 1000, pattern: 'a', level: 'error', showsFirst: false },
      ],
    },
  ],
  ['local', 'local', { hasLocalhostPrefix: true }],
  ['local', 'local { localhost_prefix off }', { hasLocalhostPrefix: false }],
  [
    'dns64',
    'dns64',
    { prefix: { family: 6, words: [0x0064_ff9b, 0, 0, 0], prefixLength: 96 }, translatesAll: false, allowsIPv4: false },
  ],
  ['dns64', 'dns64 2001:db8::/32', { prefix: { family: 6, words: [0x2001_0db8, 0, 0, 0], prefixLength: 32 } }],
  ['dns64', 'dns64 2001:db8::/32 { allow_ipv4 }', { allowsIPv4: true }],
  ['shed', 'shed { }', { writesMax: 1024 }],
  ['dns64', 'dns64 { translate_all; allow_ipv4; prefix 2001:db8::/64 }', { translatesAll: true, allowsIPv4: true }],
  [
    'siit',
    'siit { eam 192.0.2.1 2001:db8::1 }',
    { mappings: [{ address4: 0xc0000201, address6: [0x2001_0db8, 0, 0, 1] }] },
  ],
  ['any', 'any', { isEnabled: true }],
  ['minimal', 'minimal', { isEnabled: true }],
  ['whoami', 'whoami', { isEnabled: true }],
  ['chaos', 'chaos', { version: null, authors: null }],
  ['chaos', 'chaos V b a b', { version: 'V', authors: ['a', 'b'] }],
  ['loadbalance', 'loadbalance', { policy: 'round_robin', prefer: [] }],
  [
    'loadbalance',
    'loadbalance round_robin { prefer 10.0.0.0/8 }',
    { prefer: [{ family: 4, words: [0x0a000000], prefixLength: 8 }] },
  ],
  [
    'loadbalance',
    'loadbalance weighted weights { reload 0 }',
    { policy: 'weighted', file: '/etc/coredns/weights', reloadMs: 0 },
  ],
  ['loop', 'loop', { zone: 'example.org.' }],
  [
    'header',
    'header { response set RA aa; query clear rd }',
    {
      query: [{ flag: 'rd', isSet: false }],
      response: [
        { flag: 'ra', isSet: true },
        { flag: 'aa', isSet: true },
      ],
    },
  ],
  [
    'tsig',
    'tsig { secret K AQID; require_opcode UPDATE; require all }',
    { zones: ['example.org.'], secrets: [{ key: 'k.', secret: 'AQID' }], requiredTypes: 'all', requiredOpcodes: [5] },
  ],
  [
    'tsig',
    'tsig { secrets keys; require A AAAA }',
    {
      secrets: [
        { key: 'a.', secret: 'AQID' },
        { key: 'b.', secret: 'BAUG' },
      ],
    },
  ],
  ['tsig', 'tsig', { requiredTypes: [], requiredOpcodes: [] }],
  [
    'autopath',
    'autopath a /etc/resolv.conf',
    { zones: ['a.'], search: { kind: 'file', file: '/etc/resolv.conf', names: ['a.test.'] } },
  ],
  [
    'acl',
    'acl { allow net 10.0.0.1 ::1/64; BLOCK type A AAAA; filter type * net *; drop }',
    {
      rules: [
        {
          zones: ['example.org.'],
          policies: [
            {
              action: 'allow',
              types: null,
              networks: [
                { family: 4, words: [0x0a000001], prefixLength: 32 },
                { family: 6, words: [0, 0, 0, 0], prefixLength: 64 },
              ],
            },
            { action: 'block', types: [1, 28], networks: null },
            { action: 'filter', types: null, networks: null },
            { action: 'drop', types: null, networks: null },
          ],
        },
      ],
    },
  ],
  [
    'dnssec',
    'dnssec { key file Kexample.org.+013+1.key; cache_capacity 5 }',
    { keyFiles: ['/etc/coredns/Kexample.org.+013+1'], cacheCapacity: 5 },
  ],
  [
    'tls',
    'tls cert.pem key.pem ca.pem { client_auth require_and_verify }',
    {
      kind: 'files',
      certificateFile: '/etc/coredns/cert.pem',
      keyFile: '/etc/coredns/key.pem',
      authorityFile: '/etc/coredns/ca.pem',
      clientAuth: 'require_and_verify',
    },
  ],
  [
    'tls',
    'tls { acme A.Test. *.b; email x@y; ca https://ca/dir; resolver 1.1.1.1:53 }',
    { kind: 'acme', domains: ['a.test', '*.b'], email: 'x@y', resolver: '1.1.1.1:53' },
  ],
  [
    'transfer',
    'transfer a { to * 192.0.2.1:54; source ::1 }',
    { rules: [{ zones: ['a.'], to: ['*', { address: '192.0.2.1', port: 54 }], source: '::1' }] },
  ],
  [
    'transfer',
    'transfer a { to 10.1.2.3/8 2001:db8::/32 ::1 }',
    {
      rules: [
        {
          zones: ['a.'],
          to: [
            { family: 4, words: [0x0a000000], prefixLength: 8 },
            { family: 6, words: [0x20010db8, 0, 0, 0], prefixLength: 32 },
            { address: '::1', port: 53 },
          ],
          source: null,
        },
      ],
    },
  ],
  [
    'hosts',
    'hosts',
    {
      file: '/etc/hosts',
      zones: ['example.org.'],
      inlineLines: [],
      ttlSeconds: 3600,
      hasReverse: true,
      reloadMs: 5000,
      fallthrough: null,
      fallsThroughUnsupported: false,
    },
  ],
  [
    'hosts',
    'hosts nodes a { 10.0.0.1 b  c; ttl 60; no_reverse; reload 15s; fallthrough; fallthrough_unsupported }',
    {
      file: '/etc/coredns/nodes',
      zones: ['a.'],
      inlineLines: ['10.0.0.1 b c'],
      ttlSeconds: 60,
      hasReverse: false,
      reloadMs: 15_000,
      fallthrough: ['.'],
      fallsThroughUnsupported: true,
    },
  ],
  [
    'file',
    'file db.example.org { reload 0; reload_by_mtime; fallthrough a }',
    {
      zones: [{ file: '/etc/coredns/db.example.org', names: ['example.org.'], reloadMs: 0, reloadsByTime: true }],
      fallthrough: ['a.'],
    },
  ],
  ['auto', 'auto', { directory: null, pattern: 'db\\.(.*)', originTemplate: '{1}', reloadMs: 60_000 }],
  [
    'auto',
    'auto { directory zones (.*)\\.zone {1}; reload 1s }',
    { directory: '/etc/coredns/zones', pattern: '(.*)\\.zone', reloadMs: 1000 },
  ],
  [
    'secondary',
    'secondary a { transfer from 192.0.2.1; transfer from 192.0.2.2:54; catalog }',
    {
      zones: [
        {
          names: ['a.'],
          transferFrom: [
            { address: '192.0.2.1', port: 53 },
            { address: '192.0.2.2', port: 54 },
          ],
          catalogOf: [],
        },
      ],
    },
  ],
  [
    'etcd',
    'etcd { path /x; endpoint 127.0.0.1:2379 http://b:1; credentials u p; tls cert.pem key.pem; fallthrough; no_apex_fallback; min-lease-ttl 40; max-lease-ttl 1h; stubzones; upstream 1.1.1.1; debug }',
    {
      path: 'x',
      endpoints: ['127.0.0.1:2379', 'http://b:1'],
      credentials: { user: 'u', password: 'p' },
      fallthrough: ['.'],
      hasNoApexFallback: true,
      minLeaseTtlSeconds: 40,
      maxLeaseTtlSeconds: 3600,
    },
  ],
  [
    'etcd',
    'etcd',
    {
      path: 'skydns',
      endpoints: ['http://localhost:2379'],
      minLeaseTtlSeconds: 30,
      maxLeaseTtlSeconds: 86_400,
      tls: null,
    },
  ],
  ['view', "view v { expr type() == 'A' }", { name: 'v' }],
];

const FILES = {
  weights: 'w.test\n192.0.2.1 3\n# c\n192.0.2.2 255\n',
  nodes: '',
  'zones/db.a': '',
  keys: 'key "a" {\n  algorithm hmac-sha256;\n  secret "AQID";\n};\nkey b. {\n secret BAUG;\n}\n',
};

/** `name { a; b }` as it stands in a file. */
function layOut(directive: string): string {
  const [, head, inner] = /^(.*?) \{ (.*) \}$/.exec(directive) ?? [];
  return inner === undefined ? directive : `${head} {\n${inner.split('; ').join('\n')}\n}`;
}

for (const [name, directive, options] of CASES) {
  test(directive, () => {
    const found = readPlugin(name, layOut(directive), FILES) as unknown as Record<string, unknown>;
    const wanted = Object.keys(options);
    assert.deepEqual(Object.fromEntries(wanted.map((key) => [key, found[key]])), options);
  });
}

test('every plugin that is not refused is read here or in a test of its own', () => {
  const own = ['log', 'rewrite', 'cache', 'template', 'k8s_external', 'kubernetes', 'forward'];
  const covered = new Set<string>([...CASES.map(([name]) => name), ...own]);
  const missing = PLUGIN_NAMES.filter((name) => !covered.has(name) && !isRefused(name));
  assert.deepEqual(missing, []);
});

test('the table has each plugin under its own name', async () => {
  for (const name of PLUGIN_NAMES) assert.equal((await PLUGINS[name]()).default.name, name);
});

function isRefused(name: PluginName): boolean {
  try {
    readPlugin(name, name);
    return false;
  } catch (error) {
    return (error as { readonly code?: string }).code === 'CONFIG_UNSUPPORTED';
  }
}

test('plugins stand in the chain in the fixed order, whatever the order of the text', () => {
  const { chain } = read('a {\n whoami\n forward . 192.0.2.1\n errors\n cache\n rewrite name a b\n}').blocks[0]!;
  assert.deepEqual(
    chain.map(({ name, token }) => `${name} ${token.line}`),
    ['errors 4', 'rewrite 6', 'cache 5', 'forward 3', 'whoami 2'],
  );
});

test('root is where relative paths of the other plugins start', () => {
  const { plugins } = read('a {\n hosts nodes\n root zones\n}', { 'zones/nodes': '' }).blocks[0]!;
  assert.equal(plugins.hosts?.file, '/etc/coredns/zones/nodes');
});

test('what is accepted but may not be meant is a warning with its place', () => {
  assert.match(warningsOf('a {\n cache 30s\n}').join(), /^2:8 '30s' is taken as a zone/);
  assert.match(warningsOf('a {\n hosts none\n}').join(), /^2:8 File does not exist: \/etc\/coredns\/none/);
  assert.match(warningsOf('a {\n acl a..b\n}').join(), /^2:6 .*a\.\.b.*the zone is ignored/);
  assert.match(warningsOf('a {\n forward 10.0.0.0/15 192.0.2.1\n}').join(), /^2:10 .*several zones/);
  assert.match(warningsOf('a {\n autopath @kubernetes\n}').join(), /^2:11 autopath does nothing/);
  assert.match(warningsOf('a {\n pprof\n}').join(), /^2:2 pprof has no effect/);
  assert.match(warningsOf('a {\n file none\n}').join(), /^2:7 Failed to open/);
  assert.match(warningsOf('a {\n reload\n reload\n}').join(), /^3:2 a second reload/);
  assert.deepEqual(warningsOf('a {\n cache 30\n hosts\n forward . 192.0.2.1\n}'), []);
});
