/** `loadbalance` with networks that are preferred, and with weights: through steps that answer from records and from text. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AddressOrderProgram } from '../../../src/answer/order/address-orders.ts';
import { parseIP, parseNetwork } from '../../../src/config/network.ts';
import { readWeights } from '../../../src/config/weight-file.ts';
import { parseName, parseRelativeName } from '../../../src/dns/name.ts';
import type { PolicyDescription, StepDescription } from '../../../src/snapshot/config-description.ts';
import { compileTemplate } from '../../../src/server/compile/steps/template.ts';
import { readPlugin } from '../plugins/corefile-fixture.ts';
import { Chain } from './chain-fixture.ts';

const records: StepDescription = {
  kind: 'records',
  dataset: 0,
  ttlSeconds: 60,
  hasWildcards: false,
  isPointersOnly: false,
};

function templates(...directives: readonly string[]): readonly StepDescription[] {
  return readPlugin('template', directives.join('\n')).templates.map((rule) => compileTemplate(rule));
}

function orderedBy(program: AddressOrderProgram): Partial<PolicyDescription> {
  return { addressOrder: new TextEncoder().encode(JSON.stringify(program)), rotates: program.weights === undefined };
}

const prefer = (...networks: readonly string[]): Partial<PolicyDescription> =>
  orderedBy({ prefer: networks.map((text) => parseNetwork(text)!) });

function weighted(text: string): Partial<PolicyDescription> {
  const weights = readWeights(text);
  assert.ok(typeof weights !== 'string', String(weights));
  return orderedBy({ weights });
}

function chainOf(policy: Partial<PolicyDescription>, steps: readonly StepDescription[]): Chain {
  return new Chain({
    routes: { '.': steps },
    policy,
    fill: (sink) => {
      const addresses4 = [0xc000_0201, 0xc633_6401, 0x0a01_0001, 0xc000_0202, 0x0a02_0001];
      const addresses6 = [...parseIP('2001:db8::1')!.words, ...parseIP('2001:db8:1::1')!.words];
      for (const name of ['many.test', 'other.test']) {
        const content = { kind: 'address', ports: [], weight: 0, targetSkip: 0, addresses4, addresses6 } as const;
        sink.put(parseRelativeName(name)!, content);
      }
    },
  });
}

const addressesOf = (lines: readonly string[]): string[] =>
  lines.flatMap((line) => / (?:A|AAAA) (\S+)$/.exec(line)?.[1] ?? []);

/** How often each address was the first of `rounds` answers. */
function firsts(chain: Chain, question: string, rounds: number): Map<string, number> {
  const counts = new Map<string, number>();
  for (let round = 0; round < rounds; round++) {
    const [first = ''] = addressesOf(chain.ask(question));
    counts.set(first, (counts.get(first) ?? 0) + 1);
  }
  return counts;
}

test('prefer: addresses of the first network, of the second, then the others; each kind by chance', () => {
  const chain = chainOf(prefer('10.0.0.0/8', '192.0.2.0/24', '2001:db8:1::/48'), [records]);
  const seen = new Set<string>();
  for (let round = 0; round < 40; round++) {
    const addresses = addressesOf(chain.ask('many.test A'));
    assert.deepEqual(addresses.slice(0, 2).sort(), ['10.1.0.1', '10.2.0.1']);
    assert.deepEqual(addresses.slice(2, 4).sort(), ['192.0.2.1', '192.0.2.2']);
    assert.deepEqual(addresses.slice(4), ['198.51.100.1']);
    assert.equal(addressesOf(chain.ask('many.test AAAA'))[0], '2001:db8:1::1');
    seen.add(addresses.join());
  }
  assert.equal(seen.size, 4);
});

test('prefer: a template that gives both families, behind a CNAME and with addresses in the additional section', () => {
  const rule = `template IN A . {
    answer "x. 60 IN A 198.51.100.1" "x. 60 IN AAAA 2001:db8::1" "x. 60 IN A 10.0.0.1" "{{ .Name }} 60 IN CNAME x."
    additional "x. 60 IN A 198.51.100.1" "x. 60 IN A 10.0.0.1"
  }`;
  const chain = chainOf(prefer('10.0.0.0/8', '2001:db8::/32'), templates(rule));
  for (let round = 0; round < 20; round++) {
    assert.deepEqual(chain.ask('a.test A'), [
      'NOERROR aa',
      'a.test. 60 CNAME x.',
      'x. 60 A 10.0.0.1',
      'x. 60 AAAA 2001:db8::1',
      'x. 60 A 198.51.100.1',
      'additional x. 60 A 10.0.0.1',
      'additional x. 60 A 198.51.100.1',
    ]);
  }
});

test('weights: the first is drawn by weight, whatever the letter case, and changes places with the one that was first', () => {
  const chain = chainOf(weighted('MANY.test\n198.51.100.1 200\n10.1.0.1 100\n192.0.2.1 1\n192.0.2.2 1\n'), [records]);
  const before = ['192.0.2.1', '198.51.100.1', '10.1.0.1', '192.0.2.2', '10.2.0.1'];
  const rounds = 3000;
  const counts = firsts(chain, 'Many.Test A', rounds);
  // Of 303 shares 200, 100, and one each; bounds are ten standard deviations wide.
  assert.ok(Math.abs(counts.get('198.51.100.1')! - (rounds * 200) / 303) < 260, String(counts.get('198.51.100.1')));
  assert.ok(Math.abs(counts.get('10.1.0.1')! - (rounds * 100) / 303) < 260, String(counts.get('10.1.0.1')));
  const seen = new Set<string>();
  for (let round = 0; round < 200; round++) seen.add(addressesOf(chain.ask('many.test A')).join());
  const swapped = before.map((address, index) => {
    const list = [...before];
    list[0] = address;
    list[index] = before[0]!;
    return list.join();
  });
  for (const list of seen) assert.ok(swapped.includes(list), list);
});

test('weights: names without any are equal, and what is no question for addresses stays as it is', () => {
  const policy = weighted('many.test\n10.1.0.1 255\n');
  const chain = chainOf(policy, [records]);
  assert.equal(firsts(chain, 'other.test A', 200).size, 5);
  const rule = `template IN ANY . {
    answer "x. 60 IN MX 5 a." "x. 60 IN MX 6 b." "x. 60 IN A 198.51.100.1" "x. 60 IN A 10.0.0.1"
  }`;
  const mail = chainOf(policy, templates(rule));
  const answers = new Set(Array.from({ length: 40 }, () => mail.ask('a.test MX').join()));
  assert.deepEqual([...answers], ['NOERROR aa,x. 60 MX 5 a.,x. 60 MX 6 b.,x. 60 A 198.51.100.1,x. 60 A 10.0.0.1']);
});

test('prefer: a Service’s endpoints, also where they are additional records of SRV', () => {
  const zone = parseName('cluster.local')!;
  const step: StepDescription = {
    kind: 'kubernetes',
    zone,
    dataset: 0,
    ttlSeconds: 5,
    isPodsInsecure: false,
    isZonal: false,
    primary: zone,
  };
  const chain = new Chain({
    routes: { 'cluster.local.': [step] },
    policy: prefer('10.0.0.2/32'),
    isSynced: true,
    fill: (sink) =>
      sink.put(parseRelativeName('web.default.svc')!, {
        kind: 'endpoints',
        weight: 33,
        targetSkip: 0,
        addresses4: [0x0a00_0001, 0x0a00_0002, 0x0a00_0003],
        addresses6: [],
        portSets: [[80]],
        groups: [1, 2, 3].map((host) => ({
          name: parseRelativeName(`10-0-0-${host}`)!,
          portSet: 0,
          addresses4: [0x0a00_0000 + host],
          addresses6: [],
        })),
      }),
  });
  for (let round = 0; round < 20; round++) {
    assert.equal(addressesOf(chain.ask('web.default.svc.cluster.local A'))[0], '10.0.0.2');
    const glue = chain.ask('web.default.svc.cluster.local SRV', { edns: { udpSize: 4096 } });
    assert.deepEqual(addressesOf(glue).length, 3);
    assert.equal(addressesOf(glue)[0], '10.0.0.2');
  }
});

test('a configuration that takes the place of another brings its own order', () => {
  const chain = chainOf(prefer('10.1.0.0/16'), [records]);
  for (const third of [1, 2, 1]) {
    chain.setPolicy(prefer(`10.${third}.0.0/16`));
    assert.equal(addressesOf(chain.ask('many.test A'))[0], `10.${third}.0.1`);
  }
});
