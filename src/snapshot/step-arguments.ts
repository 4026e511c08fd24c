/** The arguments of steps, as blocks of the snapshot. */
import { assert } from '../base/assert.ts';
import type {
  AclStep,
  ChaosStep,
  ExternalStep,
  FixedAnswerStep,
  KubernetesStep,
  NetworkWords,
  RecordsStep,
  RouteDescription,
  StepDescription,
  TransferStep,
  ZoneStep,
} from './config-description.ts';
import type { WordWriter } from './entry-encoder.ts';
import {
  ACL_ACTION,
  KEY_SPACE,
  NS_FIELDS,
  RECORDS_FLAG,
  SERIAL_FIELDS,
  STEP,
  STEP_CACHE_SHIFT,
  STEP_DATASET_SHIFT,
  STEP_FLAG,
  TRANSFER_FLAG,
  ZONE_FLAG,
  ZONE_KIND,
} from './snapshot-layout.ts';
import type { ZoneKind } from './snapshot-layout.ts';
import { takeWritten, type WriterContext } from './writer-context.ts';
import { keySpaceOf } from './zone-keys.ts';

const NEGATIVE_TTL_MAX = 300;

export const STEP_NUMBERS: Readonly<Record<StepDescription['kind'], number>> = {
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
  tsig: STEP.TSIG,
  zone: STEP.ZONE,
  refuse: STEP.REFUSE,
  notified: STEP.NOTIFIED,
  dns64: STEP.DNS64,
  siit: STEP.SIIT,
  autopath: STEP.AUTOPATH,
};

/** STEP_FLAG bits, and what stands above them. */
export function flagsOf(step: StepDescription): number {
  const flags = step.isFallthrough === true ? STEP_FLAG.FALLTHROUGH : 0;
  switch (step.kind) {
    case 'forward':
      return flags | ((step.cacheProfile === undefined ? 0 : step.cacheProfile + 1) << STEP_CACHE_SHIFT);
    case 'rewrite':
      return step.changesTargets === true ? STEP_FLAG.TARGETS : 0;
    case 'autopath':
      return step.dataset === undefined ? 0 : (step.dataset + 1) << STEP_DATASET_SHIFT;
    case 'template':
    case 'fixedAnswer':
      return flags | ((step.scope ?? 0) << STEP_CACHE_SHIFT);
    default:
      return flags;
  }
}

/** @returns reference of the step's argument, or the number it is */
export function writeArgument(context: WriterContext, routeZone: Uint8Array, step: StepDescription): number {
  switch (step.kind) {
    case 'kubernetes':
      return writeKubernetesZone(context, step.zone ?? routeZone, step);
    case 'external':
      return writeExternalZone(context, step);
    case 'records':
      return writeRecordsInfo(context, step);
    case 'zone':
      return writeZoneRecords(context, step);
    case 'fixedAnswer':
      return writeFixedAnswer(context, step);
    case 'chaos':
      return writeChaosTexts(context, step);
    case 'template':
    case 'rewrite':
    case 'tsig':
    case 'dns64':
    case 'siit':
    case 'autopath':
      return writeProgram(context, step.rest === undefined ? step.program : step, step.program, step.rest);
    case 'transfer':
      return writeTransferRule(context, step);
    case 'notified':
      return writeTransferRule(context, { ...step, isAnyoneAllowed: false });
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

function writeKubernetesZone(context: WriterContext, zone: Uint8Array, step: KubernetesStep): number {
  return writeZoneInfo(context, {
    ...step,
    zone,
    zoneKind: step.isClusterset === true ? ZONE_KIND.CLUSTERSET : ZONE_KIND.CLUSTER,
    targetTtlSeconds: step.ttlSeconds,
    negativeTtlSeconds: Math.min(step.ttlSeconds, NEGATIVE_TTL_MAX),
    flags: (step.isPodsInsecure ? ZONE_FLAG.PODS_INSECURE : 0) | (step.isZonal ? ZONE_FLAG.ZONAL : 0),
    apex: new Uint8Array(0),
  });
}

function writeExternalZone(context: WriterContext, step: ExternalStep): number {
  const zoneKind = ZONE_KIND.EXTERNAL;
  const isReverse = keySpaceOf(step.zone, zoneKind).keySpace !== KEY_SPACE.EXTERNAL;
  const flags = isReverse ? ZONE_FLAG.EXTERNAL_REVERSE : 0;
  const { ttlSeconds: negativeTtlSeconds, targetTtlSeconds = negativeTtlSeconds } = step;
  return writeZoneInfo(context, { ...step, zoneKind, targetTtlSeconds, negativeTtlSeconds, flags });
}

interface ZoneDescription {
  readonly zone: Uint8Array;
  readonly zoneKind: ZoneKind;
  readonly dataset: number;
  readonly ttlSeconds: number;
  readonly targetTtlSeconds: number;
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
  writer.push(zone.targetTtlSeconds);
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

function writeZoneRecords(context: WriterContext, step: ZoneStep): number {
  const { writer } = context;
  writer.reset();
  writer.push(step.dataset);
  writer.push(step.zone.length);
  writer.push(step.plugin);
  writer.push(step.ttlMaxSeconds ?? 0xffff_ffff);
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

/**
 * One block for all routes of a server block. Its number tells a reader a program from another one that took the same place.
 *
 * @param key   whose program it is: it is written once
 * @param text  JSON
 * @param rest  how other names go on, where it gives other names
 */
export function writeProgram(
  context: WriterContext,
  key: object,
  text: Uint8Array,
  rest?: readonly RouteDescription[],
): number {
  const known = context.programs.get(key);
  if (known !== undefined) return known;
  const table = rest === undefined ? 0 : context.writeRoutes(rest);
  const { writer } = context;
  const id = ++programCount;
  writer.reset();
  writer.push(id >>> 0);
  writer.push(Math.floor(id / 2 ** 32));
  writer.push(table);
  writer.push(text.length);
  writer.pushOctets(text);
  const reference = takeWritten(context);
  context.programs.set(key, reference);
  return reference;
}

function writeTransferRule(context: WriterContext, step: Pick<TransferStep, 'isAnyoneAllowed' | 'networks'>): number {
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
