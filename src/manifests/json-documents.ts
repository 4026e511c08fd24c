/**
 * Where documents and list items lie in a text that should be JSON: JSON.parse, which is fast, does not say.
 * Text that is no JSON gives offsets that are wrong but inside the text; JSON.parse then refuses it.
 */

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;

export interface JsonScan {
  /** behind the document: offset in UTF-16 units, as all here */
  readonly end: number;
  /** where the objects in the array under the document's own key `items` start */
  readonly items: readonly number[];
  /** and where each of them ends; fewer than `items` in a text that ends too early */
  readonly itemEnds: readonly number[];
}

/** Between documents: white space and the `---` that YAML would have there. */
export function skipJsonSeparator(text: string, start: number): number {
  const separator = /(?:\uFEFF|\s|^---(?=\s|$))*/my;
  separator.lastIndex = start;
  separator.test(text);
  return separator.lastIndex;
}

/** The object or array that starts at `start`; anything else reaches to the end of the text. */
export function scanJsonDocument(text: string, start: number): JsonScan {
  const items: number[] = [];
  const itemEnds: number[] = [];
  let depth = 0;
  let isAtItems = false;
  let isInItems = false;
  for (let at = start; at < text.length; at++) {
    const char = text.charCodeAt(at);
    if (char === QUOTE) {
      const end = endOfString(text, at);
      if (depth === 1) isAtItems = text.slice(at, end) === '"items"' && text.charCodeAt(skipSpace(text, end)) === COLON;
      at = end - 1;
    } else if (char === OPEN_BRACE || char === OPEN_BRACKET) {
      if (isInItems && depth === 2) items.push(at);
      if (isAtItems && depth === 1 && char === OPEN_BRACKET) isInItems = true;
      depth++;
    } else if (char === CLOSE_BRACE || char === CLOSE_BRACKET) {
      depth--;
      if (isInItems && depth === 2) itemEnds.push(at + 1);
      if (depth === 1) isInItems = isAtItems = false;
      if (depth <= 0) return { end: at + 1, items, itemEnds };
    }
  }
  return { end: text.length, items, itemEnds };
}

/**
 * The document, its list items one at a time as they are asked for: all together they would take a multiple of the text.
 *
 * @param scan  of this document
 * @returns the document with an empty list for `items`, and a walk over these; undefined for a document without such a list
 * @throws SyntaxError here or in the walk if it is no JSON
 */
export function splitJsonList(
  text: string,
  start: number,
  { end, items, itemEnds }: JsonScan,
): { readonly list: Readonly<Record<string, unknown>>; readonly values: Generator<unknown> } | undefined {
  if (items.length === 0 || items.length !== itemEnds.length) return undefined;
  let frame = '';
  let at = start;
  for (const [index, itemStart] of items.entries()) {
    frame += `${text.slice(at, itemStart)}{}`;
    at = itemEnds[index]!;
  }
  const list = JSON.parse(frame + text.slice(at, end)) as Record<string, unknown>;
  const stubs = list['items'];
  // Items that are no objects, or two lists of that name: rare enough to be read whole.
  if (!Array.isArray(stubs) || stubs.length !== items.length) return undefined;
  return { list: { ...list, items: [] }, values: parseItems(text, items, itemEnds) };
}

function* parseItems(text: string, starts: readonly number[], ends: readonly number[]): Generator<unknown> {
  for (const [index, start] of starts.entries()) yield JSON.parse(text.slice(start, ends[index])) as unknown;
}

/** Behind the closing quote of the string that starts at `start`. */
function endOfString(text: string, start: number): number {
  for (let quote = text.indexOf('"', start + 1); quote >= 0; quote = text.indexOf('"', quote + 1)) {
    let escapes = 0;
    while (text.charCodeAt(quote - 1 - escapes) === BACKSLASH) escapes++;
    if (escapes % 2 === 0) return quote + 1;
  }
  return text.length;
}

function skipSpace(text: string, start: number): number {
  let at = start;
  while (at < text.length && text.charCodeAt(at) <= 0x20) at++;
  return at;
}

/** Lines and columns, both from 1, of offsets that are mostly asked for in rising order. */
export class LineIndex {
  private readonly text: string;
  private line = 1;
  private lineStart = 0;
  /** where the line ends, kept because a dump of a whole cluster may be one line of megabytes */
  private lineEnd: number;

  constructor(text: string) {
    this.text = text;
    this.lineEnd = this.endOfLine(0);
  }

  lineAndColumn(offset: number): { line: number; column: number } {
    if (offset < this.lineStart) {
      this.line = 1;
      this.lineStart = 0;
      this.lineEnd = this.endOfLine(0);
    }
    while (this.lineEnd < offset) {
      this.line++;
      this.lineStart = this.lineEnd + 1;
      this.lineEnd = this.endOfLine(this.lineStart);
    }
    return { line: this.line, column: offset - this.lineStart + 1 };
  }

  private endOfLine(start: number): number {
    const end = this.text.indexOf('\n', start);
    return end < 0 ? this.text.length : end;
  }
}

const JSON_TOKEN =
  /"(?:[ !#-[\]-\uFFFF]|\\(?:["\\/bfnrt]|u[\dA-Fa-f]{4}))*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[Ee][+-]?\d+)?|true|false|null|[{}[\],:]/y;
/** What may come next, at each point of a document. */
const NEXT = {
  value: /^[^}\],:]/,
  valueOrEnd: /^[^},:]/,
  key: /^"/,
  keyOrEnd: /^["}]/,
  colon: /^:/,
  commaOrBrace: /^[,}]/,
  commaOrBracket: /^[,\]]/,
  end: /^$/,
} as const;

/** Offset of the first thing in `text` that JSON does not allow there; the end of the text if it only lacks something. */
export function findJsonFault(text: string): number {
  const closers: ('}' | ']')[] = [];
  const afterValue = (): keyof typeof NEXT =>
    closers.length === 0 ? 'end' : closers.at(-1) === '}' ? 'commaOrBrace' : 'commaOrBracket';
  let next: keyof typeof NEXT = 'value';
  for (let at = skipSpace(text, 0); at < text.length; at = skipSpace(text, JSON_TOKEN.lastIndex)) {
    JSON_TOKEN.lastIndex = at;
    const token = JSON_TOKEN.exec(text)?.[0];
    if (token === undefined || !NEXT[next].test(token)) return at;
    if (token === '{') {
      closers.push('}');
      next = 'keyOrEnd';
    } else if (token === '[') {
      closers.push(']');
      next = 'valueOrEnd';
    } else if (token === '}' || token === ']') {
      closers.pop();
      next = afterValue();
    } else if (token === ',') next = closers.at(-1) === '}' ? 'key' : 'value';
    else if (token === ':') next = 'value';
    else if (next === 'key' || next === 'keyOrEnd') next = 'colon';
    else next = afterValue();
  }
  return text.length;
}
