/** A snapshot in words: what `skyshard snapshot` prints. The caller is main or holds the snapshot by its epoch slot. */
import { formatName } from '../dns/name.ts';
import { addressTexts, clientLine, entryLine, relativeText } from './entry-text.ts';
import { entriesOf, keyOf, octetsAt, pagesOf } from './entry-walk.ts';
import {
  BUFFER_HEADER,
  CHOICES,
  CHOICE_WORDS,
  CHUNK_BITS,
  CHUNK_PAGES,
  CONFIG,
  DATASET,
  DATASET_FLAG,
  ENTRY_KIND_SHIFT,
  ENTRY_SPACE_SHIFT,
  KEY_SPACE,
  KIND,
  LISTENER,
  NS,
  PAGE_WORDS,
  RECORDS_INFO,
  ROOT,
  ROUTE,
  STEP,
  STEP_FLAG,
  STEP_WORDS,
  ZONE_FLAG,
  ZONE_INFO,
  wordsFor,
} from './snapshot-layout.ts';
import { measureEntry } from './verify-entry.ts';

const KEY_SPACE_TITLES: readonly (readonly [number, string])[] = [
  [KEY_SPACE.FORWARD, 'names, relative to the zone'],
  [KEY_SPACE.REVERSE4, 'names below in-addr.arpa'],
  [KEY_SPACE.REVERSE6, 'names below ip6.arpa'],
  [KEY_SPACE.EXTERNAL, 'external names, relative to the zone'],
  [KEY_SPACE.EXTERNAL_REVERSE4, 'external names below in-addr.arpa'],
  [KEY_SPACE.EXTERNAL_REVERSE6, 'external names below ip6.arpa'],
  [KEY_SPACE.CLUSTERSET, 'names of the clusterset, relative to the zone'],
];

/**
 * The lines of the current snapshot: the zones of each listener, then each dataset's names in DNS order (by the last
 * label first), so that what lies below a name follows it. Nothing published: one line that says so.
 */
export function* dumpSnapshot(buffer: SharedArrayBuffer): Generator<string, void> {
  const words = new Uint32Array(buffer);
  const root = Atomics.load(words, BUFFER_HEADER.at.root);
  if (root === 0) {
    yield 'nothing is published';
    return;
  }
  const rootAt = root * 2;
  yield `generation ${words[rootAt + ROOT.at.generation]}`;
  yield* configLines(words, words[rootAt + ROOT.at.config]! * 2);
  for (let index = 0; index < words[rootAt + ROOT.at.datasetCount]!; index++) {
    yield '';
    yield* datasetLines(words, index, words[rootAt + ROOT.at.datasets + index]! * 2);
  }
}

function* configLines(words: Uint32Array, configAt: number): Generator<string, void> {
  for (let id = 0; id < words[configAt]!; id++) {
    yield '';
    yield `listener ${id}`;
    const listenerAt = words[configAt + CONFIG.at.listeners + id]! * 2;
    const slotCount = words[listenerAt + LISTENER.at.slotMask]! + 1;
    const lines: string[] = [];
    for (let slot = 0; slot < slotCount; slot++) {
      const route = words[listenerAt + LISTENER.at.slots + slot * 2 + 1]!;
      if (route !== 0) lines.push(...routeLines(words, route * 2));
    }
    yield* lines.sort();
  }
}

const STEP_NAMES = new Map<number, string>(
  Object.entries({
    kubernetes: STEP.KUBERNETES,
    k8s_external: STEP.EXTERNAL,
    hosts: STEP.RECORDS,
    template: STEP.FIXED_ANSWER,
    any: STEP.ANY,
    whoami: STEP.WHOAMI,
    chaos: STEP.CHAOS,
    local: STEP.LOCAL,
    forward: STEP.FORWARD,
    'not built': STEP.UNBUILT,
    'template for each query': STEP.TEMPLATE,
    transfer: STEP.TRANSFER,
    rewrite: STEP.REWRITE,
    acl: STEP.ACL,
    tsig: STEP.TSIG,
    'secondary hears': STEP.NOTIFIED,
  }).map(([name, step]) => [step, name]),
);

function routeLines(words: Uint32Array, routeAt: number): string[] {
  const stepCount = words[routeAt + ROUTE.at.stepCount]!;
  const stepsAt = routeAt + ROUTE.at.steps;
  const zoneSize = words[routeAt + ROUTE.at.zoneSize]!;
  const zone = formatName(octetsAt(words, stepsAt + stepCount * STEP_WORDS, zoneSize));
  const choices = words[routeAt + ROUTE.at.choices]!;
  if (choices !== 0) return choiceLines(words, zone, choices * 2);
  if (stepCount === 0) return [`  ${zone}  no step`];
  // Numbered, so that sorting keeps the order of the chain.
  return Array.from(
    { length: stepCount },
    (_, index) => `  ${zone}  ${index + 1}  ${stepText(words, stepsAt + index * STEP_WORDS)}`,
  );
}

/** One after the other: whose expressions hold first answers. */
function choiceLines(words: Uint32Array, zone: string, choicesAt: number): string[] {
  return Array.from({ length: words[choicesAt + CHOICES.at.count]! }, (_, index) => {
    const choiceAt = choicesAt + CHOICES.at.choices + index * CHOICE_WORDS;
    const title = words[choiceAt] === 0 ? 'in any case' : 'if its view holds';
    return routeLines(words, words[choiceAt + 1]! * 2).map((line) =>
      line.replace(`  ${zone}  `, () => `  ${zone}  choice ${index + 1} (${title})  `),
    );
  }).flat();
}

function stepText(words: Uint32Array, stepAt: number): string {
  const step = words[stepAt]!;
  const parts = [STEP_NAMES.get(step) ?? `step ${step}`];
  const argumentAt = words[stepAt + 1]! * 2;
  if (step === STEP.KUBERNETES || step === STEP.EXTERNAL) {
    const flags = words[argumentAt + ZONE_INFO.at.flags]!;
    parts.push(`dataset ${words[argumentAt + ZONE_INFO.at.dataset]}`, `ttl ${words[argumentAt + ZONE_INFO.at.ttl]}`);
    if ((flags & ZONE_FLAG.PODS_INSECURE) !== 0) parts.push('pods insecure');
    if ((flags & ZONE_FLAG.ZONAL) !== 0) parts.push('zonal');
  } else if (step === STEP.RECORDS) {
    parts.push(`dataset ${words[argumentAt + RECORDS_INFO.at.dataset]}`);
    parts.push(`ttl ${words[argumentAt + RECORDS_INFO.at.ttl]}`);
  }
  if ((words[stepAt + 2]! & STEP_FLAG.FALLTHROUGH) !== 0) parts.push('fallthrough');
  return parts.join('  ');
}

function* datasetLines(words: Uint32Array, index: number, datasetAt: number): Generator<string, void> {
  const at = DATASET.at;
  const isSynced = (words[datasetAt + at.flags]! & DATASET_FLAG.SYNCED) !== 0;
  const serials = (
    [
      [at.serial, 'serial'],
      [at.externalSerial, 'external serial'],
      [at.clustersetSerial, 'clusterset serial'],
    ] as const
  ).flatMap(([field, title]) => {
    const serial = words[datasetAt + field]!;
    return field === at.serial || serial !== 0 ? [`${title} ${serial}`] : [];
  });
  const names = `names ${words[datasetAt + at.entryCount]}`;
  yield [`dataset ${index}`, ...serials, names, isSynced ? 'synced' : 'not synced'].join('  ');
  for (const [field, title] of [
    [at.ns, ''],
    [at.externalNs, 'external '],
  ] as const) {
    const ns = words[datasetAt + field]!;
    if (ns !== 0) yield* nameServerLines(words, ns * 2, title);
  }
  const entries = Uint32Array.from(entriesOf(words, datasetAt));
  for (const [keySpace, title] of KEY_SPACE_TITLES) {
    const inSpace = entries.filter((entryAt) => ((words[entryAt]! >>> ENTRY_SPACE_SHIFT) & 0xf) === keySpace);
    if (inSpace.length === 0) continue;
    yield title;
    const sorted = Array.from(inSpace, (entryAt) => ({ entryAt, order: orderOf(keyOf(words, entryAt)) }));
    sorted.sort((a, b) => (a.order < b.order ? -1 : a.order > b.order ? 1 : 0));
    for (const { entryAt } of sorted) yield `  ${entryLine(words, entryAt)}`;
  }
  const clients = entries.filter((entryAt) => ((words[entryAt]! >>> ENTRY_SPACE_SHIFT) & 0xf) === KEY_SPACE.CLIENT);
  if (clients.length > 0) yield 'pods by address';
  yield* Array.from(clients, (entryAt) => `  ${clientLine(words, entryAt)}`).sort();
}

function* nameServerLines(words: Uint32Array, nsAt: number, title: string): Generator<string, void> {
  let at = nsAt + NS.at.servers;
  for (let index = 0; index < words[nsAt]!; index++) {
    const [nameSize, count4, count6] = [words[at]!, words[at + 1]!, words[at + 2]!];
    const addressesAt = at + 3 + wordsFor(nameSize);
    const name = relativeText(octetsAt(words, at + 3, nameSize));
    yield [`  ${title}NS`, name, ...addressTexts(words, addressesAt, count4, count6)].join('  ');
    at = addressesAt + count4 + 4 * count6;
  }
}

/** Compares as the labels do from right to left, octet by octet (RFC 4034 §6.1). */
function orderOf(name: Uint8Array): string {
  const labels: string[] = [];
  for (let offset = 0; offset < name.length; offset += name[offset]! + 1) {
    labels.push(Buffer.from(name.subarray(offset + 1, offset + 1 + name[offset]!)).toString('latin1'));
  }
  // A length octet can't be part of the order: the separator is below every octet of a label but NUL.
  return labels.reverse().join('\0');
}

/** Where the octets of a snapshot are. */
export interface SnapshotSizes {
  /** per KIND: number of entries and their octets */
  readonly kinds: Readonly<Record<keyof typeof KIND, { readonly count: number; readonly size: number }>>;
  readonly pages: { readonly count: number; readonly size: number };
  /** octets of chunks and tops */
  readonly directorySize: number;
}

/** Octets per kind of entry over all datasets of the current snapshot. */
export function snapshotSizes(buffer: SharedArrayBuffer): SnapshotSizes {
  const words = new Uint32Array(buffer);
  const names = Object.keys(KIND) as (keyof typeof KIND)[];
  const counts = new Float64Array(names.length);
  const sizes = new Float64Array(names.length);
  const rootAt = Atomics.load(words, BUFFER_HEADER.at.root) * 2;
  const datasetCount = rootAt === 0 ? 0 : words[rootAt + ROOT.at.datasetCount]!;
  let pageCount = 0;
  let directorySize = 0;
  for (let index = 0; index < datasetCount; index++) {
    const datasetAt = words[rootAt + ROOT.at.datasets + index]! * 2;
    const chunkCount = Math.max(1, 2 ** (words[datasetAt + DATASET.at.depth]! - CHUNK_BITS));
    directorySize += chunkCount * (1 + CHUNK_PAGES) * 4;
    for (const _page of pagesOf(words, datasetAt)) pageCount++;
    for (const entryAt of entriesOf(words, datasetAt)) {
      const kind = (words[entryAt]! >>> ENTRY_KIND_SHIFT) & 0xf;
      counts[kind]!++;
      sizes[kind]! += Math.ceil(measureEntry(words, entryAt, words.length, neverFault) / 2) * 8;
    }
  }
  return {
    kinds: Object.fromEntries(
      names.map((name) => [name, { count: counts[KIND[name]]!, size: sizes[KIND[name]]! }]),
    ) as SnapshotSizes['kinds'],
    pages: { count: pageCount, size: pageCount * PAGE_WORDS * 4 },
    directorySize,
  };
}

function neverFault(what: string): never {
  throw new Error(`entry: ${what}`);
}
