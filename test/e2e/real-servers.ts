/** Name servers that others wrote, as upstreams: Knot, NSD and Unbound with one zone, dnsmasq and Unbound that ask Knot. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { after } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { KeyPair } from '../support/certificates.ts';
import { Asker } from './asker.ts';
import { freePort, temporaryFolder } from './skyshard-process.ts';

/** The programs, by the server's name here; each in the Debian package of the same name but for knotd: knot. */
export const REAL_SERVERS = { knot: 'knotd', nsd: 'nsd', unbound: 'unbound', dnsmasq: 'dnsmasq' } as const;
export const ZONE = 'real.test';
/** Names `h0` to `h999`, each with the address 10.1.x.y. */
export const HOST_COUNT = 1000;

export interface RealServer {
  readonly port: number;
  /** DNS over TLS, 0 where it has none */
  readonly tlsPort: number;
  /** DNS over HTTPS, 0 where it has none */
  readonly httpsPort: number;
  /** SIGSTOP and SIGCONT: it takes datagrams and says nothing */
  pause(): void;
  resume(): void;
}

export function addressOf(index: number): string {
  return `10.1.${index >> 8}.${index & 255}`;
}

function zoneText(): string {
  const hosts = Array.from({ length: HOST_COUNT }, (_, index) => `h${index} A ${addressOf(index)}`);
  const many = Array.from({ length: 120 }, (_, index) => `many A 10.2.0.${index}`);
  return [
    `$ORIGIN ${ZONE}.`,
    '$TTL 300',
    '@ SOA ns host 1 3600 600 86400 60',
    '@ NS ns',
    'ns A 127.0.0.1',
    'alias CNAME alias2',
    'alias2 CNAME h1',
    'mail MX 10 h2',
    'text TXT "a text" "and more"',
    '*.wild A 10.3.0.1',
    'six AAAA fd00::6',
    'zero 0 A 10.4.0.1',
    ...hosts,
    ...many,
    '',
  ].join('\n');
}

export async function startKnot(): Promise<RealServer> {
  const port = await freePort();
  const folder = temporaryFolder({ [`${ZONE}.zone`]: zoneText() });
  return start(
    port,
    0,
    'knotd',
    folder,
    {
      'knot.conf': `server:
  rundir: ${folder}
  listen: 127.0.0.1@${port}
database:
  storage: ${folder}
log:
  - target: stderr
    any: warning
zone:
  - domain: ${ZONE}
    storage: ${folder}
    file: ${ZONE}.zone
    zonefile-sync: -1
    dnssec-signing: on
`,
    },
    ['-c', path.join(folder, 'knot.conf')],
  );
}

export async function startNsd(): Promise<RealServer> {
  const port = await freePort();
  const folder = temporaryFolder({ [`${ZONE}.zone`]: zoneText() });
  return start(
    port,
    0,
    'nsd',
    folder,
    {
      'nsd.conf': `server:
  ip-address: 127.0.0.1@${port}
  port: ${port}
  username: ""
  zonesdir: "${folder}"
  database: ""
  pidfile: ""
  xfrdfile: "${folder}/xfrd"
  zonelistfile: "${folder}/zones"
  xfrdir: "${folder}"
remote-control:
  control-enable: no
zone:
  name: ${ZONE}
  zonefile: ${ZONE}.zone
`,
    },
    ['-d', '-c', path.join(folder, 'nsd.conf')],
  );
}

/** A resolver that asks `authority` for the zone; with `keys` over TLS and HTTPS too. */
export async function startUnbound(authority: RealServer, keys?: KeyPair): Promise<RealServer> {
  const port = await freePort();
  const tlsPort = keys === undefined ? 0 : await freePort();
  const httpsPort = keys === undefined ? 0 : await freePort();
  const folder = temporaryFolder(keys === undefined ? {} : { 'tls.crt': keys.certificate, 'tls.key': keys.key });
  const overTls = `  interface: 127.0.0.1@${tlsPort}
  tls-port: ${tlsPort}
  interface: 127.0.0.1@${httpsPort}
  https-port: ${httpsPort}
  tls-service-pem: "${folder}/tls.crt"
  tls-service-key: "${folder}/tls.key"
`;
  const server = await start(
    port,
    tlsPort,
    'unbound',
    folder,
    {
      'unbound.conf': `server:
  interface: 127.0.0.1@${port}
${keys === undefined ? '' : overTls}  port: ${port}
  username: ""
  chroot: ""
  directory: "${folder}"
  pidfile: ""
  use-syslog: no
  module-config: "iterator"
  do-not-query-localhost: no
  do-ip6: no
  num-threads: 1
  local-zone: "test." nodefault
stub-zone:
  name: ${ZONE}
  stub-addr: 127.0.0.1@${authority.port}
remote-control:
  control-enable: no
`,
    },
    ['-d', '-c', path.join(folder, 'unbound.conf')],
  );
  return { ...server, httpsPort };
}

/** A forwarder that asks `authority` for the zone. */
export async function startDnsmasq(authority: RealServer): Promise<RealServer> {
  const port = await freePort();
  const folder = temporaryFolder();
  const own = [
    '--keep-in-foreground',
    '--conf-file=/dev/null',
    '--pid-file',
    '--user=root',
    '--no-resolv',
    '--no-hosts',
  ];
  const listening = [`--port=${port}`, '--listen-address=127.0.0.1', '--bind-interfaces'];
  return start(port, 0, 'dnsmasq', folder, {}, [...own, ...listening, `--server=/${ZONE}/127.0.0.1#${authority.port}`]);
}

export async function start(
  port: number,
  tlsPort: number,
  program: string,
  folder: string,
  files: Readonly<Record<string, string>>,
  args: readonly string[],
): Promise<RealServer> {
  const { writeFile } = await import('node:fs/promises');
  for (const [name, text] of Object.entries(files)) await writeFile(path.join(folder, name), text);
  const PATH = `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`;
  const child = spawn(program, args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, PATH } });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text));
  const ended = once(child, 'close');
  after(async () => {
    child.kill('SIGCONT');
    child.kill('SIGKILL');
    await ended;
  });
  const asker = await Asker.open(port, 200);
  for (let tries = 0; ; tries++) {
    const answer = await asker.ask(`h3.${ZONE}`);
    if (answer?.answers?.length === 1) break;
    if (tries > 50 || child.exitCode !== null) throw new Error(`${program} does not answer:\n${output}`);
    await delay(100);
  }
  asker.close();
  return { port, tlsPort, httpsPort: 0, pause: () => child.kill('SIGSTOP'), resume: () => child.kill('SIGCONT') };
}
