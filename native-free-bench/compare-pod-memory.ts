/**
 * What knowing pods costs: resident memory of skyshard and CoreDNS with `pods verified` and `autopath @kubernetes`, and without,
 * one after the other on the same fake API server.
 *
 * usage: node native-free-bench/compare-pod-memory.ts [--services 10000] [--endpoints 15] [--runs 1]
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { findCoreDns } from './contenders/coredns.ts';
import { startFakeApiServer } from './contenders/fake-api-server.ts';
import { startServerProcess } from './contenders/server-process.ts';
import {
  DEFAULT_CLUSTER_SHAPE,
  generateCluster,
  type GeneratedCluster,
  type RawObject,
} from './dataset/generate-cluster.ts';
import { findFreePort } from './measure/free-port.ts';
import { ask } from './measure/ask.ts';

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const START_MAX_MS = 180_000;
/** Resident memory that has not moved by more than this for so long is what it is at rest. */
const STILL_MIB = 1;
const STILL_MS = 8_000;
const REST_MAX_MS = 60_000;

const { values } = parseArgs({
  options: {
    services: { type: 'string', default: '10000' },
    endpoints: { type: 'string', default: '15' },
    runs: { type: 'string', default: '1' },
  },
});
const cluster = generateCluster({
  ...DEFAULT_CLUSTER_SHAPE,
  services: Number(values.services),
  endpointsPerService: Number(values.endpoints),
});

/** A pod for each endpoint, as the API server has it without what no DNS server reads. */
function* podsOf({ plans }: GeneratedCluster): Generator<RawObject> {
  for (const service of plans()) {
    for (const [index, { podName, ipv4, ipv6, nodeName }] of service.endpoints.entries()) {
      const name = podName === '' ? `${service.name}-5d4f8c7b9d-${index}` : podName;
      const podIPs = [ipv4, ipv6].filter((ip) => ip !== '').map((ip) => ({ ip }));
      yield {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: {
          name,
          namespace: service.namespace,
          resourceVersion: '1',
          uid: `${service.index}-${index}`,
          labels: { app: service.name, 'pod-template-hash': '5d4f8c7b9d' },
        },
        spec: { nodeName, containers: [{ name: 'main', image: 'registry.example/app:1' }] },
        status: { phase: 'Running', hostIP: '10.0.0.1', podIP: ipv4, podIPs },
      };
    }
  }
}

function corefileOf(port: number, apiPort: number, knowsPods: boolean): string {
  return `.:${port} {
    bind 127.0.0.1
    errors
    ${knowsPods ? 'autopath @kubernetes' : ''}
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        endpoint http://127.0.0.1:${apiPort}
        pods ${knowsPods ? 'verified' : 'disabled'}
    }
}
`;
}

/** MiB of a process that nothing else has. */
function residentMib(processId: number): number {
  const [, kib] = /^RssAnon:\s+(\d+)/m.exec(readFileSync(`/proc/${processId}/status`, 'utf8'))!;
  const [, shared] = /^RssShmem:\s+(\d+)/m.exec(readFileSync(`/proc/${processId}/status`, 'utf8'))!;
  return (Number(kib) + Number(shared)) / 1024;
}

async function atRest(processId: number): Promise<number> {
  const startMs = performance.now();
  let mib = residentMib(processId);
  let sinceMs = startMs;
  while (performance.now() - sinceMs < STILL_MS && performance.now() - startMs < REST_MAX_MS) {
    await sleep(500);
    const now = residentMib(processId);
    if (Math.abs(now - mib) <= STILL_MIB) continue;
    mib = now;
    sinceMs = performance.now();
  }
  return residentMib(processId);
}

/** @returns MiB at rest, once it answers for what comes last */
async function measure(program: 'skyshard' | 'coredns', knowsPods: boolean): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), 'pod-memory-'));
  const api = await startFakeApiServer(cluster, podsOf);
  const port = await findFreePort('udp and tcp');
  const file = join(directory, 'Corefile');
  writeFileSync(file, corefileOf(port, api.port, knowsPods));
  const skyshard = [process.execPath, MAIN, 'serve', '--conf', file, '--shards', '1'];
  const command = program === 'skyshard' ? skyshard : [(await findCoreDns())!, '-conf', file];
  const running = await startServerProcess({ command, cpus: [0, 1], directory, cleanUp: () => api.stop() });
  try {
    const last = cluster.plan(cluster.serviceCount - 1);
    const [{ ipv4 } = { ipv4: '' }] = last.endpoints;
    const pod = `${ipv4.replaceAll('.', '-')}.${last.namespace}.pod.cluster.local.`;
    const name = knowsPods ? pod : `${last.name}.${last.namespace}.svc.cluster.local.`;
    for (const endMs = performance.now() + START_MAX_MS; ; await sleep(200)) {
      if (running.hasEnded() || performance.now() > endMs) throw new Error(`${program} does not answer for ${name}`);
      const [response] = await ask([{ name, type: 'A' }], { address: '127.0.0.1', port, edns: false, timeoutMs: 1000 });
      if (response !== undefined && (response[3]! & 0x0f) === 0 && response.readUInt16BE(6) > 0) break;
    }
    return await atRest(running.processId);
  } finally {
    await running.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

for (let run = 0; run < Number(values.runs); run++) {
  const added: Record<string, number> = {};
  for (const program of ['skyshard', 'coredns'] as const) {
    const without = await measure(program, false);
    const withPods = await measure(program, true);
    added[program] = withPods - without;
    console.log(
      `${program}: ${without.toFixed(0)} MiB without pods, ${withPods.toFixed(0)} MiB with, ${added[program].toFixed(0)} MiB more · load ${loadavg()[0]!.toFixed(1)}`,
    );
  }
  console.log(`skyshard adds ${((100 * added['skyshard']!) / added['coredns']!).toFixed(0)} % of what CoreDNS adds`);
}
