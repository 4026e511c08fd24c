/** Names of this server's own clusters, looked up in what it serves: for upstreams that are Services. */
import { lowerCaseName, parseName } from '../../dns/name.ts';
import { BUFFER_HEADER, KEY_SPACE } from '../../snapshot/snapshot-layout.ts';
import { entryRecords } from '../../snapshot/entry-text.ts';
import { NOT_FOUND, SnapshotReader } from '../../snapshot/reader.ts';
import type { RecordPublisher } from '../objects/record-publisher.ts';

export class OwnNames {
  readonly #publisher: Pick<RecordPublisher, 'servedZones'>;
  readonly #reader: SnapshotReader;

  /** @param buffer  of the snapshot, which nobody but main changes: main needs no hold on it within a turn */
  constructor(buffer: SharedArrayBuffer, publisher: Pick<RecordPublisher, 'servedZones'>) {
    this.#publisher = publisher;
    const words = new Uint32Array(buffer);
    const enter = (): number => Atomics.load(words, BUFFER_HEADER.at.root);
    this.#reader = new SnapshotReader(buffer, { enter, leave: () => undefined });
  }

  /**
   * Addresses of a Service, or of whatever else has a name in a cluster zone, in the snapshot published last.
   *
   * @param host  without a dot at the end
   * @returns undefined while the cluster is not listed
   */
  addressesOf(host: string): readonly string[] | undefined {
    const name = parseName(`${host}.`);
    if (name === null) return [];
    const found = this.#publisher.servedZones
      .filter(({ zone }) => isBelow(host, zone))
      .sort((a, b) => b.zone.length - a.zone.length);
    const synced = found.find(({ isSynced }) => isSynced);
    if (synced === undefined || !this.#reader.enter()) return undefined;
    const keySize = name.length - parseName(`${synced.zone}.`)!.length;
    const octets = new Uint8Array((name.length + 3) & ~3);
    octets.set(lowerCaseName(name));
    const entryAt = this.#reader.findEntry(
      this.#reader.datasetAt(synced.dataset),
      KEY_SPACE.FORWARD,
      new Uint32Array(octets.buffer),
      keySize,
    );
    if (entryAt === NOT_FOUND) return [];
    return entryRecords(this.#reader.words, entryAt).flatMap((line) => {
      const [type, ...addresses] = line.split(' ');
      return type === 'A' || type === 'AAAA' ? addresses : [];
    });
  }
}

/** Neither has a dot at its end. */
function isBelow(host: string, zone: string): boolean {
  return host.toLowerCase().endsWith(`.${zone}`);
}
