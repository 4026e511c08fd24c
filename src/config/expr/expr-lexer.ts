import { ExprFault } from './expr-tree.ts';

export type ExprToken =
  | { readonly kind: 'string'; readonly value: string; readonly at: number }
  /** integers are bigint; `text` as it is written */
  | { readonly kind: 'number'; readonly value: number | bigint; readonly text: string; readonly at: number }
  | { readonly kind: 'word' | 'sign'; readonly text: string; readonly at: number }
  | { readonly kind: 'end'; readonly at: number };

/** A dot that another one follows belongs to a range. */
const NUMBER =
  /(?:0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+|\d[\d_]*(?:\.(?!\.)[\d_]*)?(?:[eE][-+]?\d+)?|\.\d[\d_]*(?:[eE][-+]?\d+)?)/y;
const WORD = /[\p{L}_$][\p{L}\p{Nd}_$]*/uy;
const SIGN = /&&|\|\||==|!=|<=|>=|\*\*|\?\.|\?\?|\.\.|::|[-+=*/%^<>!?:;(),.#|{}[\]]/y;
/** What Go takes for spaces, and comments. */
const SPACE = /(?:[\t\n\v\f\r \u0085\p{Z}]|\/\/[^\n]*|\/\*[^]*?\*\/)*/uy;

/** Split an expression of the expr language into tokens; the last one is the end. */
export function lexExpr(text: string): ExprToken[] {
  const tokens: ExprToken[] = [];
  let at = 0;
  for (;;) {
    at += matchAt(SPACE, text, at).length;
    if (at >= text.length) {
      tokens.push({ kind: 'end', at });
      return tokens;
    }
    const quote = text[at]!;
    if (quote === '"' || quote === "'" || quote === '`') {
      const { value, end } = readString(text, at);
      tokens.push({ kind: 'string', value, at });
      at = end;
      continue;
    }
    if (text.startsWith('/*', at)) throw new ExprFault(at, 'the comment that starts here never ends');
    if (/^[bB]["']/.test(text.slice(at, at + 2)))
      throw new ExprFault(at, 'octets, b"…", are not supported: write a text');
    const number = matchAt(NUMBER, text, at);
    const word = matchAt(WORD, text, at);
    const sign = matchAt(SIGN, text, at);
    if (number !== '') {
      if (matchAt(WORD, text, at + number.length) !== '') throw new ExprFault(at, `bad number ${number}…`);
      tokens.push(readNumber(number, at));
    } else if (word !== '') tokens.push({ kind: 'word', text: word, at });
    else if (sign !== '') tokens.push({ kind: 'sign', text: sign, at });
    else throw new ExprFault(at, `unexpected character '${String.fromCodePoint(text.codePointAt(at)!)}'`);
    at += number.length || word.length || sign.length;
  }
}

function matchAt(pattern: RegExp, text: string, at: number): string {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0] ?? '';
}

const INT_MAX = 2n ** 63n - 1n;

function readNumber(written: string, at: number): ExprToken {
  const text = written.replaceAll('_', '');
  if (/^0[xXbBoO]$/.test(text)) throw new ExprFault(at, `bad number ${written}`);
  const isFloat = !/^0[xXbBoO]/.test(text) && /[.eE]/.test(text);
  const value = isFloat ? Number(text) : BigInt(text);
  if (typeof value === 'number' ? !Number.isFinite(value) : value > INT_MAX) {
    throw new ExprFault(at, `number ${written} is too large`);
  }
  return { kind: 'number', value, text: written, at };
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
  "'": "'",
  '"': '"',
  '`': '`',
};

const CODE_ESCAPE = /x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{3}/y;

function readString(text: string, start: number): { readonly value: string; readonly end: number } {
  const quote = text[start]!;
  let value = '';
  for (let at = start + 1; at < text.length; at++) {
    const sign = text[at]!;
    if (sign === quote) {
      // In back quotes a doubled one stands for itself.
      if (quote !== '`' || text[at + 1] !== quote) return { value, end: at + 1 };
      at++;
    }
    if (sign !== '\\' || quote === '`') {
      value += sign;
      continue;
    }
    const escaped = text[++at] ?? '';
    const code = matchAt(CODE_ESCAPE, text, at);
    if (code !== '') {
      const point = /^[0-7]/.test(code) ? Number.parseInt(code, 8) : Number.parseInt(code.slice(1), 16);
      if (point > 0x10ffff) throw new ExprFault(at, `bad escape \\${code}`);
      value += String.fromCodePoint(point);
      at += code.length - 1;
    } else {
      const plain = Object.hasOwn(ESCAPES, escaped) ? ESCAPES[escaped] : undefined;
      if (plain === undefined) throw new ExprFault(at - 1, `unknown escape \\${escaped}, a backslash is written \\\\`);
      value += plain;
    }
  }
  throw new ExprFault(start, 'the text that starts here never ends');
}
