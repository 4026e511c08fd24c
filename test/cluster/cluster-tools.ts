/**
 * The programs of a Kubernetes control plane, built from source by Go into a folder of the user's cache:
 *
 *   $XDG_CACHE_HOME/skyshard/cluster-tools/<hash of what is built>/{etcd,kube-apiserver,…}
 *
 * Built once, minutes long, and then used by every run and every checkout; a change of version is a new folder. Two that
 * start at once: the second waits for the first. A program appears under its name only when it is whole.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { takeLock } from './lock-file.ts';

const MODULE_FOLDER = path.join(path.dirname(fileURLToPath(import.meta.url)), 'tools');
const MODULE_FILES = ['go.mod', 'go.sum', 'certificates/main.go', 'lookup/main.go'];
const COREDNS = 'github.com/coredns/coredns@v1.15.0';
const LOCK_RETRY_MS = 500;
const STRIPPED = '-s -w';

/** What is built, in this order, from which package: the small ones first. */
const PACKAGES = {
  certificates: './certificates',
  lookup: './lookup',
  etcd: 'go.etcd.io/etcd/server/v3',
  coredns: COREDNS,
  kubectl: 'k8s.io/kubernetes/cmd/kubectl',
  'kube-apiserver': 'k8s.io/kubernetes/cmd/kube-apiserver',
  'kube-controller-manager': 'k8s.io/kubernetes/cmd/kube-controller-manager',
} as const;

export type ToolName = keyof typeof PACKAGES;

/** Paths of the programs. */
export type ClusterTools = Readonly<Record<ToolName, string>>;

const NAMES = Object.keys(PACKAGES) as ToolName[];

/** Nothing that Go could build is wrong: there is no Go, or no way to the module proxy. */
export class ToolsUnavailableError extends Error {
  override readonly name = 'ToolsUnavailableError';
}

/**
 * The programs, built where they are missing: up to half an hour on two cores, once.
 *
 * @param say  progress, a line each time
 * @throws ToolsUnavailableError where they cannot be had on this machine; its message says why
 */
export async function clusterTools(say: (line: string) => void = () => undefined): Promise<ClusterTools> {
  const folder = toolsFolder();
  const missing = (): ToolName[] => NAMES.filter((name) => !existsSync(path.join(folder, name)));
  if (missing().length > 0) {
    await requireGo();
    mkdirSync(folder, { recursive: true });
    const release = await waitForLock(path.join(folder, '.lock'), say);
    try {
      for (const name of missing()) await buildTool(name, folder, say);
    } finally {
      release();
    }
  }
  return Object.fromEntries(NAMES.map((name) => [name, path.join(folder, name)])) as ClusterTools;
}

function toolsFolder(): string {
  const hash = createHash('sha256').update(JSON.stringify([process.platform, process.arch, PACKAGES, linkerFlags()]));
  for (const name of MODULE_FILES) hash.update(`\0${name}\0`).update(readFileSync(path.join(MODULE_FOLDER, name)));
  const cache = process.env['XDG_CACHE_HOME'] || path.join(os.homedir(), '.cache');
  return path.join(cache, 'skyshard', 'cluster-tools', hash.digest('hex').slice(0, 16));
}

/** Kubernetes' programs parse the version they were stamped with, and fail without one. */
function linkerFlags(): string {
  const version = kubernetesVersion();
  const minor = version.split('.')[1];
  const values = { gitVersion: version, gitMajor: '1', gitMinor: minor, gitTreeState: 'clean', gitCommit: 'module' };
  const flags = ['k8s.io/component-base/version', 'k8s.io/client-go/pkg/version'].flatMap((variables) =>
    Object.entries(values).map(([name, value]) => `-X ${variables}.${name}=${value}`),
  );
  return [STRIPPED, ...flags].join(' ');
}

/** @returns like `v1.37.2` */
export function kubernetesVersion(): string {
  const match = /^\s*k8s\.io\/kubernetes (v\S+)/m.exec(readFileSync(path.join(MODULE_FOLDER, 'go.mod'), 'utf8'));
  if (match === null) throw new Error('test/cluster/tools/go.mod requires no k8s.io/kubernetes');
  return match[1]!;
}

async function requireGo(): Promise<void> {
  const { exitCode, output } = await runGo(['env', 'GOVERSION'], MODULE_FOLDER);
  if (exitCode !== 0)
    throw new ToolsUnavailableError(`Go is needed to build a Kubernetes API server: ${output.trim()}`);
}

async function buildTool(name: ToolName, folder: string, say: (line: string) => void): Promise<void> {
  const startedAt = performance.now();
  const building = path.join(folder, `.building-${process.pid}`);
  mkdirSync(building, { recursive: true });
  say(`building ${name} (once; minutes)`);
  try {
    // CoreDNS is built by its own module file: its versions of Kubernetes' libraries are not ours.
    const isForeign = PACKAGES[name].includes('@');
    const flags = isForeign || PACKAGES[name].startsWith('.') || name === 'etcd' ? STRIPPED : linkerFlags();
    const { exitCode, output } = await runGo(
      isForeign
        ? ['install', '-trimpath', '-ldflags', flags, PACKAGES[name]]
        : ['build', '-mod=readonly', '-trimpath', '-ldflags', flags, '-o', path.join(building, name), PACKAGES[name]],
      MODULE_FOLDER,
      { GOBIN: building },
    );
    if (exitCode !== 0) throw new ToolsUnavailableError(`go cannot build ${name}: ${lastLines(output)}`);
    renameSync(path.join(building, name), path.join(folder, name));
  } finally {
    rmSync(building, { recursive: true, force: true });
  }
  say(`built ${name} in ${Math.round((performance.now() - startedAt) / 1000)} s`);
}

const lastLines = (output: string): string => output.trim().split('\n').slice(-3).join(' / ');

async function runGo(
  args: readonly string[],
  folder: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<{ exitCode: number; output: string }> {
  const env = { ...process.env, CGO_ENABLED: '0', GOFLAGS: '-buildvcs=false', GOWORK: 'off', ...environment };
  const child = spawn('go', args, { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const stop = (): boolean => child.kill();
  process.once('exit', stop);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text));
  try {
    const [exitCode] = (await once(child, 'close')) as [number | null];
    return { exitCode: exitCode ?? 1, output };
  } catch (error) {
    return { exitCode: 1, output: (error as Error).message };
  } finally {
    process.off('exit', stop);
  }
}

async function waitForLock(file: string, say: (line: string) => void): Promise<() => void> {
  for (let hasSaid = false; ; hasSaid = true) {
    const release = takeLock(file);
    if (release !== undefined) return release;
    if (!hasSaid) say('waiting for another run that builds the cluster tools');
    await sleep(LOCK_RETRY_MS);
  }
}
