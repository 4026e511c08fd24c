/** `{/LABEL}` of `log`: values of metadata on their way from the thread that answers to the line. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createQueryEventBuffer } from '../../../src/observability/queries/query-event-ring.ts';
import { QueryEventReader } from '../../../src/observability/queries/query-event-reader.ts';
import { QueryLog } from '../../../src/observability/queries/query-log.ts';
import type { Zone } from '../../../src/zones/zone-data.ts';
import type { RawObject } from '../../oracle/kubernetes-objects.ts';
import { zoneOf } from '../zones/zone-fixture.ts';
import { CorefileServer } from './corefile-server.ts';

function linesOf(
  text: string,
  questions: readonly string[],
  zones: readonly Zone[] = [],
  objects: readonly RawObject[] = [],
): string[] {
  const eventBuffer = createQueryEventBuffer(1);
  const server = new CorefileServer(text, { eventBuffer, zones, objects });
  for (const question of questions) server.ask(question);
  const lines: string[] = [];
  const log = new QueryLog({
    format: 'text',
    write: (line) => void lines.push(String(line).trimEnd()),
    blocks: server.plan.services.queryLog,
    localAddress: () => '',
  });
  new QueryEventReader(eventBuffer).drain((event) => log.add(event));
  return lines;
}

const FORMAT =
  '{name} {/view/name}|{/kubernetes/namespace}|{/kubernetes/service}|{/no/thing}|{/log/type}|{/forward/upstream}';

function corefile(metadata: string): string {
  return `. {
    bind 127.0.0.1
    log . "${FORMAT}"
    ${metadata}
    view inner {
      expr true
    }
    kubernetes cluster.local {
      fallthrough
    }
    rewrite name exact old.test web.default.svc.cluster.local
    template IN A . {
      answer "{{ .Name }} 60 IN A 192.0.2.1"
    }
  }`;
}

test('what is known, nothing, and what is empty', () => {
  const names = ['web.default.svc.cluster.local A', 'svc.cluster.local A', 'other.test A', 'old.test A'];
  assert.deepEqual(linesOf(corefile('metadata'), names), [
    '[INFO] web.default.svc.cluster.local. inner|default|web|-|NOERROR|-',
    '[INFO] svc.cluster.local. inner|||-|NOERROR|-',
    '[INFO] other.test. inner|-|-|-|NOERROR|-',
    '[INFO] old.test. inner|-|-|-|NOERROR|-',
  ]);
});

test('without metadata there are no values, in its zones only there are some', () => {
  assert.deepEqual(linesOf(corefile(''), ['web.default.svc.cluster.local A']), [
    '[INFO] web.default.svc.cluster.local. -|-|-|-|-|-',
  ]);
  assert.deepEqual(linesOf(corefile('metadata in.test'), ['a.test A', 'a.in.test A']), [
    '[INFO] a.test. -|-|-|-|NOERROR|-',
    '[INFO] a.in.test. inner|-|-|-|NOERROR|-',
  ]);
});

test('a longer name after a shorter one, and octets that are no whole words', () => {
  const names = ['a.b.default.svc.cluster.local A', 'x.a-much-longer-namespace.svc.cluster.local A', 'q.test A'];
  assert.deepEqual(
    linesOf(corefile('metadata'), names).map((line) => line.replace(/^\S+ \S+ /, '')),
    ['inner|default|b|-|NOERROR|-', 'inner|a-much-longer-namespace|x|-|NOERROR|-', 'inner|-|-|-|NOERROR|-'],
  );
});

test('the wildcard that a zone has answered from, for the name that was asked, not where an alias leads', () => {
  const text = `. {
    bind 127.0.0.1
    metadata in.test
    log . "{name} {/view/name}|{/zone/wildcard}|{/log/type}"
    view inner {
      expr true
    }
    file /zones/example.org example.org
  }`;
  const zone = `@ 60 SOA ns host 7 1 2 3 30
    *.W 60 A 192.0.2.1
    *.c 60 CNAME a.w
    a.*.e 60 A 192.0.2.2
    own 60 A 192.0.2.3
    *.o 60 CNAME own
    al 60 CNAME a.w
    `.replaceAll(/^ +/gm, '');
  const questions = ['a.W', 'own', 'b.c', 'x.o', 'al', 'x.e', 'x.w', 'own', '*.w', 'nosuch'].map(
    (name) => `${name}.example.org A`,
  );
  assert.deepEqual(
    linesOf(text, questions, [zoneOf(zone)]).map((line) => line.replace(/^\S+ (\S+)\.example\.org\./, '$1')),
    [
      ...['a.w -|*.w.example.org.|NOERROR', 'own -|-|NOERROR', 'b.c -|*.c.example.org.|NOERROR'],
      ...[
        'x.o -|*.o.example.org.|NOERROR',
        'al -|-|NOERROR',
        'x.e -|-|NODATA',
        'x.w -|*.w.example.org.|NOERROR',
        'own -|-|NOERROR',
      ],
      ...['*.w -|-|NOERROR', 'nosuch -|-|NXDOMAIN'],
    ],
  );
});

/** The pod that asks. @param labels  of its metadata */
function podOf(labels: Readonly<Record<string, string>>): RawObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web-0', namespace: 'shop', labels },
    status: { phase: 'Running', podIPs: [{ ip: '192.0.2.1' }] },
  };
}

const LABELLED = podOf({ app: 'web', 'app.kubernetes.io/part-of': 'shop', tier: '', other: 'unused' });

test('labels of the pod that asks, those that the text names', () => {
  const text = `. {
    bind 127.0.0.1
    metadata
    log . "{/kubernetes/client-label/app.kubernetes.io/part-of}|{/kubernetes/client-label/tier}|{/kubernetes/client-label/no}"
    kubernetes cluster.local {
      pods verified
    }
    template IN TXT a.test {
      answer "{{ .Name }} 60 IN TXT {{ .Meta \\"kubernetes/client-label/app\\" }}"
    }
  }`;
  assert.deepEqual(linesOf(text, ['a.test TXT'], [], [LABELLED]), ['[INFO] shop||-']);
  assert.deepEqual(linesOf(text, ['a.test TXT'], [], [podOf({})]), ['[INFO] -|-|-']);
  const server = new CorefileServer(text, { objects: [LABELLED] });
  assert.deepEqual(server.ask('a.test TXT'), ['NOERROR', 'TXT "web"']);
  assert.deepEqual(server.plan.records[0]!.options.clientLabels, ['app', 'app.kubernetes.io/part-of', 'no', 'tier']);
  const without = new CorefileServer(text.replace('metadata', ''), { objects: [LABELLED] });
  assert.deepEqual(without.plan.records[0]!.options.clientLabels, []);
});

test('a label of the pod that asks decides which block answers, and what a name becomes', () => {
  const text = `a.test {
    bind 127.0.0.1
    metadata
    view web {
      expr metadata('kubernetes/client-label/app') == 'web'
    }
    kubernetes cluster.local {
      pods verified
    }
    rewrite name regex ^(.*)\\.test\\.$ {kubernetes/client-label/other}.{1}.test metadata
    template IN TXT . {
      answer "{{ .Name }} 60 IN TXT {{ .Name }}"
    }
  }
  a.test {
    bind 127.0.0.1
    template IN TXT . {
      answer "{{ .Name }} 60 IN TXT no"
    }
  }`;
  const answerFor = (object: RawObject): string[] => new CorefileServer(text, { objects: [object] }).ask('a.test TXT');
  assert.deepEqual(answerFor(LABELLED), ['NOERROR', 'TXT "unused.a.test."']);
  assert.deepEqual(answerFor(podOf({ app: 'db' })), ['NOERROR', 'TXT "no"']);
  const { plan } = new CorefileServer(text);
  assert.deepEqual(plan.records[0]!.options.clientLabels, ['app', 'other']);
});
