/** From a complete zone to a dataset of the snapshot: one zone has one dataset, with its names relative to it. */
import type { DatasetBuilder } from '../snapshot/dataset-builder.ts';
import type { Zone } from './zone-data.ts';

/** Names between two pauses. */
const NAMES_BEFORE_PAUSE = 64;

/**
 * Let a dataset hold a zone and nothing else. What is the same stays as it is, so a zone that changed little writes little.
 * Nothing is visible before the next publication, and nothing else may be published or aborted on the way: run it as a task
 * of the publisher (RecordPublisher.writeInSteps).
 *
 * @throws SkyshardError SNAPSHOT_FULL; the change set is broken then
 */
export function* publishZone(dataset: DatasetBuilder, zone: Zone): Generator<void, void> {
  let written = 0;
  for (const { key, content } of zone.names()) {
    dataset.put(key, content);
    if (++written % NAMES_BEFORE_PAUSE === 0) yield;
  }
  if (dataset.entryCount > zone.nameCount) {
    const gone: Uint8Array[] = [];
    for (const key of dataset.keys()) {
      if (!zone.hasName(key)) gone.push(key);
      if (++written % NAMES_BEFORE_PAUSE === 0) yield;
    }
    for (const key of gone) {
      dataset.remove(key);
      if (++written % NAMES_BEFORE_PAUSE === 0) yield;
    }
  }
  const signed = yield* zone.signedNames();
  yield* dataset.setOrder(signed);
  dataset.setSerial(zone.serial);
  dataset.setSynced(true);
}

/** Let a dataset hold no zone: what is asked of it is SERVFAIL. */
export function withdrawZone(dataset: DatasetBuilder): void {
  dataset.clear();
}
