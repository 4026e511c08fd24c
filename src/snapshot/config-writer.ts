/**
 * The first level of the root: which listener serves which zones with which steps (CONFIG, LISTENER, ROUTE, ZONE_INFO).
 * Written whole whenever the configuration changes.
 */
import { assert } from '../base/assert.ts';
import type { BlockTransaction } from './block-transaction.ts';
import { WordWriter } from './entry-encoder.ts';
import { hashKey, ZONE_HASH_SPACE } from './key-hash.ts';
import {
  ACL_ACTION,
  KEY_SPACE,
  LISTENER,
  LISTENER_FLAG,
  NS_FIELDS,
  ORDER,
  POLICY_FLAG,
  RECORDS_FLAG,
  SERIAL_FIELDS,
  STEP,
  STEP_CACHE_SHIFT,
  STEP_FLAG,
  TRANSFER_FLAG,
  UDP_SIZE_MAX_DEFAULT,
  ZONE_FLAG,
  ZONE_KIND,
} from './snapshot-layout.ts';
import type { KeySpace, ZoneKind } from './snapshot-layout.ts';

interface StepBase {
  /** a name that does not exist is the next step's */
  readonly isFallthrough?: boolean;
}

/** One zone of one `kubernetes` instance. */
export interface KubernetesStep extends StepBase {
  readonly kind: 'kubernetes';
  /** the plugin's zone, wire form with root label, lower-cased; the route's zone if not given */
  readonly zone?: Uint8Array;
  /** index of the dataset in the root */
  readonly dataset: number;
  /** TTL of records, seconds */
  readonly ttlSeconds: number;
  readonly isPodsInsecure: boolean;
  readonly isZonal: boolean;
  /** the zone is one of `multicluster` */
  readonly isClusterset?: boolean;
  /** the primary zone, wire form with root label, as written in the configuration */
  readonly primary: Uint8Array;
}

/** One zone of `k8s_external`. */
export interface ExternalStep extends StepBase {
  readonly kind: 'external';
  /** the plugin's zone, wire form with root label, lower-cased */
  readonly zone: Uint8Array;
  /** index of the dataset of its `kubernetes` instance */
  readonly dataset: number;
  /** TTL of records, seconds */
  readonly ttlSeconds: number;
  /** the zone that PTR targets end in, wire form with root label, as written in the configuration */
  readonly primary: Uint8Array;
  /** the name that its name server is below, relative wire form, lower-cased */
  readonly apex: Uint8Array;
}

/** Names of a dataset by their whole name (`hosts`). */
export interface RecordsStep extends StepBase {
  readonly kind: 'records';
  readonly dataset: number;
  readonly ttlSeconds: number;
  readonly hasWildcards: boolean;
  /** outside the plugin's zones: only PTR questions, and what is not there is the next step's */
  readonly isPointersOnly: boolean;
  /** with fallthrough: types it has no records of are the next step's too */
  readonly fallsThroughUnsupported?: boolean;
}

/** A template that is evaluated for each query. It looks at class, type and zone itself, and knows its own fallthrough. */
export interface TemplateStep {
  readonly kind: 'template';
  /** JSON of what the answering threads evaluate */
  readonly program: Uint8Array;
  readonly isFallthrough?: never;
}

/** The rules of a server block's `rewrite`; one object for all routes of a block. */
export interface RewriteStep {
  readonly kind: 'rewrite';
  /** JSON of what the answering threads evaluate */
  readonly program: Uint8Array;
  /** a rule changes the class of questions */
  readonly changesClass: boolean;
  /** how the names go on that rules give: with the steps behind this one; one of them is for the root */
  readonly routes: readonly RouteDescription[];
  readonly isFallthrough?: never;
}

/** Records that are the same for every name of the zone, in wire format with C00C as the question's name. */
export interface FixedAnswerStep extends StepBase {
  readonly kind: 'fixedAnswer';
  /** TYPE; 255: every type */
  readonly qtype: number;
  readonly rcode: number;
  /** extended DNS error, -1: none */
  readonly extendedError: number;
  readonly answers: readonly Uint8Array[];
  readonly authorities: readonly Uint8Array[];
  readonly additionals: readonly Uint8Array[];
}

/** Texts of class CH; an empty list is not answered. */
export interface ChaosStep extends StepBase {
  readonly kind: 'chaos';
  readonly version: string;
  readonly hostname: string;
  readonly authors: readonly string[];
}

/** Addresses with a prefix length: one word (IPv4) or four big-endian words (IPv6). */
export interface NetworkWords {
  readonly words: readonly number[];
  readonly prefixLength: number;
}

/** Who may transfer the zone that a step behind this one serves. */
export interface TransferStep extends StepBase {
  readonly kind: 'transfer';
  readonly isAnyoneAllowed: boolean;
  readonly networks: readonly NetworkWords[];
}

/** Who may ask for what: the first policy that matches decides. */
export interface AclStep extends StepBase {
  readonly kind: 'acl';
  /** metric scope that counts what is allowed */
  readonly allowedScope: number;
  readonly policies: readonly AclPolicyDescription[];
}

export interface AclPolicyDescription {
  readonly action: 'allow' | 'block' | 'filter' | 'drop';
  /** metric scope that counts it */
  readonly scope: number;
  /** TYPEs, null: all */
  readonly types: readonly number[] | null;
  /** of clients, null: all */
  readonly networks: readonly NetworkWords[] | null;
}

export type StepDescription =
  | KubernetesStep
  | ExternalStep
  | RecordsStep
  | FixedAnswerStep
  | ChaosStep
  | TemplateStep
  | TransferStep
  | RewriteStep
  | AclStep
  | ({ readonly kind: 'any' | 'whoami' | 'unbuilt' } & StepBase)
  | ({ readonly kind: 'local'; readonly isPrefixAnswered: boolean } & StepBase)
  /** `group`: index of the group of upstreams; `cacheProfile`: how answers are kept, if they are */
  | ({ readonly kind: 'forward'; readonly group: number; readonly cacheProfile?: number | undefined } & StepBase);

/** What a server block does to every answer. */
export interface PolicyDescription {
  /** addresses of our own data begin with another one each time */
  readonly rotates: boolean;
  /** records of other answers are ordered by chance */
  readonly isShuffled: boolean;
  /** JSON of what the answering threads order the addresses of all answers by; null: nothing */
  readonly addressOrder: Uint8Array | null;
  /** bits of the header's flags word that responses have set, and cleared */
  readonly headerFlags: { readonly set: number; readonly cleared: number };
  readonly isMinimal: boolean;
  readonly isLogged: boolean;
  readonly reportsErrors: boolean;
  readonly isRecursionAvailable: boolean;
  /** the block has plugins that answer */
  readonly hasHandlers: boolean;
  /** octets */
  readonly udpSizeMax: number;
  /** empty: not answered */
  readonly nsid: Uint8Array;
}

export const DEFAULT_POLICY: PolicyDescription = {
  rotates: true,
  isShuffled: true,
  addressOrder: null,
  headerFlags: { set: 0, cleared: 0 },
  isMinimal: false,
  isLogged: false,
  reportsErrors: false,
  isRecursionAvailable: false,
  hasHandlers: true,
  udpSizeMax: UDP_SIZE_MAX_DEFAULT,
  nsid: new Uint8Array(0),
};

export interface RouteDescription {
  /** wire form with root label, lower-cased */
  readonly zone: Uint8Array;
  /** metric scope */
  readonly scope: number;
  /** DEFAULT_POLICY if not given; one object for all routes of a block */
  readonly policy?: PolicyDescription;
  readonly steps: readonly StepDescription[];
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

const FORWARD_SPACES = [KEY_SPACE.FORWARD, KEY_SPACE.EXTERNAL, KEY_SPACE.CLUSTERSET] as const;

/** Key space of the names of a zone, and the octets at their end that are not part of their keys. */
export function keySpaceOf(
  zone: Uint8Array,
  zoneKind: ZoneKind = ZONE_KIND.CLUSTER,
): { readonly keySpace: KeySpace; readonly keySuffixSize: number } {
  const isExternal = zoneKind === ZONE_KIND.EXTERNAL;
  if (isAtOrBelow(zone, IN_ADDR_ARPA)) {
    const keySpace = isExternal ? KEY_SPACE.EXTERNAL_REVERSE4 : KEY_SPACE.REVERSE4;
    return { keySpace, keySuffixSize: IN_ADDR_ARPA.length };
  }
  if (isAtOrBelow(zone, IP6_ARPA)) {
    const keySpace = isExternal ? KEY_SPACE.EXTERNAL_REVERSE6 : KEY_SPACE.REVERSE6;
    return { keySpace, keySuffixSize: IP6_ARPA.length };
  }
  return { keySpace: FORWARD_SPACES[zoneKind], keySuffixSize: zone.length };
}

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
    rewrites: new Map(),
  };
  const listeners: number[] = [];
  for (const { id } of config.listeners) assert(id >= 0 && id <= LISTENER_ID_MAX, 'listener id');
  const count = Math.max(0, ...config.listeners.map(({ id }) => id + 1));
  for (let id = 0; id < count; id++) {
    const routes = config.listeners.find((listener) => listener.id === id)?.routes ?? [];
    listeners.push(writeListener(context, routes));
  }
  context.writer.reset();
  context.writer.push(count);
  context.writer.pushAll(listeners);
  const root = takeWritten(context);
  return [root, ...context.references.filter((reference) => reference !== root)];
}

interface WriterContext {
  readonly blocks: BlockTransaction;
  readonly writer: WordWriter;
  readonly hashSeed: number;
  /** every block written */
  readonly references: number[];
  readonly policies: Map<PolicyDescription, number>;
  readonly rewrites: Map<RewriteStep, number>;
}

function writeListener(context: WriterContext, routes: readonly RouteDescription[]): number {
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
  const hasClasses = routes.some((route) => route.steps.some((step) => step.kind === 'rewrite' && step.changesClass));
  const hasChaos = routes.some((route) => route.steps.some((step) => step.kind === 'chaos'));
  writer.reset();
  writer.push((hasChaos ? LISTENER_FLAG.CHAOS : 0) | (hasClasses ? LISTENER_FLAG.CLASSES : 0));
  writer.push(labelsMax);
  writer.push(slotCount - 1);
  assert(writer.count === LISTENER.words, 'fixed part of a listener');
  for (const word of slots) writer.push(word);
  return takeWritten(context);
}

function writeRoute(context: WriterContext, route: RouteDescription): number {
  const { writer } = context;
  const policy = writePolicy(context, route.policy ?? DEFAULT_POLICY);
  const args = route.steps.map((step) => writeArgument(context, route.zone, step));
  writer.reset();
  writer.push(route.scope);
  writer.push(route.zone.length);
  writer.push(policy);
  writer.push(args.length);
  for (const [index, step] of route.steps.entries()) {
    writer.push(STEP_NUMBERS[step.kind]);
    writer.push(args[index]!);
    const cache = step.kind === 'forward' && step.cacheProfile !== undefined ? step.cacheProfile + 1 : 0;
    writer.push((step.isFallthrough === true ? STEP_FLAG.FALLTHROUGH : 0) | (cache << STEP_CACHE_SHIFT));
  }
  writer.pushOctets(route.zone);
  return takeWritten(context);
}

const STEP_NUMBERS: Readonly<Record<StepDescription['kind'], number>> = {
  kubernetes: STEP.KUBERNETES,
  external: STEP.EXTERNAL,
  records: STEP.RECORDS,
  fixedAnswer: STEP.FIXED_ANSWER,
  any: STEP.ANY,
  whoami: STEP.WHOAMI,
  chaos: STEP.CHAOS,
  local: STEP.LOCAL,
  forward: STEP.FORWARD,
  unbuilt: STEP.UNBUILT,
  template: STEP.TEMPLATE,
  transfer: STEP.TRANSFER,
  rewrite: STEP.REWRITE,
  acl: STEP.ACL,
};

/** @returns reference of the step's argument, or the number it is */
function writeArgument(context: WriterContext, routeZone: Uint8Array, step: StepDescription): number {
  switch (step.kind) {
    case 'kubernetes':
      return writeKubernetesZone(context, step.zone ?? routeZone, step);
    case 'external':
      return writeExternalZone(context, step);
    case 'records':
      return writeRecordsInfo(context, step);
    case 'fixedAnswer':
      return writeFixedAnswer(context, step);
    case 'chaos':
      return writeChaosTexts(context, step);
    case 'template':
      return writeTemplate(context, step);
    case 'transfer':
      return writeTransferRule(context, step);
    case 'rewrite':
      return writeRewrite(context, step);
    case 'acl':
      return writeAclRules(context, step);
    case 'local':
      return step.isPrefixAnswered ? 1 : 0;
    case 'forward':
      return step.group;
    default:
      return 0;
  }
}

/** One block for all routes that share a policy. */
function writePolicy(context: WriterContext, policy: PolicyDescription): number {
  const known = context.policies.get(policy);
  if (known !== undefined) return known;
  const { writer } = context;
  const addressOrder = policy.addressOrder === null ? 0 : writeAddressOrder(context, policy.addressOrder);
  writer.reset();
  writer.push(
    (policy.rotates ? POLICY_FLAG.ROTATE : 0) |
      (policy.isMinimal ? POLICY_FLAG.MINIMAL : 0) |
      (policy.isLogged ? POLICY_FLAG.LOG : 0) |
      (policy.reportsErrors ? POLICY_FLAG.ERRORS : 0) |
      (policy.isRecursionAvailable ? POLICY_FLAG.RECURSION : 0) |
      (policy.hasHandlers ? POLICY_FLAG.HANDLERS : 0),
  );
  if (addressOrder === 0) writer.push(policy.isShuffled ? ORDER.BY_CHANCE : ORDER.AS_IT_IS);
  else writer.push(nextOrder());
  writer.push(addressOrder);
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

function writeKubernetesZone(context: WriterContext, zone: Uint8Array, step: KubernetesStep): number {
  return writeZoneInfo(context, {
    ...step,
    zone,
    zoneKind: step.isClusterset === true ? ZONE_KIND.CLUSTERSET : ZONE_KIND.CLUSTER,
    negativeTtlSeconds: Math.min(step.ttlSeconds, NEGATIVE_TTL_MAX),
    flags: (step.isPodsInsecure ? ZONE_FLAG.PODS_INSECURE : 0) | (step.isZonal ? ZONE_FLAG.ZONAL : 0),
    apex: new Uint8Array(0),
  });
}

function writeExternalZone(context: WriterContext, step: ExternalStep): number {
  const zoneKind = ZONE_KIND.EXTERNAL;
  const isReverse = keySpaceOf(step.zone, zoneKind).keySpace !== KEY_SPACE.EXTERNAL;
  const flags = isReverse ? ZONE_FLAG.EXTERNAL_REVERSE : 0;
  return writeZoneInfo(context, { ...step, zoneKind, negativeTtlSeconds: step.ttlSeconds, flags });
}

interface ZoneDescription {
  readonly zone: Uint8Array;
  readonly zoneKind: ZoneKind;
  readonly dataset: number;
  readonly ttlSeconds: number;
  readonly negativeTtlSeconds: number;
  readonly flags: number;
  readonly primary: Uint8Array;
  readonly apex: Uint8Array;
}

function writeZoneInfo(context: WriterContext, zone: ZoneDescription): number {
  const { writer } = context;
  const { keySpace, keySuffixSize } = keySpaceOf(zone.zone, zone.zoneKind);
  writer.reset();
  writer.push(zone.dataset);
  writer.push(keySpace);
  writer.push(zone.zone.length);
  writer.push(keySuffixSize);
  writer.push(zone.ttlSeconds);
  writer.push(zone.negativeTtlSeconds);
  writer.push(zone.flags);
  writer.push(SERIAL_FIELDS[zone.zoneKind]);
  writer.push(NS_FIELDS[zone.zoneKind]);
  writer.push(zone.primary.length);
  writer.push(zone.apex.length);
  writer.pushOctets(zone.primary);
  writer.pushOctets(zone.apex);
  return takeWritten(context);
}

function writeRecordsInfo(context: WriterContext, step: RecordsStep): number {
  const { writer } = context;
  writer.reset();
  writer.push(step.dataset);
  writer.push(step.ttlSeconds);
  writer.push(
    (step.hasWildcards ? RECORDS_FLAG.WILDCARDS : 0) |
      (step.isPointersOnly ? RECORDS_FLAG.POINTERS_ONLY : 0) |
      (step.fallsThroughUnsupported === true ? RECORDS_FLAG.UNSUPPORTED_NEXT : 0),
  );
  return takeWritten(context);
}

const SECTION_RECORDS_MAX = 1023;

function writeFixedAnswer(context: WriterContext, step: FixedAnswerStep): number {
  const { writer } = context;
  const sections = [step.answers, step.authorities, step.additionals];
  assert(
    sections.every((records) => records.length <= SECTION_RECORDS_MAX),
    'records of a fixed answer',
  );
  const records = concatOctets(sections.flat());
  writer.reset();
  writer.push(step.qtype);
  writer.push(step.rcode);
  writer.push(step.answers.length | (step.authorities.length << 10) | (step.additionals.length << 20));
  writer.push(step.extendedError + 1);
  writer.push(records.length);
  writer.pushOctets(records);
  return takeWritten(context);
}

function writeChaosTexts(context: WriterContext, step: ChaosStep): number {
  const { writer } = context;
  const texts = [[step.version], [step.hostname], step.authors].map((list) =>
    concatOctets(list.filter((text) => text !== '').map(chaosRecord)),
  );
  writer.reset();
  writer.push(texts[0]!.length);
  writer.push(texts[1]!.length);
  writer.push(step.authors.length);
  writer.push(texts[2]!.length);
  for (const text of texts) writer.pushOctets(text);
  return takeWritten(context);
}

let programCount = 0;

/** Its number tells a reader a program from another one that took the same place. */
function writeTemplate(context: WriterContext, step: TemplateStep): number {
  const { writer } = context;
  const id = ++programCount;
  writer.reset();
  writer.push(id >>> 0);
  writer.push(Math.floor(id / 2 ** 32));
  writer.push(step.program.length);
  writer.pushOctets(step.program);
  return takeWritten(context);
}

/** One block for all routes of a server block, and one table. */
function writeRewrite(context: WriterContext, step: RewriteStep): number {
  const known = context.rewrites.get(step);
  if (known !== undefined) return known;
  const table = writeListener(context, step.routes);
  const { writer } = context;
  const id = ++programCount;
  writer.reset();
  writer.push(id >>> 0);
  writer.push(Math.floor(id / 2 ** 32));
  writer.push(table);
  writer.push(step.program.length);
  writer.pushOctets(step.program);
  const reference = takeWritten(context);
  context.rewrites.set(step, reference);
  return reference;
}

function writeTransferRule(context: WriterContext, step: TransferStep): number {
  const { writer } = context;
  const networks4 = step.networks.filter(({ words }) => words.length === 1);
  const networks6 = step.networks.filter(({ words }) => words.length === 4);
  writer.reset();
  writer.push(step.isAnyoneAllowed ? TRANSFER_FLAG.ANYONE : 0);
  writer.push(networks4.length);
  writer.push(networks6.length);
  pushNetworks(writer, [...networks4, ...networks6]);
  return takeWritten(context);
}

function pushNetworks(writer: WordWriter, networks: readonly NetworkWords[]): void {
  for (const { words, prefixLength } of networks) {
    const masks = words.map((_, index) => maskWord(prefixLength - 32 * index));
    for (const [index, word] of words.entries()) writer.push((word & masks[index]!) >>> 0);
    for (const mask of masks) writer.push(mask);
  }
}

const ACTIONS = {
  block: ACL_ACTION.BLOCK,
  filter: ACL_ACTION.FILTER,
  drop: ACL_ACTION.DROP,
  allow: ACL_ACTION.ALLOW,
} as const;

function writeAclRules(context: WriterContext, step: AclStep): number {
  const { writer } = context;
  writer.reset();
  writer.push(step.allowedScope);
  writer.push(step.policies.length);
  for (const { action, scope, types, networks } of step.policies) {
    const networks4 = (networks ?? []).filter(({ words }) => words.length === 1);
    const networks6 = (networks ?? []).filter(({ words }) => words.length === 4);
    writer.push(ACTIONS[action]);
    writer.push(scope);
    writer.push(networks === null ? 1 : 0);
    writer.push(types?.length ?? 0);
    writer.push(networks4.length);
    writer.push(networks6.length);
    for (const type of types ?? []) writer.push(type);
    pushNetworks(writer, [...networks4, ...networks6]);
  }
  return takeWritten(context);
}

/** The word whose first `bits` bits are set; none below 0, all from 32 on. */
function maskWord(bits: number): number {
  if (bits <= 0) return 0;
  return bits >= 32 ? 0xffff_ffff : (0xffff_ffff << (32 - bits)) >>> 0;
}

const TEXT_SIZE_MAX = 255;

/** TXT record of class CH with TTL 0, owned by the question's name. */
function chaosRecord(text: string): Uint8Array {
  const octets = new TextEncoder().encode(text).subarray(0, TEXT_SIZE_MAX);
  const size = octets.length + 1;
  return Uint8Array.from([0xc0, 0x0c, 0, 16, 0, 3, 0, 0, 0, 0, size >>> 8, size & 0xff, octets.length, ...octets]);
}

function concatOctets(parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

/** A configuration may take the reserve: it is small and takes the place of another. */
function takeWritten({ blocks, writer, references }: WriterContext): number {
  const block = blocks.take(writer.count, true);
  references.push(block);
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
