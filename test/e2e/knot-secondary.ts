/** Knot DNS as a secondary of a server that is tested. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { after } from 'node:test';
import { temporaryFolder } from './skyshard-process.ts';

const ADDRESS = '127.0.0.1';
const ENV = { ...process.env, PATH: `${process.env['PATH'] ?? ''}${path.delimiter}/usr/sbin${path.delimiter}/sbin` };

const knots: { readonly child: ChildProcess; readonly exit: Promise<unknown> }[] = [];

after(async () => {
  for (const { child } of knots) child.kill('SIGTERM');
  await Promise.all(knots.map(({ exit }) => exit));
});

/** Start Knot DNS on a port, as a secondary of the server on another one. It is ended when the test file is done. */
export async function startKnot(port: number, primaryPort: number, zones: readonly string[]): Promise<void> {
  const folder = temporaryFolder();
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
  - id: primary
    address: ${ADDRESS}@${primaryPort}
acl:
  - id: notify
    address: ${ADDRESS}
    action: notify
template:
  - id: default
    storage: ${folder}
    master: primary
    acl: notify
zone:
${zones.map((zone) => `  - domain: ${zone}\n`).join('')}`;
  writeFileSync(path.join(folder, 'knot.conf'), configuration);
  const child = spawn('knotd', ['-c', path.join(folder, 'knot.conf')], {
    env: ENV,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let output = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output += text));
  knots.push({ child, exit: once(child, 'close') });
  const deadlineMs = performance.now() + 20_000;
  while (!output.includes('server started')) {
    assert.ok(performance.now() < deadlineMs && child.exitCode === null, `knotd did not start:\n${output}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
