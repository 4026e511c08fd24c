/**
 * The format of hosts files, as CoreDNS's `hosts` reads it: an address and its names a line, `#` starts a comment, and
 * what cannot be used is left out without a word. Two texts, the file and the lines of the Corefile, become the records
 * of one dataset.
 */
import { parseAddress } from '../../dns/address.ts';
import { equalOctets, joinNames, lowerCaseName, parseName, reverseKey4, reverseKey6 } from '../../dns/name.ts';
import { CLASS, TYPE } from '../../dns/iana.ts';
import type { EntryContent, RecordSink } from '../../snapshot/entry-content.ts';

/** What a dataset holds, by key: whole names without root label, lower-cased, each octet a character. */
export type HostsRecords = ReadonlyMap<string, EntryContent>;

export const NO_RECORDS: HostsRecords = new Map();

export interface HostsFormat {
  /** canonical names: names outside of them are left out */
  readonly zones: readonly string[];
  readonly hasReverse: boolean;
}

/** What one text says. */
export interface HostsText {
  /** by key; names that begin with the label `*` stand for others */
  readonly names: ReadonlyMap<string, HostAddresses>;
  /** the names of an address in the order of the text, by key of its reverse name */
  readonly pointers: ReadonlyMap<string, readonly string[]>;
  /** how often an address or a name is given */
  readonly entryCount: number;
}

interface HostAddresses {
  readonly addresses4: number[];
  /** four words an address */
  readonly addresses6: number[];
}

/** No name is longer, so nothing longer is kept. */
export const FIELD_SIZE_MAX = 1024;
/** What a response over a stream has room for; an address that thousands of names are given to would need more. */
const POINTERS_SIZE_MAX = 60_000;
const LINE_FEED = 0x0a;
const HASH = 0x23;
/** The label `*` with its length octet. */
const WILDCARD = '\u0001*';
const IN_ADDR_ARPA = parseName('in-addr.arpa')!.subarray(0, -1);
const IP6_ARPA = parseName('ip6.arpa')!.subarray(0, -1);

/**
 * Read a text in the format of hosts files.
 *
 * @param source   what the octets are, for messages
 * @param onFault  told of what is too long to be anything
 */
export function readHostsText(
  octets: Uint8Array,
  source: string,
  format: HostsFormat,
  onFault: (message: string) => void,
): HostsText {
  const collector = new HostsCollector(format);
  const text = Buffer.from(octets.buffer, octets.byteOffset, octets.length);
  let line = 1;
  let isAddress = true;
  for (let at = 0; at < text.length;) {
    const octet = text[at]!;
    if (octet === LINE_FEED) {
      line++;
      isAddress = true;
      collector.startLine();
      at++;
    } else if (octet === HASH) {
      const end = text.indexOf(LINE_FEED, at);
      at = end < 0 ? text.length : end;
    } else if (isSpace(octet)) {
      at++;
    } else {
      const end = endOfField(text, at);
      if (end - at > FIELD_SIZE_MAX) {
        const what = isAddress ? ['address', 'line'] : ['name', 'name'];
        if (isAddress || collector.hasAddress) {
          onFault(`${source}, line ${line}: ${what[0]} longer than ${FIELD_SIZE_MAX} bytes, dropping the ${what[1]}`);
        }
      } else if (isAddress) {
        collector.setAddress(text.toString('utf8', at, end));
      } else {
        collector.addName(text.toString('utf8', at, end));
      }
      isAddress = false;
      at = end;
    }
  }
  return collector;
}

/** The records of several texts: the addresses of the first come first. */
export function makeHostsRecords(texts: readonly HostsText[], ttlSeconds: number): HostsRecords {
  const records = new Map<string, EntryContent>();
  for (const text of texts) {
    for (const key of text.names.keys()) {
      if (!records.has(key) && key !== WILDCARD) records.set(key, addressContent(texts, key));
    }
  }
  for (const text of texts) {
    for (const key of text.pointers.keys()) {
      if (records.has(key)) continue;
      const targets = new Set(texts.flatMap(({ pointers }) => pointers.get(key) ?? []));
      records.set(key, pointerContent(targets, ttlSeconds));
    }
  }
  return records;
}

/** Make a dataset that holds `before` one that holds `after`. */
export function writeHostsRecords(sink: RecordSink, before: HostsRecords, after: HostsRecords): void {
  for (const key of before.keys()) {
    if (!after.has(key)) sink.remove(octetsOf(key));
  }
  for (const [key, content] of after) {
    const old = before.get(key);
    if (old === undefined || !isSameContent(old, content)) sink.put(octetsOf(key), content);
  }
}

class HostsCollector implements HostsText {
  readonly names = new Map<string, HostAddresses>();
  readonly pointers = new Map<string, string[]>();
  entryCount = 0;
  readonly #zones: readonly string[];
  readonly #hasReverse: boolean;
  readonly #words = new Uint32Array(4);
  #family: 0 | 4 | 6 = 0;
  #reverse: string[] | undefined;

  constructor({ zones, hasReverse }: HostsFormat) {
    this.#zones = zones.map((zone) => keyOf(parseName(zone)!));
    this.#hasReverse = hasReverse;
  }

  get hasAddress(): boolean {
    return this.#family !== 0;
  }

  startLine(): void {
    this.#family = 0;
    this.#reverse = undefined;
  }

  /** The zone of an IPv6 address says nothing to anybody else. */
  setAddress(field: string): void {
    const zoneAt = field.indexOf('%');
    this.#family = parseAddress(zoneAt < 0 ? field : field.slice(0, zoneAt), this.#words);
  }

  addName(field: string): void {
    if (this.#family === 0) return;
    const name = parseName(field.toLowerCase());
    if (name === null) return;
    const key = keyOf(lowerCaseName(name));
    if (!this.#zones.some((zone) => isAtOrBelow(key, zone))) return;
    let addresses = this.names.get(key);
    if (addresses === undefined) this.names.set(key, (addresses = { addresses4: [], addresses6: [] }));
    if (this.#family === 4) addresses.addresses4.push(this.#words[0]!);
    else addresses.addresses6.push(...this.#words);
    this.entryCount++;
    if (!this.#hasReverse || key.startsWith(WILDCARD)) return;
    this.#reverse ??= this.#findReverse();
    this.#reverse.push(key);
    this.entryCount++;
  }

  #findReverse(): string[] {
    const wire =
      this.#family === 4
        ? joinNames(reverseKey4(this.#words[0]!), IN_ADDR_ARPA)
        : joinNames(reverseKey6(this.#words), IP6_ARPA);
    const key = Buffer.from(wire).toString('latin1');
    let names = this.pointers.get(key);
    if (names === undefined) this.pointers.set(key, (names = []));
    return names;
  }
}

/** A text that has no address of a family for a name itself has those of the wildcard above it. */
function addressContent(texts: readonly HostsText[], key: string): EntryContent {
  const addresses4 = new Set<number>();
  const addresses6 = new Map<string, readonly number[]>();
  const wildcard = wildcardOf(key);
  for (const { names } of texts) {
    const own = names.get(key);
    const above = names.get(wildcard);
    const list4 = own !== undefined && own.addresses4.length > 0 ? own.addresses4 : (above?.addresses4 ?? []);
    const list6 = own !== undefined && own.addresses6.length > 0 ? own.addresses6 : (above?.addresses6 ?? []);
    for (const address of list4) addresses4.add(address);
    for (let at = 0; at < list6.length; at += 4) {
      const words = list6.slice(at, at + 4);
      addresses6.set(words.join(), words);
    }
  }
  return {
    kind: 'address',
    ports: [],
    weight: 0,
    targetSkip: 0,
    addresses4: [...addresses4],
    addresses6: [...addresses6.values()].flat(),
  };
}

/** The key with `*` for its first label; nothing stands for names of one label. */
function wildcardOf(key: string): string {
  const rest = key.slice(1 + key.charCodeAt(0));
  return rest === '' ? '' : WILDCARD + rest;
}

function pointerContent(targets: ReadonlySet<string>, ttlSeconds: number): EntryContent {
  const records: Uint8Array[] = [];
  let size = 0;
  for (const target of targets) {
    const record = pointerRecord(target, ttlSeconds);
    size += record.length;
    if (size > POINTERS_SIZE_MAX) break;
    records.push(record);
  }
  return { kind: 'raw', rrsets: [{ type: TYPE.PTR, count: records.length, records: joinNames(...records) }] };
}

function pointerRecord(target: string, ttlSeconds: number): Uint8Array {
  const record = new Uint8Array(12 + target.length + 1);
  const view = new DataView(record.buffer);
  view.setUint32(0, (0xc00c << 16) | TYPE.PTR);
  view.setUint32(4, (CLASS.IN << 16) | (ttlSeconds >>> 16));
  view.setUint32(8, (ttlSeconds << 16) | (target.length + 1));
  record.set(octetsOf(target), 12);
  return record;
}

function isSameContent(a: EntryContent, b: EntryContent): boolean {
  if (a.kind === 'address' && b.kind === 'address') {
    return isSameList(a.addresses4, b.addresses4) && isSameList(a.addresses6, b.addresses6);
  }
  if (a.kind !== 'raw' || b.kind !== 'raw') return false;
  return a.rrsets.every(({ records }, index) => equalOctets(records, b.rrsets[index]!.records));
}

function isSameList(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((value, index) => value === b[index]);
}

/** Both are keys. */
function isAtOrBelow(name: string, zone: string): boolean {
  let at = 0;
  while (name.length - at > zone.length) at += 1 + name.charCodeAt(at);
  return name.length - at === zone.length && name.endsWith(zone);
}

function keyOf(name: Uint8Array): string {
  return Buffer.from(name.buffer, name.byteOffset, name.length - 1).toString('latin1');
}

function octetsOf(key: string): Uint8Array {
  return new Uint8Array(Buffer.from(key, 'latin1'));
}

function endOfField(text: Uint8Array, start: number): number {
  let at = start;
  while (at < text.length && text[at] !== HASH && !isSpace(text[at]!)) at++;
  return at;
}

/** Space, and tab to carriage return. */
function isSpace(octet: number): boolean {
  return octet === 0x20 || (octet >= 0x09 && octet <= 0x0d);
}
