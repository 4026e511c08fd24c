/**
 * CoreDNS with its real `kubernetes` plugin, fed by a fake API server from the same objects. The Corefile is kubeadm's
 * without what answers no cluster name (`forward`, `loop`), without `cache` (off for cluster.local there anyway) and
 * without `health`, `ready` and `reload`, which take no part in answering.
 */

import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findFreePort } from '../measure/free-port.ts';
import type { Contender } from './contender.ts';
import { startFakeApiServer } from './fake-api-server.ts';
import { findProgram, startServerProcess } from './server-process.ts';

const run = promisify(execFile);

export async function findCoreDns(): Promise<string | undefined> {
  const inPath = findProgram('coredns');
  if (inPath !== undefined || findProgram('go') === undefined) return inPath;
  const { stdout } = await run('go', ['env', 'GOPATH']);
  return findProgram('coredns', [join(stdout.trim(), 'bin')]);
}

export const COREDNS: Contender = {
  name: 'coredns',
  isEcho: false,
  async findWhyMissing() {
    return (await findCoreDns()) === undefined ? 'coredns is neither in PATH nor in $(go env GOPATH)/bin' : undefined;
  },
  async start({ cluster, directory, address, port, cpus }) {
    const api = await startFakeApiServer(cluster);
    const metricsPort = await findFreePort('tcp');
    const file = join(directory, 'Corefile');
    writeFileSync(
      file,
      `.:${port} {
    bind ${address}
    errors
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        endpoint http://127.0.0.1:${api.port}
        pods insecure
        ttl 30
    }
    prometheus 127.0.0.1:${metricsPort}
    loadbalance
}
`,
    );
    const program = (await findCoreDns())!;
    const command = [program, '-conf', file];
    return startServerProcess({ command, cpus, directory, cleanUp: () => api.stop() });
  },
};
