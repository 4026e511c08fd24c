/**
 * All records of a zone with records of its own, written into one message after the other: SOA, the rest of the apex, the
 * names in canonical order with all that they have (glue too, RFC 5936 §3.5), SOA.
 */
import { TYPE } from '../dns/iana.ts';
import { octetsAt } from '../snapshot/entry-walk.ts';
import { ENTRY_KEY_SIZE_MASK, RRSETS, wordsFor } from '../snapshot/snapshot-layout.ts';
import type { TransferMessage } from './transfer-message.ts';
import type { StoredZone } from './transfer-zone.ts';
import { storedNamesInOrder } from './zone-names.ts';
import { PAUSE, type Pause } from './zone-records.ts';

const RECORD_HEADER_SIZE = 6;
const NAMES_BEFORE_PAUSE = 16;

/** Write the whole zone. */
export function* writeStoredZone(zone: StoredZone, message: TransferMessage): Generator<Pause, void> {
  const { words } = zone.reader;
  const naming = storedNamesInOrder(words, zone.datasetAt);
  let named = naming.next();
  for (; named.done !== true; named = naming.next()) yield PAUSE.TIME;
  const names = named.value;
  // The apex is before all that is below it.
  const [apexAt] = names;
  yield* writeName(words, apexAt!, message, (type) => type === TYPE.SOA);
  for (let index = 0; index < names.length; index++) {
    yield* writeName(words, names[index]!, message, (type) => type !== TYPE.SOA);
    if (index % NAMES_BEFORE_PAUSE === 0) yield PAUSE.TIME;
  }
  yield* writeName(words, apexAt!, message, (type) => type === TYPE.SOA);
  yield PAUSE.LAST;
}

function* writeName(
  words: Uint32Array,
  entryAt: number,
  message: TransferMessage,
  isWanted: (type: number) => boolean,
): Generator<Pause, void> {
  const key = octetsAt(words, entryAt + 1, words[entryAt]! & ENTRY_KEY_SIZE_MASK);
  message.setOwner(key, key.length);
  let at = entryAt + 1 + wordsFor(key.length) + RRSETS.at.rrsets;
  for (let left = words[at - 1]!; left > 0; left--) {
    const type = words[at]! & 0xffff;
    const size = words[at + 1]!;
    if (isWanted(type)) yield* writeRrset(type, octetsAt(words, at + 2, size), message);
    at += 2 + wordsFor(size);
  }
}

function* writeRrset(type: number, records: Uint8Array, message: TransferMessage): Generator<Pause, void> {
  const view = new DataView(records.buffer, records.byteOffset, records.length);
  for (let at = 0; at < records.length;) {
    const dataAt = at + RECORD_HEADER_SIZE;
    const end = dataAt + view.getUint16(at + 4);
    while (!message.writeRecord(type, view.getUint32(at), records.subarray(dataAt, end))) yield PAUSE.MESSAGE;
    at = end;
  }
}
