/** A real skyshard process, started from dist/, and what the end-to-end tests ask it. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import dgram from 'node:dgram';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net, { isIPv6 } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after } from 'node:test';
import { fileURLToPath } from 'node:url';
import dnsPacket from 'dns-packet';
import './leftovers.ts';

export const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const MAIN = path.join(ROOT, 'dist/main.js');
const DEADLINE_MS = 60_000;

export const TRANSPORTS = process.platform === 'linux' ? (['mmsg', 'dgram'] as const) : (['dgram'] as const);

export interface SkyshardProcess {
  readonly child: ChildProcess;
  readonly port: number;
  /** where it says its metrics are */
  readonly metricsUrl: string;
  /** all it wrote so far, stdout and stderr */
  output(): string;
  /** resolves when the output matches; fails when it does not within a minute, or when the process ends before */
  waitForOutput(pattern: RegExp): Promise<RegExpExecArray>;
  /** send a signal and wait for the end */
  end(signal?: NodeJS.Signals): Promise<{ readonly code: number | null; readonly signal: string | null }>;
}

export interface StartOptions {
  readonly manifests?: string;
  readonly args?: readonly string[];
  readonly address?: string;
  readonly port?: number;
  readonly env?: Readonly<Record<string, string>>;
  /** a command in front of node: unshare and the like */
  readonly wrapper?: readonly string[];
  /** the root of the repository if not given */
  readonly workingDirectory?: string;
  /** in a process group of its own, as a shell starts it: a key press goes to the whole group */
  readonly isGroup?: boolean;
}

/** Start `skyshard serve` and wait until it says that it listens. It is ended when the test file is done. */
export async function startSkyshard(options: StartOptions = {}): Promise<SkyshardProcess> {
  const address = options.address ?? '127.0.0.1';
  const port = options.port ?? (await freePort(address));
  const serve = ['serve', '--manifests', options.manifests ?? 'deploy/demo', '--bind', address];
  const running = spawnNode([MAIN, ...serve, '--dns.port', String(port), ...(options.args ?? [])], options);
  await running.waitForOutput(/ listens on /);
  const [, metricsUrl] = await running.waitForOutput(/metrics are on (\S+)/);
  const end: SkyshardProcess['end'] = (signal) => {
    const ended = running.end(signal);
    // Without the wait of `lameduck`, which the built-in configuration has.
    running.child.kill('SIGQUIT');
    return ended;
  };
  return { ...running, port, metricsUrl: metricsUrl!, end };
}

const children: { readonly child: ChildProcess; readonly exit: Promise<unknown> }[] = [];
const folders: string[] = [];

after(async () => {
  for (const { child } of children) child.kill('SIGKILL');
  await Promise.all(children.map(({ exit }) => exit));
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

type RunningNode = Omit<SkyshardProcess, 'port' | 'metricsUrl'>;

/** Start Node on `args` in the repository's root. */
export function spawnNode(args: readonly string[], options: StartOptions = {}): RunningNode {
  return startProgram(process.execPath, args, options);
}

/** Start a program from PATH; it is ended when the test file is done. */
export function startProgram(program: string, args: readonly string[], options: StartOptions = {}): RunningNode {
  const [command, ...commandArguments] = [...(options.wrapper ?? []), program, ...args];
  const child = spawn(command!, commandArguments, {
    cwd: options.workingDirectory ?? ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: options.isGroup === true,
    env: { ...process.env, SKYSHARD_NPM_SCRIPT: '', ...options.env },
  });
  let output = '';
  const listeners = new Set<() => void>();
  const exit = once(child, 'close').then(([code, signal]) => ({ code, signal }) as { code: number; signal: string });
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      for (const listener of listeners) listener();
    });
  }
  children.push({ child, exit });
  const waitForOutput = (pattern: RegExp): Promise<RegExpExecArray> =>
    new Promise((resolve, reject) => {
      const done = (fault?: string): void => {
        const match = pattern.exec(output);
        if (match === null && fault === undefined) return;
        clearTimeout(timer);
        listeners.delete(done);
        if (match !== null) resolve(match);
        else reject(new Error(`${fault}, and no ${pattern} in:\n${output}`));
      };
      const timer = setTimeout(() => done(`${DEADLINE_MS} ms have passed`), DEADLINE_MS);
      listeners.add(done);
      void exit.then(() => done('the process has ended'));
      done();
    });
  return {
    child,
    output: () => output,
    waitForOutput,
    end: async (signal = 'SIGTERM') => {
      child.kill(signal);
      return exit;
    },
  };
}

/** Run the command line to its end. */
export function runSkyshard(args: readonly string[]): { code: number | null; stdout: string; stderr: string } {
  const result = spawnSync(process.execPath, [MAIN, ...args], { cwd: ROOT, encoding: 'utf8', timeout: DEADLINE_MS });
  return { code: result.status, stdout: result.stdout, stderr: result.stderr };
}

/** A port nobody uses at `address` now, over UDP or TCP. */
export async function freePort(address = '127.0.0.1'): Promise<number> {
  for (;;) {
    const socket = dgram.createSocket(isIPv6(address) ? 'udp6' : 'udp4');
    await new Promise<void>((resolve, reject) => socket.once('error', reject).bind(0, address, resolve));
    const { port } = socket.address();
    const server = net.createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false)).listen(port, address, () => resolve(true));
    });
    if (isFree) await new Promise((resolve) => server.close(resolve));
    await new Promise<void>((resolve) => socket.close(() => resolve()));
    if (isFree) return port;
  }
}

/** Ask once over UDP; a datagram that is lost is asked for again after a second, five times. */
export async function ask(
  port: number,
  name: string,
  type = 'A',
  address = '127.0.0.1',
): Promise<dnsPacket.DecodedPacket> {
  const id = Math.floor(Math.random() * 65_536);
  const query = dnsPacket.encode({
    type: 'query',
    id,
    flags: dnsPacket.RECURSION_DESIRED,
    questions: [{ name, type: type as dnsPacket.RecordType, class: 'IN' }],
  });
  const socket = dgram.createSocket(isIPv6(address) ? 'udp6' : 'udp4');
  try {
    for (let attempt = 0; attempt < 5; attempt += 1) {
      const response = new Promise<Buffer>((resolve, reject) => {
        socket.once('message', resolve);
        // A port nobody listens on any more: the kernel says so at the next call.
        socket.once('error', reject);
      });
      socket.send(query, port, address);
      const timeout = new Promise<undefined>((resolve) => setTimeout(() => resolve(undefined), 1_000).unref());
      const message = await Promise.race([response, timeout]);
      if (message === undefined) continue;
      const decoded = dnsPacket.decode(message);
      assert.equal(decoded.id, id);
      return decoded;
    }
    return assert.fail(`no response to ${name} ${type} from ${address}:${port}`);
  } finally {
    socket.close();
  }
}

/** The rdata of the answers, as sorted text, and the rcode if it is not NOERROR. */
export async function answersOf(port: number, name: string, type = 'A', address = '127.0.0.1'): Promise<string[]> {
  const response = (await ask(port, name, type, address)) as dnsPacket.DecodedPacket & { rcode: string };
  if (response.rcode !== 'NOERROR') return [response.rcode];
  return (response.answers ?? []).map((answer) => ('data' in answer ? formatRdata(answer.data) : '')).sort();
}

function formatRdata(rdata: unknown): string {
  return typeof rdata === 'string' ? rdata : JSON.stringify(rdata);
}

/** Ask until the answer is as expected; fails with the last one after a minute. @returns milliseconds it took */
export async function waitForAnswers(port: number, name: string, expected: readonly string[]): Promise<number> {
  const startedAt = performance.now();
  for (;;) {
    const found = await answersOf(port, name);
    const elapsedMs = performance.now() - startedAt;
    if (JSON.stringify(found) === JSON.stringify(expected)) return elapsedMs;
    if (elapsedMs > DEADLINE_MS) assert.deepEqual(found, expected);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** A folder for manifests that is removed when the test file is done. */
export function temporaryFolder(files: Readonly<Record<string, string>> = {}): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'skyshard-e2e-'));
  folders.push(folder);
  for (const [name, text] of Object.entries(files)) writeFileSync(path.join(folder, name), text);
  return folder;
}

/** A ClusterIP Service in the namespace `default`, with the namespace. */
export function serviceManifest(name: string, clusterIP: string): string {
  return [
    '{ apiVersion: v1, kind: Namespace, metadata: { name: default } }',
    '---',
    'apiVersion: v1',
    'kind: Service',
    `metadata: { name: ${name}, namespace: default }`,
    'spec:',
    `  clusterIP: ${clusterIP}`,
    '  ports: [{ name: http, port: 80 }]',
    '',
  ].join('\n');
}

/** Why a test that needs these programs is skipped: false if all are there. */
export function missingPrograms(...names: readonly string[]): string | false {
  const places = `${process.env['PATH'] ?? ''}${path.delimiter}/usr/sbin${path.delimiter}/sbin`.split(path.delimiter);
  const missing = names.filter((name) => !places.some((folder) => existsSync(path.join(folder, name))));
  return missing.length > 0 && `not installed: ${missing.join(', ')}`;
}
