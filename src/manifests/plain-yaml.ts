/**
 * Reads YAML of the plainest kind, as most manifests are, without the library that knows all of it: that one takes 11 MiB, and a tenth of a
 * second until its code runs.
 *
 * What is read here: mappings and sequences by indentation, on one line also in brackets; words, decimal numbers, IPv4 addresses, true, false,
 * and quoted text without escapes. Whatever is written in another way, or wrong, makes it give up, and the library reads the file from its beginning: so what it
 * gives is what the library would give, or nothing.
 */

export interface PlainDocument {
  readonly value: Readonly<Record<string, unknown>>;
  /** offset of its first key, which stands at the beginning of a line */
  readonly at: number;
}

/** Thrown where the text is not plain; nobody else sees it. */
class NotPlain extends Error {}

const BEYOND = /[^\n\x20-\x7e]/;
const KEY = /([A-Za-z][\w./-]*):(?= |$)/y;
const WORD = /[A-Za-z/](?:[\w./-]|:(?=[\w./:-]))*/y;
/** Words that YAML 1.1 does not take for text. */
const MEANING = /^(?:y|n|yes|no|on|off|true|false|null)$/i;
const NUMBER = /(?:0|-?[1-9]\d{0,14})(?![\w.:+-])/y;
const IPV4 = /\d{1,3}(?:\.\d{1,3}){3}(?![\w.:+-])/y;
const QUOTED = /"([^"\\]*)"|'([^']*)'/y;
const SPACES = / */y;
/** What may follow a value up to the end of its line. */
const REST = /(?: +#.*| *)$/y;
const DEPTH_MAX = 50;
/** Longer ones are no keys (YAML 1.2 §7.4.2). */
const KEY_LENGTH_MAX = 1000;

/**
 * The documents of a file that are not empty, one after the other.
 *
 * @returns whether the whole text is plain; where not, what was given before is to be forgotten
 */
export function* readPlainYaml(text: string): Generator<PlainDocument, boolean> {
  if (BEYOND.test(text)) return false;
  try {
    const reader = new PlainReader(text);
    for (let document = reader.next(); document !== undefined; document = reader.next()) yield document;
    return true;
  } catch (error) {
    if (!(error instanceof NotPlain)) throw error;
    return false;
  }
}

class PlainReader {
  readonly #text: string;
  /** the line that is looked at, without what is before its first sign; -1: the text is over */
  #indent = -1;
  #line = '';
  #lineAt = 0;
  #nextAt = 0;
  /** within the line */
  #at = 0;

  constructor(text: string) {
    this.#text = text;
    this.#advance();
  }

  next(): PlainDocument | undefined {
    while (this.#isSeparator()) this.#advance();
    if (this.#indent < 0) return undefined;
    if (this.#indent > 0) throw new NotPlain();
    const at = this.#lineAt;
    const value = this.#mapping(0, 0);
    if (this.#indent >= 0 && !this.#isSeparator()) throw new NotPlain();
    return { value, at };
  }

  #isSeparator(): boolean {
    return this.#indent === 0 && this.#line === '---';
  }

  /** To the next line that is neither empty nor a comment. */
  #advance(): void {
    this.#at = 0;
    while (this.#nextAt < this.#text.length) {
      this.#lineAt = this.#nextAt;
      const end = this.#text.indexOf('\n', this.#lineAt);
      this.#nextAt = end < 0 ? this.#text.length : end + 1;
      const line = this.#text.slice(this.#lineAt, end < 0 ? undefined : end);
      const bare = line.trimStart();
      if (bare === '' || bare.startsWith('#')) continue;
      this.#indent = line.length - bare.length;
      this.#line = bare;
      return;
    }
    this.#indent = -1;
    this.#line = '';
  }

  /** Keys of one indentation; the first one may stand behind the dash of a sequence. */
  #mapping(indent: number, depth: number): Record<string, unknown> {
    if (depth > DEPTH_MAX) throw new NotPlain();
    const found: Record<string, unknown> = {};
    do {
      const key = this.#key();
      if (Object.hasOwn(found, key)) throw new NotPlain();
      found[key] = this.#hasRest() ? this.#nested(indent, depth) : this.#lineValue(depth);
    } while (this.#indent === indent && !this.#isSeparator());
    if (this.#indent > indent) throw new NotPlain();
    return found;
  }

  /** The value of a key that stands on the lines below it. */
  #nested(indent: number, depth: number): unknown {
    this.#advance();
    if (this.#isSeparator()) throw new NotPlain();
    // A sequence may stand right below the key.
    if (this.#line.startsWith('- ') && this.#indent >= indent) return this.#sequence(this.#indent, depth + 1);
    if (this.#indent <= indent) throw new NotPlain();
    return this.#mapping(this.#indent, depth + 1);
  }

  #sequence(indent: number, depth: number): unknown[] {
    const items: unknown[] = [];
    while (this.#indent === indent && this.#line.startsWith('- ')) {
      this.#at = 2;
      KEY.lastIndex = this.#at;
      items.push(KEY.test(this.#line) ? this.#mapping(indent + 2, depth + 1) : this.#lineValue(depth));
    }
    if (this.#indent > indent) throw new NotPlain();
    return items;
  }

  /** A value that ends with its line. */
  #lineValue(depth: number): unknown {
    const value = this.#value(depth);
    if (!this.#hasRest()) throw new NotPlain();
    this.#advance();
    return value;
  }

  #value(depth: number): unknown {
    if (depth > DEPTH_MAX) throw new NotPlain();
    const sign = this.#line[this.#at];
    if (sign === '[') return this.#list(depth + 1);
    if (sign === '{') return this.#pairs(depth + 1);
    return this.#scalar();
  }

  #list(depth: number): unknown[] {
    const items: unknown[] = [];
    if (this.#opens(']')) return items;
    do items.push(this.#value(depth));
    while (this.#goesOn(']'));
    return items;
  }

  #pairs(depth: number): Record<string, unknown> {
    const found: Record<string, unknown> = {};
    if (this.#opens('}')) return found;
    do {
      const key = this.#key();
      if (Object.hasOwn(found, key)) throw new NotPlain();
      found[key] = this.#value(depth);
    } while (this.#goesOn('}'));
    return found;
  }

  /** @returns whether the bracket closes at once */
  #opens(close: string): boolean {
    this.#at++;
    this.#take(SPACES);
    if (this.#line[this.#at] !== close) return false;
    this.#at++;
    return true;
  }

  /** @returns whether another one follows */
  #goesOn(close: string): boolean {
    this.#take(SPACES);
    const sign = this.#line[this.#at++];
    if (sign === close) return false;
    if (sign !== ',' || this.#line[this.#at] !== ' ') throw new NotPlain();
    this.#take(SPACES);
    return true;
  }

  #scalar(): unknown {
    const word = this.#take(WORD)?.[0];
    if (word === 'true' || word === 'false') return word === 'true';
    if (word !== undefined) {
      if (MEANING.test(word)) throw new NotPlain();
      return word;
    }
    const address = this.#take(IPV4)?.[0];
    if (address !== undefined) return address;
    const number = this.#take(NUMBER)?.[0];
    if (number !== undefined) return Number(number);
    const quoted = this.#take(QUOTED);
    if (quoted === null) throw new NotPlain();
    return quoted[1] ?? quoted[2];
  }

  #key(): string {
    const key = this.#take(KEY)?.[1];
    if (key === undefined || key.length > KEY_LENGTH_MAX || MEANING.test(key)) throw new NotPlain();
    this.#take(SPACES);
    return key;
  }

  /** @returns whether nothing more stands in the line but a comment */
  #hasRest(): boolean {
    // A key has taken the spaces in front of it.
    if (this.#line[this.#at] === '#' && this.#line[this.#at - 1] === ' ') return true;
    REST.lastIndex = this.#at;
    return REST.test(this.#line);
  }

  #take(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#line);
    if (found !== null) this.#at = pattern.lastIndex;
    return found;
  }
}
