/**
 * The arguments of deploy/kube-dns as they stand, in a network namespace in the place of the pod's: its ports, its probes, and
 * what dig and curl get. Then those of kube-dns's own manifest, a process a container.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { parse } from 'yaml';
import { NetworkNamespace, whyNoNetworkNamespace } from '../cluster/network-namespace.ts';
import { missingPrograms, ROOT, spawnNode, temporaryFolder } from './skyshard-process.ts';

const DEADLINE_MS = 20_000;
/** Beside the deployment's arguments: no cluster is there. */
const OBJECTS = '--manifests=deploy/demo';

interface Container {
  readonly args: readonly string[];
  readonly env: readonly { readonly name: string; readonly value: string }[];
  readonly livenessProbe: { readonly httpGet: { readonly path: string; readonly port: number } };
  readonly readinessProbe: { readonly httpGet: { readonly path: string; readonly port: number } };
}

const deployment = parse(readFileSync(path.join(ROOT, 'deploy/kube-dns/deployment.yaml'), 'utf8')) as {
  readonly spec: { readonly template: { readonly spec: { readonly containers: readonly [Container] } } };
};
const [container] = deployment.spec.template.spec.containers;

/** kube-dns's own manifest, a container each. */
const THREE = {
  kubedns: ['--domain=cluster.local.', '--dns-port=10053', '--config-dir=/kube-dns-config', '--v=2'],
  dnsmasq: [
    '-v=2',
    '-logtostderr',
    '-configDir=/etc/k8s/dns/dnsmasq-nanny',
    '-restartDnsmasq=true',
    '--',
    '-k',
    '--cache-size=1000',
    '--no-negcache',
    '--dns-loop-detect',
    '--log-facility=-',
    '--server=/cluster.local/127.0.0.1#10053',
    '--server=/in-addr.arpa/127.0.0.1#10053',
    '--server=/ip6.arpa/127.0.0.1#10053',
  ],
  sidecar: [
    '--v=2',
    '--logtostderr',
    '--probe=kubedns,127.0.0.1:10053,kubernetes.default.svc.cluster.local,5,SRV',
    '--probe=dnsmasq,127.0.0.1:53,kubernetes.default.svc.cluster.local,5,SRV',
  ],
} as const;

const missing = whyNoNetworkNamespace() || missingPrograms('dig', 'curl', 'dnsmasq');

describe('the manifest of kube-dns', { skip: missing }, () => {
  const folder = temporaryFolder({
    stubDomains: '{"acme.local":["127.0.0.1:5301"]}',
    upstreamNameservers: '["127.0.0.1:5302"]',
  });
  let pod: NetworkNamespace;

  before(async () => {
    pod = await NetworkNamespace.create();
    for (const [port, address] of [
      [5301, '198.51.100.1'],
      [5302, '198.51.100.2'],
    ]) {
      pod.run(
        'sh',
        '-c',
        `dnsmasq --port=${port} --listen-address=127.0.0.1 --bind-interfaces --no-resolv --no-hosts --address=/#/${address} --local-ttl=60 --conf-file=/dev/null --pid-file=${folder}/.pid-${port} --user=`,
      );
    }
  });

  after(async () => {
    for (const port of [5301, 5302]) process.kill(Number(readFileSync(path.join(folder, `.pid-${port}`), 'utf8')));
    await pod.close();
  });

  const dig = (...args: readonly string[]): string[] =>
    pod
      .run('dig', '+short', '+time=2', '+tries=3', '@127.0.0.1', ...args)
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith(';'));

  const probe = ({ path: asked, port }: { readonly path: string; readonly port: number }): number => {
    const url = `http://127.0.0.1:${port}${asked}`;
    const args = ['curl', '-s', '-o', '/dev/null', '-w', '%{http_code}', url];
    const [program, ...rest] = [...pod.wrapper, ...args];
    return Number(spawnSync(program!, rest, { encoding: 'utf8' }).stdout);
  };

  async function waitForProbe(asked: { readonly path: string; readonly port: number }): Promise<void> {
    for (const startedAt = performance.now(); probe(asked) !== 200; await sleep(100)) {
      assert.ok(performance.now() - startedAt < DEADLINE_MS, `${asked.path} at ${asked.port}: ${probe(asked)}`);
    }
  }

  function assertServes(): void {
    assert.deepEqual(dig('whoami.default.svc.cluster.local'), ['10.96.10.1']);
    assert.deepEqual(dig('+tcp', 'whoami.default.svc.cluster.local'), ['10.96.10.1']);
    assert.deepEqual(dig('-x', '10.96.0.1'), ['kubernetes.default.svc.cluster.local.']);
    assert.deepEqual(dig('SRV', 'kubernetes.default.svc.cluster.local'), [
      '0 100 443 kubernetes.default.svc.cluster.local.',
    ]);
    assert.deepEqual(dig('www.example.com'), ['198.51.100.2']);
    assert.deepEqual(dig('db.acme.local'), ['198.51.100.1']);
    assert.deepEqual(dig('-p', '10053', 'whoami.default.svc.cluster.local'), ['10.96.10.1']);
    assert.deepEqual(dig('CH', 'TXT', 'cachesize.bind'), ['"1000"']);
    assert.ok(Number(dig('CH', 'TXT', 'misses.bind')[0]!.slice(1, -1)) >= 2);
  }

  test('has one process with the arguments of the three, at their ports', async () => {
    const args = container.args.map((arg) => arg.replace('/kube-dns-config', folder));
    const env = Object.fromEntries(container.env.map(({ name, value }) => [name, value]));
    const running = spawnNode(['dist/main.js', OBJECTS, ...args], { wrapper: pod.wrapper, env });
    await running.waitForOutput(/ listens on /);
    await waitForProbe(container.readinessProbe.httpGet);
    assertServes();
    await waitForProbe(container.livenessProbe.httpGet);
    await waitForProbe({ path: '/healthcheck/dnsmasq', port: 10054 });
    const page = pod.run('curl', '-s', 'http://127.0.0.1:10054/metrics');
    for (const name of [
      'kubedns_dnsmasq_hits',
      'kubedns_probe_kubedns_latency_ms_count',
      'skydns_skydns_dns_request_count_total',
      'coredns_dns_requests_total',
    ]) {
      assert.match(page, new RegExp(`^${name}\\b`, 'm'));
    }
    assert.match(page, /^skydns_skydns_dns_request_count_total\{system="stub"\} [1-9]/m);
    assert.match(
      pod.run('curl', '-s', 'http://127.0.0.1:10055/metrics'),
      /^skydns_skydns_dns_cachemiss_count_total\{/m,
    );
    assert.equal((await running.end()).code, 0);
  });

  test('has a process for each container, with its own arguments alone', async () => {
    const start = (args: readonly string[], env: Readonly<Record<string, string>> = {}) => {
      const own = args.map((arg) => arg.replace(/\/kube-dns-config|\/etc\/k8s\/dns\/dnsmasq-nanny/, folder));
      return spawnNode(['dist/main.js', ...own], { wrapper: pod.wrapper, env });
    };
    const kubedns = start([OBJECTS, ...THREE.kubedns], { PROMETHEUS_PORT: '10055' });
    const dnsmasq = start(THREE.dnsmasq);
    const sidecar = start(THREE.sidecar);
    await Promise.all([kubedns.waitForOutput(/ listens on /), dnsmasq.waitForOutput(/ listens on /)]);
    await waitForProbe({ path: '/readiness', port: 8081 });
    assertServes();
    await waitForProbe({ path: '/healthcheck/kubedns', port: 10054 });
    await waitForProbe({ path: '/healthcheck/dnsmasq', port: 10054 });
    await waitForProbe({ path: '/metrics', port: 10054 });
    for (const running of [sidecar, dnsmasq, kubedns]) assert.equal((await running.end()).code, 0);
  });
});
