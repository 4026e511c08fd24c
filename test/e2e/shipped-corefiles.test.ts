/**
 * The Corefiles that distributions ship, unchanged and on their own ports: each is served in a network namespace, and what
 * its blocks are there for is asked over UDP and TCP. Behind a link stand the upstream servers that they name.
 */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { NetworkNamespace, whyNoVeth } from '../cluster/network-namespace.ts';
import { CertificateAuthority } from '../support/certificates.ts';
import { ROOT, spawnNode, TRANSPORTS } from './skyshard-process.ts';

const FIXTURES = path.join(ROOT, 'test/fixtures/corefiles');
const RESOLVER = '192.0.2.53';
/** On the loopback interface of the server, beside 127.0.0.1. */
const OWN = ['169.254.20.10', '10.96.0.10', '169.254.10.10', '169.254.10.11'];
const UPSTREAMS = [
  `${RESOLVER}:53`,
  '1.2.3.4:53',
  '10.0.0.1:5353',
  '10.96.12.34:53',
  '1.1.1.1:53',
  '2.2.2.2:5353',
  '3.3.3.3:853',
  '168.63.129.16:53',
  '10.0.0.10:53',
  '192.0.2.1:53',
  '192.11.0.1:53',
];
const SERVICE = 'kubernetes.default.svc.cluster.local';
const SERVICE_ADDRESS = '10.96.0.1';
const OUTSIDE = 'www.example.net';

interface Shipped {
  readonly file: string;
  readonly port?: number;
  /** what is asked at 127.0.0.1 if no address stands behind an @ in front, and who or what may be the answer */
  readonly questions: readonly (readonly [question: string, answer: RegExp])[];
  readonly pages: readonly string[];
}

const cluster = [
  [SERVICE, new RegExp(`^${SERVICE_ADDRESS}$`)],
  [OUTSIDE, new RegExp(`^${RESOLVER}$`)],
  [`-x ${SERVICE_ADDRESS}`, new RegExp(`^${SERVICE}\\.$`)],
] as const;
const PROBES = ['http://127.0.0.1:8080/health', 'http://127.0.0.1:8181/ready', 'http://127.0.0.1:9153/metrics'];
const NOTHING = /^$/;

const SHIPPED: readonly Shipped[] = [
  { file: 'kubeadm-1.14', questions: cluster, pages: PROBES.filter((page) => !page.endsWith('/ready')) },
  { file: 'kubeadm-1.31', questions: cluster, pages: PROBES },
  { file: 'kubeadm-1.32', questions: cluster, pages: PROBES },
  { file: 'eks', questions: cluster, pages: PROBES },
  { file: 'deployment', questions: [...cluster, ['a.acme.local', /^1\.2\.3\.4$/]], pages: PROBES },
  { file: 'k3s/Corefile', questions: [...cluster, ['a.example.com', /^192\.0\.2\.1$/]], pages: PROBES },
  {
    file: 'aks/Corefile',
    questions: [
      ...cluster,
      ['a.example.org', /^192\.0\.2\.10$/],
      ['a.puglife.local', /^192\.11\.0\.1$/],
      ['a.reddog.microsoft.com', NOTHING],
      ['a.b.c.d.internal.cloudapp.net', NOTHING],
      ['a.internal.cloudapp.net', new RegExp(`^${RESOLVER}$`)],
    ],
    pages: PROBES,
  },
  {
    file: 'gardener',
    port: 8053,
    questions: [...cluster, [`${SERVICE}.svc.cluster.local`, new RegExp(`^${SERVICE_ADDRESS}$`)]],
    pages: PROBES,
  },
  {
    file: 'openshift',
    port: 5353,
    questions: [
      ...cluster,
      ['a.example.com', /^(?:1\.1\.1\.1|2\.2\.2\.2)$/],
      ['a.foo.com', /^3\.3\.3\.3$/],
      ['a.bar.com', /^3\.3\.3\.3$/],
      ['hostname.bind CH TXT', /^"[^"]+"$/],
    ],
    pages: PROBES,
  },
  {
    file: 'nodelocal',
    questions: ['169.254.20.10', '10.96.0.10'].flatMap((address) => [
      [`@${address} ${SERVICE}`, /^10\.96\.12\.34$/] as const,
      [`@${address} a.acme.local`, /^(?:1\.2\.3\.4|10\.0\.0\.1)$/] as const,
      [`@${address} ${OUTSIDE}`, new RegExp(`^${RESOLVER}$`)] as const,
    ]),
    pages: ['http://169.254.20.10:8080/health', 'http://127.0.0.1:9253/metrics'],
  },
  {
    file: 'aks-localdns',
    questions: [
      [`@169.254.10.10 ${OUTSIDE}`, /^168\.63\.129\.16$/],
      [`@169.254.10.10 ${SERVICE}`, /^10\.0\.0\.10$/],
      [`@169.254.10.10 a.reddog.microsoft.com`, NOTHING],
      [`@169.254.10.11 ${SERVICE}`, /^10\.0\.0\.10$/],
      [`@169.254.10.11 ${OUTSIDE}`, /^10\.0\.0\.10$/],
    ],
    pages: ['http://169.254.10.10:8181/ready', 'http://169.254.10.11:8181/ready', 'http://127.0.0.1:9253/metrics'],
  },
];

/** One of each kind is enough for the transport that differs in nothing that a Corefile says. */
const ON_BOTH = new Set(['kubeadm-1.32', 'openshift', 'nodelocal']);

const missing = ['dig', 'busybox'].filter((program) => spawnSync(program, ['-v']).error !== undefined);
const skip = whyNoVeth() || (missing.length > 0 && `not installed: ${missing.join(', ')}`);

describe('shipped Corefiles are served unchanged', { skip }, () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'skyshard-e2e-shipped-'));
  let site: NetworkNamespace;
  let world: NetworkNamespace;
  let upstreams: ReturnType<typeof spawn>;

  before(async () => {
    site = await NetworkNamespace.create();
    world = await NetworkNamespace.create();
    site.run('ip', 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', String(world.pid));
    for (const [namespace, address] of [
      [site, '198.51.100.1/24'],
      [world, '198.51.100.2/24'],
    ] as const) {
      namespace.run('ip', 'link', 'set', 'eth0', 'up');
      namespace.addAddress('eth0', address);
    }
    site.run('ip', 'route', 'add', 'default', 'via', '198.51.100.2');
    for (const address of OWN) site.addAddress('lo', `${address}/32`);
    for (const place of UPSTREAMS) world.addAddress('lo', `${place.replace(/:\d+$/, '')}/32`);
    const authority = new CertificateAuthority();
    const { certificate, key } = authority.issue('dns.foo.com', ['dns.foo.com']);
    const file = (name: string, text: string): string => {
      writeFileSync(path.join(folder, name), text);
      return path.join(folder, name);
    };
    file('resolv.conf', `nameserver ${RESOLVER}\n`);
    cpSync(FIXTURES, path.join(folder, 'corefiles'), { recursive: true });
    file('corefiles/openshift-ca.crt', authority.certificate);
    const [program, ...args] = [
      ...world.wrapper,
      process.execPath,
      path.join(ROOT, 'test/e2e/answering-upstream.ts'),
      file('certificate.pem', certificate),
      file('key.pem', key),
      ...UPSTREAMS,
    ];
    upstreams = spawn(program!, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    await Promise.race([once(upstreams.stdout!, 'data'), once(upstreams, 'exit')]);
    assert.equal(upstreams.exitCode, null, 'the upstream servers run');
  });

  after(async () => {
    upstreams?.kill('SIGKILL');
    await site?.close();
    await world?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** What dig says, a record a line. */
  function dig(question: string, port: number, isTcp: boolean): string {
    const at = question.startsWith('@') ? [] : ['@127.0.0.1'];
    const how = ['+short', '+time=5', '+tries=2', isTcp ? '+tcp' : '+notcp', '-p', String(port)];
    return site.run('dig', ...at, ...how, ...question.split(' ')).trim();
  }

  async function start(file: string, transport: string) {
    const corefile = path.join(folder, 'corefiles', file);
    const mount = `mount --bind '${folder}/resolv.conf' /etc/resolv.conf && exec "$@"`;
    const wrapper = [...site.wrapper, 'unshare', '--mount', 'sh', '-c', mount, 'sh'];
    const hasCluster = /^\s*kubernetes /m.test(readFileSync(corefile, 'utf8'));
    const manifests = hasCluster ? ['--manifests', path.join(ROOT, 'deploy/demo')] : [];
    const main = path.join(ROOT, 'dist/main.js');
    const options = ['--conf', corefile, ...manifests, '--transport', transport, '--shards', '1'];
    const server = spawnNode([main, 'serve', ...options], { wrapper, workingDirectory: path.dirname(corefile) });
    await server.waitForOutput(/ listens on /);
    return server;
  }

  for (const { file, port = 53, questions, pages } of SHIPPED) {
    for (const transport of TRANSPORTS) {
      if (transport === 'dgram' && !ON_BOTH.has(file)) continue;
      test(`${file}, ${transport}`, async () => {
        const server = await start(file, transport);
        try {
          for (const isTcp of [false, true]) {
            for (const [question, answer] of questions) {
              assert.match(
                dig(question, port, isTcp),
                answer,
                `${question} over ${isTcp ? 'TCP' : 'UDP'}\n${server.output()}`,
              );
            }
          }
          for (const page of pages) site.run('busybox', 'wget', '-q', '-O', '/dev/null', page);
          assert.doesNotMatch(server.output(), /not built yet/);
        } finally {
          await server.end('SIGQUIT');
        }
      });
    }
  }
});
