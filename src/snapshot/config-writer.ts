/**
 * The first level of the root: which listener serves which zones with which steps (CONFIG, LISTENER, ROUTE, ZONE_INFO).
 * Written whole whenever the configuration changes.
 */
import { assert } from '../base/assert.ts';
import type { BlockTransaction } from './block-transaction.ts';
import { parseAddress } from '../dns/address.ts';
import { DEFAULT_POLICY } from './config-description.ts';
import type {
  ListenerDescription,
  PolicyDescription,
  RouteChoice,
  RouteDescription,
  SnapshotConfig,
  StepDescription,
} from './config-description.ts';
import { WordWriter } from './entry-encoder.ts';
import { hashKey, ZONE_HASH_SPACE } from './key-hash.ts';
import { LISTENER, LISTENER_FLAG, ORDER, POLICY_FLAG } from './snapshot-layout.ts';
import { flagsOf, STEP_NUMBERS, writeArgument, writeProgram } from './step-arguments.ts';
import { takeWritten, type WriterContext } from './writer-context.ts';
import { encodeProgram } from './program-text.ts';

const LISTENER_ID_MAX = 4095;

/**
 * Write a configuration.
 *
 * @returns its blocks, the CONFIG block first
 * @throws SkyshardError SNAPSHOT_FULL
 */
export function compileConfig(blocks: BlockTransaction, config: SnapshotConfig, hashSeed: number): number[] {
  const context: WriterContext = {
    blocks,
    writer: new WordWriter(),
    hashSeed,
    references: [],
    policies: new Map(),
    programs: new Map(),
    writeRoutes: (routes) => writeListener(context, { routes }),
  };
  const listeners: number[] = [];
  for (const { id } of config.listeners) assert(id >= 0 && id <= LISTENER_ID_MAX, 'listener id');
  const count = Math.max(0, ...config.listeners.map(({ id }) => id + 1));
  for (let id = 0; id < count; id++) {
    listeners.push(writeListener(context, config.listeners.find((listener) => listener.id === id) ?? { routes: [] }));
  }
  context.writer.reset();
  context.writer.push(count);
  context.writer.pushAll(listeners);
  const root = takeWritten(context);
  return [root, ...context.references.filter((reference) => reference !== root)];
}

/** A listener's table, or that of a program. */
type RouteTable = Pick<ListenerDescription, 'routes' | 'keys' | 'address' | 'port'>;

function writeListener(context: WriterContext, { routes, keys, address = '', port = 0 }: RouteTable): number {
  const { writer, hashSeed } = context;
  let slotCount = 2;
  while (slotCount < routes.length * 2) slotCount *= 2;
  const slots = new Uint32Array(slotCount * 2);
  let labelsMax = 0;
  for (const route of routes) {
    labelsMax = Math.max(labelsMax, labelCountOf(route.zone));
    const reference = writeRoute(context, route);
    writer.reset();
    writer.pushOctets(route.zone);
    const hash = hashKey(writer.words, 0, route.zone.length, ZONE_HASH_SPACE, hashSeed);
    let slot = hash & (slotCount - 1);
    while (slots[slot * 2 + 1] !== 0) slot = (slot + 1) & (slotCount - 1);
    slots[slot * 2] = hash;
    slots[slot * 2 + 1] = reference;
  }
  const steps = routes.flatMap(allSteps);
  const hasClasses = steps.some((step) => step.kind === 'rewrite' && step.changesClass);
  const isNotified = steps.some((step) => step.kind === 'notified');
  const hasChaos = steps.some((step) => step.kind === 'chaos');
  const keysReference = keys === undefined ? 0 : writeProgram(context, keys, keys.program);
  writer.reset();
  writer.push(
    (hasChaos ? LISTENER_FLAG.CHAOS : 0) |
      (hasClasses ? LISTENER_FLAG.CLASSES : 0) |
      (isNotified ? LISTENER_FLAG.NOTIFY : 0),
  );
  writer.push(labelsMax);
  writer.push(slotCount - 1);
  writer.push(keysReference);
  const addressWords = new Uint32Array(4);
  writer.push(port);
  // A link-local address has its interface behind it.
  writer.push(parseAddress(address.replace(/%.*$/, ''), addressWords));
  for (const word of addressWords) writer.push(word);
  assert(writer.count === LISTENER.words, 'fixed part of a listener');
  for (const word of slots) writer.push(word);
  return takeWritten(context);
}

/** Of the route, or of all that may take its place. */
function allSteps(route: RouteDescription): readonly StepDescription[] {
  return [...route.steps, ...(route.choices ?? []).flatMap(({ route: choice }) => choice.steps)];
}

function writeRoute(context: WriterContext, route: RouteDescription): number {
  const { writer } = context;
  const choices = route.choices === undefined ? 0 : writeChoices(context, route.choices);
  const policy = writePolicy(context, route.policy ?? DEFAULT_POLICY);
  const args = route.steps.map((step) => writeArgument(context, route.zone, step));
  writer.reset();
  writer.push(route.scope);
  writer.push(route.zone.length);
  writer.push(route.serverZoneSize ?? route.zone.length);
  writer.push(policy);
  writer.push(choices);
  writer.push(args.length);
  for (const [index, step] of route.steps.entries()) {
    writer.push(STEP_NUMBERS[step.kind]);
    writer.push(args[index]!);
    writer.push(flagsOf(step));
  }
  writer.pushOctets(route.zone);
  return takeWritten(context);
}

function writeChoices(context: WriterContext, choices: readonly RouteChoice[]): number {
  const written = choices.flatMap(({ condition, route, isOfFirstZone }) => [
    condition === null ? 0 : writeProgram(context, condition, condition.program),
    writeRoute(context, route),
    isOfFirstZone ? 1 : 0,
  ]);
  const { writer } = context;
  writer.reset();
  writer.push(choices.length);
  writer.pushAll(written);
  return takeWritten(context);
}

/** One block for all routes that share a policy. */
function writePolicy(context: WriterContext, policy: PolicyDescription): number {
  const known = context.policies.get(policy);
  if (known !== undefined) return known;
  const { writer } = context;
  const addressOrder = policy.addressOrder === null ? 0 : writeAddressOrder(context, policy.addressOrder);
  const { metadata } = policy;
  const metadataProgram = metadata === null ? 0 : writeProgram(context, metadata, encodeProgram(metadata));
  writer.reset();
  writer.push(
    (policy.rotates ? POLICY_FLAG.ROTATE : 0) |
      (policy.isMinimal ? POLICY_FLAG.MINIMAL : 0) |
      (policy.isLogged ? POLICY_FLAG.LOG : 0) |
      (policy.reportsErrors ? POLICY_FLAG.ERRORS : 0) |
      (policy.isRecursionAvailable ? POLICY_FLAG.RECURSION : 0) |
      (policy.hasHandlers ? POLICY_FLAG.HANDLERS : 0) |
      (policy.isComposed === true ? POLICY_FLAG.COMPOSED : 0),
  );
  if (addressOrder === 0) writer.push(policy.isShuffled ? ORDER.BY_CHANCE : ORDER.AS_IT_IS);
  else writer.push(nextOrder());
  writer.push(addressOrder);
  writer.push(metadataProgram);
  writer.push((policy.headerFlags.set | (policy.headerFlags.cleared << 16)) >>> 0);
  writer.push(policy.udpSizeMax);
  writer.push(policy.nsid.length);
  writer.pushOctets(policy.nsid);
  const reference = takeWritten(context);
  context.policies.set(policy, reference);
  return reference;
}

let orderCount = 0;

/** Its number tells a reader an address order from another one that took the same place. */
function nextOrder(): number {
  orderCount = (orderCount + 1) % (2 ** 32 - ORDER.FIRST_OF_ADDRESSES);
  return ORDER.FIRST_OF_ADDRESSES + orderCount;
}

function writeAddressOrder(context: WriterContext, program: Uint8Array): number {
  const { writer } = context;
  writer.reset();
  writer.push(program.length);
  writer.pushOctets(program);
  return takeWritten(context);
}

function labelCountOf(name: Uint8Array): number {
  let count = 0;
  for (let offset = 0; name[offset]! > 0; offset += name[offset]! + 1) count++;
  return count;
}
