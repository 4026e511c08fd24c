/** The API of a cluster, with the rights of its kubeconfig, whatever that holds: kubectl speaks for us. */
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ApiClient } from './api-client.ts';
import { RunningProgram } from './running-program.ts';
import type { TestCluster } from './use-cluster.ts';

const START_DEADLINE_MS = 15_000;
const POLL_MS = 50;

export class KubectlProxy {
  readonly client: ApiClient;
  readonly #folder: string;
  readonly #program: RunningProgram;

  private constructor({ tools, kubeconfig }: TestCluster) {
    this.#folder = mkdtempSync(path.join(os.tmpdir(), 'skyshard-e2e-proxy-'));
    const socketPath = path.join(this.#folder, 'api');
    const command = [tools.kubectl, 'proxy', `--unix-socket=${socketPath}`, `--kubeconfig=${kubeconfig}`];
    this.#program = new RunningProgram('kubectl proxy', command, {
      logFile: path.join(this.#folder, 'log'),
      folder: this.#folder,
    });
    this.client = new ApiClient({ socketPath });
  }

  static async start(cluster: TestCluster): Promise<KubectlProxy> {
    const proxy = new KubectlProxy(cluster);
    const deadline = performance.now() + START_DEADLINE_MS;
    while (!(await proxy.client.isOk('/version'))) {
      if (performance.now() > deadline) throw new Error(`kubectl proxy: ${proxy.#program.lastWords()}`);
      await sleep(POLL_MS);
    }
    return proxy;
  }

  async stop(): Promise<void> {
    this.client.close();
    await this.#program.end();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
