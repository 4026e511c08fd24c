/**
 * Pods as clients: what a program in a Pod finds by the names that tutorials and manifests use, with the resolvers that
 * images carry. The Pod is a network namespace with kubelet's resolv.conf; the DNS server listens on the cluster IP.
 * CoreDNS is asked too: what it does not answer, no test may want.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { parse } from 'yaml';
import { NODE_NAME } from '../../cluster/api-objects.ts';
import { DnsServer } from '../../cluster/dns-server.ts';
import { FakeKubelet } from '../../cluster/fake-kubelet.ts';
import { whyNoVeth } from '../../cluster/network-namespace.ts';
import { PodNetwork, resolvConf } from '../../cluster/pod-network.ts';
import { RunningProgram } from '../../cluster/running-program.ts';
import { useCluster } from '../../cluster/use-cluster.ts';
import { missingPrograms, ROOT, temporaryFolder } from '../skyshard-process.ts';

const DNS_IP = '10.96.0.10';
const UPSTREAM = '127.0.0.1:5355';
const DEADLINE_MS = 30_000;
const CLIENTS = path.join(ROOT, 'test/cluster/clients');

const NODE_LOOKUP = [process.execPath, path.join(CLIENTS, 'node-lookup.mjs')];

const SERVERS = [
  { name: 'coredns', program: 'coredns', args: [], domains: ['cluster.local'] },
  { name: 'skyshard', program: 'skyshard', args: [], domains: ['cluster.local', 'transwarp.local'] },
  { name: 'skyshard over dgram', program: 'skyshard', args: ['--transport', 'dgram'], domains: ['cluster.local'] },
] as const;

/** `{D}` is the cluster domain. */
const SEARCH_LISTS = {
  kubelet: ['default.svc.{D}', 'svc.{D}', '{D}'],
  'an older tutorial': ['default.pod.{D}', 'default.svc.{D}', 'svc.{D}', '{D}'],
} as const;

const { cluster, skip } = await useCluster();

/** Deployment and StatefulSet of the tutorials; their Pods lie on a Node where nothing runs. */
function workload(kind: 'Deployment' | 'StatefulSet', name: string, more: object): object {
  return {
    apiVersion: 'apps/v1',
    kind,
    metadata: { name, namespace: 'default' },
    spec: {
      replicas: 2,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: {
          nodeName: NODE_NAME,
          terminationGracePeriodSeconds: 0,
          containers: [{ name: 'main', image: 'none', ports: [{ name: 'http', containerPort: 80 }] }],
        },
      },
      ...more,
    },
  };
}

function serviceOf(name: string, spec: object): object {
  const ports = [{ name: 'http', port: 80 }];
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'default' },
    spec: { selector: { app: name }, ports, ...spec },
  };
}

const OBJECTS = [
  serviceOf('whoami', {}),
  workload('Deployment', 'whoami', {}),
  serviceOf('db', { clusterIP: 'None' }),
  workload('StatefulSet', 'db', { serviceName: 'db', podManagementPolicy: 'Parallel' }),
];

interface Addresses {
  readonly whoami: string;
  readonly kubernetes: string;
  /** of the Pods db-0 and db-1 */
  readonly db: readonly string[];
  /** of a Pod of the Deployment */
  readonly pod: string;
}

/** A name as a program has it, and the addresses it must find. */
type Wanted = readonly [name: string, addresses: readonly string[]];

function wantedNames({ whoami, kubernetes, db, pod }: Addresses, domain: string): Wanted[] {
  const dashed = pod.replaceAll('.', '-');
  return [
    ['whoami', [whoami]],
    ['whoami.default', [whoami]],
    ['whoami.default.svc', [whoami]],
    [`whoami.default.svc.${domain}`, [whoami]],
    [`whoami.default.svc.${domain}.`, [whoami]],
    ['kubernetes', [kubernetes]],
    ['kubernetes.default', [kubernetes]],
    ['db', db.toSorted()],
    ['db.default.svc', db.toSorted()],
    ['db-0.db', [db[0]!]],
    ['db-1.db.default', [db[1]!]],
    [`${dashed}.default.pod`, [pod]],
    ['example.com', ['192.0.2.80']],
  ];
}

describe('Pods as clients', { skip: skip || whyNoVeth() || missingPrograms('busybox', 'dig', 'getent', 'cc') }, () => {
  const programs = temporaryFolder();
  const needsMusl = missingPrograms('musl-gcc');
  let network: PodNetwork;
  let kubelet: FakeKubelet;
  let addresses: Addresses;
  const beside: RunningProgram[] = [];

  before(async () => {
    compile('cc', ['-o', `${programs}/lookup-glibc`]);
    if (needsMusl === false) compile('musl-gcc', ['-static', '-o', `${programs}/lookup-musl`]);
    kubelet = await FakeKubelet.start(cluster!, { addressesOf: (index) => [`10.244.1.${20 + index}`] });
    await cluster!.kubectl(['apply', '-f', '-'], OBJECTS);
    network = await PodNetwork.create(cluster!.server);
    addresses = await findAddresses();
    network.site.setAddresses([DNS_IP, addresses.whoami]);
    runBeside('upstream.ts', ...UPSTREAM.split(':'));
    runBeside('http-service.ts', 'I am whoami', addresses.whoami, '80');
    for (const one of beside)
      await waitUntil(
        () => one.log().includes('ready'),
        () => one.lastWords(),
      );
  });

  after(async () => {
    await network?.close();
    for (const one of beside) await one.end();
    await cluster?.kubectl(['delete', '--wait', '--ignore-not-found', '-f', '-'], OBJECTS);
    await waitUntil(async () => (await podsOf('whoami')).length + (await podsOf('db')).length === 0);
    await kubelet?.stop();
  });

  for (const { name, program, args, domains } of SERVERS) {
    for (const domain of domains) {
      describe(`${name} serves ${domain}`, () => {
        let server: DnsServer;
        before(async () => {
          server = new DnsServer({
            program,
            coredns: cluster!.tools.coredns,
            corefile: corefile(domain),
            at: { address: DNS_IP, port: 53 },
            wrapper: network.site.namespace.wrapper,
            args,
          });
          await server.waitUntilSynced(network.site.client, [`kubernetes.default.svc.${domain}`]);
        });
        after(() => server?.stop());

        for (const [title, search] of Object.entries(SEARCH_LISTS)) {
          const file = resolvConf(
            DNS_IP,
            search.map((suffix) => suffix.replace('{D}', domain)),
          );
          test(`glibc, search list of ${title}`, () => findAll(file, domain, [`${programs}/lookup-glibc`, 'host']));
          test(`musl, search list of ${title}`, { skip: needsMusl }, () =>
            findAll(file, domain, [`${programs}/lookup-musl`, 'host']),
          );
          test(`Go, search list of ${title}`, () => findAll(file, domain, [cluster!.tools.lookup, 'host']));
          test(`Node, search list of ${title}`, () => nodeFinds(file, domain));
          test(`dig +search, search list of ${title}`, () =>
            findAll(file, domain, ['dig', '+search', '+short'], ['A']));
          test(`getent hosts, search list of ${title}`, () => getentFinds(file, domain));
          test(`busybox, search list of ${title}`, () => busyboxFinds(file, domain));
          test(`what does not exist, search list of ${title}`, () => findsNothing(file, domain));
        }
        test('reverse lookups', () => reverseLookups(resolvConf(DNS_IP, [domain]), domain));
      });
    }
  }

  /** Every name, to the addresses on the lines that the command writes. */
  async function findAll(file: string, domain: string, command: readonly string[], behind: readonly string[] = []) {
    const wanted = wantedNames(addresses, domain);
    const found = await Promise.all(wanted.map(([name]) => network.run(file, [...command, name, ...behind])));
    assert.deepEqual(
      found.map(({ exitCode, stdout, stderr }, index) => [wanted[index]![0], exitCode, lines(stdout), stderr]),
      wanted.map(([name, list]) => [name, 0, list, '']),
    );
  }

  async function nodeFinds(file: string, domain: string): Promise<void> {
    const wanted = wantedNames(addresses, domain);
    const names = wanted.map(([name]) => name);
    const { stdout } = await network.run(file, [...NODE_LOOKUP, 'lookup', ...names, 'nobody', 'nobody.default']);
    const found = stdout.trim().split('\n');
    assert.deepEqual(found, [...wanted.map(([, list]) => list.join(' ')), 'ENOTFOUND', 'ENOTFOUND']);
  }

  async function getentFinds(file: string, domain: string): Promise<void> {
    for (const [name, list] of wantedNames(addresses, domain)) {
      const { exitCode, stdout } = await network.run(file, ['getent', 'hosts', name]);
      assert.equal(exitCode, 0, name);
      assert.deepEqual(lines(stdout.replaceAll(/ .*/g, '')), list, name);
      if (name === 'whoami') assert.match(stdout, new RegExp(`^${list[0]} +whoami\\.default\\.svc\\.${domain}$`, 'm'));
    }
  }

  /** Its nslookup takes the search list for names without a dot only, and ends with 1 where there is no AAAA. */
  async function busyboxFinds(file: string, domain: string): Promise<void> {
    for (const name of ['whoami', `whoami.default.svc.${domain}`]) {
      const { stdout } = await network.run(file, ['busybox', 'nslookup', name]);
      assert.match(stdout, new RegExp(`^Server:\\s+${DNS_IP}$`, 'm'));
      assert.match(
        stdout,
        new RegExp(`^Name:\\s+whoami\\.default\\.svc\\.${domain}\\nAddress: ${addresses.whoami}$`, 'm'),
      );
    }
    for (const host of ['whoami', 'whoami.default', `whoami.default.svc.${domain}`]) {
      const { exitCode, stdout, stderr } = await network.run(file, [
        'busybox',
        'wget',
        '-q',
        '-O',
        '-',
        `http://${host}/`,
      ]);
      assert.deepEqual([exitCode, stdout], [0, 'I am whoami\n'], `${host}: ${stderr}`);
    }
  }

  async function findsNothing(file: string, domain: string): Promise<void> {
    const commands = [
      [`${programs}/lookup-glibc`, 'host'],
      ...(needsMusl === false ? [[`${programs}/lookup-musl`, 'host']] : []),
      [cluster!.tools.lookup, 'host'],
      ['getent', 'hosts'],
    ];
    for (const name of ['nobody', 'nobody.default', `nobody.default.svc.${domain}`, 'db-7.db']) {
      const results = await Promise.all(commands.map((command) => network.run(file, [...command, name])));
      assert.deepEqual(
        results.map(({ exitCode, stdout }, index) => [commands[index], exitCode, stdout]),
        commands.map((command) => [command, 2, '']),
        name,
      );
    }
  }

  async function reverseLookups(file: string, domain: string): Promise<void> {
    const { whoami, kubernetes, db } = addresses;
    const wanted = [
      [whoami, `whoami.default.svc.${domain}`],
      [kubernetes, `kubernetes.default.svc.${domain}`],
      [db[0]!, `db-0.db.default.svc.${domain}`],
    ] as const;
    for (const [address, name] of wanted) {
      const ask = async (...command: string[]): Promise<string> => (await network.run(file, command)).stdout.trim();
      assert.equal(await ask('dig', '+short', '-x', address), `${name}.`);
      assert.equal(await ask(`${programs}/lookup-glibc`, 'addr', address), name);
      if (needsMusl === false) assert.equal(await ask(`${programs}/lookup-musl`, 'addr', address), name);
      assert.equal(await ask(cluster!.tools.lookup, 'addr', address), `${name}.`);
      assert.equal(await ask(...NODE_LOOKUP, 'reverse', address), name);
      assert.match(await ask('getent', 'hosts', address), new RegExp(`^${address} +${name}$`));
      assert.match(await ask('busybox', 'nslookup', address), new RegExp(`name = ${name}$`, 'm'));
    }
    // c-ares knows no search list.
    const resolved = await network.run(file, [...NODE_LOOKUP, 'resolve', `db.default.svc.${domain}`]);
    assert.equal(resolved.stdout.trim(), db.toSorted().join(' '));
    const srv = await network.run(file, [cluster!.tools.lookup, 'srv', 'http', 'tcp', `db.default.svc.${domain}`]);
    assert.deepEqual(
      lines(srv.stdout),
      [0, 1].map((index) => `0 50 80 db-${index}.db.default.svc.${domain}.`),
    );
  }

  /** Of the manifests, for this cluster and this world. */
  function corefile(domain: string): string {
    const { data } = parse(readFileSync(path.join(ROOT, 'deploy/kubernetes/configmap.yaml'), 'utf8')) as {
      data: Record<string, string>;
    };
    const replacements = [
      ['kubernetes cluster.local', `kubernetes ${domain}`],
      ['pods insecure', `pods insecure\n       kubeconfig ${cluster!.dnsKubeconfig}`],
      ['success cluster.local', `success ${domain}`],
      ['denial cluster.local', `denial ${domain}`],
      ['forward . /etc/resolv.conf', `forward . ${UPSTREAM}`],
    ] as const;
    return replacements.reduce((text, [from, to]) => {
      assert.ok(text.includes(from), from);
      return text.replace(from, to);
    }, data['Corefile']!);
  }

  function compile(compiler: string, flags: readonly string[]): void {
    const { status, stderr } = spawnSync(compiler, [...flags, path.join(CLIENTS, 'lookup.c')], { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
  }

  function runBeside(script: string, ...args: readonly string[]): void {
    const command = [process.execPath, path.join(ROOT, 'test/cluster', script), ...args];
    const options = {
      logFile: path.join(programs, `${script}.log`),
      folder: ROOT,
      wrapper: network.site.namespace.wrapper,
    };
    beside.push(new RunningProgram(script, command, options));
  }

  interface PodAddress {
    readonly name: string;
    readonly ip: string;
  }

  async function podsOf(app: string): Promise<PodAddress[]> {
    const { items } = await kubelet.client.get<{
      items: { metadata: { name: string }; status: { podIP?: string } }[];
    }>(`/api/v1/namespaces/default/pods?labelSelector=app%3D${app}`);
    return items
      .map(({ metadata: { name }, status }) => ({ name, ip: status.podIP ?? '' }))
      .toSorted((a, b) => a.name.localeCompare(b.name));
  }

  async function readyCount(service: string): Promise<number> {
    const selector = `kubernetes.io%2Fservice-name%3D${service}`;
    const { items } = await kubelet.client.get<{ items: { endpoints: { conditions: { ready: boolean } }[] | null }[] }>(
      `/apis/discovery.k8s.io/v1/namespaces/default/endpointslices?labelSelector=${selector}`,
    );
    return items.flatMap(({ endpoints }) => endpoints ?? []).filter(({ conditions }) => conditions.ready).length;
  }

  async function findAddresses(): Promise<Addresses> {
    await waitUntil(async () => (await readyCount('whoami')) === 2 && (await readyCount('db')) === 2);
    const clusterIpOf = async (name: string): Promise<string> => {
      const { spec } = await kubelet.client.get<{ spec: { clusterIP: string } }>(
        `/api/v1/namespaces/default/services/${name}`,
      );
      return spec.clusterIP;
    };
    return {
      whoami: await clusterIpOf('whoami'),
      kubernetes: await clusterIpOf('kubernetes'),
      db: (await podsOf('db')).map(({ ip }) => ip),
      pod: (await podsOf('whoami'))[0]!.ip,
    };
  }
});

const lines = (text: string): string[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .sort();

async function waitUntil(isSo: () => boolean | Promise<boolean>, explain: () => string = () => ''): Promise<void> {
  for (const startedAt = performance.now(); !(await isSo()); await sleep(50)) {
    assert.ok(performance.now() - startedAt < DEADLINE_MS, `nothing for ${DEADLINE_MS} ms ${explain()}`);
  }
}
