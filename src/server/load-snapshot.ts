/** The snapshot of manifests as they are now, for who wants to look at it: no sockets, no threads. */
import { reserveSharedBuffer } from '../memory/shared-buffer.ts';
import { ManifestSource } from '../manifests/manifest-source.ts';
import { MainCounters } from '../observability/server-metrics.ts';
import { SnapshotBuilder } from '../snapshot/builder.ts';
import { loadPlan } from './load-plan.ts';
import { RecordPublisher } from './record-publisher.ts';
import { logWarnings, type LogFunction } from './server-options.ts';

const DNS_PORT = 53;

/**
 * @param paths  manifest files and folders
 * @returns a shared buffer with one published snapshot
 * @throws SkyshardError what is wrong with the manifests; SNAPSHOT_FULL, MEMORY_RESERVE
 */
export async function loadSnapshot(paths: readonly string[], log: LogFunction): Promise<SharedArrayBuffer> {
  const options = { corefile: undefined, bindAddresses: [], dnsPort: DNS_PORT };
  const { config, records, datasetCount } = await loadPlan(options, () => 0);
  const buffer = reserveSharedBuffer();
  const publisher = new RecordPublisher({
    builder: new SnapshotBuilder(buffer),
    records,
    datasetCount,
    config,
    counters: new MainCounters(),
    log,
  });
  const source = new ManifestSource({ paths, onLoad: () => undefined, onErrors: () => undefined });
  try {
    const load = await source.start();
    logWarnings(load, log);
    await publisher.load(load.changes);
  } finally {
    source.close();
    publisher.close();
  }
  return buffer;
}
