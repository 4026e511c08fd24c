/**
 * The first level of the root: which listener serves which zones with which steps (CONFIG, LISTENER, ROUTE, ZONE_INFO).
 * Written whole whenever the configuration changes.
 */
import { assert } from '../base/assert.ts';
import type { BlockTransaction } from './block-transaction.ts';
import { WordWriter } from './entry-encoder.ts';
import { hashKey, ZONE_HASH_SPACE } from './key-hash.ts';
import { KEY_SPACE, LISTENER, STEP, ZONE_FLAG } from './snapshot-layout.ts';
import type { KeySpace } from './snapshot-layout.ts';

/** One zone of one `kubernetes` instance. */
export interface KubernetesStep {
  readonly kind: 'kubernetes';
  /** index of the dataset in the root */
  readonly dataset: number;
  /** TTL of records, seconds */
  readonly ttlSeconds: number;
  readonly isPodsInsecure: boolean;
  readonly isZonal: boolean;
  /** the primary zone, wire form with root label, as written in the configuration */
  readonly primary: Uint8Array;
}

export interface RouteDescription {
  /** wire form with root label, lower-cased */
  readonly zone: Uint8Array;
  /** metric scope */
  readonly scope: number;
  readonly steps: readonly KubernetesStep[];
}

export interface ListenerDescription {
  /** index in the CONFIG block; small numbers */
  readonly id: number;
  readonly routes: readonly RouteDescription[];
}

export interface SnapshotConfig {
  readonly listeners: readonly ListenerDescription[];
}

const NEGATIVE_TTL_MAX = 300;
const LISTENER_ID_MAX = 4095;

const IN_ADDR_ARPA = wireName('in-addr', 'arpa');
const IP6_ARPA = wireName('ip6', 'arpa');

/** Key space of the names of a zone, and the octets at their end that are not part of their keys. */
export function keySpaceOf(zone: Uint8Array): { readonly keySpace: KeySpace; readonly keySuffixSize: number } {
  if (isAtOrBelow(zone, IN_ADDR_ARPA)) return { keySpace: KEY_SPACE.REVERSE4, keySuffixSize: IN_ADDR_ARPA.length };
  if (isAtOrBelow(zone, IP6_ARPA)) return { keySpace: KEY_SPACE.REVERSE6, keySuffixSize: IP6_ARPA.length };
  return { keySpace: KEY_SPACE.FORWARD, keySuffixSize: zone.length };
}

/**
 * Write a configuration.
 *
 * @returns its blocks, the CONFIG block first
 * @throws SkyshardError SNAPSHOT_FULL
 */
export function compileConfig(blocks: BlockTransaction, config: SnapshotConfig, hashSeed: number): number[] {
  const references: number[] = [];
  const writer = new WordWriter();
  const listeners: number[] = [];
  for (const { id } of config.listeners) assert(id >= 0 && id <= LISTENER_ID_MAX, 'listener id');
  const count = Math.max(0, ...config.listeners.map(({ id }) => id + 1));
  for (let id = 0; id < count; id++) {
    const routes = config.listeners.find((listener) => listener.id === id)?.routes ?? [];
    listeners.push(writeListener(blocks, writer, routes, hashSeed, references));
  }
  writer.reset();
  writer.push(count);
  writer.pushAll(listeners);
  return [takeWritten(blocks, writer), ...references];
}

function writeListener(
  blocks: BlockTransaction,
  writer: WordWriter,
  routes: readonly RouteDescription[],
  hashSeed: number,
  references: number[],
): number {
  let slotCount = 2;
  while (slotCount < routes.length * 2) slotCount *= 2;
  const slots = new Uint32Array(slotCount * 2);
  let labelsMax = 0;
  for (const route of routes) {
    labelsMax = Math.max(labelsMax, labelCountOf(route.zone));
    const reference = writeRoute(blocks, writer, route, references);
    writer.reset();
    writer.pushOctets(route.zone);
    const hash = hashKey(writer.words, 0, route.zone.length, ZONE_HASH_SPACE, hashSeed);
    let slot = hash & (slotCount - 1);
    while (slots[slot * 2 + 1] !== 0) slot = (slot + 1) & (slotCount - 1);
    slots[slot * 2] = hash;
    slots[slot * 2 + 1] = reference;
  }
  writer.reset();
  writer.push(labelsMax);
  writer.push(slotCount - 1);
  assert(writer.count === LISTENER.words, 'fixed part of a listener');
  for (const word of slots) writer.push(word);
  const listener = takeWritten(blocks, writer);
  references.push(listener);
  return listener;
}

function writeRoute(
  blocks: BlockTransaction,
  writer: WordWriter,
  route: RouteDescription,
  references: number[],
): number {
  const args = route.steps.map((step) => writeZoneInfo(blocks, writer, route.zone, step));
  writer.reset();
  writer.push(route.scope);
  writer.push(route.zone.length);
  writer.push(args.length);
  for (const argument of args) {
    writer.push(STEP.KUBERNETES);
    writer.push(argument);
  }
  writer.pushOctets(route.zone);
  const reference = takeWritten(blocks, writer);
  references.push(...args, reference);
  return reference;
}

function writeZoneInfo(blocks: BlockTransaction, writer: WordWriter, zone: Uint8Array, step: KubernetesStep): number {
  const { keySpace, keySuffixSize } = keySpaceOf(zone);
  writer.reset();
  writer.push(step.dataset);
  writer.push(keySpace);
  writer.push(zone.length);
  writer.push(keySuffixSize);
  writer.push(step.ttlSeconds);
  writer.push(Math.min(step.ttlSeconds, NEGATIVE_TTL_MAX));
  writer.push((step.isPodsInsecure ? ZONE_FLAG.PODS_INSECURE : 0) | (step.isZonal ? ZONE_FLAG.ZONAL : 0));
  writer.push(step.primary.length);
  writer.pushOctets(step.primary);
  return takeWritten(blocks, writer);
}

/** A configuration may take the reserve: it is small and takes the place of another. */
function takeWritten(blocks: BlockTransaction, writer: WordWriter): number {
  const block = blocks.take(writer.count, true);
  for (let index = 0; index < writer.count; index++) blocks.words[block * 2 + index] = writer.words[index]!;
  if (writer.count % 2 === 1) blocks.words[block * 2 + writer.count] = 0;
  return block;
}

function labelCountOf(name: Uint8Array): number {
  let count = 0;
  for (let offset = 0; name[offset]! > 0; offset += name[offset]! + 1) count++;
  return count;
}

/** Both in wire form, lower-cased. */
function isAtOrBelow(name: Uint8Array, suffix: Uint8Array): boolean {
  let offset = 0;
  while (name.length - offset > suffix.length) offset += name[offset]! + 1;
  if (name.length - offset !== suffix.length) return false;
  return suffix.every((octet, index) => name[offset + index] === octet);
}

function wireName(...labels: readonly string[]): Uint8Array {
  return Uint8Array.from([...labels.flatMap((label) => [label.length, ...Buffer.from(label, 'latin1')]), 0]);
}
