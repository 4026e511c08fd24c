/**
 * Starts what was built, asks it, and ends it, so that every thread writes beside its chunks what V8 has compiled of them
 * (chunk-loader.cjs): node scripts/remember-code.ts DIST
 *
 * Once with manifests, once with an API server; what the first has compiled is not lost with the second.
 */
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startFakeApiServer } from '../native-free-bench/contenders/fake-api-server.ts';
import { generateCluster } from '../native-free-bench/dataset/generate-cluster.ts';
import type { GeneratedCluster } from '../native-free-bench/dataset/generate-cluster.ts';
import { findFreePort } from '../native-free-bench/measure/free-port.ts';

const START_MAX_MS = 60_000;
/** How often each question is asked, of as many sockets: each shard has to get some. */
const SOCKET_COUNT = 16;
const TURNS = 4;
const TURN_MS = 10;
const TYPES = { A: 1, AAAA: 28, SRV: 33 } as const;

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
  writeFileSync(path.join(folder, 'manifests', 'cluster.yaml'), yamlOf(cluster));
  await run(['--manifests', path.join(folder, 'manifests')]);
  const api = await startFakeApiServer(cluster);
  try {
    writeFileSync(path.join(folder, 'kubeconfig'), kubeconfigOf(api.port));
    await run(['--kubeconfig', path.join(folder, 'kubeconfig')]);
  } finally {
    await api.stop();
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}

async function run(source: readonly string[]): Promise<void> {
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
    await Promise.race([
      untilListening(() => said),
      ended.then(() => Promise.reject(new Error(`the server did not start: ${said}`))),
    ]);
    await ask(port);
    // Without a wait for those who might still ask.
    server.kill('SIGQUIT');
    const [code] = (await ended) as [number | null];
    if (code !== 0) throw new Error(`the server ended with ${code}: ${said}`);
  } finally {
    clearTimeout(timer);
    server.kill('SIGKILL');
  }
}

async function untilListening(said: () => string): Promise<void> {
  while (!said().includes('(UDP and TCP)')) await sleep(TURN_MS);
}

async function ask(port: number): Promise<void> {
  const service = [...cluster.services()][0]!;
  const { name, namespace } = service.metadata as { readonly name: string; readonly namespace: string };
  const questions = [
    query(`${name}.${namespace}.svc.cluster.local`, TYPES.A),
    query(`${name}.${namespace}.svc.cluster.local`, TYPES.AAAA),
    query(`example.com.${namespace}.svc.cluster.local`, TYPES.A),
    query(`_http._tcp.${name}.${namespace}.svc.cluster.local`, TYPES.SRV),
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

function query(name: string, type: number): Buffer {
  const labels = name.split('.').map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)]));
  const header = Buffer.from([0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
  return Buffer.concat([header, ...labels, Buffer.from([0, 0, type, 0, 1])]);
}

/** YAML of the kind that people write: it is what `npm start` reads. */
function yamlOf(given: GeneratedCluster): string {
  const objects = [...given.namespaces(), ...given.services(), ...given.endpointSlices()];
  return objects.map((object) => `---\n${blockOf(object, 0)}`).join('\n');
}

function blockOf(value: unknown, depth: number): string {
  const indent = '  '.repeat(depth);
  if (Array.isArray(value)) {
    return value.map((item) => `${indent}- ${blockOf(item, depth + 1).trimStart()}`).join('\n');
  }
  if (typeof value !== 'object' || value === null) return `${indent}${JSON.stringify(value)}`;
  return Object.entries(value)
    .map(([key, item]) => {
      const isBlock = typeof item === 'object' && item !== null && Object.keys(item).length > 0;
      return isBlock ? `${indent}${key}:\n${blockOf(item, depth + 1)}` : `${indent}${key}: ${JSON.stringify(item)}`;
    })
    .join('\n');
}

function kubeconfigOf(port: number): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'build', cluster: { server: `http://127.0.0.1:${port}` } }],
    users: [{ name: 'build', user: {} }],
    contexts: [{ name: 'build', context: { cluster: 'build', user: 'build' } }],
    'current-context': 'build',
  });
}
