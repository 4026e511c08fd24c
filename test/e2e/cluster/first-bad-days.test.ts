/**
 * The first bad days of a cluster, on a real API server: it is killed, it forgets, it refuses, its watches break. Names that
 * do not change are answered all the time, and afterwards the state is that of a fresh list: every name of every object,
 * those of former objects too, is asked of the server that went through it and of one that has just been started.
 */
import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, describe, test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { TYPE } from '../../../src/dns/iana.ts';
import { DEFAULT_RECORD_OPTIONS } from '../../../src/records/record-options.ts';
import { clusterIp, headless, namespace, slice } from '../../cases/objects.ts';
import { ControlPlane } from '../../cluster/control-plane.ts';
import { corefileOf, DnsServer } from '../../cluster/dns-server.ts';
import { FaultProxy } from '../../cluster/fault-proxy.ts';
import { kubectl } from '../../cluster/kubectl.ts';
import { owedForObjects } from '../../cluster/object-questions.ts';
import { answerFaults, queryOf, type OwedAnswer } from '../../cluster/owed-answers.ts';
import { SteadyAsker } from '../../cluster/steady-asker.ts';
import { useClusterTools } from '../../cluster/use-cluster.ts';
import { WireClient } from '../../cluster/wire-client.ts';
import type { RawEndpointSlice, RawObject } from '../../oracle/kubernetes-objects.ts';
import { freePort, ROOT } from '../skyshard-process.ts';

const ADDRESS = '127.0.0.1';
const SETTLE_DEADLINE_MS = 90_000;
const OPTIONS = DEFAULT_RECORD_OPTIONS;
const RIGHTS = path.join(ROOT, 'deploy/kubernetes/rbac.yaml');
/** What to add to the ClusterRole, in a log line, which is JSON. */
const MISSING_RULE = /apiGroups: \[\\"discovery\.k8s\.io\\"\], resources: \[\\"endpointslices\\"\]/;
const SERVICE_COUNT = 20;

const { tools, skip } = await useClusterTools();

/** Objects that stay as they are. */
const STEADY: readonly RawObject[] = [
  namespace('shop'),
  ...[0, 1, 2, 3].flatMap((i) => [
    headless(`shop/steady-${i}`, 'http:80/TCP'),
    slice(`shop/steady-${i}-1`, `steady-${i}`, 'http:80/TCP', [`10.9.0.${i + 1} host=a`, `10.9.1.${i + 1}`]),
    clusterIp(`shop/fixed-${i}`, `10.100.0.${i + 1}`, 'http:80/TCP'),
  ]),
];

/** Objects as they are at some time: some come, some go, endpoints move. */
function changing(generation: number): RawObject[] {
  const numbers = Array.from({ length: SERVICE_COUNT }, (_, i) => i).filter((i) => i % 5 !== generation % 5);
  return [
    namespace(`time-${generation}`),
    ...numbers.flatMap((i) => [
      headless(`shop/s-${i}`, 'http:80/TCP'),
      slice(`shop/s-${i}-1`, `s-${i}`, 'http:80/TCP', [
        `10.8.${generation}.${i + 1}`,
        `10.7.0.${i + 1} host=h${generation}`,
      ]),
    ]),
  ];
}

describe('first bad days', { skip }, () => {
  let plane: ControlPlane;
  let proxy: FaultProxy;
  let client: WireClient;
  let generation = 0;
  let current: readonly RawObject[] = [];
  /** everything that was ever there */
  const former: RawObject[] = [];

  const run = (args: readonly string[], input?: string | readonly object[]): Promise<string> =>
    kubectl({ program: tools!.kubectl, kubeconfig: plane.kubeconfig() }, args, input);

  before(async () => {
    plane = await ControlPlane.start({ tools: tools! });
    proxy = await FaultProxy.start({
      server: plane.server,
      caFile: plane.certificate('ca.crt'),
      certFile: plane.certificate('dns.crt'),
      keyFile: plane.certificate('dns.key'),
    });
    client = new WireClient([]);
    await run(['apply', '-f', '-'], STEADY);
    await change();
  });

  after(async () => {
    client?.close();
    await proxy?.stop();
    await plane?.stop();
  });

  /** The next generation of the objects that change. */
  async function change(): Promise<void> {
    generation += 1;
    const next = changing(generation);
    const isIn = (list: readonly RawObject[], one: RawObject): boolean =>
      list.some(({ kind, metadata }) => kind === one.kind && metadata.name === one.metadata.name);
    const gone = current.filter((one) => !isIn(next, one));
    await run(['apply', '-f', '-'], next);
    if (gone.length > 0) await run(['delete', '--wait=false', '--ignore-not-found', '-f', '-'], gone);
    former.push(...current);
    current = next;
  }

  async function startServer(access: string): Promise<DnsServer> {
    const port = await freePort(ADDRESS);
    const corefile = corefileOf(OPTIONS, { port, access, extra: [`bind ${ADDRESS}`] });
    return new DnsServer({ program: 'skyshard', coredns: '', corefile, at: { address: ADDRESS, port }, wrapper: [] });
  }

  const syncedNames = ['fixed-0.shop.svc.cluster.local', 'steady-0.shop.svc.cluster.local'];

  /** What the API server has now, as a list made anew says. */
  async function owedNow(): Promise<OwedAnswer[]> {
    const text = await run(['get', 'namespaces,services,endpointslices', '-A', '-o', 'json']);
    const items = (JSON.parse(text) as { items: RawObject[] }).items.map((item) =>
      item.kind === 'EndpointSlice' ? { ...item, endpoints: (item as RawEndpointSlice).endpoints ?? [] } : item,
    );
    return owedForObjects(items, OPTIONS, former);
  }

  async function faultsOf(server: DnsServer, owed: readonly OwedAnswer[]): Promise<string[]> {
    const found = await Promise.all(
      owed.map(async (one) => answerFaults(await server.ask(client, queryOf(one.question)), one, OPTIONS.zones)),
    );
    return found.flatMap((faults, index) =>
      faults.length === 0 ? [] : [`${owed[index]!.question.line}: ${faults.join('; ')}`],
    );
  }

  /** The server, and one that was started now, answer for all objects that there are. */
  async function assertIsAsFresh(server: DnsServer): Promise<void> {
    for (const startedAt = performance.now(); ; await sleep(100)) {
      const faults = await faultsOf(server, await owedNow());
      if (faults.length === 0) break;
      if (performance.now() - startedAt > SETTLE_DEADLINE_MS)
        assert.fail(`${faults.join('\n')}\n${server.program.lastWords(30)}`);
    }
    const fresh = await startServer(`kubeconfig ${plane.kubeconfig('dns')}`);
    try {
      await fresh.waitUntilSynced(client, syncedNames);
      assert.deepEqual(await faultsOf(fresh, await owedNow()), []);
    } finally {
      await fresh.stop();
    }
  }

  /** A day: a server that has all lists, and is asked for what stays from here to its end. */
  async function day(
    t: TestContext,
    story: (server: DnsServer) => Promise<void>,
    access = `endpoint ${proxy.url}`,
  ): Promise<void> {
    const server = await startServer(access);
    t.after(() => server.stop());
    await server.waitUntilSynced(client, syncedNames);
    await assertIsAsFresh(server);
    const asker = new SteadyAsker(server, client, owedForObjects(STEADY, OPTIONS), OPTIONS.zones);
    try {
      await story(server);
    } finally {
      const faults = await asker.stop();
      assert.deepEqual(faults, []);
    }
    assert.ok(asker.askedCount > 20, `${asker.askedCount} questions`);
  }

  test('the API server is killed and started again', (t) =>
    day(
      t,
      async (server) => {
        await plane.stopApiServer('SIGKILL');
        await sleep(3_000);
        await plane.startApiServer();
        await change();
        await assertIsAsFresh(server);
      },
      `kubeconfig ${plane.kubeconfig('dns')}`,
    ));

  test('the API server has forgotten where the watches were', (t) =>
    day(t, async (server) => {
      await proxy.close();
      t.after(() => proxy.open());
      await change();
      await change();
      await plane.stopApiServer('SIGKILL');
      await plane.compact();
      await plane.startApiServer();
      await change();
      const before = proxy.requests.length;
      await proxy.open();
      await assertIsAsFresh(server);
      // It goes on where it was, is told that this is gone, and lists anew.
      const asked = proxy.requests.slice(before).filter((request) => request.includes('/services?'));
      assert.match(asked[0] ?? 'nothing', /watch=.*resourceVersion=[1-9]/);
      assert.match(asked[1] ?? 'nothing', /sendInitialEvents=true|limit=/);
    }));

  test('watches are cut in the middle of an object', (t) =>
    day(t, async (server) => {
      proxy.cutAfterOctets = 3_001;
      proxy.cutConnections();
      for (let i = 0; i < 6; i += 1) {
        await change();
        await sleep(500);
        proxy.cutAfterOctets += 1_777;
      }
      proxy.cutAfterOctets = Number.POSITIVE_INFINITY;
      assert.ok(proxy.cutCount >= 2, `${proxy.cutCount} watches cut`);
      proxy.cutConnections();
      await assertIsAsFresh(server);
    }));

  for (const status of [429, 500, 503]) {
    test(`the API server answers ${status}`, (t) =>
      day(t, async (server) => {
        proxy.refusal = status === 500 ? { status } : { status, retryAfterSeconds: 1 };
        t.after(() => (proxy.refusal = undefined));
        const before = proxy.requests.length;
        proxy.cutConnections();
        await change();
        await sleep(5_000);
        const tries = proxy.requests.length - before;
        assert.ok(tries >= 3 && tries < 200, `${tries} requests in 5 s`);
        proxy.refusal = undefined;
        await assertIsAsFresh(server);
      }));
  }

  const withoutSlices = (): Promise<string> =>
    run(['patch', 'clusterrole', 'system:skyshard', '--type=json', '-p', '[{"op":"remove","path":"/rules/1"}]']);

  test('a right is taken away while it runs', (t) =>
    day(t, async (server) => {
      t.after(() => run(['apply', '-f', RIGHTS]));
      await withoutSlices();
      proxy.cutConnections();
      await change();
      await waitForLog(server, /endpointslices/);
      assert.match(server.program.log(), MISSING_RULE);
      await run(['apply', '-f', RIGHTS]);
      await assertIsAsFresh(server);
    }));

  test('a right is missing from the start', async (t) => {
    t.after(() => run(['apply', '-f', RIGHTS]));
    await withoutSlices();
    const server = await startServer(`endpoint ${proxy.url}`);
    t.after(() => server.stop());
    await waitForLog(server, /endpointslices/);
    assert.match(server.program.log(), /cannot (list|watch) endpointslices/);
    assert.match(server.program.log(), MISSING_RULE);
    const rcodeOf = async (qname: string, qtype: number = TYPE.A): Promise<number> => {
      const response = await server.ask(client, queryOf({ qname, qtype, line: qname }));
      return response === undefined ? -1 : response[3]! & 15;
    };
    await waitFor(
      async () => (await rcodeOf('cluster.local.', TYPE.SOA)) === 0,
      () => server.program.lastWords(),
    );
    for (const name of ['steady-0.shop.svc', 'a.steady-0.shop.svc', 'nobody.shop.svc', 'fixed-0.shop.svc']) {
      assert.equal(await rcodeOf(`${name}.cluster.local.`), 2, name);
    }
    assert.equal(await rcodeOf('1.0.9.10.in-addr.arpa.', TYPE.PTR), 2);
    assert.equal(await rcodeOf('dns-version.cluster.local.', TYPE.TXT), 0);
    await run(['apply', '-f', RIGHTS]);
    await assertIsAsFresh(server);
  });

  async function waitForLog(server: DnsServer, pattern: RegExp): Promise<void> {
    await waitFor(
      () => pattern.test(server.program.log()),
      () => `no ${pattern} in:\n${server.program.lastWords(30)}`,
    );
  }
});

async function waitFor(isSo: () => boolean | Promise<boolean>, explain: () => string): Promise<void> {
  for (const startedAt = performance.now(); !(await isSo()); await sleep(100)) {
    assert.ok(performance.now() - startedAt < SETTLE_DEADLINE_MS, explain());
  }
}
