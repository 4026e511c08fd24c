/**
 * Is a snapshot what snapshot-layout.ts says? Two callers: `verifySnapshot` walks all of one (tests, the inspection
 * tool, a snapshot that comes from elsewhere); `verifyChange` walks the blocks a change set made, before every
 * publication.
 */
import { SkyshardError } from '../base/skyshard-error.ts';
import { checkSharedBuffer } from '../memory/shared-buffer.ts';
import { hashKey, ZONE_HASH_SPACE } from './key-hash.ts';
import {
  ACL_ACTION,
  ACL_POLICY,
  ACL_RULES,
  ADDRESS_ORDER,
  BLOCKS_AT,
  BUFFER_HEADER,
  CHAOS_TEXTS,
  CHUNK_BITS,
  CHUNK_PAGES,
  CONFIG,
  DATASET,
  DATASET_FLAG,
  DEPTH_MAX,
  ENTRY_KEY_SIZE_MASK,
  ENTRY_KIND_SHIFT,
  ENTRY_SPACE_SHIFT,
  FIXED_ANSWER,
  isReverseSpace,
  KEY_SPACE,
  KIND,
  LAYOUT_VERSION,
  LISTENER,
  NAME_ORDER,
  NS,
  PAGE_FILL_MAX,
  PAGE_SLOTS,
  PAGE_WORDS,
  ORDER,
  POLICY,
  RECORDS_INFO,
  ROOT,
  ROUTE,
  SNAPSHOT_MAGIC,
  STEP,
  CHOICES,
  CHOICE_WORDS,
  PROGRAM,
  TRANSFER_RULE,
  STEP_WORDS,
  UNIT_SIZE,
  ZONE_INFO,
  ZONE_RECORDS,
  wordsFor,
} from './snapshot-layout.ts';
import type { ChangedRows } from './names-table.ts';
import { countLabels, endOfName, measureEntry, octetAt } from './verify-entry.ts';

const BLOCKS_AT_UNITS = BLOCKS_AT / UNIT_SIZE;
const SLOT_MASK = PAGE_SLOTS - 1;

/** What a walk has seen. */
export interface SnapshotExtent {
  readonly generation: number;
  readonly entryCount: number;
  readonly blockCount: number;
  /** octets of all blocks the root reaches */
  readonly size: number;
}

/**
 * Walk the current snapshot of a buffer, all of it: magic, version, bounds, overlap, hashes, probe order, key and payload
 * sizes, the child counts of reverse names, the number of entries.
 *
 * The caller is main, or holds the snapshot by its epoch slot.
 *
 * @throws SkyshardError SNAPSHOT_CORRUPT: what and where
 */
export function verifySnapshot(buffer: SharedArrayBuffer): SnapshotExtent {
  checkSharedBuffer(buffer);
  const words = new Uint32Array(buffer);
  const walk = new SnapshotWalk(words, undefined, true);
  return walk.root(Atomics.load(words, BUFFER_HEADER.at.root));
}

/**
 * Walk what a change set made: fresh blocks whole, references to others for their bounds only.
 *
 * @param freshBits      one bit a unit of the buffer: set where a fresh block begins
 * @param isWithEntries  false: entries were verified when they were written (verifyEntry), and are too many to be
 *                       walked again in one turn of the event loop
 * @throws SkyshardError SNAPSHOT_CORRUPT: what and where
 */
export function verifyChange(words: Uint32Array, root: number, freshBits: Uint32Array, isWithEntries: boolean): void {
  new SnapshotWalk(words, freshBits, isWithEntries).root(root);
}

/**
 * As verifyChange without entries, for one change set after the other. Where is known which pages a change set has put into a
 * directory, only these are looked at: to ask of all the others whether they are new, at places all over memory, takes longer.
 *
 * @returns takes a root, and what of a dataset has changed; undefined: any of it
 */
export function changeVerifier(
  words: Uint32Array,
  freshBits: Uint32Array,
): (root: number, rowsOf: (dataset: number) => ChangedRows | undefined) => void {
  const walk = new SnapshotWalk(words, freshBits, false);
  return (root, rowsOf) => {
    walk.root(root, rowsOf);
  };
}

/**
 * Check one entry that was just written.
 *
 * @param wordCount  words that were written
 * @throws SkyshardError SNAPSHOT_CORRUPT
 */
export function verifyEntry(words: Uint32Array, entry: number, wordCount: number): void {
  const fault = (what: string): never => {
    throw new SkyshardError('SNAPSHOT_CORRUPT', `entry at ${entry}: ${what}`);
  };
  if (measureEntry(words, entry * 2, entry * 2 + wordCount, fault) !== wordCount) fault('its size');
}

function chunkCountOf(depth: number): number {
  return depth <= CHUNK_BITS ? 1 : 1 << (depth - CHUNK_BITS);
}

/** A stretch of the directory that holds one page. */
interface PageRow {
  readonly page: number;
  /** first directory entry, and log2 of the number of entries */
  readonly first: number;
  readonly bits: number;
}

class SnapshotWalk {
  readonly #words: Uint32Array;
  readonly #policies = new Set<number>();
  readonly #programs = new Set<number>();
  /** undefined: a whole walk */
  readonly #freshBits: Uint32Array | undefined;
  readonly #isWithEntries: boolean;
  /** one bit a unit of the buffer: part of a block already; only in a whole walk */
  readonly #isSeen: Uint32Array;
  readonly #hashSeed: number;
  /** for a fault; '' stands for the block that was entered last */
  #where = '';
  /** of that block; put together only where there is a fault: a text for each would be half of the work */
  #what = '';
  #reference = 0;
  #generation = 0;
  #blockCount = 0;
  #size = 0;
  #entryCount = 0;
  /** of one dataset: children counted of a reverse name, by reference of its entry */
  #childCounts = new Map<number, number>();
  readonly #keyScratch = new Uint32Array(64);

  constructor(words: Uint32Array, freshBits: Uint32Array | undefined, isWithEntries: boolean) {
    this.#words = words;
    this.#freshBits = freshBits;
    this.#isWithEntries = isWithEntries;
    this.#isSeen = new Uint32Array(freshBits === undefined ? Math.ceil(words.length / 64) : 0);
    this.#hashSeed = words[BUFFER_HEADER.at.hashSeed]!;
  }

  /** @param rowsOf  as in changeVerifier */
  root(root: number, rowsOf: (dataset: number) => ChangedRows | undefined = () => undefined): SnapshotExtent {
    const words = this.#words;
    const at = ROOT.at;
    this.#blockCount = this.#size = this.#entryCount = 0;
    const base = this.#block(root, ROOT.words, 'root');
    if (words[base + at.magic] !== SNAPSHOT_MAGIC) this.#fault('magic');
    if (words[base + at.version] !== LAYOUT_VERSION) this.#fault(`version ${words[base + at.version]}`);
    this.#generation = words[base + at.generation]!;
    if (this.#generation === 0) this.#fault('generation 0');
    const datasetCount = words[base + at.datasetCount]!;
    const config = words[base + at.config]!;
    this.#rest(root, ROOT.words, ROOT.words + datasetCount);
    this.#walkConfig(config, datasetCount);
    for (let index = 0; index < datasetCount; index++) {
      this.#walkDataset(words[base + at.datasets + index]!, index, rowsOf(index));
    }
    return {
      generation: this.#generation,
      entryCount: this.#entryCount,
      blockCount: this.#blockCount,
      size: this.#size,
    };
  }

  readonly #fault = (what: string): never => {
    throw new SkyshardError('SNAPSHOT_CORRUPT', `${this.#where || `${this.#what} at ${this.#reference}`}: ${what}`);
  };

  /** The block may be skipped: it is part of a snapshot that was verified before. */
  #isKnown(reference: number): boolean {
    const freshBits = this.#freshBits;
    if (freshBits === undefined) return false;
    const isInside = reference >= BLOCKS_AT_UNITS && reference * 2 < this.#words.length;
    if (!isInside) this.#fault(`reference ${reference} outside of the blocks`);
    return (freshBits[reference >>> 5]! & (1 << (reference & 31))) === 0;
  }

  /** Enter a block of at least `wordCount` words. @returns index of its first word */
  #block(reference: number, wordCount: number, what: string): number {
    this.#where = '';
    this.#what = what;
    this.#reference = reference;
    const isInside = reference >= BLOCKS_AT_UNITS && reference * 2 + wordCount <= this.#words.length;
    if (!isInside) this.#fault('outside of the blocks');
    this.#blockCount++;
    this.#mark(reference, 0, wordCount);
    return reference * 2;
  }

  /** The block just entered has more words: `wordCount` in all. */
  #rest(reference: number, known: number, wordCount: number): void {
    if (reference * 2 + wordCount > this.#words.length) this.#fault('runs over the end of the buffer');
    this.#mark(reference, known, wordCount);
  }

  /** Count words `from` … `to` of a block; in a whole walk no unit may be part of two blocks. */
  #mark(reference: number, from: number, to: number): void {
    const first = reference + ((from + 1) >>> 1);
    const end = reference + ((to + 1) >>> 1);
    this.#size += (end - first) * UNIT_SIZE;
    if (this.#freshBits !== undefined) return;
    for (let unit = first; unit < end; unit++) {
      const bit = 1 << (unit & 31);
      if ((this.#isSeen[unit >>> 5]! & bit) !== 0) this.#fault('overlaps another block');
      this.#isSeen[unit >>> 5]! |= bit;
    }
  }

  #walkConfig(config: number, datasetCount: number): void {
    // Nearly always: that of the snapshot before.
    if (this.#isKnown(config)) return;
    this.#policies.clear();
    this.#programs.clear();
    const words = this.#words;
    const base = this.#block(config, CONFIG.words, 'config');
    const count = words[base + CONFIG.at.listenerCount]!;
    this.#rest(config, CONFIG.words, CONFIG.words + count);
    for (let index = 0; index < count; index++) this.#walkListener(words[base + CONFIG.words + index]!, datasetCount);
  }

  #walkListener(listener: number, datasetCount: number): void {
    const words = this.#words;
    const base = this.#block(listener, LISTENER.words, 'listener');
    const labelsMax = words[base + LISTENER.at.suffixLabelsMax]!;
    const slotMask = words[base + LISTENER.at.slotMask]!;
    if (slotMask === 0 || slotMask > 0xffff || (slotMask & (slotMask + 1)) !== 0) this.#fault(`slotMask ${slotMask}`);
    this.#rest(listener, LISTENER.words, LISTENER.words + (slotMask + 1) * 2);
    const slotsAt = base + LISTENER.at.slots;
    let used = 0;
    for (let slot = 0; slot <= slotMask; slot++) {
      const route = words[slotsAt + slot * 2 + 1]!;
      if (route === 0) continue;
      used++;
      const hash = words[slotsAt + slot * 2]!;
      this.#where = `listener at ${listener}, slot ${slot}`;
      for (let probe = hash & slotMask; probe !== slot; probe = (probe + 1) & slotMask) {
        if (words[slotsAt + probe * 2 + 1] === 0) this.#fault('a free slot before it hides it');
      }
      this.#walkRoute(route, hash, labelsMax, datasetCount);
    }
    const keys = words[base + LISTENER.at.keys]!;
    if (keys !== 0) this.#walkProgram(keys, datasetCount);
    this.#where = `listener at ${listener}`;
    if (used > slotMask) this.#fault('no free slot');
  }

  #walkRoute(route: number, hash: number, labelsMax: number, datasetCount: number): void {
    const words = this.#words;
    const base = this.#block(route, ROUTE.words, 'route');
    const zoneSize = words[base + ROUTE.at.zoneSize]!;
    const stepCount = words[base + ROUTE.at.stepCount]!;
    const zoneAt = base + ROUTE.words + stepCount * STEP_WORDS;
    if (zoneSize === 0 || zoneSize > 255) this.#fault(`zoneSize ${zoneSize}`);
    const serverZoneSize = words[base + ROUTE.at.serverZoneSize]!;
    if (serverZoneSize === 0 || serverZoneSize > zoneSize) this.#fault(`server zone size ${serverZoneSize}`);
    this.#rest(route, ROUTE.words, ROUTE.words + stepCount * STEP_WORDS + wordsFor(zoneSize));
    if (countLabels(words, zoneAt, zoneSize, true, this.#fault, 'zone') > labelsMax) this.#fault('suffixLabelsMax');
    if (hashKey(words, zoneAt, zoneSize, ZONE_HASH_SPACE, this.#hashSeed) !== hash) this.#fault('hash of the zone');
    this.#walkPolicy(words[base + ROUTE.at.policy]!, datasetCount);
    const choices = words[base + ROUTE.at.choices]!;
    if (choices !== 0 && stepCount !== 0) this.#fault('choices and steps');
    if (choices !== 0) this.#walkChoices(choices, hash, labelsMax, datasetCount);
    for (let index = 0; index < stepCount; index++) {
      const step = base + ROUTE.words + index * STEP_WORDS;
      this.#where = `route at ${route}`;
      this.#walkStep(words[step]!, words[step + 1]!, zoneSize, datasetCount);
    }
  }

  #walkChoices(choices: number, hash: number, labelsMax: number, datasetCount: number): void {
    const words = this.#words;
    const base = this.#block(choices, CHOICES.words, 'choices');
    const count = words[base + CHOICES.at.count]!;
    this.#rest(choices, CHOICES.words, CHOICES.words + count * CHOICE_WORDS);
    for (let index = 0; index < count; index++) {
      const choice = base + CHOICES.at.choices + index * CHOICE_WORDS;
      const [condition, route] = [words[choice]!, words[choice + 1]!];
      if (condition !== 0) this.#walkProgram(condition, datasetCount);
      this.#walkRoute(route, hash, labelsMax, datasetCount);
      if (words[route * 2 + ROUTE.at.choices] !== 0) this.#fault('a choice has choices');
    }
  }

  /** Routes share the policy of their server block. */
  #walkPolicy(policy: number, datasetCount: number): void {
    if (this.#policies.has(policy)) return;
    this.#policies.add(policy);
    const words = this.#words;
    const base = this.#block(policy, POLICY.words, 'policy');
    const udpSizeMax = words[base + POLICY.at.udpSizeMax]!;
    if (udpSizeMax < 512 || udpSizeMax > 4096) this.#fault(`udpSizeMax ${udpSizeMax}`);
    const nsidSize = words[base + POLICY.at.nsidSize]!;
    if (nsidSize > 255) this.#fault(`nsidSize ${nsidSize}`);
    this.#rest(policy, POLICY.words, POLICY.words + wordsFor(nsidSize));
    const metadata = words[base + POLICY.at.metadata]!;
    if (metadata !== 0) this.#walkProgram(metadata, datasetCount);
    const addressOrder = words[base + POLICY.at.addressOrder]!;
    const hasOrder = words[base + POLICY.at.order]! >= ORDER.FIRST_OF_ADDRESSES;
    if (hasOrder !== (addressOrder !== 0)) this.#fault(`order ${words[base + POLICY.at.order]}`);
    if (addressOrder === 0) return;
    const orderAt = this.#block(addressOrder, ADDRESS_ORDER.words, 'address order');
    const size = words[orderAt + ADDRESS_ORDER.at.size]!;
    this.#rest(addressOrder, ADDRESS_ORDER.words, ADDRESS_ORDER.words + wordsFor(size));
  }

  /** All routes of a server block share it. */
  #walkProgram(program: number, datasetCount: number): void {
    if (this.#programs.has(program)) return;
    this.#programs.add(program);
    const words = this.#words;
    const base = this.#block(program, PROGRAM.words, 'program');
    this.#rest(program, PROGRAM.words, PROGRAM.words + wordsFor(words[base + PROGRAM.at.size]!));
    const rest = words[base + PROGRAM.at.rest]!;
    if (rest !== 0) this.#walkListener(rest, datasetCount);
  }

  #walkStep(step: number, argument: number, routeZoneSize: number, datasetCount: number): void {
    const words = this.#words;
    switch (step) {
      case STEP.KUBERNETES:
      case STEP.EXTERNAL:
        return this.#walkZoneInfo(argument, routeZoneSize, datasetCount);
      case STEP.RECORDS: {
        const base = this.#block(argument, RECORDS_INFO.words, 'records info');
        if (words[base + RECORDS_INFO.at.dataset]! >= datasetCount) this.#fault('dataset of records info');
        return this.#rest(argument, RECORDS_INFO.words, RECORDS_INFO.words);
      }
      case STEP.ZONE: {
        const base = this.#block(argument, ZONE_RECORDS.words, 'zone records');
        if (words[base + ZONE_RECORDS.at.dataset]! >= datasetCount) this.#fault('dataset of zone records');
        const zoneSize = words[base + ZONE_RECORDS.at.zoneSize]!;
        if (zoneSize === 0 || zoneSize > routeZoneSize) this.#fault(`zoneSize ${zoneSize}`);
        return;
      }
      case STEP.FIXED_ANSWER: {
        const base = this.#block(argument, FIXED_ANSWER.words, 'fixed answer');
        const size = words[base + FIXED_ANSWER.at.size]!;
        if (size > 65_535) this.#fault(`size ${size}`);
        return this.#rest(argument, FIXED_ANSWER.words, FIXED_ANSWER.words + wordsFor(size));
      }
      case STEP.CHAOS: {
        const at = CHAOS_TEXTS.at;
        const base = this.#block(argument, CHAOS_TEXTS.words, 'chaos texts');
        let size = CHAOS_TEXTS.words;
        for (const field of [at.versionSize, at.hostnameSize, at.authorsSize]) size += wordsFor(words[base + field]!);
        return this.#rest(argument, CHAOS_TEXTS.words, size);
      }
      case STEP.TEMPLATE:
      case STEP.REWRITE:
      case STEP.TSIG:
      case STEP.DNS64:
      case STEP.SIIT:
      case STEP.AUTOPATH:
        return this.#walkProgram(argument, datasetCount);
      case STEP.NOTIFIED:
      case STEP.TRANSFER: {
        const base = this.#block(argument, TRANSFER_RULE.words, 'transfer rule');
        const size = 2 * words[base + TRANSFER_RULE.at.count4]! + 8 * words[base + TRANSFER_RULE.at.count6]!;
        return this.#rest(argument, TRANSFER_RULE.words, TRANSFER_RULE.words + size);
      }
      case STEP.ACL:
        return this.#walkAclRules(argument);
      case STEP.ANY:
      case STEP.WHOAMI:
      case STEP.LOCAL:
      case STEP.FORWARD:
      case STEP.UNBUILT:
      case STEP.REFUSE:
        return;
      default:
        this.#fault(`step ${step}`);
    }
  }

  #walkAclRules(rules: number): void {
    const words = this.#words;
    const base = this.#block(rules, ACL_RULES.words, 'acl rules');
    let at = base + ACL_RULES.words;
    for (let left = words[base + ACL_RULES.at.count]!; left > 0; left--) {
      if (at + ACL_POLICY.words > words.length) this.#fault('runs over the end of the buffer');
      if (words[at + ACL_POLICY.at.action]! > ACL_ACTION.ALLOW) this.#fault(`action ${words[at]}`);
      const networks = 2 * words[at + ACL_POLICY.at.count4]! + 8 * words[at + ACL_POLICY.at.count6]!;
      at += ACL_POLICY.words + words[at + ACL_POLICY.at.typeCount]! + networks;
    }
    this.#rest(rules, ACL_RULES.words, at - base);
  }

  #walkZoneInfo(zoneInfo: number, routeZoneSize: number, datasetCount: number): void {
    const words = this.#words;
    const at = ZONE_INFO.at;
    const base = this.#block(zoneInfo, ZONE_INFO.words, 'zone info');
    if (words[base + at.dataset]! >= datasetCount) this.#fault(`dataset ${words[base + at.dataset]}`);
    const keySpace = words[base + at.keySpace]!;
    if (keySpace > KEY_SPACE.CLUSTERSET) this.#fault(`keySpace ${keySpace}`);
    const zoneSize = words[base + at.zoneSize]!;
    if (zoneSize === 0 || zoneSize > routeZoneSize) this.#fault(`zoneSize ${zoneSize}`);
    const suffixSize = words[base + at.keySuffixSize]!;
    if (suffixSize > zoneSize || suffixSize === 0) this.#fault(`keySuffixSize ${suffixSize}`);
    if (words[base + at.negativeTtl]! > words[base + at.ttl]!) this.#fault('negativeTtl');
    const primarySize = words[base + at.primarySize]!;
    if (primarySize === 0 || primarySize > 255) this.#fault(`primarySize ${primarySize}`);
    const apexSize = words[base + at.apexSize]!;
    if (apexSize > 255) this.#fault(`apexSize ${apexSize}`);
    for (const field of [at.serialField, at.nsField]) {
      if (words[base + field]! >= DATASET.words) this.#fault(`field ${words[base + field]} of the dataset`);
    }
    const apexAt = at.primary + wordsFor(primarySize);
    this.#rest(zoneInfo, ZONE_INFO.words, apexAt + wordsFor(apexSize));
    countLabels(words, base + at.primary, primarySize, true, this.#fault, 'primary');
    countLabels(words, base + apexAt, apexSize, false, this.#fault, 'apex');
  }

  #walkDataset(dataset: number, index: number, rows: ChangedRows | undefined): void {
    if (this.#isKnown(dataset)) return;
    const words = this.#words;
    const at = DATASET.at;
    const base = this.#block(dataset, DATASET.words, `dataset ${index}`);
    const top = words[base + at.top]!;
    const depth = words[base + at.depth]!;
    if (depth < 1 || depth > DEPTH_MAX) this.#fault(`depth ${depth}`);
    if ((words[base + at.flags]! & ~DATASET_FLAG.SYNCED) !== 0) this.#fault(`flags ${words[base + at.flags]}`);
    for (const field of [at.ns, at.externalNs]) {
      const ns = words[base + field]!;
      if (ns !== 0 && !this.#isKnown(ns)) this.#walkNameServers(ns);
    }
    const order = words[base + at.order]!;
    if (order !== 0 && !this.#isKnown(order)) this.#walkOrder(order);
    const countBefore = this.#entryCount;
    // Clearing one makes a new table, also of nothing.
    if (this.#childCounts.size > 0) this.#childCounts.clear();
    if (!this.#isKnown(top)) {
      if (rows === undefined) this.#walkDirectory(top, depth);
      else this.#walkRows(top, depth, rows);
    }
    if (this.#freshBits !== undefined) return;
    this.#where = `dataset ${index} at ${dataset}`;
    const counted = this.#entryCount - countBefore;
    if (words[base + at.entryCount] !== counted) {
      this.#fault(`entryCount ${words[base + at.entryCount]}, counted ${counted}`);
    }
    this.#checkChildCounts();
  }

  #walkNameServers(ns: number): void {
    const words = this.#words;
    const base = this.#block(ns, NS.words, 'name servers');
    let at = base + NS.words;
    for (let index = 0; index < words[base]!; index++) {
      if (at + 3 > words.length) this.#fault('runs over the end of the buffer');
      const nameSize = words[at]!;
      const addressWords = words[at + 1]! + 4 * words[at + 2]!;
      if (nameSize === 0 || nameSize > 255) this.#fault(`name of ${nameSize} octets`);
      at = endOfName(words, at + 3, nameSize, false, words.length, this.#fault, 'name') + addressWords;
    }
    this.#rest(ns, NS.words, at - base);
  }

  #walkOrder(order: number): void {
    const words = this.#words;
    const base = this.#block(order, NAME_ORDER.words, 'name order');
    const count = words[base + NAME_ORDER.at.count]!;
    this.#rest(order, NAME_ORDER.words, NAME_ORDER.words + count);
    for (let index = 0; index < count; index++) {
      const entry = words[base + NAME_ORDER.at.entries + index]!;
      const isInside = entry >= BLOCKS_AT_UNITS && entry * 2 < words.length;
      if (!isInside) this.#fault(`reference ${entry} outside of the blocks`);
    }
  }

  #walkRows(top: number, depth: number, { indexes, count }: ChangedRows): void {
    const words = this.#words;
    const base = this.#block(top, chunkCountOf(depth), 'top');
    for (let at = 0; at < count; at++) {
      const index = indexes[at]!;
      const chunk = words[base + (index >>> CHUNK_BITS)]!;
      if (this.#isKnown(chunk)) this.#fault(`the chunk of directory entry ${index} is not new`);
      this.#block(chunk, CHUNK_PAGES, 'chunk');
      const page = this.#pageAt(base, index);
      if (this.#isKnown(page)) continue;
      let first = index;
      while (first > 0 && this.#pageAt(base, first - 1) === page) first--;
      this.#walkPage(this.#rowAt(base, depth, first), depth, base);
    }
  }

  #pageAt(topAt: number, index: number): number {
    return this.#words[this.#words[topAt + (index >>> CHUNK_BITS)]! * 2 + (index & (CHUNK_PAGES - 1))]!;
  }

  #walkDirectory(top: number, depth: number): void {
    const words = this.#words;
    const chunkCount = chunkCountOf(depth);
    const base = this.#block(top, chunkCount, 'top');
    for (let index = 0; index < chunkCount; index++) {
      const chunk = words[base + index]!;
      if (!this.#isKnown(chunk)) this.#block(chunk, CHUNK_PAGES, 'chunk');
    }
    const pageCount = Math.min(CHUNK_PAGES, 1 << depth);
    const freshBits = this.#freshBits;
    const unitEnd = words.length / 2;
    let previous = 0;
    for (let chunkIndex = 0; chunkIndex < chunkCount; chunkIndex++) {
      const chunk = words[base + chunkIndex]!;
      if (this.#isKnown(chunk)) continue;
      for (let at = chunk * 2, end = at + pageCount; at < end; at++) {
        const page = words[at]!;
        if (page === previous) continue;
        previous = page;
        // Most of what this costs: a chunk has 128 pages, of which few are fresh. Otherwise this is #isKnown.
        if (
          freshBits !== undefined &&
          page >= BLOCKS_AT_UNITS &&
          page < unitEnd &&
          (freshBits[page >>> 5]! & (1 << (page & 31))) === 0
        )
          continue;
        if (this.#isKnown(page)) continue;
        const index = at - chunk * 2;
        // A fresh page has made all its chunks fresh, so its row starts here.
        this.#walkPage(this.#rowAt(base, depth, (chunkIndex << CHUNK_BITS) + index), depth, base);
      }
    }
  }

  /** The row that starts at a directory entry: its length is a power of two and it is aligned to its length. */
  #rowAt(topAt: number, depth: number, first: number): PageRow {
    const page = this.#pageAt(topAt, first);
    let end = first + 1;
    while (end < 1 << depth && this.#pageAt(topAt, end) === page) end++;
    const bits = 31 - Math.clz32(end - first);
    this.#where = `directory entry ${first}`;
    if (end - first !== 1 << bits || first % (end - first) !== 0) this.#fault('the page stands in a crooked row');
    return { page, first, bits };
  }

  #walkPage({ page, first, bits }: PageRow, depth: number, topAt: number): void {
    const words = this.#words;
    const base = this.#block(page, PAGE_WORDS, 'page');
    const localDepth = depth - bits;
    let fill = 0;
    for (let slot = 0; slot < PAGE_SLOTS; slot++) {
      const entry = words[base + slot * 2 + 1]!;
      if (entry === 0) continue;
      fill++;
      const hash = words[base + slot * 2]!;
      if (localDepth > 0 && hash >>> (32 - localDepth) !== first >>> bits) {
        this.#faultInSlot(page, slot, 'hash of another page');
      }
      for (let probe = hash & SLOT_MASK; probe !== slot; probe = (probe + 1) & SLOT_MASK) {
        if (words[base + probe * 2 + 1] === 0) this.#faultInSlot(page, slot, 'a free slot before it hides it');
      }
      if (this.#isWithEntries && !this.#isKnown(entry)) this.#walkEntry(entry, hash, topAt, depth);
    }
    this.#where = `page at ${page}`;
    if (fill > PAGE_FILL_MAX) this.#fault(`${fill} entries`);
    this.#entryCount += fill;
  }

  #faultInSlot(page: number, slot: number, what: string): never {
    this.#where = `page at ${page}, slot ${slot}`;
    return this.#fault(what);
  }

  #walkEntry(entry: number, hash: number, topAt: number, depth: number): void {
    const words = this.#words;
    const base = this.#block(entry, 1, 'entry');
    const wordCount = measureEntry(words, base, words.length, this.#fault);
    this.#rest(entry, 1, wordCount);
    const head = words[base]!;
    const keySize = head & ENTRY_KEY_SIZE_MASK;
    const keySpace = (head >>> ENTRY_SPACE_SHIFT) & 0xf;
    if (hashKey(words, base + 1, keySize, keySpace, this.#hashSeed) !== hash) this.#fault('hash of the key');
    if (this.#freshBits !== undefined) return;
    // A second entry of the same name would never be found: the first one is.
    if (this.#find(topAt, depth, hash, words, base) !== entry) this.#fault('another entry of the same name is found');
    if (isReverseSpace(keySpace)) this.#countAtParent(base, keySize, keySpace, topAt, depth);
  }

  /** Reference of the entry with the key of the entry at `keyAt` of `key`, 0 if none. Bounded whatever is in the page. */
  #find(topAt: number, depth: number, hash: number, key: Uint32Array, keyAt: number): number {
    const words = this.#words;
    const index = hash >>> (32 - depth);
    const page = words[words[topAt + (index >>> CHUNK_BITS)]! * 2 + (index & (CHUNK_PAGES - 1))]!;
    const keyEnd = 1 + wordsFor(key[keyAt]! & ENTRY_KEY_SIZE_MASK);
    for (let probe = 0; probe < PAGE_SLOTS; probe++) {
      const slot = (hash + probe) & SLOT_MASK;
      const entry = words[page * 2 + slot * 2 + 1]!;
      if (entry === 0) return 0;
      if (words[page * 2 + slot * 2] !== hash || ((words[entry * 2]! ^ key[keyAt]!) & 0xfff) !== 0) continue;
      let at = 1;
      while (at < keyEnd && words[entry * 2 + at] === key[keyAt + at]) at++;
      if (at === keyEnd) return entry;
    }
    return 0;
  }

  #countAtParent(base: number, keySize: number, keySpace: number, topAt: number, depth: number): void {
    const words = this.#words;
    const isEnt = ((words[base]! >>> ENTRY_KIND_SHIFT) & 0xf) === KIND.ENT;
    if (isEnt && !this.#childCounts.has(base / 2)) this.#childCounts.set(base / 2, 0);
    const skip = octetAt(words, base + 1, 0) + 1;
    const parentSize = keySize - skip;
    if (parentSize === 0) return;
    const scratch = this.#keyScratch.fill(0);
    scratch[0] = parentSize | (keySpace << ENTRY_SPACE_SHIFT);
    for (let offset = 0; offset < parentSize; offset++) {
      scratch[1 + (offset >>> 2)]! |= octetAt(words, base + 1, skip + offset) << ((offset & 3) * 8);
    }
    const hash = hashKey(scratch, 1, parentSize, keySpace, this.#hashSeed);
    const parent = this.#find(topAt, depth, hash, scratch, 0);
    if (parent === 0) this.#fault('no entry for the name above it');
    this.#childCounts.set(parent, (this.#childCounts.get(parent) ?? 0) + 1);
  }

  #checkChildCounts(): void {
    for (const [entry, counted] of this.#childCounts) {
      const keySize = this.#words[entry * 2]! & ENTRY_KEY_SIZE_MASK;
      const childCount = this.#words[entry * 2 + 1 + wordsFor(keySize)]!;
      this.#where = `entry at ${entry}`;
      if (childCount !== counted) this.#fault(`child count ${childCount}, counted ${counted}`);
    }
  }
}
