/** `view` from a Corefile's text to the response: which block answers. Routing is CoreDNS 1.15.0's. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SCOPE_CELLS } from '../../../src/observability/counters/counter-layout.ts';
import { parseName } from '../../../src/dns/name.ts';
import { SnapshotReader } from '../../../src/snapshot/reader.ts';
import { findTransferZone } from '../../../src/transfer/transfer-zone.ts';
import { CorefileServer } from './corefile-server.ts';

/** A block that answers every question for A and DS with its own name in a TXT record. */
function block(key: string, name: string, expr?: string, more = ''): string {
  const view = expr === undefined ? '' : `view ${name} {\n expr ${expr}\n }\n`;
  return `${key} {\n bind 127.0.0.1\n ${view}${more}\n template ANY ANY {\n answer "{{ .Name }} 60 IN TXT ${name}"\n }\n}\n`;
}

function serve(...blocks: readonly string[]): CorefileServer {
  return new CorefileServer(blocks.join(''));
}

/** The name of the block that answered; else the rcode. */
function whoAnswers(
  server: CorefileServer,
  question: string,
  asked: Parameters<CorefileServer['ask']>[1] = {},
): string {
  const [rcode, record] = server.ask(question, asked);
  return record === undefined ? rcode! : record.replace(/^TXT /, '').replaceAll('"', '');
}

test('of several blocks of a zone the first whose expressions hold', () => {
  const server = serve(
    block('a.test', 'v4', `type() == 'A'`),
    block('a.test', 'v6', `type() == 'AAAA'`),
    block('b.test', 'first', `name() startsWith 'x.'`),
    block('b.test', 'second', `type() in ['A', 'AAAA']`),
    block('b.test', 'rest'),
    block('c.test', 'plain'),
    block('c.test', 'late', 'true'),
  );
  assert.equal(whoAnswers(server, 'www.a.test A'), 'v4');
  assert.equal(whoAnswers(server, 'www.a.test AAAA'), 'v6');
  assert.equal(whoAnswers(server, 'www.a.test MX'), 'REFUSED');
  assert.equal(whoAnswers(server, 'x.b.test A'), 'first');
  assert.equal(whoAnswers(server, 'y.b.test A'), 'second');
  assert.equal(whoAnswers(server, 'y.b.test MX'), 'rest');
  assert.equal(whoAnswers(server, 'x.c.test A'), 'plain');
});

test('where none holds shorter zones are tried, down to the root', () => {
  const server = serve(
    block('.', 'root', `class() == 'IN' and type() != 'MX'`),
    block('a.b.test', 'deep', `type() == 'A'`),
    block('b.test', 'middle', `type() == 'AAAA'`),
    block('c.test', 'plain'),
  );
  assert.equal(whoAnswers(server, 'a.b.test A'), 'deep');
  assert.equal(whoAnswers(server, 'a.b.test AAAA'), 'middle');
  assert.equal(whoAnswers(server, 'a.b.test SRV'), 'root');
  assert.equal(whoAnswers(server, 'a.b.test MX'), 'REFUSED');
  assert.equal(whoAnswers(server, 'other.test A'), 'root');
  assert.equal(whoAnswers(server, 'x.c.test MX'), 'plain');
});

test('all expressions of a view have to hold; one that cannot be evaluated does not; a view without any does', () => {
  const two = 'view two {\n expr do()\n expr size() > 30\n }';
  const server = serve(
    block('a.test', 'two', undefined, two),
    block('a.test', 'fails', `incidr(name(), '10.0.0.0/8') or true`),
    block('a.test', 'number', '1'),
    block('a.test', 'none', undefined, 'view none {\n }'),
  );
  assert.equal(whoAnswers(server, 'a.test A', { edns: { udpSize: 1232, dnssecOk: true } }), 'two');
  assert.equal(whoAnswers(server, 'a.test A', { edns: { udpSize: 1232 } }), 'none');
});

test('expressions see who asks, how, and where', () => {
  const check = (expr: string, asked: Parameters<CorefileServer['ask']>[1], question = 'A.b.test A'): void => {
    const server = serve(block('b.test', 'yes', expr), block('b.test', 'no'));
    assert.equal(whoAnswers(server, question, asked), 'yes', expr);
  };
  check(`incidr(client_ip(), '10.0.0.0/8')`, { peer: [10, 1, 2, 3] });
  check(`client_ip() == '2001:db8::1'`, { peer: [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1] });
  check(`port() == '40000'`, {});
  check(`proto() == 'udp' and bufsize() == 512`, {});
  check(`proto() == 'tcp' and bufsize() == 65535`, { isStream: true });
  check('bufsize() == 1400 and not do()', { edns: { udpSize: 1400 } });
  check('id() == 77 and opcode() == 0', { id: 77 });
  check('size() == 26', {});
  check(`name() == 'a.b.test.'`, {});
  check(`server_ip() == '127.0.0.1' and server_port() == '53'`, {});
  check(`type() == 'TYPE65280' and class() == 'IN'`, {}, 'a.b.test TYPE65280');
  check(`metadata('view/name') == ''`, {});
});

test('a route that a plugin names is chosen like the zone it lies in', () => {
  const server = serve(
    block('b.test', 'first', `type() == 'A'`, 'template IN ANY sub.b.test {\n answer "{{ .Name }} 60 IN TXT sub"\n }'),
    block('b.test', 'rest'),
  );
  assert.equal(whoAnswers(server, 'x.sub.b.test A'), 'sub');
  assert.equal(whoAnswers(server, 'x.b.test A'), 'first');
  assert.equal(whoAnswers(server, 'x.sub.b.test AAAA'), 'rest');
});

test('DS goes to the parent: the shortest zone but the root whose blocks answer', () => {
  const server = serve(
    block('.', 'root'),
    block('a.b.test', 'child'),
    block('b.test', 'parent', `name() startsWith 'a.'`),
    block('b.test', 'parent2', `name() startsWith 'a.'`),
    block('c.d.test', 'child2', 'true'),
    block('d.test', 'never', 'false'),
    block('e.test', 'no', 'false'),
  );
  assert.equal(whoAnswers(server, 'a.b.test DS'), 'parent2');
  assert.equal(whoAnswers(server, 'x.a.b.test A'), 'child');
  assert.equal(whoAnswers(server, 'x.a.b.test DS'), 'child');
  assert.equal(whoAnswers(server, 'c.d.test DS'), 'child2');
  assert.equal(whoAnswers(server, 'e.test DS'), 'root');
  assert.equal(whoAnswers(server, 'd.test DS'), 'root');
});

test('zones that plugins of a block name are looked for within it, for DS too', () => {
  const server = serve(
    block('.', 'first', `name() startsWith 'a.'`, 'acl a.test {\n block net 10.0.0.0/8\n }'),
    block('.', 'rest', undefined, 'acl a.test {\n block type MX\n }'),
    block('b.test', 'plain', undefined, 'acl c.b.test e.d.c.b.test {\n block net 10.0.0.0/8\n }'),
    block('d.c.b.test', 'child'),
  );
  const peer = [10, 1, 2, 3];
  assert.equal(whoAnswers(server, 'a.a.test DS'), 'first');
  assert.equal(whoAnswers(server, 'a.a.test DS', { peer }), 'REFUSED');
  assert.equal(whoAnswers(server, 'b.a.test DS'), 'rest');
  assert.equal(whoAnswers(server, 'c.b.test DS'), 'plain');
  assert.equal(whoAnswers(server, 'c.b.test DS', { peer }), 'REFUSED');
  assert.equal(whoAnswers(server, 'd.c.b.test A', { peer }), 'child');
  assert.equal(whoAnswers(server, 'd.c.b.test DS', { peer }), 'REFUSED');
});

test('queries are counted under the view that answered, and acl under its own', () => {
  const server = serve(
    block('b.test', 'v4', `type() == 'A'`, 'acl {\n block net 10.0.0.0/8\n }'),
    block('b.test', 'rest', 'true', 'acl {\n block net 10.0.0.0/8\n }'),
  );
  const { scopes } = server.plan;
  assert.deepEqual(
    scopes.filter(({ plugin }) => plugin === undefined).map(({ zone, view }) => `${zone} ${view}`),
    ['dropped ', 'b.test. v4', 'b.test. rest'],
  );
  const aclViews = scopes.filter(({ plugin }) => plugin === 'acl').map(({ view }) => view);
  assert.deepEqual([...new Set(aclViews)], ['v4', 'rest']);
  server.ask('b.test A');
  server.ask('b.test AAAA');
  server.ask('b.test MX');
  const { counters } = server;
  const requestsOf = (scope: number): number => {
    let count = 0;
    for (let cell = SCOPE_CELLS.at.requests; cell < SCOPE_CELLS.at.requestSizes; cell++)
      count += counters.total(scope, cell);
    return count;
  };
  const counted = scopes.flatMap(({ view, plugin }, scope) =>
    plugin === undefined ? [[view, requestsOf(scope)]] : [],
  );
  assert.deepEqual(counted, [
    ['', 0],
    ['v4', 1],
    ['rest', 2],
  ]);
});

test('a CNAME is followed through views', () => {
  const server = serve(
    `a.test {\n bind 127.0.0.1\n template IN A {\n answer "{{ .Name }} 60 IN CNAME x.b.test."\n }\n}\n`,
    block('b.test', 'no', `incidr(client_ip(), '10.0.0.0/8')`),
    `b.test {\n bind 127.0.0.1\n template IN A {\n answer "{{ .Name }} 60 IN A 192.0.2.9"\n }\n}\n`,
  );
  assert.deepEqual(server.ask('a.test A'), ['NOERROR', 'CNAME x.b.test.', 'A 192.0.2.9']);
});

test('a transfer is of the view that answered the query for it', () => {
  const cluster = (view: string): string => `cluster.local {
    bind 127.0.0.1
    view ${view} {
      expr metadata('x') == '${view}'
    }
    transfer {
      to *
    }
    kubernetes cluster.local
  }
`;
  const server = new CorefileServer(cluster('one') + cluster('two'));
  const reader = new SnapshotReader(server.buffer, server.builder.epochs.claimSlot(2));
  reader.enter();
  const datasetOf = (view: string): number | undefined => {
    const scope = server.plan.scopes.findIndex((labels) => labels.view === view);
    return findTransferZone(reader, 0, parseName('cluster.local.')!, scope)?.datasetAt;
  };
  assert.deepEqual([datasetOf('one'), datasetOf('two')], [reader.datasetAt(0), reader.datasetAt(1)]);
  assert.equal(findTransferZone(reader, 0, parseName('cluster.local.')!, 0), undefined);
  reader.leave();
});
