/**
 * The JSON of a LIST or WATCH response → its items, parsed one at a time.
 *
 * A list is read by a machine that knows the one object around the items, a watch is one value after the other.
 */
import { isJsonSpace, JsonValueScanner } from './json-value-scanner.ts';
import { OctetCollector } from './octet-collector.ts';
import { ResponseChunks } from './response-chunks.ts';

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** What the list machine waits for. */
type Expected = keyof typeof EXPECTED;
const EXPECTED = {
  list: `'{'`,
  keyOrEnd: `'"' or '}'`,
  key: `'"'`,
  colon: `':'`,
  value: 'a value',
  items: `'[' or null`,
  itemOrEnd: `'{' or ']'`,
  item: `'{'`,
  commaOrItemsEnd: `',' or ']'`,
  commaOrEnd: `',' or '}'`,
  nothing: 'the end of the response',
} as const;
/** What is being collected: a key, a value of the list itself that is kept or not, an item. */
type Collected = 'key' | 'kept' | 'skipped' | 'item';

const KEPT_KEYS: ReadonlySet<string> = new Set(['kind', 'apiVersion', 'metadata']);

/** Reads values of JSON out of chunks: at most one is held, and only if it lies in several chunks. */
class JsonValueReader {
  readonly #chunks: ResponseChunks;
  readonly #scanner = new JsonValueScanner();
  readonly #collector = new OctetCollector();
  #isKept = true;
  #isInside = false;

  constructor(chunks: ResponseChunks) {
    this.#chunks = chunks;
  }

  /** a value has begun and not ended */
  get isInside(): boolean {
    return this.#isInside;
  }

  /** @param isKept  whether its text is wanted */
  begin(chunk: Buffer, at: number, isKept = true): void {
    this.#scanner.begin(chunk[at]!);
    this.#isKept = isKept;
    this.#isInside = true;
  }

  /**
   * @returns offset behind the value; -1 if it goes on in the next chunk
   * @throws SkyshardError API_RESPONSE if it is too large
   */
  read(chunk: Buffer, start: number): number {
    const end = this.#scanner.scan(chunk, start);
    if (end < 0 && this.#isKept) this.#collector.append(chunk, start, chunk.length);
    return end;
  }

  /** Parse the value whose last part lies from `start` to `end`. */
  take(chunk: Buffer, start: number, end: number): unknown {
    this.#isInside = false;
    if (!this.#isKept) return undefined;
    let text: string;
    if (this.#collector.size === 0) text = chunk.toString('utf8', start, end);
    else {
      this.#collector.append(chunk, start, end);
      text = this.#collector.view().toString('utf8');
      this.#collector.clear();
    }
    try {
      return JSON.parse(text) as unknown;
    } catch (error) {
      throw this.#chunks.error(`${(error as Error).message}, in the value that ends here`, end, error);
    }
  }
}

/** Items of a `…List`, whatever the order of its fields. */
export class JsonListSplitter {
  readonly #chunks: ResponseChunks;
  readonly #reader: JsonValueReader;
  #expected: Expected = 'list';
  #collected: Collected = 'key';
  #key = '';
  readonly #fields = new Map<string, unknown>();

  /** @param what  names the response in errors */
  constructor(what: string) {
    this.#chunks = new ResponseChunks(what);
    this.#reader = new JsonValueReader(this.#chunks);
  }

  /** kind, apiVersion and metadata of the list, as far as they have come */
  get fields(): ReadonlyMap<string, unknown> {
    return this.#fields;
  }

  /** @throws SkyshardError API_RESPONSE */
  *push(octets: Uint8Array): Generator<unknown, void, void> {
    const reader = this.#reader;
    const chunk = this.#chunks.begin(octets);
    let at = 0;
    while (at < chunk.length) {
      if (!reader.isInside) {
        if (isJsonSpace(chunk[at]!) || !this.#step(chunk, at)) {
          at++;
          continue;
        }
      }
      const end = reader.read(chunk, at);
      if (end < 0) break;
      const value = reader.take(chunk, at, end);
      at = end;
      if (this.#collected === 'item') yield value;
      else this.#takeField(value);
    }
    this.#chunks.end(chunk);
  }

  /** @throws SkyshardError API_RESPONSE */
  end(): void {
    if (this.#expected !== 'nothing') throw this.#chunks.cutError();
  }

  #takeField(value: unknown): void {
    if (this.#collected === 'kept') this.#fields.set(this.#key, value);
    else if (this.#collected === 'key') this.#key = value as string;
  }

  /** @returns whether a value starts here; else the octet is done with */
  #step(chunk: Buffer, at: number): boolean {
    const octet = chunk[at]!;
    const begin = (collected: Collected, next: Expected): true => {
      this.#collected = collected;
      this.#expected = next;
      this.#reader.begin(chunk, at, collected !== 'skipped');
      return true;
    };
    const go = (next: Expected): false => {
      this.#expected = next;
      return false;
    };
    switch (this.#expected) {
      case 'list':
        if (octet === OPEN_BRACE) return go('keyOrEnd');
        break;
      case 'keyOrEnd':
        if (octet === CLOSE_BRACE) return go('nothing');
        if (octet === QUOTE) return begin('key', 'colon');
        break;
      case 'key':
        if (octet === QUOTE) return begin('key', 'colon');
        break;
      case 'colon':
        if (octet === COLON) return go(this.#key === 'items' ? 'items' : 'value');
        break;
      case 'value':
        if (octet !== COMMA && octet !== CLOSE_BRACE && octet !== CLOSE_BRACKET && octet !== COLON) {
          return begin(KEPT_KEYS.has(this.#key) ? 'kept' : 'skipped', 'commaOrEnd');
        }
        break;
      case 'items':
        if (octet === OPEN_BRACKET) return go('itemOrEnd');
        // Go writes an empty list as null.
        if (octet === 0x6e /* n */) return begin('kept', 'commaOrEnd');
        break;
      case 'itemOrEnd':
      case 'item':
        if (octet === OPEN_BRACE) return begin('item', 'commaOrItemsEnd');
        if (octet === CLOSE_BRACKET && this.#expected === 'itemOrEnd') return go('commaOrEnd');
        break;
      case 'commaOrItemsEnd':
        if (octet === COMMA) return go('item');
        if (octet === CLOSE_BRACKET) return go('commaOrEnd');
        break;
      case 'commaOrEnd':
        if (octet === COMMA) return go('key');
        if (octet === CLOSE_BRACE) return go('nothing');
        break;
      case 'nothing':
        break;
    }
    const found = JSON.stringify(String.fromCharCode(octet));
    throw this.#chunks.error(`expected ${EXPECTED[this.#expected]}, found ${found}`, at);
  }
}

/** Objects one after the other, with or without white space between them. */
export class JsonStreamSplitter {
  readonly #chunks: ResponseChunks;
  readonly #reader: JsonValueReader;

  /** @param what  names the response in errors */
  constructor(what: string) {
    this.#chunks = new ResponseChunks(what);
    this.#reader = new JsonValueReader(this.#chunks);
  }

  /** @throws SkyshardError API_RESPONSE */
  *push(octets: Uint8Array): Generator<unknown, void, void> {
    const reader = this.#reader;
    const chunk = this.#chunks.begin(octets);
    let at = 0;
    while (at < chunk.length) {
      const octet = chunk[at]!;
      if (!reader.isInside) {
        if (isJsonSpace(octet)) {
          at++;
          continue;
        }
        if (octet !== OPEN_BRACE) {
          throw this.#chunks.error(`expected an event, found ${JSON.stringify(String.fromCharCode(octet))}`, at);
        }
        reader.begin(chunk, at);
      }
      const end = reader.read(chunk, at);
      if (end < 0) break;
      const value = reader.take(chunk, at, end);
      at = end;
      yield value;
    }
    this.#chunks.end(chunk);
  }

  /** @throws SkyshardError API_RESPONSE */
  end(): void {
    if (this.#reader.isInside) throw this.#chunks.cutError();
  }
}
