import { ExprFault } from './expr-tree.ts';

export type ExprToken =
  | { readonly kind: 'string'; readonly value: string; readonly at: number }
  | { readonly kind: 'number'; readonly value: number; readonly isFloat: boolean; readonly at: number }
  | { readonly kind: 'word' | 'sign'; readonly text: string; readonly at: number }
  | { readonly kind: 'end'; readonly at: number };

const NUMBER =
  /(?:0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+|\d[\d_]*(?:\.\d[\d_]*)?(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?)/y;
const WORD = /[A-Za-z_$][A-Za-z0-9_$]*/y;
const SIGN = /&&|\|\||==|!=|<=|>=|\*\*|[-+*/%^<>!?:(),[\]]/y;
const SPACE = /[ \t\r\n]*/y;

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
    const number = matchAt(NUMBER, text, at);
    const word = matchAt(WORD, text, at);
    const sign = matchAt(SIGN, text, at);
    if (number !== '') tokens.push(readNumber(number, at));
    else if (word !== '') tokens.push({ kind: 'word', text: word, at });
    else if (sign !== '') tokens.push({ kind: 'sign', text: sign, at });
    else throw new ExprFault(at, `unexpected character '${String.fromCodePoint(text.codePointAt(at)!)}'`);
    at += number.length || word.length || sign.length;
  }
}

function matchAt(pattern: RegExp, text: string, at: number): string {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0] ?? '';
}

function readNumber(text: string, at: number): ExprToken {
  const value = Number(text.replaceAll('_', ''));
  const isFloat = !/^0[xXbBoO]/.test(text) && /[.eE]/.test(text);
  if (!Number.isFinite(value) || (!isFloat && !Number.isSafeInteger(value))) {
    throw new ExprFault(at, `number ${text} is too large`);
  }
  return { kind: 'number', value, isFloat, at };
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
