import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { formatName } from '../../../../src/dns/name.ts';
import type { CacheProfile } from '../../../../src/cache/cache-profiles.ts';
import type { ForwardGroup } from '../../../../src/forward/forward-group.ts';
import { DEFAULT_TCP_TIMEOUTS } from '../../../../src/resolver/resolver-options.ts';
import { compileCorefile } from '../../../../src/server/compile/compile-corefile.ts';
import { ZONE_KIND } from '../../../../src/snapshot/snapshot-layout.ts';
import type { ServerPlan } from '../../../../src/server/configuration/server-plan.ts';
import { readAtOnce, testOptions } from '../../plugins/corefile-fixture.ts';

const groups: ForwardGroup[] = [];

/** what the compilation registered */
const profiles: CacheProfile[] = [];

function compile(text: string): ServerPlan {
  groups.length = 0;
  const numberOfGroup = (group: ForwardGroup): number => groups.push(group) - 1;
  const indexOfCacheProfile = (profile: CacheProfile): number => profiles.push(profile) - 1;
  return compileCorefile(readAtOnce(text, 'Corefile', testOptions({ '/etc/coredns/w': 'a.test\n' })), {
    version: '0.0.0',
    hostName: 'host',
    numberOfGroup,
    indexOfCacheProfile,
    weightsOf: () => [{ name: 'a.test.', addresses: [{ words: [1], weight: 9 }] }],
  });
}

/** The chain of each route of a listener: `ZONE step step`, a step that falls through with a `+`. */
function chains(plan: ServerPlan, listener = 0): string[] {
  const routes = plan.config.listeners.find(({ id }) => id === listener)?.routes ?? [];
  return routes
    .map(({ zone, steps }) =>
      [formatName(zone), ...steps.map((step) => step.kind + (step.isFallthrough === true ? '+' : ''))].join(' '),
    )
    .sort();
}

const KUBEADM = `.:53 {
    bind 127.0.0.1
    errors
    health {
       lameduck 5s
    }
    ready
    kubernetes cluster.local in-addr.arpa ip6.arpa {
       pods insecure
       fallthrough in-addr.arpa ip6.arpa
       ttl 30
    }
    prometheus :9153
    forward . 192.0.2.1 {
       max_concurrent 1000
    }
    cache 30 {
       disable success cluster.local
       disable denial cluster.local
    }
    loop
    reload
    loadbalance
}
`;

describe('compileCorefile', () => {
  test('kubeadm: names of the cluster end there, reverse names fall through to the forwarder', () => {
    const plan = compile(KUBEADM);
    assert.deepEqual(chains(plan), [
      '. forward',
      'cluster.local. kubernetes forward',
      'in-addr.arpa. kubernetes+ forward',
      'ip6.arpa. kubernetes+ forward',
    ]);
    const timeouts = DEFAULT_TCP_TIMEOUTS;
    assert.deepEqual(plan.addresses, [
      { listener: 0, scheme: 'dns', address: '127.0.0.1', port: 53, tls: undefined, timeouts },
    ]);
    assert.deepEqual(plan.scopes.slice(1), [{ server: 'dns://127.0.0.1:53', zone: '.', view: '' }]);
    const policy = plan.config.listeners[0]?.routes[0]?.policy;
    assert.equal(policy?.rotates, true);
    assert.equal(policy.reportsErrors, true);
    assert.equal(policy.isRecursionAvailable, true);
    assert.equal(plan.records[0]?.options.pods, 'insecure');
    assert.deepEqual(plan.records[0]?.options.zones, ['cluster.local', 'in-addr.arpa', 'ip6.arpa']);
    assert.deepEqual(groups[0]?.upstreams, [{ address: '192.0.2.1', port: 53 }]);
    assert.equal(groups[0]?.concurrentMax, 1000);
  });

  test('a plugin that is not built answers where its step would run, and is named with its place', () => {
    const plan = compile('.:53 {\n    bind 127.0.0.1\n    etcd\n    whoami\n}\n');
    assert.deepEqual(chains(plan), ['. unbuilt whoami']);
    assert.match(plan.warnings.join(), /Corefile:3:5: plugin\/etcd is not built yet/);
  });

  test('loadbalance: by chance, by networks, by weights, or not at all', () => {
    const policyOf = (directive: string): unknown[] => {
      const plan = compile(`.:53 {\n    bind 127.0.0.1\n    ${directive}\n    whoami\n}\n`);
      assert.deepEqual(plan.warnings, []);
      const { rotates, isShuffled, addressOrder } = plan.config.listeners[0]!.routes[0]!.policy!;
      return [rotates, isShuffled, addressOrder === null ? null : JSON.parse(Buffer.from(addressOrder).toString())];
    };
    assert.deepEqual(policyOf('errors'), [false, false, null]);
    assert.deepEqual(policyOf('loadbalance'), [true, true, null]);
    const prefer = [{ family: 4, words: [0x0a00_0000], prefixLength: 8 }];
    assert.deepEqual(policyOf('loadbalance {\n prefer 10.0.0.0/8\n }'), [true, true, { prefer }]);
    const weights = [{ name: 'a.test.', addresses: [{ words: [1], weight: 9 }] }];
    assert.deepEqual(policyOf('loadbalance weighted w'), [false, false, { weights }]);
  });

  test('acl: the policies of the rules that hold for a zone, counted by server and zone of the rule', () => {
    const plan = compile(`.:53 {
    bind 127.0.0.1
    acl a.test b.a.test {
        block type A net 192.0.2.7
    }
    acl b.a.test {
        drop
    }
    whoami
}`);
    assert.deepEqual(plan.warnings, []);
    const found = plan.config.listeners[0]!.routes.map(({ zone, steps }) => {
      const [acl] = steps;
      assert.equal(acl?.kind, 'acl');
      const allowed = plan.scopes[acl.allowedScope];
      assert.deepEqual([allowed?.plugin, allowed?.zone], ['acl', '']);
      return [
        formatName(zone),
        ...acl.policies.map(({ action, scope }) => `${action} ${plan.scopes[scope]?.zone}`),
      ].join();
    });
    assert.deepEqual(found.sort(), ['.', 'a.test.,block a.test.', 'b.a.test.,block b.a.test.,drop b.a.test.']);
  });

  test('header: the last rule for a flag counts; of queries RD alone shows', () => {
    const flagsOf = (rules: string): unknown => {
      const plan = compile(`.:53 {\n bind 127.0.0.1\n header {\n ${rules}\n }\n whoami\n}`);
      assert.deepEqual(plan.warnings, []);
      return plan.config.listeners[0]!.routes[0]!.policy!.headerFlags;
    };
    assert.deepEqual(flagsOf('response set ra\n response clear aa rd'), { set: 0x0080, cleared: 0x0500 });
    assert.deepEqual(flagsOf('query set aa rd\n response set ra\n response clear ra'), {
      set: 0x0101,
      cleared: 0x0080,
    });
    assert.deepEqual(flagsOf('query clear rd\n response set rd'), { set: 0x0100, cleared: 0x0001 });
  });

  test('the order is the fixed one, not that of the text', () => {
    const plan = compile(`.:53 {
    bind 127.0.0.1
    whoami
    forward . 192.0.2.1
    kubernetes cluster.local
    any
    chaos
}`);
    assert.deepEqual(chains(plan), [
      '. any chaos forward whoami',
      'cluster.local. any chaos kubernetes forward whoami',
    ]);
  });

  test('except and stanzas of forward, zones of hosts', () => {
    const plan = compile(`example.org:53 {
    bind 127.0.0.1
    hosts /nowhere a.example.org {
        192.0.2.9 host.a.example.org
        fallthrough b.a.example.org
    }
    forward c.example.org 192.0.2.1 {
        except x.c.example.org
    }
    forward . 192.0.2.2
}`);
    assert.deepEqual(chains(plan), [
      'a.example.org. records forward',
      'b.a.example.org. records+ forward',
      'c.example.org. records forward forward',
      'example.org. records forward',
      'x.c.example.org. records forward',
    ]);
    // Without `next` a group is the same whatever stands behind it.
    assert.deepEqual(
      groups.map(({ nextGroup }) => nextGroup),
      [-1, -1],
    );
    compile(`.:53 {
    bind 127.0.0.1
    forward . 192.0.2.1 {
        next NXDOMAIN
    }
    forward . 192.0.2.2
}`);
    assert.deepEqual(
      groups.map(({ upstreams, nextGroup }) => [upstreams[0]!.address, nextGroup]),
      [
        ['192.0.2.2', -1],
        ['192.0.2.1', 0],
      ],
    );
    const routes = plan.config.listeners[0]!.routes;
    const outside = routes.find(({ zone }) => formatName(zone) === 'example.org.')!;
    assert.equal(outside.steps[0]?.kind === 'records' && outside.steps[0].isPointersOnly, true);
  });

  test('blocks on one listener: the longest key serves, and scopes name the keys', () => {
    const plan = compile(`.:5353 {
    bind 127.0.0.1
    whoami
}
cluster.local:5353 example.org:5353 {
    bind 127.0.0.1
    kubernetes cluster.local
}
.:5354 {
    bind 127.0.0.1
    any
}`);
    assert.deepEqual(chains(plan, 0), ['. whoami', 'cluster.local. kubernetes', 'example.org.']);
    assert.deepEqual(chains(plan, 1), ['. any']);
    assert.deepEqual(
      plan.scopes.slice(1).map(({ server, zone }) => `${server} ${zone}`),
      [
        'dns://127.0.0.1:5353 .',
        'dns://127.0.0.1:5353 cluster.local.',
        'dns://127.0.0.1:5353 example.org.',
        'dns://127.0.0.1:5354 .',
      ],
    );
  });

  test('a zone of a plugin that another block serves is that block’s', () => {
    const plan = compile(`.:53 {
    bind 127.0.0.1
    kubernetes cluster.local
}
cluster.local:53 {
    bind 127.0.0.1
    whoami
}`);
    assert.deepEqual(
      chains(plan),
      ['. ', 'cluster.local. whoami'].map((line) => line.trim()),
    );
  });

  test('two kubernetes instances have a dataset each', () => {
    const plan = compile(`a.local:53 {
    bind 127.0.0.1
    kubernetes a.local {
        ttl 10
    }
}
b.local:53 {
    bind 127.0.0.1
    kubernetes b.local
}`);
    assert.deepEqual(
      plan.records.map(({ dataset, options }) => [dataset, options.zones[0], options.ttlSeconds]),
      [
        [0, 'a.local', 10],
        [1, 'b.local', 5],
      ],
    );
  });

  test('bufsize, nsid and minimal go into the policy', () => {
    const plan = compile('.:53 {\n bind 127.0.0.1\n bufsize 2048\n nsid here\n minimal\n whoami\n}');
    const policy = plan.config.listeners[0]?.routes[0]?.policy;
    assert.equal(policy?.udpSizeMax, 2048);
    assert.equal(Buffer.from(policy.nsid).toString(), 'here');
    assert.equal(policy.isMinimal, true);
    assert.equal(policy.rotates, false);
  });
});

test('blocks that share a listener have the time-outs that the last of them sets', () => {
  const { addresses } = compile(`a. {
    bind 127.0.0.1
    timeouts {
        read 2s
        idle 20s
        maxtcpqueries 7
    }
    whoami
}
b. {
    bind 127.0.0.1
    timeouts {
        idle 30
        maxtcpqueries -1
    }
    whoami
}
`);
  assert.deepEqual(
    addresses.map(({ timeouts }) => timeouts),
    [{ readMs: 2000, writeMs: 5000, idleMs: 30_000, queriesMax: Infinity }],
  );
});

describe('transfer', () => {
  const plan = compile(`. {
    transfer cluster.local in-addr.arpa {
        to 192.0.2.1:5300 10.0.0.0/8
        source 192.0.2.9
    }
    transfer 10.in-addr.arpa example.org {
        to * 2001:db8::1
    }
    kubernetes cluster.local other.local in-addr.arpa 10.in-addr.arpa ip6.arpa
    k8s_external example.org
    whoami
}
`);

  test('stands before the plugin whose zone it hands over, where a rule names the zone', () => {
    assert.deepEqual(chains(plan), [
      '. whoami',
      '10.in-addr.arpa. transfer kubernetes whoami',
      'cluster.local. transfer kubernetes whoami',
      'example.org. transfer external whoami',
      'in-addr.arpa. transfer kubernetes whoami',
      'ip6.arpa. kubernetes whoami',
      'other.local. kubernetes whoami',
    ]);
  });

  test('the rule of the longest zone says who may have it', () => {
    const rules = new Map(
      plan.config.listeners[0]!.routes.map(({ zone, steps }) => [
        formatName(zone),
        steps.find((step) => step.kind === 'transfer'),
      ]),
    );
    assert.deepEqual(rules.get('in-addr.arpa.'), {
      kind: 'transfer',
      isAnyoneAllowed: false,
      networks: [
        { words: [0xc0000201], prefixLength: 32 },
        { family: 4, words: [0x0a000000], prefixLength: 8 },
      ],
    });
    for (const zone of ['10.in-addr.arpa.', 'example.org.']) {
      assert.deepEqual(rules.get(zone), {
        kind: 'transfer',
        isAnyoneAllowed: true,
        networks: [{ words: [0x20010db8, 0, 0, 1], prefixLength: 128 }],
      });
    }
  });

  test('hosts are notified, networks and everyone are not; each zone has the serial of its kind', () => {
    const [first, second] = [
      { address: '192.0.2.1', port: 5300 },
      { address: '2001:db8::1', port: 53 },
    ];
    const { CLUSTER, EXTERNAL } = ZONE_KIND;
    assert.deepEqual(plan.services?.notified, [
      { zone: 'cluster.local.', kind: CLUSTER, dataset: 0, to: [first], source: '192.0.2.9' },
      { zone: 'in-addr.arpa.', kind: CLUSTER, dataset: 0, to: [first], source: '192.0.2.9' },
      { zone: '10.in-addr.arpa.', kind: CLUSTER, dataset: 0, to: [second], source: null },
      { zone: 'example.org.', kind: EXTERNAL, dataset: 0, to: [second], source: null },
    ]);
  });
});

describe('cache', () => {
  const ttlsOf = (plan: ServerPlan): Record<string, number> =>
    Object.fromEntries(
      plan.config.listeners[0]!.routes.flatMap(({ zone, steps }) =>
        steps.flatMap((step) => ('ttlSeconds' in step ? [[`${formatName(zone)} ${step.kind}`, step.ttlSeconds]] : [])),
      ),
    );

  test('our own answers are kept by clients no longer than what goes through it, below its zones', () => {
    const plan = compile(`.:53 {
    bind 127.0.0.1
    cache 20 cluster.local
    hosts {
        192.0.2.1 host.test
        ttl 60
        fallthrough
    }
    kubernetes cluster.local {
        ttl 30
    }
}`);
    const ttls = ttlsOf(plan);
    assert.equal(ttls['cluster.local. kubernetes'], 20);
    assert.equal(ttls['cluster.local. records'], 20);
    assert.equal(ttls['. records'], 60);
  });

  test('forwarded answers have a profile below its zones, another where a kind is disabled, and none elsewhere', () => {
    profiles.length = 0;
    const plan = compile(`.:53 {
    bind 127.0.0.1
    cache 20 example.org example.net {
        disable success a.example.org
        disable denial b.example.org
    }
    forward . 192.0.2.1
}`);
    const profileOf = (zone: string): CacheProfile | undefined => {
      const route = plan.config.listeners[0]!.routes.find((each) => formatName(each.zone) === zone);
      const step = route?.steps.find(({ kind }) => kind === 'forward');
      return step?.kind === 'forward' && step.cacheProfile !== undefined ? profiles[step.cacheProfile] : undefined;
    };
    assert.equal(profileOf('.'), undefined);
    assert.deepEqual(profileOf('example.org.')?.success, { max: 20, min: 5, isMinSaid: false, isDisabled: false });
    assert.equal(profileOf('a.example.org.')?.success.isDisabled, true);
    assert.equal(profileOf('a.example.org.')?.denial.isDisabled, false);
    assert.equal(profileOf('a.example.org.')?.failureMs, 5000);
    assert.equal(profileOf('b.example.org.')?.denial.isDisabled, true);
    assert.equal(profileOf('b.example.org.')?.failureMs, 0);
    assert.equal(profileOf('example.net.')?.instance.key, profileOf('a.example.org.')?.instance.key);
  });
});

test('metrics name the plugins of a block that queries go through', () => {
  const { enabledPlugins } = compile(
    `a.test {\n root /tmp\n bind 127.0.0.1\n reload\n ready\n health\n debug\n errors\n view v {\n expr true\n }\n whoami\n}\n`,
  );
  assert.deepEqual(
    enabledPlugins.map(({ zone, view, name }) => `${zone} ${view} ${name}`),
    ['a.test. v errors', 'a.test. v whoami', 'a.test. v view'],
  );
});

test('a plugin without effect is no step: the others answer, and the operator is told', () => {
  const { config, warnings } = compile('a.test {\n  dnssec\n  whoami\n}\n');
  assert.deepEqual(
    config.listeners[0]!.routes.map(({ steps }) => steps.map(({ kind }) => kind)),
    [['whoami']],
  );
  assert.deepEqual(
    warnings.map((text) => /^Corefile:\d+:3: plugin\/(\w+): /.exec(text)?.[1]),
    ['dnssec'],
  );
});

test("a cache's metrics name the server as those of its queries do: with the address that the block is bound to", () => {
  profiles.length = 0;
  const { scopes } = compile('a.test {\n  bind 127.0.0.78\n  cache\n  forward . 192.0.2.1\n}\n');
  assert.equal(profiles[0]?.instance.labels.server, 'dns://127.0.0.78:53');
  assert.equal(scopes[1]?.server, 'dns://127.0.0.78:53');
});
