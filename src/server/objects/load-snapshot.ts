/** The snapshot of manifests as they are now, for who wants to look at it: no sockets, no threads. */
import { reserveSharedBuffer } from '../../memory/shared-buffer.ts';
import type { LogFunction } from '../../observability/log.ts';
import { MainCounters } from '../../observability/counters/server-metrics.ts';
import { SnapshotBuilder } from '../../snapshot/builder.ts';
import { loadPlan } from '../configuration/load-plan.ts';
import { ManifestFeed } from './manifest-feed.ts';
import { RecordPublisher } from './record-publisher.ts';

const DNS_PORT = 53;

/**
 * @param paths  manifest files and folders
 * @returns a shared buffer with one published snapshot
 * @throws SkyshardError what is wrong with the manifests; SNAPSHOT_FULL, MEMORY_RESERVE
 */
export async function loadSnapshot(paths: readonly string[], log: LogFunction): Promise<SharedArrayBuffer> {
  const options = { corefile: undefined, bindAddresses: [], dnsPort: DNS_PORT };
  const { config, records, datasetCount } = await loadPlan(
    options,
    () => 0,
    () => 0,
  );
  const buffer = reserveSharedBuffer();
  const counters = new MainCounters();
  const publisher = new RecordPublisher({
    builder: new SnapshotBuilder(buffer),
    datasetCount,
    config,
    counters,
    log,
    // A bug is what the calls below reject with.
    fail: () => undefined,
  });
  const sink = publisher.addSource(['Namespace'], records);
  const feed = new ManifestFeed({ paths, labels: undefined, counters, log }, sink);
  try {
    await feed.start();
    await publisher.start();
  } finally {
    feed.close();
    publisher.close();
  }
  return buffer;
}
