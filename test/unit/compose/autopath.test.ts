/** `autopath` from a Corefile's text to the response; the answers are CoreDNS 1.15.0's where no test says otherwise. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RawObject } from '../../oracle/kubernetes-objects.ts';
import { PLUGIN, RCODE_OTHER } from '../../../src/observability/counters/counter-layout.ts';
import { ComposedServer, type ComposedOptions } from './composed-server.ts';

const POD = '10.1.0.9';

function namespace(name: string): RawObject {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
}

function service(name: string, of: string, clusterIP: string): RawObject {
  const spec = { type: 'ClusterIP', clusterIP, clusterIPs: [clusterIP], ports: [{ name: 'http', port: 80 }] };
  return { apiVersion: 'v1', kind: 'Service', metadata: { name, namespace: of }, spec };
}

function pod(name: string, of: string, ips: readonly string[], hostNetwork = false): RawObject {
  const status = { phase: 'Running', podIP: ips[0], podIPs: ips.map((ip) => ({ ip })) };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: of },
    spec: { hostNetwork },
    status,
  } as RawObject;
}

const OBJECTS = [
  namespace('team'),
  namespace('other'),
  service('web', 'team', '10.96.0.1'),
  service('db', 'other', '10.96.0.2'),
  pod('client', 'team', [POD, 'fd00::9']),
  pod('second', 'other', ['10.1.0.10']),
  pod('node', 'team', ['10.0.0.1'], true),
  pod('old', 'team', ['10.1.0.11']),
  pod('new', 'other', ['10.1.0.11']),
];

const UPSTREAM = {
  'www.example.com. A': ['www.example.com. 60 A 192.0.2.80'],
  'www.example.com. AAAA': 'NODATA',
} as const;

function serverOf(more: Partial<ComposedOptions> & { readonly extra?: string } = {}): ComposedServer {
  const { extra = '', ...options } = more;
  return new ComposedServer({
    corefile: `.:53 {\n bind 127.0.0.1\n autopath @kubernetes\n kubernetes cluster.local {\n pods verified\n }\n forward . 192.0.2.53\n${extra}\n}`,
    objects: OBJECTS,
    upstream: UPSTREAM,
    ...options,
  });
}

const SOA = 'authority cluster.local. 5 SOA';

test('names of the search list are tried in its order, and what is found has a CNAME record in front', () => {
  const server = serverOf({ hostSearch: ['corp.test.', '.'] });
  assert.deepEqual(server.ask('web.team.svc.cluster.local A', { peer: POD }), [
    'NOERROR aa',
    'web.team.svc.cluster.local. 5 A 10.96.0.1',
  ]);
  for (const between of ['other', 'other.svc', 'other.svc.cluster.local']) {
    assert.deepEqual(server.ask(`db.${between}.team.svc.cluster.local A`, { peer: POD }), [
      'NOERROR aa',
      `db.${between}.team.svc.cluster.local. 5 CNAME db.other.svc.cluster.local.`,
      'db.other.svc.cluster.local. 5 A 10.96.0.2',
    ]);
  }
  const responsesOf = (plugin: number): number => server.total('responses', plugin * (RCODE_OTHER + 1));
  assert.deepEqual([PLUGIN.KUBERNETES, PLUGIN.AUTOPATH].map(responsesOf), [1, 3]);
  // None of this took more than what the server knows itself, but for the name that is whole already.
  assert.deepEqual(server.asked, ['db.other.svc.cluster.local.corp.test. A']);
  assert.deepEqual(server.ask('www.example.com.team.svc.cluster.local A', { peer: POD }), [
    'NOERROR',
    'www.example.com.team.svc.cluster.local. 60 CNAME www.example.com.',
    'www.example.com. 60 A 192.0.2.80',
  ]);
  assert.deepEqual(server.asked.slice(1), ['www.example.com.corp.test. A', 'www.example.com. A']);
  assert.equal(server.total('composed', 0), 5);
});

test('a client over IPv6, and the letter case it asked in', () => {
  const server = serverOf();
  assert.deepEqual(server.ask('DB.other.TEAM.svc.cluster.local A', { peer: 'fd00::9' }), [
    'NOERROR aa',
    'DB.other.TEAM.svc.cluster.local. 5 CNAME DB.other.svc.cluster.local.',
    'DB.other.svc.cluster.local. 5 A 10.96.0.2',
  ]);
});

test('NODATA ends the search, without a CNAME record', () => {
  const server = serverOf();
  const [own] = server.ask('db.other.team.svc.cluster.local AAAA', { peer: POD });
  assert.equal(own, 'NOERROR aa');
  const [head, soa, ...more] = server.ask('www.example.com.team.svc.cluster.local AAAA', { peer: POD });
  assert.equal(head, 'NOERROR');
  assert.match(soa!, /^authority upstream\.test\. 77 SOA /);
  assert.deepEqual(more, []);
});

test('nothing found: the first response', () => {
  const server = serverOf();
  const [head, soa, ...more] = server.ask('no.example.com.team.svc.cluster.local A', { peer: POD });
  assert.equal(head, 'NXDOMAIN aa');
  assert.ok(soa!.startsWith(SOA));
  assert.deepEqual(more, []);
  assert.deepEqual(server.asked, ['no.example.com. A']);
  assert.equal(server.total('composed', 0), 0);
});

test('whoever is no pod, shares an address, or asks below another namespace is answered what was asked', () => {
  const server = serverOf();
  const question = 'db.other.team.svc.cluster.local A';
  for (const peer of ['10.9.9.9', '10.1.0.10', '10.0.0.1', '10.1.0.11', 'fd00::99']) {
    assert.equal(server.ask(question, { peer })[0], 'NXDOMAIN aa', peer);
  }
  // The first name of the list itself, and names that only look like it.
  for (const name of [
    'team.svc.cluster.local',
    'xteam.svc.cluster.local',
    'a.xteam.svc.cluster.local',
    'a.xsvc.cluster.local',
  ]) {
    assert.equal(server.ask(`${name} A`, { peer: POD })[0]!.replace('NOERROR', 'NXDOMAIN'), 'NXDOMAIN aa', name);
  }
  assert.deepEqual(server.asked, []);
});

test('an upstream that fails ends the search with its failure', () => {
  const server = serverOf({ upstream: { 'www.example.com. A': 'SERVFAIL' } });
  assert.deepEqual(server.ask('www.example.com.team.svc.cluster.local A', { peer: POD }), ['SERVFAIL']);
  const silent = serverOf({ upstream: { 'www.example.com. A': 'silent' }, hostSearch: ['corp.test.'] });
  const client = silent.send('www.example.com.team.svc.cluster.local A', { peer: POD });
  silent.settle();
  assert.equal(silent.responseTo(client), undefined);
  silent.pass(6000);
  assert.equal(silent.responseTo(client)?.rcode, 2);
  assert.equal(silent.forwarder.hasClients, false);
});

test('without `pods verified` nothing is looked up, and it is said so', () => {
  const corefile = `.:53 {\n bind 127.0.0.1\n autopath @kubernetes\n kubernetes cluster.local\n}`;
  const server = new ComposedServer({ corefile, objects: OBJECTS });
  assert.match(server.warnings.join(), /Corefile:3:2: plugin\/autopath does nothing: .*pods verified/);
  assert.equal(server.ask('db.other.team.svc.cluster.local A', { peer: POD })[0], 'NXDOMAIN aa');
});

test('a search list from a file is the same for everyone; zones say where', () => {
  const corefile = `.:53 {\n bind 127.0.0.1\n autopath a.test /etc/resolv.conf\n forward . 192.0.2.53\n}`;
  const server = new ComposedServer({ corefile, upstream: UPSTREAM });
  assert.deepEqual(server.ask('www.example.com.a.test A'), [
    'NOERROR',
    'www.example.com.a.test. 60 CNAME www.example.com.',
    'www.example.com. 60 A 192.0.2.80',
  ]);
  assert.deepEqual(server.asked, ['www.example.com.a.test. A', 'www.example.com. A']);
  assert.equal(server.ask('www.example.com.b.test A')[0], 'NXDOMAIN');
  assert.equal(server.asked.length, 3);
});

test('names that no plugin of the block is there for are passed over', () => {
  const corefile = `.:53 {\n bind 127.0.0.1\n autopath @kubernetes\n kubernetes cluster.local {\n pods verified\n }\n file db example.org\n}`;
  const server = new ComposedServer({ corefile, objects: OBJECTS });
  assert.deepEqual(server.ask('none.team.svc.cluster.local A', { peer: POD }).slice(0, 1), ['NXDOMAIN aa']);
});

test('a plugin that knows names of its own, and not this one, does not end the search', () => {
  const template = (zone: string, option: string): string => `template ANY ANY ${zone} {\n ${option}\n }\n`;
  const extra =
    template('www.example.com.team.svc.cluster.local', 'rcode REFUSED') +
    template('www.example.com.svc.cluster.local', 'match none');
  const server = serverOf({ extra });
  assert.deepEqual(server.ask('www.example.com.team.svc.cluster.local A', { peer: POD }), [
    'NOERROR',
    'www.example.com.team.svc.cluster.local. 60 CNAME www.example.com.',
    'www.example.com. 60 A 192.0.2.80',
  ]);
});

test('what `rewrite` made of the name is searched for, and the response is changed back', () => {
  const server = serverOf({ extra: 'rewrite name suffix .short.test .team.svc.cluster.local answer auto' });
  assert.deepEqual(server.ask('www.example.com.short.test A', { peer: POD }), [
    'NOERROR',
    'www.example.com.short.test. 60 CNAME www.example.com.',
    'www.example.com. 60 A 192.0.2.80',
  ]);
});

test('acl decides about each name that is tried, and counts it once', () => {
  const server = serverOf({ extra: 'acl example.com {\n block\n }' });
  assert.deepEqual(server.ask('www.example.com.team.svc.cluster.local A', { peer: POD })[0], 'REFUSED');
  assert.deepEqual(server.asked, []);
  const open = serverOf({ extra: 'acl {\n allow\n }' });
  open.ask('www.example.com.team.svc.cluster.local A', { peer: POD });
  assert.equal(open.sum('acl'), 4);
});

test('flags that `header` sets are those of what was found too', () => {
  const server = serverOf({ extra: ' header {\n response set aa\n }' });
  for (const name of ['www.example.com A', 'www.example.com.team.svc.cluster.local A']) {
    assert.ok(server.askWire(name, { peer: POD })!.aa, name);
  }
});
