/** `rewrite` from a Corefile's text to the response; the answers are CoreDNS 1.15.0's where no test says otherwise. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatName, parseName } from '../../../../src/dns/name.ts';
import { compileCorefile } from '../../../../src/server/compile/compile-corefile.ts';
import type { ServerPlan } from '../../../../src/server/configuration/server-plan.ts';
import { formatName as formatLabels } from '../../../wire/names.ts';
import { buildQuery } from '../../../wire/query.ts';
import { decodeStrictly } from '../../../wire/strict-message.ts';
import { readAtOnce } from '../../plugins/corefile-fixture.ts';
import { Chain } from '../chain-fixture.ts';
import { CorefileServer } from '../corefile-server.ts';

function compile(text: string): ServerPlan {
  return compileCorefile(readAtOnce(text, 'Corefile', {}), {
    version: '0.0.0',
    hostName: 'host',
    numberOfGroup: () => 0,
    indexOfCacheProfile: () => 0,
  });
}

/** Blocks as they are written; without a key they are one block for everything. */
function chainOf(text: string): Chain {
  const isWhole = /^\S+ \{\n/.test(text) && !text.startsWith('rewrite') && !text.startsWith('template');
  const { config } = compile(isWhole ? text : `. {\n bind 127.0.0.1\n${text}\n}`);
  const routes = config.listeners[0]!.routes;
  return new Chain({
    routes: Object.fromEntries(routes.map(({ zone, steps }) => [formatName(zone), steps])),
    policy: { isShuffled: false },
  });
}

/** Every name has the address 192.0.2.1. */
const ADDRESSES = 'template IN A . {\n answer "{{ .Name }} 60 IN A 192.0.2.1"\n }';

test('each kind of match; which of them the answer is changed back for', () => {
  const chain = chainOf(`
    rewrite name from.nl. to.nl.
    rewrite name regex (core)\\.(dns)\\.(rocks)\\.(nl) {2}.{1}.{3}.{4} answer name (dns)\\.(core)\\.(rocks)\\.(nl) {2}.{1}.{3}.{4}
    rewrite name prefix prefix to
    rewrite name prefix foo- bar- answer auto
    rewrite name suffix .suffix. .nl.
    rewrite name suffix .auto.test .service.consul answer auto
    rewrite name substring from.substring to
    rewrite name substring mid.dle middle answer auto
    rewrite name regex (f.*m)\\.regex\\.(nl) to.{2}
    ${ADDRESSES}`);
  const cases = {
    'from.nl.': 'from.nl.',
    'core.dns.rocks.nl.': 'core.dns.rocks.nl.',
    'prefix.nl.': 'to.nl.',
    'prefix-x.nl.': 'prefix-x.nl.',
    'foo-.nl.': 'foo-.nl.',
    'to.suffix.': 'to.nl.',
    'a.b.auto.test.': 'a.b.auto.test.',
    'from.substring.nl.': 'to.nl.',
    'a.mid.dle.nl.': 'a.mid.dle.nl.',
    'from.regex.nl.': 'to.nl.',
    'other.nl.': 'other.nl.',
  };
  for (const [name, owner] of Object.entries(cases)) {
    assert.deepEqual(chain.ask(`${name} A`), ['NOERROR aa', `${owner} 60 A 192.0.2.1`], name);
  }
});

test('the question is echoed as the client wrote it, and the owner points to it', () => {
  const chain = chainOf(`rewrite name from.example a.name.that.is.longer.example\n${ADDRESSES}`);
  const message = chain.askWire(buildQuery({ name: 'FROM.example', type: 1, edns: { udpSize: 1232 } }));
  assert.equal(formatLabels(message.questions[0]!.name), 'FROM.example.');
  assert.equal(message.questions[0]!.type, 1);
  assert.equal(formatLabels(message.answer[0]!.owner), 'FROM.example.');
  assert.equal(message.opt!.udpSize, 1232);
});

test('a name outside of the block goes on in the rest of the same block', () => {
  const chain = chainOf(`a.example {
    bind 127.0.0.1
    rewrite name suffix .a.example .b.example answer auto
    template IN A b.example {
      answer "{{ .Name }} 60 IN A 192.0.2.2"
    }
  }
  b.example {
    bind 127.0.0.1
    template IN A b.example {
      answer "{{ .Name }} 60 IN A 192.0.2.99"
    }
  }`);
  assert.deepEqual(chain.ask('x.a.example. A'), ['NOERROR aa', 'x.a.example. 60 A 192.0.2.2']);
  assert.deepEqual(chain.ask('x.b.example. A'), ['NOERROR aa', 'x.b.example. 60 A 192.0.2.99']);
  // No plugin of the block has the name.
  assert.deepEqual(chain.ask('a.example. A'), ['SERVFAIL']);
});

test('plugins before it answer the name as it was asked', () => {
  const chain = chainOf(`rewrite name suffix . .x.example answer auto\nlocal\n${ADDRESSES}`);
  assert.deepEqual(chain.ask('localhost. A')[1], 'localhost. 604800 A 127.0.0.1');
});

test('rules in order: continue goes on with the new name, stop ends; rules of the response see the name there is', () => {
  const chain = chainOf(`
    rewrite continue name exact c1.example. c2.example.
    rewrite continue ttl c2.example. 7
    rewrite name c2.example. c3.example.
    rewrite ttl c2.example. 99
    rewrite continue ttl c3.example. 98
    rewrite rcode c3.example. NOERROR REFUSED
    ${ADDRESSES}`);
  assert.deepEqual(chain.ask('c1.example. A'), ['NOERROR aa', 'c1.example. 7 A 192.0.2.1']);
  assert.deepEqual(chain.ask('c2.example. A'), ['NOERROR aa', 'c2.example. 7 A 192.0.2.1']);
  assert.deepEqual(chain.ask('c3.example. A'), ['REFUSED aa', 'c3.example. 98 A 192.0.2.1']);
});

test('ttl: exact values and ranges, for records of all sections', () => {
  const chain = chainOf(`
    rewrite ttl exact one.example 1
    rewrite ttl suffix .low.example 100-
    rewrite ttl prefix high -30
    rewrite ttl regex ^in[a-z]+\\. 50-70
    template IN A . {
      answer "{{ .Name }} 60 IN A 192.0.2.1"
      authority "example. 5 IN NS ns.example."
      additional "ns.example. 500 IN A 192.0.2.5"
    }`);
  const ttls = (name: string) =>
    chain
      .ask(`${name} A`)
      .slice(1)
      .map((line) => Number(/ (\d+) (?:A|NS) /.exec(line)![1]));
  assert.deepEqual(ttls('one.example.'), [1, 1, 1]);
  assert.deepEqual(ttls('a.low.example.'), [100, 100, 500]);
  assert.deepEqual(ttls('high.example.'), [30, 5, 30]);
  assert.deepEqual(ttls('inner.example.'), [60, 50, 70]);
  assert.deepEqual(ttls('other.example.'), [60, 5, 500]);
});

test('rcode, also where no plugin answered', () => {
  const chain = chainOf(`
    rewrite continue rcode suffix .nx.example NXDOMAIN NOERROR
    rewrite rcode regex (.*)\\.fail\\.example SERVFAIL 3
    template IN A nx.example {
      rcode NXDOMAIN
      authority "nx.example. 60 IN SOA ns.nx.example. host.nx.example. 1 2 3 4 5"
    }`);
  assert.equal(chain.ask('a.nx.example. A')[0], 'NOERROR aa');
  assert.deepEqual(chain.ask('a.fail.example. A'), ['NXDOMAIN']);
  assert.deepEqual(chain.ask('other.example. A'), ['SERVFAIL']);
});

test('type and class; the question is what was asked, and so it is counted', () => {
  const chain = chainOf(`
    rewrite continue type ANY HINFO
    rewrite class CH IN
    template IN HINFO . {
      answer "{{ .Name }} 60 IN HINFO a b"
    }`);
  const any = chain.askWire(buildQuery({ name: 'a.example', type: 255 }));
  assert.equal(any.questions[0]!.type, 255);
  assert.equal(any.answer[0]!.type, 13);
  const chaos = chain.askWire(buildQuery({ name: 'a.example', type: 13, class: 3 }));
  assert.equal(chaos.rcode, 0);
  assert.equal(chaos.questions[0]!.class, 3);
  assert.equal(chain.askWire(buildQuery({ name: 'a.example', type: 13, class: 4 })).rcode, 5);
});

test('values: every type that has one, by auto and by rules of its own', () => {
  const chain = chainOf(`
    rewrite stop {
      name suffix 30.10.in-addr.arpa. 30.11.in-addr.arpa.
      answer auto
      answer value (.*)\\.service\\.consul\\. {1}.coredns.rocks.
    }
    rewrite name suffix .out.example .in.example answer auto
    template IN PTR . {
      answer "{{ .Name }} 60 IN PTR ftp.service.consul."
    }
    template IN MX . {
      answer "{{ .Name }} 60 IN MX 10 mail.in.example."
      answer "{{ .Name }} 60 IN MX 20 Mail2.IN.example."
      additional "mail.in.example. 60 IN A 192.0.2.5"
    }
    template IN SRV . {
      answer "{{ .Name }} 60 IN SRV 1 2 80 host.in.example."
      authority "in.example. 60 IN NS ns.in.example."
      authority "x.in.example. 60 IN SOA ns.in.example. host.in.example. 1 2 3 4 5"
    }`);
  assert.deepEqual(chain.ask('7.6.30.10.in-addr.arpa. PTR'), [
    'NOERROR aa',
    '7.6.30.10.in-addr.arpa. 60 PTR ftp.coredns.rocks.',
  ]);
  assert.deepEqual(chain.ask('a.out.example. MX'), [
    'NOERROR aa',
    'a.out.example. 60 MX 10 mail.out.example.',
    // Names differ in letter case only: CoreDNS leaves this one as it is.
    'a.out.example. 60 MX 20 Mail2.out.example.',
    'additional mail.out.example. 60 A 192.0.2.5',
  ]);
  assert.deepEqual(chain.ask('a.out.example. SRV'), [
    'NOERROR aa',
    'a.out.example. 60 SRV 1 2 80 host.out.example.',
    // The suffix has a dot in front: the zone's own name is none of its names.
    'authority in.example. 60 NS ns.out.example.',
    'authority x.out.example. 60 SOA ns.out.example. host.in.example. 1 2 3 4 5',
  ]);
});

test('the target of a CNAME is rewritten where it is looked up, and shown as it was', () => {
  const chain = chainOf(`
    rewrite name suffix .out.example .in.example answer auto
    rewrite ttl exact alias.example 33
    template IN A in.example {
      match ^q[.]
      answer "{{ .Name }} 60 IN CNAME a.out.example."
      fallthrough
    }
    template IN A in.example {
      answer "{{ .Name }} 60 IN A 192.0.2.1"
    }
    template IN A alias.example {
      answer "{{ .Name }} 60 IN CNAME a.out.example."
    }`);
  assert.deepEqual(chain.ask('alias.example. A'), [
    'NOERROR aa',
    'alias.example. 33 CNAME a.out.example.',
    'a.out.example. 33 A 192.0.2.1',
  ]);
  // What stands before it is not the target's.
  assert.deepEqual(chain.ask('q.in.example. A'), [
    'NOERROR aa',
    'q.in.example. 60 CNAME a.out.example.',
    'a.out.example. 60 A 192.0.2.1',
  ]);
});

test('what becomes of a name is no name: SERVFAIL', () => {
  const label = 'a'.repeat(63);
  const chain = chainOf(`rewrite name regex ^(x+)\\.(.*)$ {1}${label}.{2}\n${ADDRESSES}`);
  assert.deepEqual(chain.ask('x.example. A'), ['SERVFAIL']);
  assert.deepEqual(chain.ask('y.example. A'), ['NOERROR aa', 'y.example. 60 A 192.0.2.1']);
});

test('names that get longer make the response truncated, not longer than the client takes', () => {
  const answers = Array.from({ length: 10 }, (_, index) => `answer "{{ .Name }} 60 IN MX ${index} m${index}.i.test."`);
  const chain = chainOf(`
    rewrite name suffix .out.example .i.test answer auto value ^(m[0-9])\\..* {1}${'x'.repeat(50)}.test.
    template IN MX . {
      ${answers.join('\n')}
    }`);
  const size = chain.askBytes(buildQuery({ name: 'a.out.example', type: 15 }), [192, 0, 2, 1]).length;
  assert.ok(size <= 512, String(size));
  const edns = { udpSize: 512 };
  // One of these lengths leaves no more room than OPT takes.
  for (let length = 1; length < 60; length++) {
    const query = buildQuery({ name: `${'a'.repeat(length)}.out.example`, type: 15, edns });
    const withOpt = chain.askBytes(query, [192, 0, 2, 1]);
    assert.ok(withOpt.length <= 512, String(withOpt.length));
    assert.equal(decodeStrictly(withOpt).opt?.udpSize, 1232);
  }
  const lines = chain.ask('a.out.example. MX');
  assert.equal(lines[0], 'NOERROR aa tc');
  assert.ok(lines.length > 3 && lines.length < 11, lines.join('\n'));
});

test('octets that are no letters are matched as CoreDNS writes them', () => {
  const chain = chainOf(`rewrite name exact a\\@b.example to.example\n${ADDRESSES}`);
  const wire = parseName('a\\@b.example.')!;
  assert.equal(wire.length, 13);
  assert.deepEqual(chain.ask('a@b.example. A')[0], 'NOERROR aa');
});

test('metadata in a name: the client in the view of its block, groups beside it; without a value the rule is skipped', () => {
  const block = (more: string): string => `. {
    bind 127.0.0.1
    metadata
    view Inner {
      expr true
    }
    rewrite stop name regex (.*)\\.shop\\.test\\.? {1}.{view/name}.x.test metadata answer auto
    rewrite stop name regex (.*)\\.none\\.test\\.? {1}.{kubernetes/client-namespace}.x.test metadata
    rewrite name suffix .none.test .y.test
    rewrite stop name regex ^(.*)\\.whole\\.test\\.$ {0}{1}.z.test metadata
    ${more}
    template IN A . {
      answer "{{ .Name }} 60 IN A 192.0.2.1"
    }
  }`;
  const server = new CorefileServer(block(''));
  assert.deepEqual(server.askWhole('a.b.shop.test A'), ['NOERROR', 'a.b.shop.test. 60 A 192.0.2.1']);
  assert.deepEqual(server.askWhole('a.none.test A'), ['NOERROR', 'a.y.test. 60 A 192.0.2.1']);
  assert.deepEqual(server.askWhole('a.whole.test A'), ['NOERROR', 'a.whole.test.a.z.test. 60 A 192.0.2.1']);
  const shown = new CorefileServer(block('').replace(' answer auto', ''));
  assert.deepEqual(shown.askWhole('a.b.shop.test A'), ['NOERROR', 'a.b.inner.x.test. 60 A 192.0.2.1']);
});

test('metadata speaks of the question as it was asked', () => {
  const server = new CorefileServer(`. {
    bind 127.0.0.1
    metadata
    rewrite name exact web.team-a.svc.cluster.local x.test
    kubernetes cluster.local
    template IN TXT . {
      answer "{{ .Name }} 60 IN TXT {{ .Meta \\"kubernetes/service\\" }}"
    }
  }`);
  assert.deepEqual(server.ask('web.team-a.svc.cluster.local TXT'), ['NOERROR', 'TXT "web"']);
});
