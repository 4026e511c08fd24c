/** A real Knot DNS as a primary: its zones are files, changed by dynamic updates. */
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

/** @param notifiedPort  of this machine, which is told of changes */
export async function startKnotPrimary(
  zones: Readonly<Record<string, string>>,
  notifiedPort: number,
  port?: number,
): Promise<KnotPrimary> {
  const at = port ?? (await freePort());
  const files = Object.fromEntries(Object.entries(zones).map(([zone, text]) => [`${zone}.zone`, text]));
  const folder = temporaryFolder(files);
  const configuration = `
server:
  listen: ${ADDRESS}@${at}
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
  - id: secondary
    address: ${ADDRESS}@${notifiedPort}
acl:
  - id: all
    address: ${ADDRESS}
    action: [transfer, update]
template:
  - id: default
    storage: ${folder}
    acl: all
    notify: secondary
    zonefile-sync: -1
zone:
${Object.keys(zones)
  .map((zone) => `  - domain: ${zone}\n    file: ${zone}.zone\n`)
  .join('')}`;
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
    port: at,
    output: () => output,
    update: (zone, ...lines) => {
      const input = [`server ${ADDRESS} ${at}`, `zone ${zone}`, ...lines, 'send', 'quit', ''].join('\n');
      const { status, stdout, stderr } = spawnSync('knsupdate', [], { input, encoding: 'utf8', env: ENV });
      assert.equal(status, 0, `${stdout}${stderr}`);
    },
    end: async () => {
      child.kill('SIGTERM');
      await exit;
    },
  };
}
