/** The records of a zone as its dataset holds them: what differences are applied to. Off the hot path; the caller is main. */
import { joinNames } from '../dns/name.ts';
import type { DatasetBuilder } from '../snapshot/dataset-builder.ts';
import { keyOf, octetsAt } from '../snapshot/entry-walk.ts';
import { ENTRY_KEY_SIZE_MASK, ENTRY_KIND_SHIFT, KIND, RRSETS, wordsFor } from '../snapshot/snapshot-layout.ts';
import type { NewRecord } from './zone-data.ts';

const CLASS_IN = 1;
/** TTL and RDLENGTH. */
const RECORD_HEADER_SIZE = 6;

/** @param origin  absolute wire form. Nothing else may write to the dataset on the way. */
export function* storedRecords(dataset: DatasetBuilder, origin: Uint8Array): Generator<NewRecord, void> {
  const { words } = dataset;
  for (const entryAt of dataset.entries()) {
    if (((words[entryAt]! >>> ENTRY_KIND_SHIFT) & 0xf) !== KIND.RRSETS) continue;
    const owner = joinNames(keyOf(words, entryAt), origin);
    const payloadAt = entryAt + 1 + wordsFor(words[entryAt]! & ENTRY_KEY_SIZE_MASK);
    let at = payloadAt + RRSETS.at.rrsets;
    for (let left = words[payloadAt + RRSETS.at.rrsetCount]!; left > 0; left--) {
      const type = words[at]! & 0xffff;
      const size = words[at + 1]!;
      yield* recordsOf(owner, type, octetsAt(words, at + 2, size));
      at += 2 + wordsFor(size);
    }
  }
}

function* recordsOf(owner: Uint8Array, type: number, records: Uint8Array): Generator<NewRecord, void> {
  const view = new DataView(records.buffer, records.byteOffset, records.length);
  for (let at = 0; at < records.length;) {
    const dataAt = at + RECORD_HEADER_SIZE;
    const end = dataAt + view.getUint16(at + 4);
    yield { owner, type, qclass: CLASS_IN, ttlSeconds: view.getUint32(at), rdata: records.subarray(dataAt, end) };
    at = end;
  }
}
