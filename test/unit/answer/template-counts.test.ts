/** What `template` counts, under CoreDNS's names: of every kind of answer, in each zone and view. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { queryMetrics } from '../../../src/observability/counters/query-metrics.ts';
import { CorefileServer } from './corefile-server.ts';

const COREFILE = `a.test b.test {
  bind 127.0.0.1
  rewrite name exact old.a.test fixed.a.test
  template IN A a.test {
    match ^fixed
    answer "{{ .Name }} 60 IN A 192.0.2.1"
  fallthrough
  }
  template IN TXT a.test {
    answer "{{ .Name }} 60 IN TXT {{ index .Match 1 }}"
  }
  template IN MX a.test {
    answer "{{ .Name }} 60 IN MX {{ .Name }}"
    additional "x.test. 60 IN A 192.0.2.1"
  }
  template IN SRV a.test {
    answer "{{ .Name }} 60 IN SRV 1 1 1 x.test."
    additional "{{ .Name }} 60 IN A {{ .Zone }}"
  }
  template IN AAAA b.test {
    answer "{{ .Name }} 60 IN AAAA 2001:db8::1"
  }
}
c.test {
  bind 127.0.0.1
  view v {
    expr true
  }
  template ANY ANY {
    rcode NXDOMAIN
  }
}
`;

function samplesOf(server: CorefileServer): string[] {
  const families = queryMetrics(server.counters, server.plan.scopes).filter(({ name }) => name.includes('template_'));
  return families.flatMap(({ name, samples }) =>
    [...samples()].map(({ labels, value }) => {
      const { server: _, ...rest } = labels as Record<string, string>;
      return `${name.replace(/^coredns_template_/, '')} ${Object.values(rest).join('|')} ${String(value)}`;
    }),
  );
}

test('matches and failures, by zone, view and type', () => {
  const server = new CorefileServer(COREFILE);
  assert.deepEqual(samplesOf(server), [], 'nothing before the first use');
  const asked = [
    'fixed.a.test A',
    'old.a.test A',
    'x.a.test A',
    'x.a.test TXT',
    'x.a.test MX',
    'x.a.test SRV',
    'x.b.test AAAA',
    'x.b.test A',
    'x.c.test A',
    'x.c.test TYPE65280',
  ];
  for (const question of asked) server.ask(question);
  assert.deepEqual(samplesOf(server), [
    'matches_total a.test.||IN|A 2',
    'matches_total a.test.||IN|MX 1',
    'matches_total a.test.||IN|SRV 1',
    'matches_total a.test.||IN|TXT 1',
    'matches_total b.test.||IN|AAAA 1',
    'matches_total c.test.|v|IN|A 1',
    'matches_total c.test.|v|IN|other 1',
    'template_failures_total a.test.||IN|TXT|answer|{{ .Name }} 60 IN TXT {{ index .Match 1 }} 1',
    'rr_failures_total a.test.||IN|MX|answer|{{ .Name }} 60 IN MX {{ .Name }} 1',
    'rr_failures_total a.test.||IN|SRV|additional|{{ .Name }} 60 IN A {{ .Zone }} 1',
  ]);
});

test('where several have a type, the label is the one that failed', () => {
  const server = new CorefileServer(`. {
    bind 127.0.0.1
    template IN TXT . {
      match ^a
      answer "{{ .Name }} 60 IN TXT a" "{{ .Name }} 60 IN TXT {{ index .Match 1 }}"
      additional "{{ .Name }} 60 IN TXT {{ index .Match 1 }}x"
      fallthrough
    }
    template IN TXT . {
      answer "{{ .Name }} 60 IN TXT {{ index .Match 2 }}"
    }
    template ANY ANY . {
      match ^x
      answer "{{ .Name }} 60 IN A {{ .Zone }}"
      fallthrough
    }
    template ANY ANY . {
      answer "{{ .Name }} 60 IN A {{ .Name }}"
    }
  }`);
  for (const question of ['a.test TXT', 'ab.test TXT', 'b.test TXT', 'c.test A']) server.ask(question);
  const failures = (): string[] => samplesOf(server).filter((line) => line.includes('failures'));
  assert.deepEqual(failures(), [
    'template_failures_total .||IN|TXT|answer|{{ .Name }} 60 IN TXT {{ index .Match 1 }} 2',
    'template_failures_total .||IN|TXT|answer|{{ .Name }} 60 IN TXT {{ index .Match 2 }} 1',
    'rr_failures_total .||IN|A|answer|{{ .Name }} 60 IN A {{ .Name }} 1',
  ]);
  server.ask('x.test A');
  assert.equal(failures().at(-1), 'rr_failures_total .||IN|A|answer| 2', 'of two for all types it is not known');
});
