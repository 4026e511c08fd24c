/**
 * A Kubernetes control plane without nodes, on one address, with certificates of its own: etcd, kube-apiserver and
 * kube-controller-manager, started from a folder that holds all they write. Each can be killed and started again.
 */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { freeTcpPort } from '../wire/free-port.ts';
import { ApiClient } from './api-client.ts';
import type { ClusterTools } from './cluster-tools.ts';
import { kubectl } from './kubectl.ts';
import { RunningProgram } from './running-program.ts';

const RIGHTS = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../deploy/kubernetes/rbac.yaml');
const START_DEADLINE_MS = 120_000;
const POLL_MS = 50;
const ATTEMPTS_MAX = 3;
const CLUSTER_DOMAIN = 'cluster.local';

/** The ranges that cluster IPs are taken from; the tables of cases name addresses of both. */
export const SERVICE_RANGES = ['10.96.0.0/12', 'fd00::/108'];

/** No scheduler and no kubelet: Pods stay where their manifests put them, and a test writes their status. */
const CONTROLLERS = [
  'endpointslice-controller',
  'endpointslice-mirroring-controller',
  'endpoints-controller',
  'namespace-controller',
  'garbage-collector-controller',
  'serviceaccount-controller',
  'serviceaccount-token-controller',
  'root-ca-certificate-publisher-controller',
  'service-cidr-controller',
  'deployment-controller',
  'replicaset-controller',
  'statefulset-controller',
];

/** Who has a kubeconfig: file name → subject of the client certificate. */
const USERS = {
  admin: 'admin/system:masters',
  'controller-manager': 'system:kube-controller-manager',
  // As the ServiceAccount of deploy/kubernetes: whatever its ClusterRole allows, and no more.
  dns: 'system:serviceaccount:kube-system:skyshard/system:serviceaccounts',
} as const;

export type ClusterUser = keyof typeof USERS;

export interface ControlPlaneOptions {
  readonly tools: ClusterTools;
  /** an address of this machine, or of the network namespace of `wrapper`; default 127.0.0.1 */
  readonly address?: string;
  /** a command in front of each program: nsenter and the like */
  readonly wrapper?: readonly string[];
  readonly apiServerArgs?: readonly string[];
}

export class ControlPlane {
  /** holds certificates, kubeconfigs, logs and etcd's data; removed by stop() */
  readonly folder: string;
  readonly tools: ClusterTools;
  readonly address: string;
  readonly #options: ControlPlaneOptions;
  readonly #ports: readonly number[];
  #etcd: RunningProgram | undefined;
  #apiServer: RunningProgram | undefined;
  #controllerManager: RunningProgram | undefined;
  #client: ApiClient | undefined;

  private constructor(options: ControlPlaneOptions, ports: readonly number[]) {
    this.folder = mkdtempSync(path.join(os.tmpdir(), 'skyshard-cluster-'));
    this.tools = options.tools;
    this.address = options.address ?? '127.0.0.1';
    this.#options = options;
    this.#ports = ports;
    process.once('exit', this.#removeFolder);
  }

  /** Start all of it; a port that somebody took between choice and use is chosen anew. */
  static async start(options: ControlPlaneOptions): Promise<ControlPlane> {
    for (let attempt = 1; ; attempt += 1) {
      const plane = new ControlPlane(options, await choosePorts(options.address ?? '127.0.0.1'));
      try {
        await plane.#start();
        return plane;
      } catch (error) {
        await plane.stop();
        if (attempt === ATTEMPTS_MAX || !/address already in use/.test((error as Error).message)) throw error;
      }
    }
  }

  get server(): string {
    return `https://${this.address}:${this.#ports[2]}`;
  }

  get etcdUrl(): string {
    return `http://${this.address}:${this.#ports[0]}`;
  }

  /** As the administrator. */
  get client(): ApiClient {
    return (this.#client ??= new ApiClient({
      server: this.server,
      caFile: this.certificate('ca.crt'),
      certFile: this.certificate('admin.crt'),
      keyFile: this.certificate('admin.key'),
    }));
  }

  get apiServer(): RunningProgram {
    return this.#apiServer!;
  }

  kubeconfig(user: ClusterUser = 'admin'): string {
    return path.join(this.folder, `${user}.kubeconfig`);
  }

  certificate(name: string): string {
    return path.join(this.folder, 'certificates', name);
  }

  /** kube-apiserver alone, until it says that it is ready. */
  async startApiServer(extraArgs: readonly string[] = []): Promise<void> {
    const certificate = (name: string): string => this.certificate(name);
    this.#apiServer = this.#run('kube-apiserver', [
      `--etcd-servers=${this.etcdUrl}`,
      `--bind-address=${this.address}`,
      `--secure-port=${this.#ports[2]}`,
      `--advertise-address=${this.address}`,
      // The other reconcilers refuse to advertise a loopback address.
      '--endpoint-reconciler-type=none',
      `--tls-cert-file=${certificate('apiserver.crt')}`,
      `--tls-private-key-file=${certificate('apiserver.key')}`,
      `--client-ca-file=${certificate('ca.crt')}`,
      `--service-account-key-file=${certificate('sa.pub')}`,
      `--service-account-signing-key-file=${certificate('sa.key')}`,
      `--service-account-issuer=https://kubernetes.default.svc.${CLUSTER_DOMAIN}`,
      '--authorization-mode=RBAC',
      `--service-cluster-ip-range=${SERVICE_RANGES.join(',')}`,
      '--allow-privileged=true',
      ...(this.#options.apiServerArgs ?? []),
      ...extraArgs,
    ]);
    await this.#waitFor(this.#apiServer, '/readyz');
  }

  async stopApiServer(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    await this.#apiServer?.end(signal);
  }

  /** Forget every revision of etcd before the present one. */
  async compact(): Promise<void> {
    const post = async (pathname: string, body: object): Promise<{ header: { revision: string } }> => {
      const response = await fetch(`${this.etcdUrl}${pathname}`, { method: 'POST', body: JSON.stringify(body) });
      if (!response.ok) throw new Error(`etcd ${pathname}: ${response.status} ${await response.text()}`);
      return (await response.json()) as { header: { revision: string } };
    };
    const { header } = await post('/v3/kv/range', { key: Buffer.from('/').toString('base64') });
    await post('/v3/kv/compaction', { revision: header.revision, physical: true });
  }

  /** End everything and remove the folder. */
  async stop(): Promise<void> {
    this.#client?.close();
    for (const program of [this.#controllerManager, this.#apiServer, this.#etcd]) await program?.end('SIGKILL');
    process.off('exit', this.#removeFolder);
    this.#removeFolder();
  }

  readonly #removeFolder = (): void => rmSync(this.folder, { recursive: true, force: true });

  async #start(): Promise<void> {
    await this.#writeCertificates();
    const [clientPort, peerPort] = this.#ports;
    this.#etcd = this.#run('etcd', [
      '--name=test',
      `--data-dir=${path.join(this.folder, 'etcd')}`,
      `--listen-client-urls=http://${this.address}:${clientPort}`,
      `--advertise-client-urls=http://${this.address}:${clientPort}`,
      `--listen-peer-urls=http://${this.address}:${peerPort}`,
      `--initial-advertise-peer-urls=http://${this.address}:${peerPort}`,
      `--initial-cluster=test=http://${this.address}:${peerPort}`,
      '--unsafe-no-fsync',
      '--log-level=warn',
    ]);
    await this.startApiServer();
    this.#controllerManager = this.#run('kube-controller-manager', [
      `--kubeconfig=${this.kubeconfig('controller-manager')}`,
      '--leader-elect=false',
      `--bind-address=${this.address}`,
      '--secure-port=0',
      `--service-account-private-key-file=${this.certificate('sa.key')}`,
      `--root-ca-file=${this.certificate('ca.crt')}`,
      '--use-service-account-credentials=true',
      `--controllers=${CONTROLLERS.join(',')}`,
      '--kube-api-qps=2000',
      '--kube-api-burst=4000',
    ]);
    // Pods cannot be created without it.
    await this.#waitFor(this.#controllerManager, '/api/v1/namespaces/default/serviceaccounts/default');
    // The user `dns` has the rights of a deployment.
    await kubectl({ program: this.tools.kubectl, kubeconfig: this.kubeconfig() }, ['apply', '-f', RIGHTS]);
  }

  async #writeCertificates(): Promise<void> {
    const folder = path.join(this.folder, 'certificates');
    mkdirSync(folder);
    const service = `kubernetes.default.svc.${CLUSTER_DOMAIN}`.split('.');
    const hosts = [1, 2, 3, 5].map((count) => service.slice(0, count).join('.'));
    await promisify(execFile)(this.tools.certificates, [
      folder,
      `apiserver=kube-apiserver@${[this.address, 'localhost', '10.96.0.1', ...hosts].join(',')}`,
      ...Object.entries(USERS).map(([name, subject]) => `${name}=${subject}`),
    ]);
    for (const user of Object.keys(USERS) as ClusterUser[])
      writeFileSync(this.kubeconfig(user), this.#kubeconfigOf(user));
  }

  #kubeconfigOf(user: ClusterUser): string {
    const cluster = { server: this.server, 'certificate-authority': this.certificate('ca.crt') };
    const credentials = {
      'client-certificate': this.certificate(`${user}.crt`),
      'client-key': this.certificate(`${user}.key`),
    };
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'test',
      contexts: [{ name: 'test', context: { cluster: 'test', user } }],
      clusters: [{ name: 'test', cluster }],
      users: [{ name: user, user: credentials }],
    };
    return `${JSON.stringify(config, undefined, 2)}\n`;
  }

  #run(name: 'etcd' | 'kube-apiserver' | 'kube-controller-manager', args: readonly string[]): RunningProgram {
    return new RunningProgram(name, [this.tools[name], ...args], {
      logFile: path.join(this.folder, `${name}.log`),
      folder: this.folder,
      ...(this.#options.wrapper === undefined ? {} : { wrapper: this.#options.wrapper }),
    });
  }

  async #waitFor(program: RunningProgram, pathname: string): Promise<void> {
    const deadline = performance.now() + START_DEADLINE_MS;
    while (!(await this.client.isOk(pathname))) {
      const ended = [this.#etcd, program].find((one) => one?.hasEnded);
      if (ended !== undefined) throw new Error(`${ended.name} has ended:\n${ended.lastWords()}`);
      if (performance.now() > deadline) throw new Error(`${program.name} is not ready:\n${program.lastWords()}`);
      await sleep(POLL_MS);
    }
  }
}

async function choosePorts(address: string): Promise<readonly number[]> {
  // In a network namespace of its own nobody else has a port.
  if (!address.startsWith('127.')) return [21_379, 21_380, 21_643];
  return [await freeTcpPort(address), await freeTcpPort(address), await freeTcpPort(address)];
}
