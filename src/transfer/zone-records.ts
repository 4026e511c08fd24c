/**
 * All records of a zone, written into one message after the other: SOA, NS, the name servers' addresses, the names in
 * order, SOA. What is transferred of a cluster zone is what CoreDNS transfers: Services' addresses, SRV and CNAME records,
 * and the endpoints of headless Services; no pods, no endpoint names of Services with a cluster IP. External zones have the same
 * of what can be reached from outside. Reverse zones have all their PTR records.
 */
import { TYPE } from '../dns/iana.ts';
import { octetsAt } from '../snapshot/entry-walk.ts';
import { NOT_FOUND } from '../snapshot/reader.ts';
import {
  ADDRESS,
  ALIAS,
  DATASET,
  ENDPOINTS,
  ENTRY_FLAG,
  ENTRY_FLAGS_SHIFT,
  ENTRY_KEY_SIZE_MASK,
  ENTRY_KIND_SHIFT,
  KIND,
  NS,
  POINTER,
  wordsFor,
} from '../snapshot/snapshot-layout.ts';
import type { ServiceRecord, TransferMessage } from './transfer-message.ts';
import type { TransferZone } from './transfer-zone.ts';
import { namesInOrder, serviceLabelsOf } from './zone-names.ts';

/** Why the writing stops for a moment. */
export const PAUSE = {
  /** so that the caller can look at the clock */
  TIME: 0,
  /** a message is to be finished */
  MESSAGE: 1,
  /** the last message is to be finished: nothing comes behind it */
  LAST: 2,
} as const;
export type Pause = (typeof PAUSE)[keyof typeof PAUSE];

/** The weight CoreDNS gives SRV records that point at a Service's own name. */
const SERVICE_WEIGHT = 100;
const NO_LABEL = new Uint8Array(0);
const UNDERSCORE = 0x5f;
const ZONE_LABEL = Buffer.from('\x05_zone', 'latin1');
const NAMES_BEFORE_PAUSE = 16;
const NAMES_AT_ONCE = 10_000;

/** Write the whole zone. */
export function* writeZone(zone: TransferZone, message: TransferMessage): Generator<Pause, void> {
  yield* new ZoneRecords(zone, message).write();
}

class ZoneRecords {
  readonly #zone: TransferZone;
  readonly #message: TransferMessage;
  readonly #words: Uint32Array;
  readonly #ttl: number;
  readonly #isExternal: boolean;
  /** of a Service's own name */
  readonly #serviceLabels: number;
  /** the headless Service whose names come now: `S.N.svc`; empty: it is another one's turn */
  #headless: Uint8Array = NO_LABEL;

  constructor(zone: TransferZone, message: TransferMessage) {
    this.#zone = zone;
    this.#message = message;
    this.#words = zone.reader.words;
    this.#ttl = zone.ttlSeconds;
    this.#isExternal = zone.apexName.length > 0;
    this.#serviceLabels = serviceLabelsOf(zone);
  }

  *write(): Generator<Pause, void> {
    yield* this.#writeSoa();
    yield* this.#writeNameServers();
    // It takes a while until the names of a large zone are in order: the client gets to see something before.
    if (this.#words[this.#zone.datasetAt + DATASET.at.entryCount]! > NAMES_AT_ONCE) yield PAUSE.MESSAGE;
    const naming = namesInOrder(this.#zone);
    let named = naming.next();
    for (; named.done !== true; named = naming.next()) yield PAUSE.TIME;
    const names = named.value;
    for (let index = 0; index < names.length; index++) {
      yield* this.#writeName(names[index]!);
      if (index % NAMES_BEFORE_PAUSE === 0) yield PAUSE.TIME;
    }
    yield* this.#writeSoa();
    yield PAUSE.LAST;
  }

  *#writeSoa(): Generator<Pause, void> {
    const { server, mailbox, serial, soaTtlSeconds, ttlSeconds } = this.#zone;
    while (!this.#message.writeSoa([server, mailbox], serial, soaTtlSeconds, ttlSeconds)) yield PAUSE.MESSAGE;
  }

  /** NS records, and the addresses of those servers that have no name among the zone's own. */
  *#writeNameServers(): Generator<Pause, void> {
    const { serverBase, nsAt, server: own } = this.#zone;
    const words = this.#words;
    const servers = nameServersOf(words, nsAt);
    this.#message.setOwner(NO_LABEL, 0);
    // A zone without NS records is none: one whose servers have no address that others could use names them all the same.
    const names = servers.length === 0 ? [own] : servers.map(({ name }) => name);
    for (const name of names) {
      while (!this.#message.writeTarget(TYPE.NS, name, serverBase, this.#ttl)) yield PAUSE.MESSAGE;
    }
    if (serverBase !== undefined) return;
    for (const { name, addressesAt, count4, count6 } of servers) {
      if (this.#findName(name) !== NOT_FOUND && Buffer.compare(name, own) !== 0) continue;
      this.#message.setOwner(name, name.length);
      yield* this.#writeAddresses(addressesAt, count4, count6);
    }
    // The SOA names it.
    const entryAt = servers.some(({ name }) => Buffer.compare(name, own) === 0) ? NOT_FOUND : this.#findName(own);
    if (entryAt !== NOT_FOUND && kindOf(words, entryAt) === KIND.ADDRESS) {
      this.#message.setOwner(own, own.length);
      yield* this.#writeAddressEntry(payloadOf(words, entryAt));
    }
  }

  #findName(name: Uint8Array): number {
    const padded = new Uint8Array(wordsFor(name.length) * 4 + 4);
    padded.set(name);
    const { reader, datasetAt, keySpace } = this.#zone;
    return reader.findEntryAt(datasetAt, keySpace, new DataView(padded.buffer), 0, name.length);
  }

  *#writeName(entryAt: number): Generator<Pause, void> {
    const words = this.#words;
    const key = octetsAt(words, entryAt + 1, words[entryAt]! & ENTRY_KEY_SIZE_MASK);
    const payloadAt = payloadOf(words, entryAt);
    const kind = kindOf(words, entryAt);
    this.#message.setOwner(key, key.length - this.#zone.apexKey.length);
    if (kind === KIND.POINTER) {
      yield* this.#writePointers(payloadAt, (words[entryAt]! >>> ENTRY_FLAGS_SHIFT) & ENTRY_FLAG.FIRST_ONLY);
      return;
    }
    const labelsLeft = countLabels(key) - this.#serviceLabels;
    if (labelsLeft === 0) {
      this.#headless = kind === KIND.ENDPOINTS ? key : NO_LABEL;
      yield* this.#writeServiceName(kind, payloadAt, key);
    } else if (isPortName(key, labelsLeft)) {
      yield* this.#writeServices(kind, payloadAt, key);
    } else if (kind === KIND.ADDRESS && this.#isOfHeadless(key) && !hasZoneLabel(key)) {
      yield* this.#writeAddressEntry(payloadAt);
      if (this.#isExternal) yield* this.#writeServices(kind, payloadAt, key);
    }
  }

  /** A cluster zone has no SRV records of headless Services but at their port names; an external one has. */
  *#writeServiceName(kind: number, at: number, key: Uint8Array): Generator<Pause, void> {
    if (kind === KIND.ALIAS) yield* this.#writeAlias(at);
    else if (kind === KIND.ENDPOINTS) yield* this.#writeEndpointAddresses(at);
    else yield* this.#writeAddressEntry(at);
    if (this.#isExternal || kind === KIND.ADDRESS) yield* this.#writeServices(kind, at, key);
  }

  *#writeServices(kind: number, at: number, key: Uint8Array): Generator<Pause, void> {
    if (kind === KIND.ENDPOINTS) yield* this.#writeEndpointServices(at, key);
    else if (kind === KIND.ADDRESS) yield* this.#writeAddressServices(at, key);
    else yield* this.#writeAliasServices(at);
  }

  #isOfHeadless(key: Uint8Array): boolean {
    const { length } = this.#headless;
    return length > 0 && Buffer.compare(key.subarray(-length), this.#headless) === 0;
  }

  // ---- records of one name ----------------------------------------------------------------------------------------

  *#writeAddresses(at: number, count4: number, count6: number): Generator<Pause, void> {
    const words = this.#words;
    for (let index = 0; index < count4; index++) {
      while (!this.#message.writeA(words[at + index]!, this.#ttl)) yield PAUSE.MESSAGE;
    }
    for (let index = 0; index < count6; index++) {
      while (!this.#message.writeAaaa(words, at + count4 + 4 * index, this.#ttl)) yield PAUSE.MESSAGE;
    }
  }

  #writeAddressEntry(at: number): Generator<Pause, void> {
    const words = this.#words;
    const addressesAt = at + ADDRESS.at.data + (((words[at + ADDRESS.at.srv]! & 0xffff) + 1) >>> 1);
    return this.#writeAddresses(addressesAt, words[at + ADDRESS.at.count4]!, words[at + ADDRESS.at.count6]!);
  }

  #writeEndpointAddresses(at: number): Generator<Pause, void> {
    const words = this.#words;
    const field = ENDPOINTS.at;
    return this.#writeAddresses(at + field.data, words[at + field.count4]!, words[at + field.count6]!);
  }

  /** SRV records of a Service with addresses of its own, at its own name or at a port name. */
  *#writeAddressServices(at: number, key: Uint8Array): Generator<Pause, void> {
    const srv = this.#words[at + ADDRESS.at.srv]!;
    const target = key.subarray(srv >>> 24);
    for (let index = 0; index < (srv & 0xffff); index++) {
      const port = this.#portAt(at + ADDRESS.at.data, index);
      yield* this.#writeService({ weight: SERVICE_WEIGHT, port, target, isRelative: true });
    }
  }

  /** SRV records of an external Service that has a host name: they point there. */
  *#writeAliasServices(at: number): Generator<Pause, void> {
    const words = this.#words;
    const size = words[at + ALIAS.at.targetSize]!;
    const target = octetsAt(words, at + ALIAS.at.target, size);
    const portsAt = at + ALIAS.at.target + wordsFor(size);
    for (let index = 0; index < (words[at + ALIAS.at.srv]! & 0xffff); index++) {
      const port = this.#portAt(portsAt, index);
      yield* this.#writeService({ weight: SERVICE_WEIGHT, port, target, isRelative: false });
    }
  }

  /**
   * SRV records of a headless Service: one for each endpoint label and port. In a cluster zone the weight is a share of the
   * endpoints of one address family, as their slices are; a label with addresses of both has one of each weight.
   */
  *#writeEndpointServices(at: number, key: Uint8Array): Generator<Pause, void> {
    const words = this.#words;
    const field = ENDPOINTS.at;
    const srv = words[at + field.srv]!;
    const weight4 = this.#isExternal ? (srv >>> 16) & 0xff : shareOf(words[at + field.count4]!);
    const weight6 = this.#isExternal ? weight4 : shareOf(words[at + field.count6]!);
    let groupAt = at + field.data + words[at + field.count4]! + 4 * words[at + field.count6]!;
    const portSets: number[] = [];
    for (let left = srv & 0xffff; left > 0; left--) {
      portSets.push(groupAt);
      groupAt += 1 + ((words[groupAt]! + 1) >>> 1);
    }
    for (let left = words[at + field.groupCount]!; left > 0; left--) {
      const labelSize = words[groupAt]! & 0xff;
      const target = Buffer.concat([octetsAt(words, groupAt + 2, labelSize), key.subarray(srv >>> 24)]);
      const portsAt = portSets[words[groupAt]! >>> 8]!;
      const count4 = words[groupAt + 1]! & 0xffff;
      const count6 = words[groupAt + 1]! >>> 16;
      for (let index = 0; index < words[portsAt]!; index++) {
        const port = this.#portAt(portsAt + 1, index);
        if (count4 > 0) yield* this.#writeService({ weight: weight4, port, target, isRelative: true });
        if (count6 > 0 && (count4 === 0 || weight6 !== weight4)) {
          yield* this.#writeService({ weight: weight6, port, target, isRelative: true });
        }
      }
      groupAt += 2 + wordsFor(labelSize) + count4 + 4 * count6;
    }
  }

  *#writeService(record: ServiceRecord): Generator<Pause, void> {
    while (!this.#message.writeSrv(record, this.#zone.targetTtlSeconds)) yield PAUSE.MESSAGE;
  }

  *#writeAlias(at: number): Generator<Pause, void> {
    const target = octetsAt(this.#words, at + ALIAS.at.target, this.#words[at + ALIAS.at.targetSize]!);
    while (!this.#message.writeAlias(target, this.#zone.targetTtlSeconds)) yield PAUSE.MESSAGE;
  }

  *#writePointers(at: number, isFirstOnly: number): Generator<Pause, void> {
    const words = this.#words;
    const count = isFirstOnly === 0 ? words[at + POINTER.at.count]! : 1;
    let targetAt = at + POINTER.at.targets;
    for (let left = count; left > 0; left--) {
      const size = words[targetAt]! & 0xff;
      const target = octetsAt(words, targetAt + 1, size);
      while (!this.#message.writeTarget(TYPE.PTR, target, this.#zone.pointerBase, this.#ttl)) yield PAUSE.MESSAGE;
      targetAt += 1 + wordsFor(size);
    }
  }

  #portAt(portsAt: number, index: number): number {
    return (this.#words[portsAt + (index >>> 1)]! >>> ((index & 1) << 4)) & 0xffff;
  }
}

interface NameServer {
  readonly name: Uint8Array;
  readonly addressesAt: number;
  readonly count4: number;
  readonly count6: number;
}

/** @param nsAt  word index of the NS block, 0: none */
function nameServersOf(words: Uint32Array, nsAt: number): NameServer[] {
  const servers: NameServer[] = [];
  if (nsAt === 0) return servers;
  let at = nsAt + NS.at.servers;
  for (let left = words[nsAt + NS.at.count]!; left > 0; left--) {
    const [size, count4, count6] = [words[at]!, words[at + 1]!, words[at + 2]!];
    const addressesAt = at + 3 + wordsFor(size);
    servers.push({ name: octetsAt(words, at + 3, size), addressesAt, count4, count6 });
    at = addressesAt + count4 + 4 * count6;
  }
  return servers;
}

function kindOf(words: Uint32Array, entryAt: number): number {
  return (words[entryAt]! >>> ENTRY_KIND_SHIFT) & 0xf;
}

function payloadOf(words: Uint32Array, entryAt: number): number {
  return entryAt + 1 + wordsFor(words[entryAt]! & ENTRY_KEY_SIZE_MASK);
}

function countLabels(key: Uint8Array): number {
  let count = 0;
  for (let at = 0; at < key.length; at += key[at]! + 1) count++;
  return count;
}

/** `_port._protocol` left of a Service's own name */
function isPortName(key: Uint8Array, labelsLeft: number): boolean {
  return labelsLeft === 2 && key[1] === UNDERSCORE && key[key[0]! + 2] === UNDERSCORE && !hasZoneLabel(key);
}

/** A name below `_zone.S.N.svc`, which exists for the cluster's own clients. */
function hasZoneLabel(key: Uint8Array): boolean {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).includes(ZONE_LABEL);
}

/** Each of `count` endpoints has the same share of 100, at least 1. */
function shareOf(count: number): number {
  return Math.max(1, Math.floor(100 / count));
}
