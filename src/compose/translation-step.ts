/** `dns64` and `siit`: addresses of the other family, made of those that a name has. */
import type { ComposedAnswerer } from '../answer/answerer-options.ts';
import { Programs } from '../answer/programs.ts';
import { TSIG_NONE } from '../answer/query.ts';
import { STEP_RESULT } from '../answer/steps/step-result.ts';
import { RCODE, TYPE } from '../dns/iana.ts';
import { parseName } from '../dns/name.ts';
import { CD, FLAGS_LOW_AT, RA } from '../dns/wire-header.ts';
import { COMPOSED, PLUGIN } from '../observability/counters/counter-layout.ts';
import type { SnapshotReader } from '../snapshot/reader.ts';
import { STEP } from '../snapshot/snapshot-layout.ts';
import { addressOfReverseName, AddressTranslation, isMapped } from './address-translation.ts';
import type { Lookups } from './lookups.ts';
import { DATA_AT, findAnswer, messageOf, type MessageRecord, MessageRecords } from './message-records.ts';

/** TTL at most where the denial of the other family has no SOA record, s (RFC 6147 §5.1.7). */
const TTL_WITHOUT_SOA = 600;

interface Family {
  readonly name: string;
  /** what is asked for, and what it is made of */
  readonly type: number;
  readonly source: number;
  readonly counted: number;
  readonly plugin: number;
  translate(translation: AddressTranslation, address: Uint8Array): Uint8Array | undefined;
}

const DNS64: Family = {
  name: 'dns64',
  type: TYPE.AAAA,
  source: TYPE.A,
  counted: COMPOSED.DNS64,
  plugin: PLUGIN.DNS64,
  translate: (translation, address) => translation.toIPv6(address),
};
const SIIT: Family = {
  name: 'siit',
  type: TYPE.A,
  source: TYPE.AAAA,
  counted: COMPOSED.SIIT,
  plugin: PLUGIN.SIIT,
  translate: (translation, address) => translation.toIPv4(address),
};

export class TranslationStep {
  readonly #translations: Programs<AddressTranslation>;

  constructor(reader: SnapshotReader) {
    this.#translations = new Programs(reader, AddressTranslation.parse);
  }

  /** @returns STEP_RESULT */
  answer(
    lookups: Lookups,
    answerer: ComposedAnswerer,
    step: number,
    programAt: number,
    stepAt: number,
    stepCount: number,
  ): number {
    const { query, client } = answerer;
    // `tsig` is behind it: who signs a query has what it knows signed, and nothing that was made here.
    if (lookups.isTranslating || query.tsigAt !== TSIG_NONE) return STEP_RESULT.NEXT;
    const translation = this.#translations.at(programAt);
    if (step === STEP.SIIT) {
      if (query.qtype !== TYPE.A) return STEP_RESULT.NEXT;
      return this.#translate(lookups, answerer, SIIT, translation, stepAt, stepCount);
    }
    if (client.peerSize === 4 && translation.program.allowsIPv4 !== true) return STEP_RESULT.NEXT;
    if (query.qtype === TYPE.PTR) return this.#pointer(lookups, answerer, translation);
    if (query.qtype !== TYPE.AAAA || isValidating(answerer)) return STEP_RESULT.NEXT;
    return this.#translate(lookups, answerer, DNS64, translation, stepAt, stepCount);
  }

  #translate(
    lookups: Lookups,
    answerer: ComposedAnswerer,
    family: Family,
    translation: AddressTranslation,
    stepAt: number,
    stepCount: number,
  ): number {
    const { query, response, client } = answerer;
    const { scope } = client;
    const held = lookups.hold(answerer);
    const result = lookups.first(answerer, family.name, stepAt, stepCount, 0);
    if (result !== STEP_RESULT.DONE || lookups.isFailed || response.rcode === RCODE.NXDOMAIN) return result;
    const hasOwn = hasAddress(answerer, family.type);
    if (hasOwn && translation.program.translatesAll !== true) return result;
    if (family === SIIT && response.isTruncated) return result;
    const first = new MessageRecords(messageOf(response, query.questionEnd));
    const { plugin } = answerer;
    lookups.isTranslating = true;
    const asked = lookups.ask(answerer, 0, held.octets.slice(0, held.size - 4), family.source);
    lookups.isTranslating = false;
    if (asked === 'pending') return STEP_RESULT.PENDING;
    answerer.plugin = plugin;
    if (asked === undefined) return STEP_RESULT.DONE;
    const translated = translateAnswers(first, asked, family, translation);
    // There is something to translate and nothing came of it: what there is of the other family is no answer.
    if (asked.rcode === RCODE.NOERROR && !translated.isAny && (hasOwn || family === SIIT || translated.isLeftOut)) {
      return STEP_RESULT.DONE;
    }
    answerer.beginAnew(held);
    answerer.plugin = family.plugin;
    translated.write(lookups, answerer);
    if (family === DNS64) response.isAuthoritative = false;
    if (family === DNS64 || translated.isAny) lookups.count(family.counted, scope);
    return STEP_RESULT.DONE;
  }

  /** The reverse name of an address within the prefix leads to that of the IPv4 address (RFC 6147 §5.3.1). */
  #pointer(lookups: Lookups, answerer: ComposedAnswerer, translation: AddressTranslation): number {
    const { query, response } = answerer;
    const address = addressOfReverseName(query.nameBytes, query.nameSize);
    const embedded = address === undefined ? undefined : translation.embedded(address);
    if (embedded === undefined) return STEP_RESULT.NEXT;
    const target = parseName(`${embedded.toReversed().join('.')}.in-addr.arpa.`)!;
    const asked = lookups.ask(answerer, 0, target, TYPE.PTR);
    if (asked === 'pending') return STEP_RESULT.PENDING;
    if (asked === undefined) return STEP_RESULT.NEXT;
    const { writer } = lookups;
    const ttls = [...asked.answers.map(({ ttlSeconds }) => ttlSeconds), asked.soaTtlSeconds ?? TTL_WITHOUT_SOA];
    writer.begin(response, query);
    writer.addAlias(target, Math.min(...ttls));
    for (const record of asked.answers) writer.add(asked, record);
    writer.addRest(asked);
    writer.end(asked);
    answerer.plugin = PLUGIN.DNS64;
    response.isAuthoritative = false;
    response.upstreamFlags &= RA;
    return STEP_RESULT.DONE;
  }
}

/** A client that validates could do nothing with an address that is nowhere signed (RFC 6147 §5.5). */
function isValidating({ query, response }: ComposedAnswerer): boolean {
  return query.isDo !== 0 && (response.bytes[response.messageAt + FLAGS_LOW_AT]! & CD) !== 0;
}

/** Whether there is an address of the family that was asked for. */
function hasAddress({ response, query }: ComposedAnswerer, type: number): boolean {
  const { bytes } = response;
  if (type !== TYPE.AAAA) return findAnswer(response, query.questionEnd, type) !== 0;
  const typeAt = findAnswer(response, query.questionEnd, type);
  if (typeAt === 0) return false;
  if (!isMapped(bytes, typeAt + DATA_AT)) return true;
  const message = new MessageRecords(messageOf(response, query.questionEnd));
  return message.answers.some((record) => record.type === type && !isMapped(message.octets, record.typeAt + DATA_AT));
}

interface Translated {
  /** an address was made */
  readonly isAny: boolean;
  /** an address was left out */
  readonly isLeftOut: boolean;
  write(lookups: Lookups, answerer: ComposedAnswerer): void;
}

function translateAnswers(
  first: MessageRecords,
  asked: MessageRecords,
  family: Family,
  translation: AddressTranslation,
): Translated {
  const ttlMax = first.soaTtlSeconds ?? TTL_WITHOUT_SOA;
  const addresses = new Map<MessageRecord, Uint8Array | undefined>();
  for (const record of asked.answers) {
    if (record.type !== family.source) continue;
    const address = asked.octets.subarray(record.typeAt + DATA_AT, record.end);
    addresses.set(record, family.translate(translation, address));
  }
  const made = [...addresses.values()];
  return {
    isAny: made.some((address) => address !== undefined),
    isLeftOut: made.includes(undefined),
    write: ({ writer }, { response, query }) => {
      writer.begin(response, query);
      for (const record of asked.answers) {
        const data = addresses.get(record);
        const ttlSeconds = Math.min(record.ttlSeconds, ttlMax);
        if (data !== undefined) writer.add(asked, record, { type: family.type, ttlSeconds, data });
        else if (record.type !== family.source) writer.add(asked, record);
      }
      writer.addRest(asked);
      writer.end(asked);
      // Nobody has signed what was made here.
      response.upstreamFlags &= RA;
    },
  };
}
