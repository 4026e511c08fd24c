/** `autopath`: a name below the first of a client's search list is looked for below all of them, for one query. */
import type { ComposedAnswerer } from '../answer/answerer-options.ts';
import { octetsAt, Programs } from '../answer/programs.ts';
import { STEP_RESULT } from '../answer/steps/step-result.ts';
import { RCODE } from '../dns/iana.ts';
import { COMPOSED, PLUGIN } from '../observability/counters/counter-layout.ts';
import { NOT_FOUND, type SnapshotReader } from '../snapshot/reader.ts';
import { CLIENT, ENTRY_KEY_SIZE_MASK, PROGRAM, STEP_DATASET_SHIFT, wordsFor } from '../snapshot/snapshot-layout.ts';
import type { Lookups } from './lookups.ts';
import { expandName, type MessageRecords } from './message-records.ts';
import { SearchList } from './search-list.ts';

/** What is no answer, where none of the plugins below has made it out of an error. */
const FAILURES: ReadonlySet<number> = new Set([RCODE.FORMERR, RCODE.SERVFAIL, RCODE.NOTIMP, RCODE.REFUSED]);
/** What upstream servers and `acl` say is said. */
const WITH_NAMES: ReadonlySet<number> = new Set([
  ...[PLUGIN.SERVER, PLUGIN.HOSTS, PLUGIN.TEMPLATE],
  ...[PLUGIN.FILE, PLUGIN.AUTO, PLUGIN.SECONDARY],
]);

const NO_NAMESPACE = new Uint8Array(0);

export class AutopathStep {
  readonly #reader: SnapshotReader;
  readonly #lists: Programs<SearchList>;

  constructor(reader: SnapshotReader) {
    this.#reader = reader;
    this.#lists = new Programs(reader, SearchList.parse);
  }

  /** @returns STEP_RESULT */
  answer(
    lookups: Lookups,
    answerer: ComposedAnswerer,
    programAt: number,
    flags: number,
    stepAt: number,
    stepCount: number,
  ): number {
    const { query, response, client } = answerer;
    const list = this.#lists.at(programAt);
    const dataset = (flags >>> STEP_DATASET_SHIFT) - 1;
    const namespace = dataset < 0 ? NO_NAMESPACE : this.#namespaceOf(answerer, dataset);
    // Who is no pod, or shares its address, is answered what it asks.
    if (namespace === undefined) return STEP_RESULT.NEXT;
    const baseSize = list.baseSize(query, namespace);
    if (baseSize === 0) return STEP_RESULT.NEXT;
    const held = lookups.hold(answerer);
    const restAt = this.#reader.words[programAt + PROGRAM.at.rest]! * 2;
    const { scope } = client;
    const result = lookups.first(answerer, 'autopath', stepAt, stepCount, restAt);
    if (result !== STEP_RESULT.DONE) return result;
    const { plugin } = answerer;
    const { isFailed } = lookups;
    if (isFailed || !isPassedOver(response.rcode, plugin)) {
      if (!isFailed) lookups.count(COMPOSED.AUTOPATH, scope);
      return STEP_RESULT.DONE;
    }
    const { qtype } = query;
    for (const name of list.candidates(query, held.octets.slice(0, held.size - 4), baseSize)) {
      const asked = lookups.ask(answerer, restAt, name, qtype);
      if (asked === 'pending') return STEP_RESULT.PENDING;
      if (asked === undefined) break;
      if (!lookups.isFailed && isPassedOver(asked.rcode, answerer.plugin)) continue;
      answerer.beginAnew(held);
      answerer.plugin = PLUGIN.AUTOPATH;
      this.#write(lookups, answerer, asked);
      lookups.count(COMPOSED.AUTOPATH, scope);
      return STEP_RESULT.DONE;
    }
    answerer.plugin = plugin;
    return STEP_RESULT.DONE;
  }

  /** What was found, for the name that was asked. */
  #write({ writer }: Lookups, answerer: ComposedAnswerer, found: MessageRecords): void {
    writer.begin(answerer.response, answerer.query);
    const { answers } = found;
    const [first] = answers;
    if (first !== undefined) writer.addAlias(expandName(found.octets, first.nameAt), first.ttlSeconds);
    for (const record of answers) writer.add(found, record);
    writer.addRest(found);
    writer.end(found);
  }

  /** @returns undefined if the client is no pod that alone has its address */
  #namespaceOf({ client, response }: ComposedAnswerer, dataset: number): Uint8Array | undefined {
    const reader = this.#reader;
    const { words } = reader;
    const entryAt = reader.findClient(reader.datasetAt(dataset), response.view, client.peerOffset, client.peerSize);
    if (entryAt === NOT_FOUND) return undefined;
    const payloadAt = entryAt + 1 + wordsFor(words[entryAt]! & ENTRY_KEY_SIZE_MASK);
    return octetsAt(words, payloadAt + CLIENT.at.names, words[payloadAt + CLIENT.at.sizes]! & 0xff);
  }
}

/** There is no such name, or the plugins that know of names of their own say nothing of it: the next one of the list is tried. */
function isPassedOver(rcode: number, plugin: number): boolean {
  return rcode === RCODE.NXDOMAIN || (FAILURES.has(rcode) && WITH_NAMES.has(plugin));
}
