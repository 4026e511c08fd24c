import { TemplateFault } from './template-tree.ts';

/** A template cut at its `{{ }}`: text and what stands between the braces. */
export interface TemplatePiece {
  readonly isAction: boolean;
  readonly text: string;
  /** in the whole template */
  readonly at: number;
}

export type TemplateToken =
  | { readonly kind: 'string'; readonly value: string; readonly at: number }
  | { readonly kind: 'number'; readonly value: number; readonly at: number }
  /** `.Name`, `$x`, a word, or a sign; `isAfterSpace` tells `(x).y` from `(x) .y` */
  | {
      readonly kind: 'field' | 'variable' | 'word' | 'sign';
      readonly text: string;
      readonly at: number;
      readonly isAfterSpace: boolean;
    }
  | { readonly kind: 'end'; readonly at: number };

/** Comments are dropped, and white space where `{{-` and `-}}` say so. */
export function splitTemplate(template: string): TemplatePiece[] {
  const pieces: TemplatePiece[] = [];
  let at = 0;
  let trimsNext = false;
  while (at < template.length) {
    const open = template.indexOf('{{', at);
    const end = open < 0 ? template.length : open;
    let text = template.slice(at, end);
    const trimsBefore = open >= 0 && /^-[ \t\r\n]/.test(template.slice(open + 2, open + 4));
    if (trimsNext) text = text.replace(/^[ \t\r\n]+/, '');
    if (trimsBefore) text = trimEnd(text);
    if (text !== '') pieces.push({ isAction: false, text, at });
    if (open < 0) break;
    const start = open + (trimsBefore ? 4 : 2);
    const isComment = template.startsWith('/*', start);
    const close = isComment ? endOfComment(template, start) : endOfAction(template, start);
    trimsNext = /[ \t\r\n]-$/.test(template.slice(start, close));
    const inner = template.slice(start, trimsNext ? close - 2 : close);
    if (!isComment) pieces.push({ isAction: true, text: inner, at: start });
    at = close + 2;
  }
  return pieces;
}

function trimEnd(text: string): string {
  let end = text.length;
  while (end > 0 && ' \t\r\n'.includes(text[end - 1]!)) end--;
  return text.slice(0, end);
}

/** Where the `}}` of an action stands; those inside of quotes are not it. */
function endOfAction(template: string, start: number): number {
  for (let at = start; at < template.length; at++) {
    const sign = template[at]!;
    if (sign === '}' && template[at + 1] === '}') return at;
    if (sign === '"' || sign === '`' || sign === "'") at = endOfQuoted(template, at);
  }
  throw new TemplateFault(Math.max(0, start - 2), 'unclosed action, expected }}');
}

function endOfComment(template: string, start: number): number {
  const close = template.indexOf('*/', start + 2);
  const rest = close < 0 ? null : /^(?:[ \t\r\n]-)?\}\}/.exec(template.slice(close + 2, close + 6));
  if (close < 0 || rest === null) throw new TemplateFault(start, 'unclosed comment, expected */}}');
  return close + rest[0].length;
}

function endOfQuoted(template: string, start: number): number {
  const quote = template[start]!;
  for (let at = start + 1; at < template.length; at++) {
    if (template[at] === '\\' && quote !== '`') at++;
    else if (template[at] === quote) return at;
    else if (template[at] === '\n' && quote !== '`') break;
  }
  throw new TemplateFault(start, 'unterminated quoted string');
}

const NUMBER = /[-+]?(?:0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+|\d[\d_]*(?:\.\d*)?(?:[eE][-+]?\d+)?|\.\d+)/y;
const FIELD = /\.[A-Za-z_][A-Za-z0-9_]*/y;
const VARIABLE = /\$[A-Za-z0-9_]*/y;
const WORD = /[A-Za-z_][A-Za-z0-9_]*/y;
const SIGN = /:=|[=|(),.]/y;
const SPACE = /[ \t\r\n]*/y;

/** The tokens of one action; the last one is the end. */
export function lexAction(text: string, offset: number): TemplateToken[] {
  const tokens: TemplateToken[] = [];
  let at = 0;
  for (;;) {
    const space = matchAt(SPACE, text, at).length;
    at += space;
    const place = { at: offset + at, isAfterSpace: space > 0 };
    if (at >= text.length) {
      tokens.push({ kind: 'end', at: offset + at });
      return tokens;
    }
    const quote = text[at]!;
    if (quote === '"' || quote === '`' || quote === "'") {
      const end = endOfQuoted(text, at);
      tokens.push(readQuoted(text.slice(at, end + 1), offset + at));
      at = end + 1;
      continue;
    }
    const found = (
      [
        ['number', NUMBER],
        ['field', FIELD],
        ['variable', VARIABLE],
        ['word', WORD],
        ['sign', SIGN],
      ] as const
    ).find(([, pattern]) => matchAt(pattern, text, at) !== '');
    if (found === undefined) throw new TemplateFault(offset + at, `unexpected '${text[at]}' in action`);
    const [kind, pattern] = found;
    const word = matchAt(pattern, text, at);
    at += word.length;
    if (kind === 'number') {
      const value = Number(word.replaceAll('_', ''));
      if (!Number.isFinite(value)) throw new TemplateFault(place.at, `bad number ${word}`);
      tokens.push({ kind, value, at: place.at });
    } else tokens.push({ kind, text: word, ...place });
  }
}

function matchAt(pattern: RegExp, text: string, at: number): string {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0] ?? '';
}

const ESCAPES: Readonly<Record<string, string>> = {
  a: '\u0007',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
  '"': '"',
  "'": "'",
};

/** A Go string, raw string or character (which is its number). */
function readQuoted(text: string, at: number): TemplateToken {
  const quote = text[0]!;
  const inner = text.slice(1, -1);
  if (quote === '`') return { kind: 'string', value: inner.replaceAll('\r', ''), at };
  const value = inner.replace(
    /\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{3}|[^])/g,
    (_, escape: string) => {
      if (escape.length > 1) {
        const point = /^[0-7]/.test(escape) ? Number.parseInt(escape, 8) : Number.parseInt(escape.slice(1), 16);
        if (point <= 0x10ffff) return String.fromCodePoint(point);
      }
      const plain = Object.hasOwn(ESCAPES, escape) ? ESCAPES[escape] : undefined;
      if (plain === undefined) throw new TemplateFault(at, `unknown escape \\${escape}`);
      return plain;
    },
  );
  if (quote === '"') return { kind: 'string', value, at };
  if ([...value].length !== 1) throw new TemplateFault(at, 'a character is one character between single quotes');
  return { kind: 'number', value: value.codePointAt(0)!, at };
}
