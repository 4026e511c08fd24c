/** Options of the larger plugins: kubernetes, forward, cache, log, rewrite, template, k8s_external. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { read, readPlugin, warningsOf } from './corefile-fixture.ts';

test('kubernetes: defaults', () => {
  assert.deepEqual(readPlugin('kubernetes', 'kubernetes 10.in-addr.arpa cluster.local'), {
    zones: ['10.in-addr.arpa.', 'cluster.local.'],
    primaryZone: 'cluster.local.',
    api: { endpoint: null, tls: null, kubeconfig: null, queriesPerSecond: 0, burst: 0, inflightMax: 0 },
    namespaces: null,
    namespaceLabels: null,
    labels: null,
    pods: 'disabled',
    namesEndpointsByPod: false,
    hasEndpoints: true,
    hasZonalNames: false,
    ttlSeconds: 5,
    fallthrough: null,
    ignoresEmptyServices: false,
    multiclusterZones: [],
    startupTimeoutMs: 5000,
  });
});

test('kubernetes: every option', () => {
  const options = readPlugin(
    'kubernetes',
    `kubernetes cluster.local clusterset.local {
      endpoint http://127.0.0.1:1 http://127.0.0.1:2
      tls a b c
      kubeconfig config ctx
      apiserver_qps 1.5
      apiserver_burst 2
      apiserver_max_inflight 3
      namespaces a b
      namespaces b c
      labels environment in (production, staging, qa),application=nginx
      pods verified
      endpoint_pod_names
      zonal
      ttl 3600
      fallthrough
      ignore empty_service
      multicluster clusterset.local
      startup_timeout 1s
    }`,
  );
  const { labels, api, ...rest } = options;
  assert.deepEqual(api, {
    endpoint: 'http://127.0.0.1:1',
    tls: { certificateFile: '/etc/coredns/a', keyFile: '/etc/coredns/b', authorityFile: '/etc/coredns/c' },
    kubeconfig: { file: '/etc/coredns/config', context: 'ctx' },
    queriesPerSecond: 1.5,
    burst: 2,
    inflightMax: 3,
  });
  assert.equal(labels, 'environment in (production, staging, qa),application=nginx');
  assert.deepEqual(rest.namespaces, ['a', 'b', 'c']);
  assert.deepEqual(
    [rest.pods, rest.namesEndpointsByPod, rest.hasZonalNames, rest.ttlSeconds],
    ['verified', true, true, 3600],
  );
  assert.deepEqual([rest.fallthrough, rest.ignoresEmptyServices, rest.startupTimeoutMs], [['.'], true, 1000]);
  assert.deepEqual(rest.multiclusterZones, ['clusterset.local.']);
});

test('kubernetes: options of old Corefiles have no effect but a warning', () => {
  const warnings = warningsOf(
    'cluster.local {\n kubernetes {\n resyncperiod 5m\n upstream /etc/resolv.conf\n transfer to *\n}\n}',
  );
  assert.deepEqual(
    warnings.map((warning) => warning.split(' ')[0]),
    ['3:2', '4:2', '5:2'],
  );
});

test('forward: defaults, and upstreams of every kind', () => {
  const { stanzas } = readPlugin(
    'forward',
    'forward . 192.0.2.1 [2001:db8::1]:54 tls://192.0.2.2%dns.test https://192.0.2.3:444 ns.Test:55 tls://dot.test /etc/resolv.conf 192.0.2.1:53',
  );
  const { to, ...rest } = stanzas[0]!;
  assert.deepEqual(
    to.map(
      (upstream) =>
        `${upstream.kind} ${upstream.scheme} ${upstream.kind === 'host' ? upstream.host : upstream.address} ${upstream.port} ${upstream.serverName}`,
    ),
    [
      'address dns 192.0.2.1 53 null',
      'address dns 2001:db8::1 54 null',
      'address tls 192.0.2.2 853 dns.test',
      'address https 192.0.2.3 444 null',
      'host dns ns.test 55 null',
      'host tls dot.test 853 null',
      'address dns 192.0.2.53 53 null',
      'address dns fe80::1 53 null',
    ],
  );
  assert.deepEqual(rest, {
    from: '.',
    except: [],
    forcesTcp: false,
    prefersUdp: false,
    expireMs: 10_000,
    maxAgeMs: 0,
    idleConnectionsMax: 0,
    readTimeoutMs: 2000,
    failsMax: 2,
    connectAttemptsMax: null,
    healthCheck: { intervalMs: 500, isRecursionDesired: true, name: '.' },
    tls: null,
    tlsServerName: null,
    policy: 'random',
    concurrentMax: 0,
    nextRcodes: [],
    asksNextOnNodata: false,
    failoverRcodes: [],
    failsFastIfAllDown: false,
    dohMethod: 'POST',
    resolvers: [],
    sourceAddress: null,
  });
});

test('forward: every option, and stanzas in the order of the text', () => {
  const { stanzas } = readPlugin(
    'forward',
    `forward a tls://[2001:db8::1%x.test]:855 {
      except b.a 10.0.0.0/8
      force_tcp
      prefer_udp
      expire 20s
      max_age 1m
      max_idle_conns 3
      read_timeout 1s
      max_fails 0
      max_connect_attempts 5
      health_check 0.5s no_rec domain Example.org
      tls cert.pem key.pem ca.pem
      policy sequential
      max_concurrent 1000
      next NXDOMAIN servfail
      next_on_nodata
      failover REFUSED
      failfast_all_unhealthy_upstreams
      doh_method GET
      resolver 192.0.2.9 [::1]:54
      source_address 192.0.2.7
    }
  forward . 192.0.2.1`,
  );
  assert.deepEqual(
    stanzas.map((stanza) => stanza.from),
    ['a.', '.'],
  );
  assert.deepEqual(stanzas[0], {
    from: 'a.',
    to: [{ kind: 'address', scheme: 'tls', address: '2001:db8::1', port: 855, serverName: 'x.test' }],
    except: ['b.a.', '10.in-addr.arpa.'],
    forcesTcp: true,
    prefersUdp: true,
    expireMs: 20_000,
    maxAgeMs: 60_000,
    idleConnectionsMax: 3,
    readTimeoutMs: 1000,
    failsMax: 0,
    connectAttemptsMax: 5,
    healthCheck: { intervalMs: 500, isRecursionDesired: false, name: 'example.org.' },
    tls: {
      certificateFile: '/etc/coredns/cert.pem',
      keyFile: '/etc/coredns/key.pem',
      authorityFile: '/etc/coredns/ca.pem',
    },
    tlsServerName: null,
    policy: 'sequential',
    concurrentMax: 1000,
    nextRcodes: [3, 2],
    asksNextOnNodata: true,
    failoverRcodes: [5],
    failsFastIfAllDown: true,
    dohMethod: 'GET',
    resolvers: [
      { address: '192.0.2.9', port: 53 },
      { address: '::1', port: 54 },
    ],
    sourceAddress: '192.0.2.7',
  });
});

test('cache: defaults, a TTL for both, and every option', () => {
  const part = { capacity: 10_000, minTtlSeconds: 5, isMinTtlSaid: false, disabledZones: [] };
  assert.deepEqual(readPlugin('cache', 'cache'), {
    zones: ['example.org.'],
    success: { ...part, maxTtlSeconds: 3600 },
    denial: { ...part, maxTtlSeconds: 1800 },
    prefetch: null,
    serveStale: null,
    servfailMs: 5000,
    keepsTtl: false,
  });
  const short = readPlugin('cache', 'cache 30 a b');
  assert.deepEqual([short.zones, short.success.maxTtlSeconds, short.denial.maxTtlSeconds], [['a.', 'b.'], 30, 30]);
  assert.deepEqual(
    readPlugin(
      'cache',
      `cache {
        success 10 1800 30
        denial 20
        prefetch 5 2m 20%
        serve_stale 1h verify 100ms 30s 250ms
        serve_stale_policy prefer_positive
        servfail 0
        disable success
        disable denial a b
        keepttl
      }`,
    ),
    {
      zones: ['example.org.'],
      success: { capacity: 10, maxTtlSeconds: 1800, minTtlSeconds: 30, isMinTtlSaid: true, disabledZones: ['.'] },
      denial: { capacity: 20, maxTtlSeconds: 1800, minTtlSeconds: 5, isMinTtlSaid: false, disabledZones: ['a.', 'b.'] },
      prefetch: { amount: 5, durationMs: 120_000, percentage: 20 },
      serveStale: {
        upToMs: 3_600_000,
        mode: 'verify',
        verifyTimeoutMs: 100,
        ttlSeconds: 30,
        recheckMs: 250,
        prefersPositive: true,
      },
      servfailMs: 0,
      keepsTtl: true,
    },
  );
  const immediate = readPlugin('cache', 'cache {\nserve_stale 2h immediate 5s 1m\n}').serveStale;
  assert.deepEqual(immediate, {
    upToMs: 7_200_000,
    mode: 'immediate',
    verifyTimeoutMs: 0,
    ttlSeconds: 5,
    recheckMs: 60_000,
    prefersPositive: false,
  });
});

test('log: names, formats and classes; one argument is a name whatever it looks like', () => {
  const common =
    '{remote}:{port} - {>id} "{type} {class} {name} {proto} {size} {>do} {>bufsize}" {rcode} {>rflags} {rsize} {duration}';
  assert.deepEqual(readPlugin('log', 'log').rules, [{ zone: '.', format: common, classes: ['all'] }]);
  assert.deepEqual(readPlugin('log', 'log {combined}').rules, [
    { zone: '{combined}.', format: common, classes: ['all'] },
  ]);
  assert.deepEqual(readPlugin('log', 'log a B "x {combined}" {\nclass denial error\n}\n log c d').rules, [
    { zone: 'a.', format: `x ${common} "{>opcode}"`, classes: ['denial', 'error'] },
    { zone: 'b.', format: `x ${common} "{>opcode}"`, classes: ['denial', 'error'] },
    { zone: 'c.', format: common, classes: ['all'] },
    { zone: 'd.', format: common, classes: ['all'] },
  ]);
});

test('rewrite: every field, in the order of the text', () => {
  const { rules } = readPlugin(
    'rewrite',
    `rewrite name A.test B.test
    rewrite continue name SUFFIX .suffix. .nl answer auto
    rewrite stop {
      name regex (.*)\\.a\\. {1}.b.
      answer name (.*)\\.b {1}.a answer value x y
    }
    rewrite name regex (a)(.*) {1}.{p/l}x metadata answer auto
    rewrite type any a
    rewrite class IN ch
    rewrite ttl a 10
    rewrite ttl prefix a 5-
    rewrite ttl regex a.* -7
    rewrite rcode substring a NXDOMAIN 0
    rewrite cname regex A(.*) B{1}
    rewrite cname a b.
    rewrite edns0 local set 0xffee {qname} revert
    rewrite edns0 local append 65001 0x0Aff
    rewrite edns0 local unset 65001
    rewrite edns0 nsid set
    rewrite edns0 subnet replace 24 56 revert`,
  );
  const plain = { metadataPieces: null, restoresAnswer: false, answerRules: [] };
  assert.deepEqual(
    rules.map((rule) => rule.mode),
    ['stop', 'continue', ...Array<string>(15).fill('stop')],
  );
  assert.deepEqual(
    rules.map((rule) => rule.change),
    [
      { field: 'name', match: 'exact', from: 'a.test.', to: 'b.test.', ...plain },
      { field: 'name', match: 'suffix', from: '.suffix.', to: '.nl.', ...plain, restoresAnswer: true },
      {
        field: 'name',
        match: 'regex',
        from: '(.*)\\.a\\.',
        to: '{1}.b.',
        ...plain,
        answerRules: [
          { part: 'name', pattern: '(.*)\\.b', to: '{1}.a.' },
          { part: 'value', pattern: 'x', to: 'y.' },
        ],
      },
      {
        field: 'name',
        match: 'regex',
        from: '(a)(.*)',
        to: '{1}.{p/l}x.',
        metadataPieces: [
          { kind: 'group', index: 1 },
          { kind: 'text', text: '.' },
          { kind: 'label', label: 'p/l' },
          { kind: 'text', text: 'x.' },
        ],
        restoresAnswer: true,
        answerRules: [],
      },
      { field: 'type', from: 255, to: 1 },
      { field: 'class', from: 1, to: 3 },
      { field: 'ttl', match: 'exact', name: 'a.', minTtlSeconds: 10, maxTtlSeconds: 10 },
      { field: 'ttl', match: 'prefix', name: 'a.', minTtlSeconds: 5, maxTtlSeconds: 0x7fffffff },
      { field: 'ttl', match: 'regex', name: 'a.*', minTtlSeconds: 0, maxTtlSeconds: 7 },
      { field: 'rcode', match: 'substring', name: 'a.', from: 3, to: 0 },
      { field: 'cname', match: 'regex', from: 'a(.*)', to: 'b{1}' },
      { field: 'cname', match: 'exact', from: 'a.', to: 'b.' },
      {
        field: 'edns0',
        action: 'set',
        isReverted: true,
        option: 'local',
        code: 0xffee,
        data: { kind: 'variable', name: 'qname' },
      },
      {
        field: 'edns0',
        action: 'append',
        isReverted: false,
        option: 'local',
        code: 65001,
        data: { kind: 'octets', octets: Uint8Array.of(0x0a, 0xff) },
      },
      {
        field: 'edns0',
        action: 'unset',
        isReverted: false,
        option: 'local',
        code: 65001,
        data: { kind: 'octets', octets: new Uint8Array(0) },
      },
      { field: 'edns0', action: 'set', isReverted: false, option: 'nsid' },
      { field: 'edns0', action: 'replace', isReverted: true, option: 'subnet', prefixLength4: 24, prefixLength6: 56 },
    ],
  );
});

test('template: defaults, every option, and later variables see earlier ones', () => {
  const { templates } = readPlugin(
    'template',
    `template IN ANY
    template ANY AAAA a {
      match ^(?P<n>[0-9]+)$ b
      answer "{{ .Name }} 60 IN A 192.0.2.1" c
      additional d
      authority e
      rcode NXDOMAIN
      ederror 21 "not here"
      var num int(group('n'))
      var twice num * 2
      expr twice > 1 and type() in ['A']
      fallthrough b
      upstream 192.0.2.1
    }`,
  );
  assert.deepEqual(templates[0], {
    qclass: 1,
    qtype: 255,
    zones: ['example.org.'],
    patterns: ['.*'],
    answer: [],
    additional: [],
    authority: [],
    texts: [[], [], []],
    rcode: 0,
    extendedError: null,
    variables: [],
    expressions: [],
    fallthrough: null,
  });
  assert.deepEqual(templates[1]!.texts, [['{{ .Name }} 60 IN A 192.0.2.1', 'c'], ['d'], ['e']]);
  const { answer, variables, expressions, texts: _, ...rest } = templates[1]!;
  assert.equal(answer.length, 2);
  assert.equal(answer[0]![0]!.kind, 'action');
  assert.deepEqual(
    variables.map(({ name }) => name),
    ['num', 'twice'],
  );
  assert.equal(expressions.length, 1);
  assert.deepEqual(rest, {
    qclass: 255,
    qtype: 28,
    zones: ['a.'],
    patterns: ['^(?P<n>[0-9]+)$', 'b'],
    additional: [[{ kind: 'text', text: 'd' }]],
    authority: [[{ kind: 'text', text: 'e' }]],
    rcode: 3,
    extendedError: { code: 21, text: 'not here' },
    fallthrough: ['b.'],
  });
});

test('template: a field that does not exist is a warning, for it is a fault only when it is run', () => {
  assert.match(
    warningsOf('a {\n template IN A {\n answer "{{ .Grup.d }}"\n}\n}').join(),
    /^3:9 .*no field \.Grup.*SERVFAIL/,
  );
});

test('k8s_external beside kubernetes', () => {
  const { plugins } = read('a b {\n kubernetes c\n k8s_external {\n apex NS\n ttl 60\n headless\n fallthrough x\n}\n}')
    .blocks[0]!;
  assert.deepEqual(plugins.k8s_external, {
    zones: ['a.', 'b.'],
    apex: 'ns',
    ttlSeconds: 60,
    hasHeadless: true,
    fallthrough: ['x.'],
  });
});

test('options hold nothing that cannot go to another thread', () => {
  const text = `a {
    rewrite edns0 local set 1 0xff
    template IN A {
      var n 1
      answer "{{ .Name }}"
    }
    forward . 192.0.2.1
    acl {
      block net 10.0.0.0/8
    }
  }`;
  const { plugins } = read(text).blocks[0]!;
  assert.deepEqual(structuredClone(plugins), plugins);
});
