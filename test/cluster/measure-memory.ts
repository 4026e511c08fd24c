/**
 * What a large cluster costs a DNS server under a container's limit, skyshard and CoreDNS in turns on the same API server.
 *
 * usage: node test/cluster/measure-memory.ts [--services 10000] [--endpoints 15] [--limit 170] [--runs 3] [--changes 200]
 */
import os from 'node:os';
import { parseArgs } from 'node:util';
import { clusterTools } from './cluster-tools.ts';
import { ControlPlane } from './control-plane.ts';
import { fillCluster } from './large-cluster.ts';
import { LimitedServer } from './limited-server.ts';
import { WireClient } from './wire-client.ts';

/** CoreDNS needs more than the limit that its own manifest gives it. */
const COREDNS_LIMIT_MIB = 1024;

const { values } = parseArgs({
  options: {
    services: { type: 'string', default: '10000' },
    endpoints: { type: 'string', default: '15' },
    limit: { type: 'string', default: '170' },
    runs: { type: 'string', default: '3' },
    changes: { type: 'string', default: '200' },
  },
});
const size = { services: Number(values.services), endpoints: Number(values.endpoints) };
const say = (line: string): void => console.log(line);

const plane = await ControlPlane.start({ tools: await clusterTools((line) => console.error(line)) });
const client = new WireClient([]);
try {
  await fillCluster(plane.client, size);
  let number = 0;
  for (let run = 0; run < Number(values.runs); run++) {
    for (const program of ['skyshard', 'coredns'] as const) {
      const limit = program === 'coredns' ? COREDNS_LIMIT_MIB : Number(values.limit);
      const limited = await LimitedServer.start(program, limit, plane, client, size);
      if (typeof limited === 'string') throw new Error(limited);
      try {
        const startMs = await limited.answered();
        const startCpuMs = limited.cpuMs;
        const latencies: number[] = [];
        // The start's own garbage is not part of the changes.
        await new Promise((resolve) => setTimeout(resolve, 3_000));
        const cpuBeforeMs = limited.cpuMs;
        for (let change = 0; change < Number(values.changes); change++) latencies.push(await limited.change(number++));
        const cpuMs = (limited.cpuMs - cpuBeforeMs) / latencies.length;
        await plane.stopApiServer();
        await plane.startApiServer();
        await limited.change(number++);
        const sorted = latencies.toSorted((a, b) => a - b);
        const { own, files } = limited.residentMib;
        say(
          [
            program,
            `load ${os.loadavg()[0]!.toFixed(1)}`,
            `first right answer ${startMs.toFixed(0)} ms, CPU ${startCpuMs} ms`,
            `change p50 ${sorted[sorted.length >> 1]?.toFixed(1)} p99 ${sorted[Math.floor(sorted.length * 0.99)]?.toFixed(1)} ms, CPU ${cpuMs.toFixed(1)} ms each`,
            `peak ${limited.group.peakMib.toFixed(0)} of ${limit} MiB, limit met ${limited.group.limitMet} times`,
            `at rest ${own.toFixed(0)} + ${files.toFixed(0)} MiB of files`,
          ].join(' · '),
        );
      } finally {
        await limited.stop();
      }
    }
  }
} finally {
  client.close();
  await plane.stop();
}
