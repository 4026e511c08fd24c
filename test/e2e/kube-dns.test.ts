/** `skyshard kube-dns`: a ConfigMap that changes under questions, and each of kube-dns's containers alone. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import dgram from 'node:dgram';
import { once } from 'node:events';
import { mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import dnsPacket from 'dns-packet';
import { TYPE } from '../../src/dns/iana.ts';
import { FakeApiServer } from '../support/fake-api-server.ts';
import { buildQuery } from '../wire/query.ts';
import { TcpClient } from '../wire/tcp-client.ts';
import { startStreamUpstream, type StreamAnswer } from './stream-upstream.ts';
import {
  answersOf,
  freePort,
  missingPrograms,
  runSkyshard,
  spawnNode,
  temporaryFolder,
  TRANSPORTS,
} from './skyshard-process.ts';

const MAIN = 'dist/main.js';
const DEADLINE_MS = 20_000;
/** Queries that may wait for their answers at a time: fewer than a socket's queue holds. */
const WAITING_MAX = 500;
const PER_SECOND = 500;

/** One address for every name. */
function answering(address: string): StreamAnswer {
  return (query) =>
    dnsPacket.encode({
      type: 'response',
      id: query.id!,
      flags: dnsPacket.RECURSION_DESIRED | dnsPacket.RECURSION_AVAILABLE,
      questions: query.questions!,
      answers: query.questions!.flatMap(({ name, type }) =>
        type === 'A' ? [{ type: 'A' as const, name, ttl: 600, data: address }] : [],
      ),
    });
}

/** A directory as kubelet mounts a ConfigMap: all files change at once, by another link. */
class MountedConfigMap {
  readonly directory = temporaryFolder();
  #version = 0;

  constructor(data: Readonly<Record<string, string>>) {
    this.swap(data);
    // kubelet makes a link for each key there is; these are all that kube-dns has.
    for (const key of ['stubDomains', 'upstreamNameservers']) {
      symlinkSync(path.join('..data', key), path.join(this.directory, key));
    }
  }

  swap(data: Readonly<Record<string, string>>): void {
    const version = `..version-${this.#version++}`;
    mkdirSync(path.join(this.directory, version));
    for (const key of ['stubDomains', 'upstreamNameservers']) {
      writeFileSync(path.join(this.directory, version, key), data[key] ?? 'null');
    }
    symlinkSync(version, path.join(this.directory, '..data_tmp'));
    renameSync(path.join(this.directory, '..data_tmp'), path.join(this.directory, '..data'));
  }
}

interface KubeDns {
  readonly running: ReturnType<typeof spawnNode>;
  readonly port: number;
  readonly statusUrl: string;
  readonly metricsUrl: string;
}

async function startKubeDns(args: readonly string[], isWaiting = true): Promise<KubeDns> {
  const [port, health, metrics] = [await freePort(), await freePort(), await freePort()];
  const own = [
    `--dns-port=${port}`,
    '--dns-bind-address=127.0.0.1',
    `--healthz-port=${health}`,
    '--status-bind-address=127.0.0.1',
  ];
  const running = spawnNode([MAIN, 'kube-dns', ...own, ...args], { env: { PROMETHEUS_PORT: String(metrics) } });
  if (isWaiting) await running.waitForOutput(/ listens on /);
  return {
    running,
    port,
    statusUrl: `http://127.0.0.1:${health}`,
    metricsUrl: `http://127.0.0.1:${metrics}/metrics`,
  };
}

async function waitFor(isTrue: () => Promise<boolean> | boolean, what: () => string): Promise<void> {
  for (const startedAt = performance.now(); !(await isTrue()); await sleep(20)) {
    assert.ok(performance.now() - startedAt < DEADLINE_MS, what());
  }
}

async function waitForAddress(port: number, name: string, address: string): Promise<void> {
  let last: string[] = [];
  await waitFor(
    async () => {
      last = await answersOf(port, name);
      return last.join() === address;
    },
    () => `${name} is ${last.join()}, not ${address}`,
  );
}

/** The texts of a TXT record of class CHAOS. */
async function chaosTexts(port: number, name: string): Promise<readonly string[] | string> {
  const socket = dgram.createSocket('udp4');
  const query = buildQuery({ name, type: TYPE.TXT, class: 3, id: 77 });
  try {
    socket.send(query, port, '127.0.0.1');
    const [message] = (await Promise.race([
      once(socket, 'message'),
      sleep(5000).then(() => assert.fail(`no answer to ${name}`)),
    ])) as [Buffer];
    const { answers, rcode } = dnsPacket.decode(message) as dnsPacket.DecodedPacket & { rcode: string };
    const [answer] = answers ?? [];
    if (answer === undefined || answer.type !== 'TXT') return rcode;
    assert.deepEqual([answer.name, answer.class, answer.ttl], [name, 'CH', 0]);
    return [answer.data].flat().map(String);
  } finally {
    socket.close();
  }
}

async function metric(url: string, name: string): Promise<number> {
  const text = await (await fetch(url)).text();
  return Number(new RegExp(`^${name.replace(/[{}]/g, '\\$&')} (\\S+)$`, 'm').exec(text)?.[1]);
}

/** Asks the same few names again and again, and notes what is not answered as it should be. */
async function askSteadily(
  port: number,
  names: readonly { readonly name: string; readonly allowed: readonly string[] }[],
  signal: AbortSignal,
): Promise<{ readonly sent: number; readonly answered: number; readonly wrong: readonly string[] }> {
  const socket = dgram.createSocket('udp4');
  const waiting = new Map<number, (typeof names)[number]>();
  const wrong: string[] = [];
  let sent = 0;
  let answered = 0;
  socket.on('message', (message) => {
    const reply = dnsPacket.decode(message) as dnsPacket.DecodedPacket & { rcode: string };
    const asked = waiting.get(reply.id!);
    waiting.delete(reply.id!);
    answered++;
    const found = (reply.answers ?? []).map((answer) => ('data' in answer ? String(answer.data) : '')).join();
    const text = found === '' ? reply.rcode : found;
    if (asked === undefined || !asked.allowed.includes(text)) wrong.push(`${asked?.name}: ${text}`);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  while (!signal.aborted) {
    for (let count = 0; count < PER_SECOND / 50 && waiting.size < WAITING_MAX; count++) {
      const asked = names[sent % names.length]!;
      const id = sent & 0xffff;
      waiting.set(id, asked);
      socket.send(buildQuery({ name: asked.name, type: TYPE.A, id }), port, '127.0.0.1');
      sent++;
    }
    await sleep(20);
  }
  for (let tries = 0; waiting.size > 0 && tries < 250; tries++) await sleep(20);
  socket.close();
  return { sent, answered, wrong };
}

for (const transport of TRANSPORTS) {
  describe(`kube-dns, transport ${transport}`, () => {
    test('a ConfigMap directory changes under questions: none is lost, cache and connections stay', async () => {
      const [first, second, stub, other] = [
        await startStreamUpstream({ answer: answering('192.0.2.1') }),
        await startStreamUpstream({ answer: answering('192.0.2.2') }),
        await startStreamUpstream({ answer: answering('192.0.2.3') }),
        await startStreamUpstream({ answer: answering('192.0.2.4') }),
      ];
      const upstreams = ({ port }: { port: number }): string => JSON.stringify([`127.0.0.1:${port}`]);
      const stubs = ({ port }: { port: number }): string => JSON.stringify({ 'acme.test': [`127.0.0.1:${port}`] });
      const map = new MountedConfigMap({ upstreamNameservers: upstreams(first) });
      const { running, port, metricsUrl } = await startKubeDns([
        `--config-dir=${map.directory}`,
        '--config-period=100ms',
        '--manifests=deploy/demo',
        `--transport=${transport}`,
      ]);
      assert.deepEqual(await answersOf(port, 'hot.test'), ['192.0.2.1']);
      assert.deepEqual(await answersOf(port, 'before.acme.test'), ['192.0.2.1']);
      const connection = await TcpClient.open({ port });
      const overTcp = async (): Promise<number> => {
        const query = buildQuery({ name: 'whoami.default.svc.cluster.local', type: TYPE.A });
        return Buffer.from((await connection.ask(query))!).readUInt16BE(6);
      };
      assert.equal(await overTcp(), 1);

      const stop = new AbortController();
      const asking = askSteadily(
        port,
        [
          { name: 'hot.test', allowed: ['192.0.2.1'] },
          { name: 'whoami.default.svc.cluster.local', allowed: ['10.96.10.1'] },
          { name: 'nothing.default.svc.cluster.local', allowed: ['NXDOMAIN'] },
          { name: 'any.acme.test', allowed: ['192.0.2.1', '192.0.2.3', '192.0.2.4'] },
        ],
        stop.signal,
      );
      map.swap({ upstreamNameservers: upstreams(first), stubDomains: stubs(stub) });
      await waitForAddress(port, 'a1.acme.test', '192.0.2.3');
      // What was kept from another upstream is not given for the stub domain.
      assert.deepEqual(await answersOf(port, 'before.acme.test'), ['192.0.2.3']);
      map.swap({ upstreamNameservers: upstreams(second), stubDomains: stubs(other) });
      for (let count = 0; (await answersOf(port, `b${count}.acme.test`)).join() !== '192.0.2.4'; count++)
        await sleep(50);
      for (let count = 0; (await answersOf(port, `c${count}.test`)).join() !== '192.0.2.2'; count++) await sleep(50);

      // A bad value: all stays, and it is said.
      map.swap({ upstreamNameservers: upstreams(first), stubDomains: '{"Acme.test":["1.2.3.4"]}' });
      await running.waitForOutput(/kube-dns ConfigMap: stubDomains: invalid domain name 'Acme\.test'/);
      assert.equal(await metric(metricsUrl, 'skyshard_kubedns_config_valid'), 0);
      assert.equal(await metric(metricsUrl, 'skyshard_kubedns_config_failures_total{key="stubDomains"}'), 1);
      assert.deepEqual(await answersOf(port, 'd.acme.test'), ['192.0.2.4']);
      assert.deepEqual(await answersOf(port, 'd.test'), ['192.0.2.2']);

      map.swap({ upstreamNameservers: upstreams(first) });
      for (let count = 0; (await answersOf(port, `e${count}.acme.test`)).join() !== '192.0.2.1'; count++)
        await sleep(50);
      assert.equal(await metric(metricsUrl, 'skyshard_kubedns_config_valid'), 1);
      stop.abort();
      const { sent, answered, wrong } = await asking;
      assert.deepEqual(wrong, []);
      assert.equal(answered, sent);
      assert.ok(sent > 50);
      assert.equal(await overTcp(), 1, 'the connection of before');
      connection.close();
      const asked = [first, second].flatMap((upstream) => upstream.asked.filter(({ name }) => name === 'hot.test'));
      // Each thread may have asked before the first answer was kept.
      assert.equal(asked.length, 1, 'hot.test was kept all the time');
      assert.equal((await running.end('SIGQUIT')).code, 0);
    });
  });
}

describe('kube-dns', () => {
  test('a ConfigMap object is followed: taken over, refused, deleted', async () => {
    const [first, stub] = [
      await startStreamUpstream({ answer: answering('192.0.2.1') }),
      await startStreamUpstream({ answer: answering('192.0.2.3') }),
    ];
    const fake = await FakeApiServer.start();
    after(() => fake.close());
    fake.put({ kind: 'Namespace', metadata: { name: 'default' } });
    fake.put({
      kind: 'Service',
      metadata: { name: 'kubernetes', namespace: 'default' },
      spec: { clusterIP: '10.96.0.1', ports: [{ name: 'https', port: 443 }] },
    });
    const put = (stubDomains: string): void =>
      fake.put({ kind: 'ConfigMap', metadata: { name: 'kube-dns', namespace: 'kube-system' }, data: { stubDomains } });
    put(`{"acme.test":["127.0.0.1:${stub.port}"]}`);
    const { running, port, statusUrl } = await startKubeDns([
      `--kube-master-url=${fake.url}`,
      '--config-map=kube-dns',
      `--nameservers=127.0.0.1:${first.port}`,
    ]);
    assert.deepEqual(await answersOf(port, 'kubernetes.default.svc.cluster.local'), ['10.96.0.1']);
    assert.deepEqual(await answersOf(port, 'a.acme.test'), ['192.0.2.3']);
    assert.deepEqual(await answersOf(port, 'a.test'), ['192.0.2.1']);
    assert.equal((await fetch(`${statusUrl}/readiness`)).status, 200);
    put('{"acme.test":["nobody:53"]}');
    await running.waitForOutput(/kube-dns ConfigMap: stubDomains: invalid name server 'nobody:53' of 'acme\.test'/);
    assert.deepEqual(await answersOf(port, 'b.acme.test'), ['192.0.2.3']);
    fake.remove('ConfigMap', 'kube-system', 'kube-dns');
    for (let count = 0; (await answersOf(port, `c${count}.acme.test`)).join() !== '192.0.2.1'; count++) await sleep(50);
    assert.equal((await running.end('SIGQUIT')).code, 0);
  });

  test('before the objects are listed it is not ready and answers SERVFAIL, and ends where a time is said', async () => {
    const fake = await FakeApiServer.start();
    after(() => fake.close());
    fake.fail('services', 'streaming list', { hang: 'before headers' }, 100);
    fake.fail('services', 'list', { hang: 'before headers' }, 100);
    const upstream = await startStreamUpstream({ answer: answering('192.0.2.1') });
    const { running, port, statusUrl } = await startKubeDns(
      [`--kube-master-url=${fake.url}`, `--nameservers=127.0.0.1:${upstream.port}`, '--initial-sync-timeout=9s'],
      false,
    );
    await running.waitForOutput(/ listens on /);
    assert.equal((await fetch(`${statusUrl}/readiness`)).status, 503);
    assert.deepEqual(await answersOf(port, 'kubernetes.default.svc.cluster.local'), ['SERVFAIL']);
    assert.deepEqual(await answersOf(port, 'a.test'), ['192.0.2.1']);
    const [code] = (await once(running.child, 'exit')) as [number];
    assert.equal(code, 2);
    assert.match(running.output(), /API_UNREACHABLE: .*not listed after 9 s \(--initial-sync-timeout\)/);
  });

  test('a stub server by host name is looked up in the cluster itself, once there is one', async (t) => {
    // kube-dns's host names have no port: it is 53.
    if (process.getuid?.() !== 0) return t.skip('port 53 needs root');
    await startStreamUpstream({ answer: answering('192.0.2.3'), address: '127.0.53.1', port: 53, isTcp: false });
    const manifests = temporaryFolder({
      'a.yaml': `{ apiVersion: v1, kind: Namespace, metadata: { name: corp } }
---
{ apiVersion: v1, kind: Service, metadata: { name: ns, namespace: corp }, spec: { clusterIP: 127.0.53.1, ports: [{ port: 53 }] } }
`,
    });
    const map = new MountedConfigMap({ stubDomains: '{"acme.test":["ns.corp.svc.cluster.local"]}' });
    const { running, port } = await startKubeDns([`--config-dir=${map.directory}`, `--manifests=${manifests}`]);
    await waitForAddress(port, 'a.acme.test', '192.0.2.3');
    assert.equal((await running.end('SIGQUIT')).code, 0);
  });

  test('/cache shows the tree of names', async () => {
    const { running, statusUrl } = await startKubeDns(['--manifests=deploy/demo', '--nameservers=127.0.0.1:9']);
    interface Node {
      readonly ChildNodes: Readonly<Record<string, Node>>;
      readonly Entries?: readonly string[];
    }
    const tree = (await (await fetch(`${statusUrl}/cache`)).json()) as Node;
    assert.deepEqual(Object.keys(tree.ChildNodes).toSorted(), ['arpa', 'local']);
    const at = (...labels: string[]): Node => labels.reduce((node, label) => node.ChildNodes[label]!, tree);
    assert.ok(at('local', 'cluster', 'svc', 'default', 'whoami').Entries?.includes('A 10.96.10.1'));
    assert.match(at('arpa', 'in-addr', '10', '96', '0', '10').Entries![0]!, /^PTR kube-dns\.kube-system\.svc/);
    assert.equal((await running.end('SIGQUIT')).code, 0);
  });

  test('each container alone, as in a pod: names, what is in front of them, and who watches both', async () => {
    const [kubednsPort, dnsmasqPort, sidecarPort] = [await freePort(), await freePort(), await freePort()];
    const kubedns = spawnNode([
      MAIN,
      '--domain=cluster.local.',
      `--dns-port=${kubednsPort}`,
      '--dns-bind-address=127.0.0.1',
      `--healthz-port=${await freePort()}`,
      '--status-bind-address=127.0.0.1',
      '--v=2',
      '--manifests=deploy/demo',
      '--nameservers=127.0.0.1:9',
    ]);
    const servers = ['cluster.local', 'in-addr.arpa', 'ip6.arpa'].map(
      (zone) => `--server=/${zone}/127.0.0.1#${kubednsPort}`,
    );
    const upstream = await startStreamUpstream({ answer: answering('192.0.2.1') });
    const map = new MountedConfigMap({ upstreamNameservers: `["127.0.0.1:${upstream.port}"]` });
    const dnsmasq = spawnNode([
      MAIN,
      '-v=2',
      '-logtostderr',
      `-configDir=${map.directory}`,
      '-restartDnsmasq=true',
      '--',
      '-k',
      `--port=${dnsmasqPort}`,
      '--listen-address=127.0.0.1',
      '--cache-size=1000',
      '--no-negcache',
      '--dns-loop-detect',
      '--log-facility=-',
      ...servers,
    ]);
    await Promise.all([kubedns.waitForOutput(/ listens on /), dnsmasq.waitForOutput(/ listens on /)]);
    const sidecar = spawnNode([
      MAIN,
      '--v=2',
      '--logtostderr',
      `--probe=kubedns,127.0.0.1:${kubednsPort},kubernetes.default.svc.cluster.local,1,SRV`,
      `--probe=dnsmasq,127.0.0.1:${dnsmasqPort},kubernetes.default.svc.cluster.local,1,SRV`,
      `--probe=gone,127.0.0.1:${dnsmasqPort},nothing.default.svc.cluster.local,1,SRV`,
      `--dnsmasq-port=${dnsmasqPort}`,
      '--dnsmasq-poll-interval-ms=200',
      `--prometheus-port=${sidecarPort}`,
      '--prometheus-addr=127.0.0.1',
    ]);
    assert.deepEqual(await answersOf(dnsmasqPort, 'whoami.default.svc.cluster.local'), ['10.96.10.1']);
    assert.deepEqual(await answersOf(dnsmasqPort, 'a.test'), ['192.0.2.1']);
    assert.deepEqual(await answersOf(dnsmasqPort, 'nothing.default.svc.cluster.local'), ['NXDOMAIN']);
    const url = `http://127.0.0.1:${sidecarPort}`;
    await sidecar.waitForOutput(/probes and metrics are on/);
    const health = async (label: string) => {
      const response = await fetch(`${url}/healthcheck/${label}`);
      return { status: response.status, body: (await response.json()) as Record<string, unknown> };
    };
    for (const label of ['kubedns', 'dnsmasq']) {
      await waitFor(
        async () => (await health(label)).status === 200,
        () => `${label}: ${sidecar.output()}`,
      );
      const { body } = await health(label);
      assert.deepEqual([body['IsOk'], body['Err'], typeof body['LatencySeconds']], [true, '', 'number']);
    }
    await waitFor(
      async () => /NXDOMAIN/.test(String((await health('gone')).body['Err'])),
      () => 'no NXDOMAIN',
    );
    assert.equal((await health('gone')).status, 503);
    assert.equal((await fetch(`${url}/healthcheck/unknown`)).status, 404);
    assert.equal(await (await fetch(`${url}/healthz`)).text(), 'ok\n');
    await waitFor(
      async () => (await metric(`${url}/metrics`, 'kubedns_dnsmasq_misses')) >= 3,
      () => 'the counters of dnsmasq are not there',
    );
    assert.equal(await metric(`${url}/metrics`, 'kubedns_dnsmasq_max_size'), 1000);
    assert.equal(await metric(`${url}/metrics`, 'kubedns_dnsmasq_errors'), 0);
    assert.ok((await metric(`${url}/metrics`, 'kubedns_probe_dnsmasq_latency_ms_count')) > 0);
    assert.ok((await metric(`${url}/metrics`, 'kubedns_probe_gone_errors')) > 0);
    // kubedns goes away: its probe says so, that of dnsmasq when its answer is not kept any more.
    assert.equal((await kubedns.end('SIGQUIT')).code, 0);
    await waitFor(
      async () => (await health('kubedns')).status === 503,
      () => 'kubedns is still well',
    );
    assert.equal((await sidecar.end()).code, 0);
    assert.equal((await dnsmasq.end('SIGQUIT')).code, 0);
  });

  test('dnsmasq’s counters have its form, and count', { skip: missingPrograms('dnsmasq') }, async () => {
    const upstream = await startStreamUpstream({ answer: answering('192.0.2.1') });
    const [realPort, port] = [await freePort(), await freePort()];
    const args = ['--listen-address=127.0.0.1', '--cache-size=1000', '--no-resolv', '--no-hosts'];
    const server = `--server=127.0.0.1#${upstream.port}`;
    const real = spawn('dnsmasq', [
      '-k',
      `--port=${realPort}`,
      ...args,
      server,
      '--bind-interfaces',
      '--conf-file=/dev/null',
      '--pid-file=',
      '--user=',
    ]);
    after(() => real.kill('SIGKILL'));
    const running = spawnNode([MAIN, 'kube-dns', '--', '-k', `--port=${port}`, ...args, server]);
    await running.waitForOutput(/ listens on /);
    const names = ['cachesize', 'insertions', 'evictions', 'hits', 'misses', 'auth', 'servers'].map(
      (name) => `${name}.bind`,
    );
    const numbersOf = async (at: number): Promise<Record<string, string>> => {
      const found: Record<string, string> = {};
      for (const name of names) {
        const texts = await chaosTexts(at, name);
        assert.ok(Array.isArray(texts), `${name}: ${String(texts)}`);
        found[name] = texts.join(' | ');
      }
      return found;
    };
    await waitFor(
      async () => Array.isArray(await chaosTexts(realPort, 'hits.bind').catch(() => '')),
      () => 'no dnsmasq',
    );
    const [realFirst, first] = [await numbersOf(realPort), await numbersOf(port)];
    const form = (numbers: Record<string, string>): Record<string, string> =>
      Object.fromEntries(
        Object.entries(numbers).map(([name, text]) => [name, text.replace(/(?<= |^)\d+(?=$| )/g, 'N')]),
      );
    assert.deepEqual(form(first), form(realFirst));
    for (const at of [realPort, port]) {
      for (const name of ['a.test', 'b.test', 'a.test', 'a.test'])
        assert.deepEqual(await answersOf(at, name), ['192.0.2.1']);
    }
    // The threads add up at most ten times a second.
    await sleep(300);
    const [realSecond, second] = [await numbersOf(realPort), await numbersOf(port)];
    assert.equal(second['servers.bind'], realSecond['servers.bind']);
    for (const name of ['misses.bind', 'insertions.bind', 'evictions.bind', 'cachesize.bind', 'auth.bind']) {
      assert.equal(second[name], realSecond[name], name);
    }
    // Questions for counters are hits themselves, with both.
    assert.ok(Number(second['hits.bind']) >= 2);
    assert.equal(await chaosTexts(port, 'nothing.bind'), 'REFUSED');
    const client = await TcpClient.open({ port });
    const overTcp = await client.ask(buildQuery({ name: 'cachesize.bind', type: TYPE.TXT, class: 3 }));
    assert.equal(Buffer.from(overTcp!).toString('latin1').slice(-4), '1000');
    client.close();
    assert.equal((await running.end('SIGQUIT')).code, 0);
  });

  test('exec-healthz: well while what its command asks is answered', async () => {
    const upstream = await startStreamUpstream({ answer: answering('192.0.2.1') });
    const port = await freePort();
    const running = spawnNode([
      MAIN,
      `-cmd=nslookup kubernetes.test 127.0.0.1:${upstream.port} >/dev/null`,
      `-port=${port}`,
      '-period=100ms',
      '-latency=5s',
      '--status-bind-address=127.0.0.1',
    ]);
    await running.waitForOutput(/exec-healthz is on/);
    const url = `http://127.0.0.1:${port}`;
    await waitFor(
      async () => (await fetch(`${url}/healthz`)).status === 200,
      () => running.output(),
    );
    assert.equal(await (await fetch(`${url}/healthz`)).text(), 'ok');
    await fetch(`${url}/quit`);
    const [code] = (await once(running.child, 'exit')) as [number];
    assert.equal(code, 0);
  });

  test('--check says what will be different, and whether the ConfigMap is in order', () => {
    const map = new MountedConfigMap({ stubDomains: '{"acme.test":["10.0.0.1"]}' });
    const good = runSkyshard(['kube-dns', '--check', `--config-dir=${map.directory}`, '--', '--all-servers']);
    assert.equal(good.code, 0);
    assert.match(good.stdout, /is in order/);
    assert.match(good.stdout, /forward \. 10\.0\.0\.1:53/);
    assert.match(good.stdout, /dnsmasq's --all-servers:/);
    assert.match(good.stdout, /wildcards: .* → NXDOMAIN/);
    map.swap({ stubDomains: '{"Acme":[]}' });
    const bad = runSkyshard(['check', '--conf', map.directory]);
    assert.equal(bad.code, 1);
    assert.match(bad.stdout, /is not taken over, by kube-dns neither: stubDomains: invalid domain name 'Acme'/);
  });

  test('arguments that are wrong end it with a sentence', () => {
    const { code, stderr } = runSkyshard(['--dns-port=53', '--config-dir=/a', '--config-map=b']);
    assert.equal(code, 1);
    assert.match(stderr, /CLI_USAGE: --config-map and --config-dir: there can be one source/);
    const ambiguous = runSkyshard(['--domain=cluster.local']);
    assert.equal(ambiguous.code, 1);
    assert.match(ambiguous.stderr, /fits kube-dns, SkyDNS and kube2sky: name the subcommand/);
  });
});
