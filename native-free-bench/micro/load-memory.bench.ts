/**
 * What a large cluster costs main: octets that the cluster state and the snapshot's builder count, and those that the kernel
 * does (private and shared memory of the process, without code), before, while and after objects come in from the generator
 * one at a time. A process of its own for each run; Linux with the native calls.
 *
 * usage: node native-free-bench/micro/load-memory.bench.ts [SERVICES] [ENDPOINTS PER SERVICE]
 */
import { readFileSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import type { ObjectChange } from '../../src/kubernetes/objects.ts';
import { reserveSharedBuffer } from '../../src/memory/shared-buffer.ts';
import { loadLibc } from '../../src/native/libc.ts';
import { discardPages, shrinkHeap } from '../../src/native/process-memory.ts';
import { boundGarbage } from '../../src/native/v8-flags.ts';
import { DEFAULT_RECORD_OPTIONS } from '../../src/records/record-options.ts';
import { ClusterRecords } from '../../src/records/cluster-records.ts';
import { MemoryRelief } from '../../src/server/memory-relief.ts';
import { SnapshotBuilder } from '../../src/snapshot/builder.ts';
import { DEFAULT_CLUSTER_SHAPE, generateCluster } from '../dataset/generate-cluster.ts';
import { decodeChange } from './served-cluster.ts';

/** MiB. */
export interface LoadMemory {
  readonly objectCount: number;
  readonly cpuMs: number;
  readonly stateCounted: number;
  readonly snapshotCounted: number;
  /** more than before the first object */
  readonly resident: number;
  readonly residentPeak: number;
}

const MIB = 2 ** 20;
const HASH_SEED = 1;
const SERIAL = 1_700_000_000;
const CHANGES_PER_APPLY = 100;
/** Services generated and decoded beforehand, so that code and tables of the generator are not counted. */
const WARM_UP_SERVICES = 1_000;

export async function benchLoadMemory(services: number, endpointsPerService: number): Promise<LoadMemory> {
  boundGarbage();
  const libc = loadLibc();
  const shape = { ...DEFAULT_CLUSTER_SHAPE, services, endpointsPerService, namespaces: Math.ceil(services / 50) };
  const buffer = reserveSharedBuffer({ hashSeed: HASH_SEED });
  const builder = new SnapshotBuilder(buffer, {
    onChunkFree: (offset, size) => discardPages(libc, buffer, offset, size),
  });
  const records = new ClusterRecords(DEFAULT_RECORD_OPTIONS, builder.dataset(0));
  for (const raw of generateCluster({ ...shape, services: WARM_UP_SERVICES }).objects()) decodeChange(raw);
  const cluster = generateCluster(shape);
  shrinkHeap(libc);
  // As the server does while objects are listed.
  const relief = new MemoryRelief({ libc, isListing: () => true });
  relief.start();
  const before = residentData();
  const cpuBefore = process.threadCpuUsage();
  let objectCount = 0;
  let peak = before;
  let pending: ObjectChange[] = [];
  for (const raw of cluster.objects()) {
    pending.push(decodeChange(raw));
    objectCount++;
    if (pending.length < CHANGES_PER_APPLY) continue;
    records.apply(pending);
    pending = [];
    peak = Math.max(peak, residentData());
    await setImmediate();
  }
  records.apply(pending);
  builder.dataset(0).setSynced(true);
  builder.publish(SERIAL);
  peak = Math.max(peak, residentData());
  relief.stop();
  const { user, system } = process.threadCpuUsage(cpuBefore);
  shrinkHeap(libc);
  return {
    objectCount,
    cpuMs: (user + system) / 1000,
    stateCounted: records.state.byteSize / MIB,
    snapshotCounted: builder.liveSize / MIB,
    resident: residentData() - before,
    residentPeak: peak - before,
  };
}

/** MiB of this process that are no file's. */
function residentData(): number {
  const status = readFileSync('/proc/self/status', 'latin1');
  const [, anonymous] = /^RssAnon:\s+(\d+) kB$/m.exec(status) ?? [];
  const [, shared] = /^RssShmem:\s+(\d+) kB$/m.exec(status) ?? [];
  return (Number(anonymous) + Number(shared)) / 1024;
}

if (import.meta.main) {
  const [services = '10000', endpoints = '15'] = process.argv.slice(2);
  process.stdout.write(`${JSON.stringify(await benchLoadMemory(Number(services), Number(endpoints)))}\n`);
}
