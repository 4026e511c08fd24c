/**
 * Starts what was built, asks it, and ends it, so that every thread writes beside its chunks what V8 has compiled of them
 * (chunk-loader.cjs): node scripts/remember-code.ts DIST
 *
 * Once with manifests, once with an API server, in protobuf as a real one; what the first has compiled is not lost with the second.
 */
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { stringify } from 'yaml';
import { startChangingApiServer } from '../native-free-bench/contenders/changing-api-server.ts';
import { generateCluster } from '../native-free-bench/dataset/generate-cluster.ts';
import { encodeQuery } from '../native-free-bench/measure/ask.ts';
import { findFreePort } from '../native-free-bench/measure/free-port.ts';

/** Of each of the two, so that none is left behind when the build gives up (build.mjs). */
const START_MAX_MS = 45_000;
/** How often each question is asked, of as many sockets: each shard has to get some. */
const SOCKET_COUNT = 16;
const TURNS = 4;
const TURN_MS = 10;
const CHANGES = 20;

const cluster = generateCluster({
  services: 40,
  endpointsPerService: 5,
  namespaces: 4,
  headlessShare: 0.25,
  dualStackShare: 0.25,
  seed: 1,
});
const dist = path.resolve(process.argv[2] ?? 'dist');
const folder = mkdtempSync(path.join(tmpdir(), 'skyshard-build-'));
try {
  mkdirSync(path.join(folder, 'manifests'));
  writeFileSync(path.join(folder, 'manifests', 'a.yaml'), yamlOf([...cluster.namespaces(), ...cluster.services()]));
  // What is not ASCII is read by the library.
  writeFileSync(path.join(folder, 'manifests', 'b.yaml'), `# \u00e9\n${yamlOf([...cluster.endpointSlices()])}`);
  await run(['--manifests', path.join(folder, 'manifests')]);
  const api = await startChangingApiServer(cluster);
  try {
    writeFileSync(path.join(folder, 'kubeconfig'), kubeconfigOf(api.port));
    await run(['--kubeconfig', path.join(folder, 'kubeconfig')], async () => {
      for (const slice of [...cluster.endpointSlices()].slice(0, CHANGES)) {
        api.change({ ...slice, endpoints: (slice['endpoints'] as readonly unknown[]).slice(1) });
        await sleep(TURN_MS);
      }
    });
  } finally {
    await api.stop();
  }
} catch (error) {
  // The build says one line of it.
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
  // A thread that was ended meanwhile leaves half a file.
  for (const name of readdirSync(dist, { recursive: true, encoding: 'utf8' }))
    if (/\.cache\.\d+-\d+$/.test(name)) rmSync(path.join(dist, name));
}

/** @param change  what happens to the objects while the server runs */
async function run(source: readonly string[], change?: () => Promise<void>): Promise<void> {
  const port = await findFreePort();
  const args = [
    path.join(dist, 'main.js'),
    'serve',
    ...source,
    '--bind',
    '127.0.0.1',
    '--dns.port',
    String(port),
    '--shards',
    '2',
  ];
  const env = { ...process.env, SKYSHARD_CODE_CACHE: 'write' };
  const server = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'], env });
  const ended = once(server, 'exit');
  let said = '';
  for (const output of [server.stdout, server.stderr]) output.on('data', (text: Buffer) => (said += text.toString()));
  const timer = setTimeout(() => server.kill('SIGKILL'), START_MAX_MS);
  try {
    while (!said.includes('(UDP and TCP)')) {
      if (server.exitCode !== null || server.signalCode !== null) throw new Error(`the server did not start: ${said}`);
      await sleep(TURN_MS);
    }
    await ask(port);
    await change?.();
    // Without a wait for those who might still ask.
    server.kill('SIGQUIT');
    const [code] = (await ended) as [number | null];
    if (code !== 0) throw new Error(`the server ended with ${code}: ${said}`);
  } finally {
    clearTimeout(timer);
    server.kill('SIGKILL');
  }
}

async function ask(port: number): Promise<void> {
  const service = [...cluster.services()][0]!;
  const { name, namespace } = service.metadata as { readonly name: string; readonly namespace: string };
  const own = `${namespace}.svc.cluster.local`;
  const questions = [
    encodeQuery(7, { name: `${name}.${own}`, type: 'A' }, false),
    encodeQuery(7, { name: `${name}.${own}`, type: 'AAAA' }, false),
    encodeQuery(7, { name: `example.com.${own}`, type: 'A' }, false),
    encodeQuery(7, { name: `_http._tcp.${name}.${own}`, type: 'SRV' }, false),
  ];
  const sockets = Array.from({ length: SOCKET_COUNT }, () => createSocket('udp4'));
  for (let turn = 0; turn < TURNS; turn++) {
    for (const question of questions) for (const socket of sockets) socket.send(question, port, '127.0.0.1');
    await sleep(TURN_MS);
  }
  for (const socket of sockets) socket.close();
  const stream = connect(port, '127.0.0.1');
  const [question] = questions;
  stream.write(Buffer.concat([Buffer.from([0, question!.length]), question!]));
  await once(stream, 'data');
  stream.destroy();
}

/** YAML of the kind that people write: it is what `npm start` reads. */
function yamlOf(objects: readonly unknown[]): string {
  return objects.map((object) => stringify(object)).join('---\n');
}

/** YAML as well, as most are. */
function kubeconfigOf(port: number): string {
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'build', cluster: { server: `http://127.0.0.1:${port}` } }],
    users: [{ name: 'build', user: {} }],
    contexts: [{ name: 'build', context: { cluster: 'build', user: 'build' } }],
    'current-context': 'build',
  });
}
