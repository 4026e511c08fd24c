/** The names that are served, as the tree of labels that kubedns shows at /cache: for people, and bounded. */
import { formatName } from '../dns/name.ts';
import { entryRecords } from '../snapshot/entry-text.ts';
import { entriesOf, keyOf } from '../snapshot/entry-walk.ts';
import { BUFFER_HEADER, ENTRY_SPACE_SHIFT, KEY_SPACE, ROOT } from '../snapshot/snapshot-layout.ts';

interface Node {
  Entries?: readonly string[];
  ChildNodes?: Record<string, Node>;
}

/** Main does nothing else meanwhile, and a large cluster has hundreds of thousands. */
const TREE_NAMES_MAX = 10_000;
const NO_RECORDS = 'ENT';

/**
 * JSON of the newest snapshot. To be called by main, in one go.
 *
 * @param datasets  indexes of those to show
 * @param domain    canonical name of the cluster's zone
 */
export function dumpRecordTree(buffer: SharedArrayBuffer, datasets: readonly number[], domain: string): string {
  const words = new Uint32Array(buffer);
  const rootAt = Atomics.load(words, BUFFER_HEADER.at.root) * 2;
  const tree: Node = {};
  let nameCount = 0;
  let isCut = false;
  for (const { entryAt, zone } of rootAt === 0 ? [] : clusterEntries(words, rootAt, datasets, domain)) {
    if (nameCount === TREE_NAMES_MAX) {
      isCut = true;
      break;
    }
    nameCount++;
    const relative = keyOf(words, entryAt);
    const name = relative.length === 0 ? zone : `${formatName(relative)}.${zone}`;
    const node = nodeAt(tree, name);
    const records = entryRecords(words, entryAt).filter((record) => record !== NO_RECORDS);
    if (records.length > 0) node.Entries = records;
  }
  return `${JSON.stringify({ ...tree, ...(isCut && { Cut: `only ${TREE_NAMES_MAX} names are shown` }) }, undefined, 1)}\n`;
}

function* clusterEntries(
  words: Uint32Array,
  rootAt: number,
  datasets: readonly number[],
  domain: string,
): Generator<{ readonly entryAt: number; readonly zone: string }> {
  const zones = new Map<number, string>([
    [KEY_SPACE.FORWARD, domain],
    [KEY_SPACE.REVERSE4, 'in-addr.arpa.'],
    [KEY_SPACE.REVERSE6, 'ip6.arpa.'],
  ]);
  for (const index of datasets) {
    if (index >= words[rootAt + ROOT.at.datasetCount]!) continue;
    for (const entryAt of entriesOf(words, words[rootAt + ROOT.at.datasets + index]! * 2)) {
      const zone = zones.get((words[entryAt]! >>> ENTRY_SPACE_SHIFT) & 0xf);
      if (zone !== undefined) yield { entryAt, zone };
    }
  }
}

/** @param name  absolute; labels are walked from the last to the first */
function nodeAt(tree: Node, name: string): Node {
  let node = tree;
  for (const label of splitLabels(name).toReversed()) {
    node.ChildNodes ??= Object.create(null) as Record<string, Node>;
    node = node.ChildNodes[label] ??= {};
  }
  return node;
}

/** A dot within a label is written `\.`. */
function splitLabels(name: string): readonly string[] {
  return name.replace(/\.$/, '').match(/(?:\\.|[^.\\])+/g) ?? [];
}
