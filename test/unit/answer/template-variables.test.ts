/** `var`, `expr` and metadata of `template`, from a Corefile's text to the response; compared with CoreDNS 1.15.0. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CorefileServer } from './corefile-server.ts';

const serve = (text: string): CorefileServer => new CorefileServer(`. {\n bind 127.0.0.1\n${text}\n}\n`);

test('variables are worked out one after the other, and templates print them', () => {
  const server = serve(`template IN TXT var.test {
    match (?P<a>[0-9]+)-(?P<b>[0-9]+)\\.var\\.test
    var x int(group('a')) + int(group(2))
    var y x * 2.5
    var z string(y) + '/' + group(0)
    var big x * 1000000.0
    var list [x, y, nil, true]
    answer "{{ .Name }} 60 IN TXT \\"{{ .Var.x }} {{ .Var.y }} {{ .Var.z }}\\" {{ .Var.big }} \\"{{ .Var.list }}{{ .Var.none }}\\""
  }`);
  assert.deepEqual(server.ask('3-4.var.test TXT'), [
    'NOERROR',
    'TXT "7 17.5 17.5/3-4.var.test" "7e+06" "[7 17.5 <nil> true]<no value>"',
  ]);
});

test('values keep their kind: integers, floats, texts, truth', () => {
  const server = serve(`template IN TXT . {
    var n size()
    var f 2.0
    var t name()
    var b do()
    answer "{{ .Name }} 60 IN TXT {{ if eq .Var.n 26 }}n{{ end }} {{ printf \\"%T%T%T%T\\" .Var.n .Var.f .Var.t .Var.b }}"
  }`);
  assert.deepEqual(server.ask('var.test TXT'), ['NOERROR', 'TXT "n" "intfloat64stringbool"']);
});

test('expressions that are not true: as if no pattern had matched', () => {
  const server = serve(`template IN A pass.test {
    expr type() == 'A'
    expr name() startsWith 'a.'
    answer "{{ .Name }} 60 IN A 192.0.2.1"
    fallthrough
  }
  template IN A stop.test {
    expr name() startsWith 'a.'
    answer "{{ .Name }} 60 IN A 192.0.2.2"
  }
  template IN A number.test {
    expr 1
    answer "{{ .Name }} 60 IN A 192.0.2.3"
  }
  template IN A . {
    answer "{{ .Name }} 60 IN A 192.0.2.9"
  }`);
  assert.deepEqual(server.ask('a.pass.test A'), ['NOERROR', 'A 192.0.2.1']);
  assert.deepEqual(server.ask('b.pass.test A'), ['NOERROR', 'A 192.0.2.9']);
  assert.deepEqual(server.ask('a.stop.test A'), ['NOERROR', 'A 192.0.2.2']);
  assert.deepEqual(server.ask('b.stop.test A'), ['SERVFAIL']);
  assert.deepEqual(server.ask('a.number.test A'), ['SERVFAIL']);
});

test('what cannot be worked out is SERVFAIL, whatever falls through', () => {
  const server = serve(`template IN A var.test {
    match ^(.)
    var n int(group(1))
    answer "{{ .Name }} 60 IN A 192.0.2.{{ .Var.n }}"
    fallthrough
  }
  template IN A expr.test {
    match ^(.)
    expr int(group(1)) > 0
    answer "{{ .Name }} 60 IN A 192.0.2.1"
    fallthrough
  }
  template IN A . {
    answer "{{ .Name }} 60 IN A 192.0.2.9"
  }`);
  assert.deepEqual(server.ask('5.var.test A'), ['NOERROR', 'A 192.0.2.5']);
  assert.deepEqual(server.ask('x.var.test A'), ['SERVFAIL']);
  assert.deepEqual(server.ask('5.expr.test A'), ['NOERROR', 'A 192.0.2.1']);
  assert.deepEqual(server.ask('x.expr.test A'), ['SERVFAIL']);
  assert.deepEqual(server.ask('0.expr.test A'), ['NOERROR', 'A 192.0.2.9']);
});

test('variables are there for rcode SERVFAIL as well, and a fixed answer with an expression is none', () => {
  const server = serve(`template IN A . {
    expr name() == 'bad.test.'
    rcode SERVFAIL
    fallthrough
  }
  template IN A . {
    rcode NXDOMAIN
  }`);
  assert.deepEqual(server.ask('bad.test A'), ['SERVFAIL']);
  assert.deepEqual(server.ask('good.test A'), ['NXDOMAIN']);
});

test('metadata: of the view, and of cluster names', () => {
  const server = new CorefileServer(`. {
    bind 127.0.0.1
    metadata
    view inner {
      expr metadata('view/name') == 'inner'
    }
    kubernetes cluster.local {
      fallthrough
    }
    template IN TXT . {
      expr metadata('kubernetes/service') != 'hidden'
      answer "{{ .Name }} 60 IN TXT \\"{{ .Meta \\"view/name\\" }}|{{ .Meta \\"kubernetes/service\\" }}|{{ .Meta \\"kubernetes/namespace\\" }}|{{ .Meta \\"kubernetes/kind\\" }}|{{ .Meta \\"kubernetes/port-name\\" }}|{{ .Meta \\"kubernetes/protocol\\" }}|{{ .Meta \\"kubernetes/endpoint\\" }}|{{ .Meta \\"kubernetes/parse-error\\" }}|{{ .Meta \\"no/thing\\" }}\\""
    }
  }`);
  const meta = (name: string): string => server.ask(`${name} TXT`)[1] ?? server.ask(`${name} TXT`)[0]!;
  assert.equal(meta('web.default.svc.cluster.local'), 'TXT "inner|web|default|svc|||||"');
  assert.equal(meta('_http._tcp.web.default.svc.cluster.local'), 'TXT "inner|web|default|svc|http|tcp|||"');
  assert.equal(meta('pod-0.web.default.svc.cluster.local'), 'TXT "inner|web|default|svc|||pod-0||"');
  assert.equal(meta('10-0-0-1.default.pod.cluster.local'), 'TXT "inner|10-0-0-1|default|pod|||||"');
  assert.equal(meta('x.cluster.local'), 'TXT "inner|||||||invalid query name|"');
  assert.equal(meta('example.org'), 'TXT "inner||||||||"');
  assert.equal(meta('hidden.default.svc.cluster.local'), 'SERVFAIL');
});

test('without metadata, and outside of its zones, nothing is known', () => {
  const text = (metadata: string) => `. {
    bind 127.0.0.1
    ${metadata}
    view v {
      expr true
    }
    template IN TXT . {
      answer "{{ .Name }} 60 IN TXT \\"[{{ .Meta \\"view/name\\" }}]\\""
    }
  }`;
  assert.equal(new CorefileServer(text('')).ask('a.test TXT')[1], 'TXT "[]"');
  const server = new CorefileServer(text('metadata in.test'));
  assert.equal(server.ask('a.test TXT')[1], 'TXT "[]"');
  assert.equal(server.ask('a.in.test TXT')[1], 'TXT "[v]"');
});

test('metadata of the client: the pod that has its address', () => {
  const pod = (name: string, ip: string, more: object = {}) => ({
    apiVersion: 'v1' as const,
    kind: 'Pod' as const,
    metadata: { name, namespace: 'team-a' },
    status: { phase: 'Running', podIP: ip, podIPs: [{ ip }] },
    ...more,
  });
  const corefile = (mode: string): string => `. {
    bind 127.0.0.1
    metadata
    kubernetes cluster.local {
      pods ${mode}
    }
    template IN TXT . {
      answer "{{ .Name }} 60 IN TXT \\"{{ .Meta \\"kubernetes/client-namespace\\" }}/{{ .Meta \\"kubernetes/client-pod-name\\" }}\\""
    }
  }`;
  const objects = [
    pod('p1', '10.0.0.1'),
    pod('p2', '2001:db8::2'),
    pod('h', '10.0.0.9', { spec: { hostNetwork: true } }),
  ];
  const server = new CorefileServer(corefile('verified'), { objects });
  assert.equal(server.ask('a.test TXT', { peer: [10, 0, 0, 1] })[1], 'TXT "team-a/p1"');
  const peer6 = [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2];
  assert.equal(server.ask('a.test TXT', { peer: peer6 })[1], 'TXT "team-a/p2"');
  assert.equal(server.ask('a.test TXT', { peer: [10, 0, 0, 2] })[1], 'TXT "/"');
  assert.equal(server.ask('a.test TXT', { peer: [10, 0, 0, 9] })[1], 'TXT "/"');
  const insecure = new CorefileServer(corefile('insecure'), { objects });
  assert.equal(insecure.ask('a.test TXT', { peer: [10, 0, 0, 1] })[1], 'TXT "/"');
});

test('tenants by the namespace of the client', () => {
  const objects = [
    {
      apiVersion: 'v1' as const,
      kind: 'Pod' as const,
      metadata: { name: 'p', namespace: 'team-a' },
      status: { phase: 'Running', podIP: '10.0.0.1', podIPs: [{ ip: '10.0.0.1' }] },
    },
  ];
  const block = (namespace: string, address: string): string => `shop.test {
    bind 127.0.0.1
    metadata
    kubernetes cluster.local {
      pods verified
    }
    view ${namespace} {
      expr metadata('kubernetes/client-namespace') == '${namespace}'
    }
    template IN A {
      answer "{{ .Name }} 60 IN A ${address}"
    }
  }\n`;
  const server = new CorefileServer(block('team-a', '192.0.2.1') + block('team-b', '192.0.2.2'), { objects });
  assert.deepEqual(server.ask('shop.test A', { peer: [10, 0, 0, 1] }), ['NOERROR', 'A 192.0.2.1']);
  assert.deepEqual(server.ask('shop.test A', { peer: [10, 0, 0, 2] }), ['REFUSED']);
});
