/**
 * Owner names to words: the ENTRY block of snapshot-layout.ts, built in scratch memory before it is known whether
 * anything changed. Used by main only.
 */
import { assert } from '../base/assert.ts';
import { DASHED_SIZE_MAX, dashedIPv4Into } from '../dns/address.ts';
import type { AddressSets, EntryContent } from './entry-content.ts';
import { ENTRY_FLAGS_SHIFT, ENTRY_KIND_SHIFT, ENTRY_SPACE_SHIFT, KIND, wordsFor } from './snapshot-layout.ts';
import type { KeySpace, Kind } from './snapshot-layout.ts';

const KEY_SIZE_MAX = 255;
const U8_MAX = 255;
const U16_MAX = 65_535;
/** Two labels. */
const ENDPOINT_NAME_SIZE_MAX = 128;

/** Words written one after the other; grows, is used again. */
export class WordWriter {
  words = new Uint32Array(1024);
  count = 0;

  /** Empty it, whatever was in it. */
  reset(): void {
    this.count = 0;
  }

  push(word: number): void {
    if (this.count === this.words.length) this.#grow(1);
    this.words[this.count++] = word;
  }

  pushAll(words: readonly number[], count = words.length): void {
    if (this.count + count > this.words.length) this.#grow(count);
    for (let index = 0; index < count; index++) this.words[this.count++] = words[index]!;
  }

  /** Octets, from `start` on, as little-endian words, the last one padded with zeros. */
  pushOctets(octets: Uint8Array, start = 0, end = octets.length): void {
    const wordCount = wordsFor(end - start);
    if (this.count + wordCount > this.words.length) this.#grow(wordCount);
    const words = this.words;
    let at = this.count;
    let offset = start;
    for (; offset + 4 <= end; offset += 4) {
      words[at++] =
        octets[offset]! | (octets[offset + 1]! << 8) | (octets[offset + 2]! << 16) | (octets[offset + 3]! << 24);
    }
    if (offset < end) {
      let word = 0;
      for (let index = end - 1; index >= offset; index--) word = (word << 8) | octets[index]!;
      words[at++] = word;
    }
    this.count = at;
  }

  /** Ports, the first in the low half of a word. */
  pushPorts(ports: readonly number[], count: number): void {
    for (let index = 0; index < count; index += 2) {
      this.push(ports[index]! | ((index + 1 < count ? ports[index + 1]! : 0) << 16));
    }
  }

  #grow(count: number): void {
    const grown = new Uint32Array(Math.max(this.words.length * 2, this.count + count));
    grown.set(this.words);
    this.words = grown;
  }
}

/** Write the ENTRY of a name; replaces what the writer holds. */
export function encodeEntry(writer: WordWriter, key: Uint8Array, keySpace: KeySpace, content: EntryContent): void {
  writer.reset();
  switch (content.kind) {
    case 'ent':
      encodeHead(writer, key, keySpace, KIND.ENT, content.flags ?? 0);
      writer.push(0);
      return;
    case 'address':
      encodeHead(writer, key, keySpace, KIND.ADDRESS, content.flags ?? 0);
      encodeAddress(writer, content);
      return;
    case 'endpoints':
      encodeHead(writer, key, keySpace, KIND.ENDPOINTS, content.flags ?? 0);
      encodeEndpoints(writer, content);
      return;
    case 'plainEndpoints':
      encodeHead(writer, key, keySpace, KIND.ENDPOINTS, 0);
      encodePlainEndpoints(writer, content);
      return;
    case 'alias':
      encodeHead(writer, key, keySpace, KIND.ALIAS, 0);
      encodeAlias(writer, content);
      return;
    case 'client':
      encodeHead(writer, key, keySpace, KIND.CLIENT, 0);
      encodeClient(writer, content);
      return;
    case 'raw':
    case 'rrsets':
      encodeHead(writer, key, keySpace, content.kind === 'raw' ? KIND.RAW : KIND.RRSETS, content.flags ?? 0);
      writer.push(content.rrsets.length);
      for (const { type, count, records } of content.rrsets) {
        assert(type <= U16_MAX && count <= U16_MAX, 'RRset out of range');
        writer.push(type | (count << 16));
        writer.push(records.length);
        writer.pushOctets(records);
      }
  }
}

/**
 * Write an ENT entry with its number of children (reverse key spaces).
 *
 * @param start  where the name begins in `key`
 */
export function encodeEnt(writer: WordWriter, key: Uint8Array, start: number, keySpace: KeySpace, count: number): void {
  writer.reset();
  encodeHead(writer, key, keySpace, KIND.ENT, 0, start);
  writer.push(count);
}

/** Write the NS block. */
export function encodeNameServers(
  writer: WordWriter,
  servers: readonly ({ readonly name: Uint8Array } & AddressSets)[],
): void {
  writer.reset();
  writer.push(servers.length);
  for (const { name, addresses4, addresses6 } of servers) {
    writer.push(name.length);
    writer.push(addresses4.length);
    writer.push(addresses6.length / 4);
    writer.pushOctets(name);
    writer.pushAll(addresses4);
    writer.pushAll(addresses6);
  }
}

function encodeHead(
  writer: WordWriter,
  key: Uint8Array,
  keySpace: KeySpace,
  kind: Kind,
  flags: number,
  start = 0,
): void {
  const size = key.length - start;
  assert(size <= KEY_SIZE_MAX, 'size of a key');
  assert(flags >= 0 && flags <= U16_MAX, 'entry flags');
  writer.push(size | (keySpace << ENTRY_SPACE_SHIFT) | (kind << ENTRY_KIND_SHIFT) | (flags << ENTRY_FLAGS_SHIFT));
  writer.pushOctets(key, start);
}

function encodeAddress(writer: WordWriter, content: EntryContent & { kind: 'address' }): void {
  const { addresses4, addresses6, ports } = content;
  const portCount = Math.min(ports.length, U16_MAX);
  writer.push(addresses4.length);
  writer.push(addresses6.length / 4);
  writer.push(srvWord(portCount, content));
  writer.pushPorts(ports, portCount);
  writer.pushAll(addresses4);
  writer.pushAll(addresses6);
}

function encodeAlias(writer: WordWriter, { target, ports = [], weight = 0 }: EntryContent & { kind: 'alias' }): void {
  const portCount = Math.min(ports.length, U16_MAX);
  writer.push(target.length);
  writer.push(srvWord(portCount, { weight, targetSkip: 0 }));
  writer.pushOctets(target);
  writer.pushPorts(ports, portCount);
}

const NO_OCTETS = new Uint8Array(0);

function encodeClient(writer: WordWriter, content: EntryContent & { kind: 'client' }): void {
  const { namespace, name, labels = NO_OCTETS } = content;
  assert(namespace.length <= U8_MAX && name.length <= U8_MAX, 'size of a pod name');
  assert(labels.length <= U16_MAX, 'size of the labels of a pod');
  writer.push((namespace.length | (name.length << 8) | (labels.length << 16)) >>> 0);
  const octets = new Uint8Array(namespace.length + name.length + labels.length);
  octets.set(namespace);
  octets.set(name, namespace.length);
  octets.set(labels, namespace.length + name.length);
  writer.pushOctets(octets);
}

function encodeEndpoints(writer: WordWriter, content: EntryContent & { kind: 'endpoints' }): void {
  const { addresses4, addresses6, groups, portSets } = content;
  assert(portSets.length <= U16_MAX, 'number of port sets');
  writer.push(addresses4.length);
  writer.push(addresses6.length / 4);
  writer.push(groups.length);
  const countsAt = writer.count;
  writer.push(0);
  writer.push(0);
  writer.push(srvWord(portSets.length, content));
  writer.pushAll(addresses4);
  writer.pushAll(addresses6);
  for (let index = 0; index < portSets.length; index++) {
    const ports = portSets[index]!;
    writer.push(ports.length);
    writer.pushPorts(ports, ports.length);
  }
  let srvCount = 0;
  let additionalCount = 0;
  // By index here and in the cluster state: an iterator makes an object each time, until the loop is optimized.
  for (let index = 0; index < groups.length; index++) {
    const group = groups[index]!;
    const ports = portSets[group.portSet];
    assert(ports !== undefined, 'port set of an endpoint label');
    assert(group.name.length > 1 && group.name.length <= ENDPOINT_NAME_SIZE_MAX, 'size of the name of an endpoint');
    // An endpoint label shared by more addresses than its counts can tell keeps the first of them.
    const count4 = Math.min(group.addresses4.length, U16_MAX);
    const count6 = Math.min(group.addresses6.length / 4, U16_MAX);
    writer.push(group.name.length | (group.portSet << 8));
    writer.push(count4 | (count6 << 16));
    writer.pushOctets(group.name);
    writer.pushAll(group.addresses4, count4);
    writer.pushAll(group.addresses6, count6 * 4);
    srvCount += ports.length;
    additionalCount += count4 + count6;
  }
  writer.words[countsAt] = srvCount;
  writer.words[countsAt + 1] = additionalCount;
}

/** of the endpoint that is being written */
const plainName = new Uint8Array(1 + DASHED_SIZE_MAX);

function encodePlainEndpoints(writer: WordWriter, content: EntryContent & { kind: 'plainEndpoints' }): void {
  const { addresses, byLabel, ports } = content;
  const groupCount = ports.length === 0 ? 0 : addresses.length;
  writer.push(addresses.length);
  writer.push(0);
  writer.push(groupCount);
  writer.push(groupCount * ports.length);
  writer.push(groupCount);
  writer.push(srvWord(groupCount === 0 ? 0 : 1, content));
  writer.pushAll(addresses);
  if (groupCount === 0) return;
  writer.push(ports.length);
  writer.pushPorts(ports, ports.length);
  for (let index = 0; index < groupCount; index++) {
    const address = byLabel[index]!;
    const size = dashedIPv4Into(address, plainName, 1);
    plainName[0] = size - 1;
    writer.push(size);
    writer.push(1);
    writer.pushOctets(plainName, 0, size);
    writer.push(address);
  }
}

function srvWord(count: number, content: { readonly weight: number; readonly targetSkip: number }): number {
  assert(content.weight <= U8_MAX && content.targetSkip <= U8_MAX, 'SRV weight or targetSkip');
  return count | (content.weight << 16) | (content.targetSkip << 24);
}
