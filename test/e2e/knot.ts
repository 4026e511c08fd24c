/** A real Knot DNS: as a primary, whose zones are files that dynamic updates change, and as a secondary of what is tested. */
import assert from 'node:assert/strict';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { after } from 'node:test';
import { freePort, temporaryFolder } from './skyshard-process.ts';

const ADDRESS = '127.0.0.1';
const ENV = { ...process.env, PATH: `${process.env['PATH'] ?? ''}${path.delimiter}/usr/sbin${path.delimiter}/sbin` };
const START_MAX_MS = 20_000;

const running: { readonly child: ChildProcess; readonly exit: Promise<unknown> }[] = [];

after(async () => {
  for (const { child } of running) child.kill('SIGTERM');
  await Promise.all(running.map(({ exit }) => exit));
});

export interface KnotPrimary {
  readonly port: number;
  readonly output: () => string;
  /** Change a zone: lines of nsupdate. */
  update(zone: string, ...lines: readonly string[]): void;
  end(): Promise<void>;
}

/**
 * @param notifiedPort  of this machine, which is told of changes
 * @param more          options of all zones
 */
export async function startKnotPrimary(
  zones: Readonly<Record<string, string>>,
  notifiedPort: number,
  port?: number,
  more: readonly string[] = [],
): Promise<KnotPrimary> {
  const at = port ?? (await freePort());
  const { output, end } = await startKnotd({
    port: at,
    peerPort: notifiedPort,
    actions: '[transfer, update]',
    zoneOptions: ['notify: peer', 'zonefile-sync: -1', ...more],
    zones: Object.keys(zones).map((zone) => `  - domain: ${zone}\n    file: ${zone}.zone\n`),
    files: Object.fromEntries(Object.entries(zones).map(([zone, text]) => [`${zone}.zone`, text])),
  });
  return {
    port: at,
    output,
    update: (zone, ...lines) => {
      const input = [`server ${ADDRESS} ${at}`, `zone ${zone}`, ...lines, 'send', 'quit', ''].join('\n');
      const { status, stdout, stderr } = spawnSync('knsupdate', [], { input, encoding: 'utf8', env: ENV });
      assert.equal(status, 0, `${stdout}${stderr}`);
    },
    end,
  };
}

/** Start it on a port, as a secondary of the server on another one. It is ended when the test file is done. */
export async function startKnotSecondary(port: number, primaryPort: number, zones: readonly string[]): Promise<void> {
  await startKnotd({
    port,
    peerPort: primaryPort,
    actions: 'notify',
    zoneOptions: ['master: peer'],
    zones: zones.map((zone) => `  - domain: ${zone}\n`),
    files: {},
  });
}

interface KnotOptions {
  readonly port: number;
  readonly peerPort: number;
  /** what anybody on this address may do */
  readonly actions: string;
  /** lines that hold for every zone; `peer` is the other server */
  readonly zoneOptions: readonly string[];
  readonly zones: readonly string[];
  readonly files: Readonly<Record<string, string>>;
}

async function startKnotd(options: KnotOptions) {
  const { port, peerPort, actions, zoneOptions, zones, files } = options;
  const folder = temporaryFolder(files);
  const configuration = `
server:
  listen: ${ADDRESS}@${port}
  rundir: ${folder}
  udp-workers: 1
  tcp-workers: 1
  background-workers: 1
database:
  storage: ${folder}
log:
  - target: stderr
    any: info
remote:
  - id: peer
    address: ${ADDRESS}@${peerPort}
acl:
  - id: all
    address: ${ADDRESS}
    action: ${actions}
template:
  - id: default
    storage: ${folder}
    acl: all
${zoneOptions.map((line) => `    ${line}\n`).join('')}zone:
${zones.join('')}`;
  writeFileSync(path.join(folder, 'knot.conf'), configuration);
  const child = spawn('knotd', ['-c', path.join(folder, 'knot.conf')], {
    env: ENV,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let output = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output += text));
  const exit = once(child, 'close');
  running.push({ child, exit });
  const deadlineMs = performance.now() + START_MAX_MS;
  while (!output.includes('server started')) {
    assert.ok(performance.now() < deadlineMs && child.exitCode === null, `knotd did not start:\n${output}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return {
    output: () => output,
    end: async () => {
      child.kill('SIGTERM');
      await exit;
    },
  };
}
