/** Command lines of kube-dns's containers: which of them the process is, and what each was told. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { readKubeDnsPlan, type KubeDnsPlan } from '../../../src/kubedns/kube-dns-plan.ts';

const read = (line: string, env: Record<string, string> = {}): KubeDnsPlan =>
  readKubeDnsPlan(
    line.split(' ').filter((word) => word !== ''),
    env,
  );

function faultOf(line: string | readonly string[], env: Record<string, string> = {}): string {
  try {
    readKubeDnsPlan(typeof line === 'string' ? line.split(' ') : line, env);
  } catch (error) {
    assert.equal((error as { code?: string }).code, 'CLI_USAGE', String(error));
    return (error as Error).message;
  }
  return assert.fail(`accepted: ${String(line)}`);
}

function rolesOf({ kubedns, dnsmasq, sidecar, execHealth }: KubeDnsPlan): string {
  const roles = { kubedns, dnsmasq, sidecar, execHealth };
  return Object.entries(roles)
    .filter(([, role]) => role !== undefined)
    .map(([name]) => name)
    .join(' ');
}

const KUBEDNS = '--domain=cluster.local. --dns-port=10053 --config-dir=/kube-dns-config --v=2';
const NANNY =
  '-v=2 -logtostderr -configDir=/etc/k8s/dns/dnsmasq-nanny -restartDnsmasq=true -- -k --cache-size=1000 --no-negcache --dns-loop-detect --log-facility=- --server=/cluster.local/127.0.0.1#10053 --server=/in-addr.arpa/127.0.0.1#10053 --server=/ip6.arpa/127.0.0.1#10053';
const SIDECAR =
  '--v=2 --logtostderr --probe=kubedns,127.0.0.1:10053,kubernetes.default.svc.cluster.local,5,SRV --probe=dnsmasq,127.0.0.1:53,kubernetes.default.svc.cluster.local,5,SRV';

describe('arguments of kube-dns', () => {
  test('of one container, or of several together, make it that container', () => {
    assert.equal(rolesOf(read(KUBEDNS)), 'kubedns');
    assert.equal(rolesOf(read(NANNY)), 'dnsmasq');
    assert.equal(rolesOf(read(SIDECAR)), 'sidecar');
    assert.equal(rolesOf(read(`${KUBEDNS} ${SIDECAR} ${NANNY}`)), 'kubedns dnsmasq sidecar');
    assert.equal(rolesOf(read('')), 'kubedns');
    assert.equal(rolesOf(read('--v=2')), 'kubedns');
  });

  test('of kubedns have its defaults', () => {
    const { kubedns, configMap, notes } = read('');
    assert.deepEqual(kubedns, {
      domain: 'cluster.local.',
      nameservers: [],
      kubeconfig: undefined,
      masterUrl: undefined,
      healthPort: 8081,
      bindAddress: undefined,
      dnsPort: 53,
      federations: [],
      syncTimeoutMs: 60_000,
      endsUnsynced: false,
      metrics: undefined,
    });
    assert.deepEqual(configMap, { kind: 'none' });
    assert.deepEqual(notes, []);
  });

  test('of kubedns say what they say, with one dash or two, behind = or a blank', () => {
    const line =
      '-domain cluster.example --dns-port 10053 --dns-bind-address=127.0.0.1 --healthz-port=8082 --nameservers=8.8.8.8:53,9.9.9.9 --kubecfg-file=/etc/kubeconfig --kube-master-url=http://${MASTER}:8080 --initial-sync-timeout=2m --config-period=1m --config-dir=/c --profiling';
    const { kubedns, configMap, notes } = read(line, { MASTER: '10.0.0.1', PROMETHEUS_PORT: '10055' });
    assert.deepEqual(kubedns, {
      domain: 'cluster.example.',
      nameservers: [
        { address: '8.8.8.8', port: 53 },
        { address: '9.9.9.9', port: 53 },
      ],
      kubeconfig: '/etc/kubeconfig',
      masterUrl: 'http://10.0.0.1:8080',
      healthPort: 8082,
      bindAddress: '127.0.0.1',
      dnsPort: 10053,
      federations: [],
      syncTimeoutMs: 120_000,
      endsUnsynced: true,
      metrics: { port: 10055, path: '/metrics', prefix: 'skydns_skydns' },
    });
    assert.deepEqual(configMap, { kind: 'directory', path: '/c', periodMs: 60_000, isAsked: true });
    assert.equal(notes.length, 1);
    assert.match(notes[0]!, /--profiling has no effect/);
  });

  test('name the series of PROMETHEUS_*', () => {
    const env = { PROMETHEUS_PORT: '1', PROMETHEUS_PATH: '/m', PROMETHEUS_NAMESPACE: 'a', PROMETHEUS_SUBSYSTEM: '' };
    assert.deepEqual(read('', env).kubedns!.metrics, { port: 1, path: '/m', prefix: 'a' });
    assert.match(faultOf('--v=2', { PROMETHEUS_PORT: 'x' }), /PROMETHEUS_PORT/);
  });

  test('name one source of configuration', () => {
    assert.deepEqual(read('--config-map=kube-dns').configMap, {
      kind: 'object',
      namespace: 'kube-system',
      name: 'kube-dns',
    });
    assert.deepEqual(read('--config-map=a --config-map-namespace=b').configMap, {
      kind: 'object',
      namespace: 'b',
      name: 'a',
    });
    assert.match(faultOf('--config-map=a --config-dir=/b'), /one source/);
    assert.match(faultOf('--federations=a=b.c --config-dir=/b'), /--federations/);
    assert.match(faultOf('--federations=a=b.c --config-map=b'), /--federations/);
    assert.equal(read('--federations=a=b.c').kubedns!.federations.length, 1);
  });

  test('of nanny: its directory, its period, and dnsmasq’s own behind --', () => {
    const { dnsmasq, configMap } = read(NANNY);
    assert.deepEqual(configMap, {
      kind: 'directory',
      path: '/etc/k8s/dns/dnsmasq-nanny',
      periodMs: 10_000,
      isAsked: true,
    });
    assert.equal(dnsmasq!.cacheSize, 1000);
    assert.deepEqual(dnsmasq!.kubedns, { address: '127.0.0.1', port: 10053 });
    assert.deepEqual(read('--kubednsServer=10.0.0.9:53 -syncInterval=30s --').dnsmasq!.kubedns, {
      address: '10.0.0.9',
      port: 53,
    });
  });

  test('of the sidecar: probes and where it listens', () => {
    const { sidecar } = read(`${SIDECAR} --probe=a_1,[fd00::1]:53,x.test --prometheus-port=1 --dnsmasq-port=2`);
    assert.deepEqual(sidecar!.probes[1], {
      label: 'dnsmasq',
      server: { address: '127.0.0.1', port: 53 },
      name: 'kubernetes.default.svc.cluster.local.',
      intervalMs: 5000,
      type: 'SRV',
    });
    assert.deepEqual(sidecar!.probes[2], {
      label: 'a_1',
      server: { address: 'fd00::1', port: 53 },
      name: 'x.test.',
      intervalMs: 5000,
      type: 'ANY',
    });
    assert.deepEqual([sidecar!.port, sidecar!.address, sidecar!.prefix, sidecar!.pollMs], [1, '', 'kubedns_', 5000]);
    assert.equal(sidecar!.dnsmasq.port, 2);
    for (const probe of [
      'a',
      'a,1.2.3.4',
      'a-b,1.2.3.4,x',
      'a,host,x',
      'a,1.2.3.4,x,0',
      'a,1.2.3.4,x,5,MX',
      'a,1.2.3.4,x,5,A,',
    ]) {
      assert.match(faultOf(['--probe', probe]), /--probe/, probe);
    }
    assert.match(faultOf('--probe=a,1.2.3.4,x --probe=a,1.2.3.4,y'), /two with the label "a"/);
  });

  test('of exec-healthz: what its command would ask', () => {
    const cmd =
      'nslookup kubernetes.default.svc.cluster.local 127.0.0.1 >/dev/null && nslookup a.test 127.0.0.1:10053 >/dev/null 2>&1';
    const { execHealth } = readKubeDnsPlan([`-cmd=${cmd}`, '-port=8080', '-period=5s'], {});
    assert.deepEqual(execHealth, {
      command: [
        { name: 'kubernetes.default.svc.cluster.local.', server: { address: '127.0.0.1', port: 53 } },
        { name: 'a.test.', server: { address: '127.0.0.1', port: 10053 } },
      ],
      port: 8080,
      periodMs: 5000,
      latencyMs: 30_000,
    });
    for (const other of ['rm -rf /', 'nslookup', 'nslookup a b', 'nslookup a 127.0.0.1; reboot', 'nslookup a | sh']) {
      assert.match(faultOf(['--cmd', other]), /no command is run/, other);
    }
  });

  test('that nobody knows, or that say nonsense, are told by name', () => {
    assert.match(faultOf('--domian=x'), /unknown flag "--domian"/);
    assert.match(faultOf('--configdir=/x'), /expected --config-dir/);
    assert.match(faultOf('--dns-port'), /--dns-port needs a value/);
    assert.match(faultOf('--dns-port=0'), /--dns-port "0": expected a number from 1 to 65535/);
    assert.match(faultOf('--domain=Cluster.local'), /--domain/);
    assert.match(faultOf('--config-period=10'), /--config-period "10": expected a duration/);
    assert.match(faultOf('--dns-bind-address=localhost'), /--dns-bind-address/);
    assert.match(faultOf('serve'), /unexpected argument "serve"/);
  });
});
