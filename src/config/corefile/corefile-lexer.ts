import { faultAt, type CorefileToken } from './corefile-token.ts';

/** Values of `{$NAME}` and `{%NAME%}`; a name that is missing is the empty text. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Splits the text of one file into words, one a call, so that a fault ends the reading of a hostile file early.
 *
 * Words are separated by white space; `\r` is dropped and separates nothing. `"` at the start of a word opens a quoted one,
 * which may span lines and in which only `\"` is an escape. `#` starts a comment: to the end of the line where a word would
 * start, to the next white space inside a word.
 */
export class CorefileLexer {
  readonly #text: string;
  readonly #file: string;
  readonly #environment: Environment;
  #at: number;
  #line = 1;
  #column = 1;
  #columnAt: number;
  /** the line on which the word before ended */
  #lastLine = 0;

  constructor(text: string, file: string, environment: Environment) {
    this.#text = text;
    this.#file = file;
    this.#environment = environment;
    this.#at = text.charCodeAt(0) === 0xfeff ? 1 : 0;
    this.#columnAt = this.#at;
  }

  /** @throws SkyshardError CONFIG_SYNTAX at a quote that is never closed */
  next(): CorefileToken | undefined {
    this.#skipSpaceAndComments();
    if (this.#at >= this.#text.length) return undefined;
    const line = this.#line;
    const start = {
      file: this.#file,
      line,
      column: this.#readColumn(),
      isLineStart: line !== this.#lastLine,
    };
    const isQuoted = this.#text[this.#at] === '"';
    const raw = isQuoted ? this.#readQuoted() : this.#readWord();
    if (raw === undefined) {
      const token = { ...start, text: '"', isQuoted };
      throw faultAt(token, 'CONFIG_SYNTAX', `the quoted text that starts here never ends, expected a closing '"'`);
    }
    this.#lastLine = this.#line;
    return { ...start, text: replaceEnvironment(raw, this.#environment), isQuoted };
  }

  #skipSpaceAndComments(): void {
    for (; this.#at < this.#text.length; this.#at++) {
      const code = this.#text.charCodeAt(this.#at);
      if (code === LINE_FEED) this.#startLine(this.#at + 1);
      else if (code === HASH) {
        const end = this.#text.indexOf('\n', this.#at);
        this.#at = (end < 0 ? this.#text.length : end) - 1;
      } else if (!isSpace(code)) return;
    }
  }

  #readWord(): string {
    const start = this.#at;
    let end = -1;
    for (; this.#at < this.#text.length; this.#at++) {
      const code = this.#text.charCodeAt(this.#at);
      if (code === HASH && end < 0) end = this.#at;
      if (isSpace(code) && code !== CARRIAGE_RETURN) break;
    }
    return this.#text.slice(start, end < 0 ? this.#at : end).replaceAll('\r', '');
  }

  #readQuoted(): string | undefined {
    let text = '';
    let from = ++this.#at;
    for (; this.#at < this.#text.length; this.#at++) {
      const code = this.#text.charCodeAt(this.#at);
      if (code === QUOTE) {
        text += this.#text.slice(from, this.#at);
        this.#at++;
        return text;
      }
      if (code === LINE_FEED) this.#startLine(this.#at + 1);
      if (code !== BACKSLASH) continue;
      const escaped = this.#text.charCodeAt(this.#at + 1);
      if (escaped === QUOTE) {
        text += this.#text.slice(from, this.#at);
        from = this.#at + 1;
      } else if (escaped === LINE_FEED) this.#startLine(this.#at + 2);
      this.#at++;
    }
    return undefined;
  }

  #startLine(at: number): void {
    this.#line++;
    this.#column = 1;
    this.#columnAt = at;
  }

  /** The column of the next character: counted on from the word before, for a file may be one long line. */
  #readColumn(): number {
    for (; this.#columnAt < this.#at; this.#columnAt++) {
      const isSecondHalf = (this.#text.charCodeAt(this.#columnAt) & 0xfc00) === 0xdc00;
      if (!isSecondHalf) this.#column++;
    }
    return this.#column;
  }
}

/**
 * Replace `{%NAME%}` and `{$NAME}`; `{%%}` and `{$}` stay. A value is not looked at again, so a variable that holds its own
 * reference is harmless.
 */
export function replaceEnvironment(text: string, environment: Environment): string {
  return replaceReferences(replaceReferences(text, '{%', '%}', environment), '{$', '}', environment);
}

function replaceReferences(text: string, opening: string, closing: string, environment: Environment): string {
  let replaced = '';
  let from = 0;
  for (let at = text.indexOf(opening); at >= 0; at = text.indexOf(opening, at)) {
    const nameAt = at + opening.length;
    const end = text.indexOf(closing, nameAt);
    if (end < 0) break;
    if (end === nameAt) {
      at = end + closing.length;
      continue;
    }
    const name = text.slice(nameAt, end);
    replaced += text.slice(from, at) + ((Object.hasOwn(environment, name) ? environment[name] : undefined) ?? '');
    at = from = end + closing.length;
  }
  return from === 0 ? text : replaced + text.slice(from);
}

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const QUOTE = 0x22;
const HASH = 0x23;
const BACKSLASH = 0x5c;

/** Unicode's White_Space; U+FEFF inside a file is none. */
function isSpace(code: number): boolean {
  if (code <= 0x20) return code === 0x20 || (code >= 0x09 && code <= 0x0d);
  if (code < 0x1680) return code === 0x85 || code === 0xa0;
  return (
    code === 0x1680 ||
    (code >= 0x2000 && code <= 0x200a) ||
    code === 0x2028 ||
    code === 0x2029 ||
    code === 0x202f ||
    code === 0x205f ||
    code === 0x3000
  );
}
