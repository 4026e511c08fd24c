/** Go's fmt, as far as templates use it: `print`, `println`, `printf`. */
import { formatFloat } from '../base/float-text.ts';
import { GoStruct, isList, NO_VALUE, typeOf, type GoKey, type GoMap, type GoValue } from './go-value.ts';

/** Longer than any record can be. */
const WIDTH_MAX = 65_536;

/** A space goes between two values neither of which is a string. */
export function print(values: readonly GoValue[]): string {
  let text = '';
  for (const [index, value] of values.entries()) {
    if (index > 0 && typeof value !== 'string' && typeof values[index - 1] !== 'string') text += ' ';
    text += formatValue(value);
  }
  return text;
}

export function println(values: readonly GoValue[]): string {
  return `${values.map((value) => formatValue(value)).join(' ')}\n`;
}

/** `%v` */
export function formatValue(value: GoValue): string {
  if (value === NO_VALUE || value === null) return '<nil>';
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return formatFloat(value, 'g', undefined);
  if (typeof value === 'bigint' || typeof value === 'boolean') return String(value);
  if (isList(value)) return `[${value.map(formatValue).join(' ')}]`;
  if (value instanceof GoStruct) {
    const text = value.methods.get('String')?.();
    return typeof text === 'string' ? text : `{${[...value.fields.values()].map(formatValue).join(' ')}}`;
  }
  return `map[${sortedEntries(value)
    .map(([key, element]) => `${key}:${formatValue(element)}`)
    .join(' ')}]`;
}

export function sortedEntries(map: GoMap): [GoKey, GoValue][] {
  return [...map].sort(([a], [b]) => compareKeys(a, b));
}

/** Numbers stand before texts. */
function compareKeys(a: GoKey, b: GoKey): number {
  if (typeof a === 'string' && typeof b === 'string') return a < b ? -1 : a > b ? 1 : 0;
  if (typeof a === 'string' || typeof b === 'string') return typeof a === 'string' ? 1 : -1;
  return Number(a) - Number(b);
}

interface Directive {
  readonly isLeft: boolean;
  readonly hasPlus: boolean;
  readonly isSharp: boolean;
  readonly hasSpace: boolean;
  readonly isZeroFilled: boolean;
  readonly width: number | undefined;
  readonly precision: number | undefined;
  readonly verb: string;
}

const DIRECTIVE = /%([-+# 0]*)(?:\[(\d+)\])?(\*|\d+)?(?:\.(?:\[(\d+)\])?(\*|\d+)?)?(?:\[(\d+)\])?([^])?/gu;

export function printf(format: string, values: readonly GoValue[]): string {
  let next = 0;
  let isReordered = false;
  const take = (): GoValue | undefined => values[next++];
  const select = (index: string | undefined): void => {
    if (index === undefined) return;
    next = Number(index) - 1;
    isReordered = true;
  };
  const size = (text: string | undefined): number | undefined => {
    if (text !== '*') return text === undefined ? undefined : Math.min(Number(text), WIDTH_MAX);
    const value = take();
    return typeof value === 'bigint' ? Math.min(Number(value), WIDTH_MAX) : undefined;
  };
  const text = format.replace(
    DIRECTIVE,
    (whole, flags: string, first: string | undefined, width: string | undefined, second, precision, third, verb) => {
      if (verb === '%') return '%';
      select(first);
      const widthValue = size(width);
      select(second as string | undefined);
      const hasPoint = whole.includes('.');
      const precisionValue = size(precision as string | undefined) ?? (hasPoint ? 0 : undefined);
      select(third as string | undefined);
      if (verb === undefined) return '%!(NOVERB)';
      if (next >= values.length || next < 0) {
        return isReordered ? `%!${String(verb)}(BADINDEX)` : `%!${String(verb)}(MISSING)`;
      }
      return formatDirective(take()!, {
        isLeft: flags.includes('-') || (widthValue !== undefined && widthValue < 0),
        hasPlus: flags.includes('+'),
        isSharp: flags.includes('#'),
        hasSpace: flags.includes(' '),
        isZeroFilled: flags.includes('0'),
        width: widthValue === undefined ? undefined : Math.abs(widthValue),
        precision: precisionValue,
        verb: verb as string,
      });
    },
  );
  if (isReordered || next >= values.length) return text;
  const extra = values
    .slice(next)
    .map((value) => (value === null ? '<nil>' : `${typeOf(value)}=${formatValue(value)}`));
  return `${text}%!(EXTRA ${extra.join(', ')})`;
}

function formatDirective(value: GoValue, directive: Directive): string {
  const { verb } = directive;
  if (verb === 'T') return pad(value === null ? '<nil>' : typeOf(value), directive);
  if (isList(value) && verb !== 'v') {
    return `[${value.map((element) => formatDirective(element, directive)).join(' ')}]`;
  }
  if (typeof value === 'string') return formatString(value, directive);
  if (typeof value === 'bigint') return formatInteger(value, directive);
  if (typeof value === 'number' && 'eEfFgGv'.includes(verb)) {
    const text = formatFloat(value, verb === 'v' ? 'g' : verb, directive.precision);
    return padNumber(text, directive);
  }
  if (typeof value === 'boolean' && (verb === 't' || verb === 'v')) return pad(String(value), directive);
  if (value instanceof GoStruct && verb === 's') return pad(formatValue(value), directive);
  if (verb === 'v') return pad(formatValue(value), directive);
  return badVerb(value, verb);
}

function badVerb(value: GoValue, verb: string): string {
  return value === null ? `%!${verb}(<nil>)` : `%!${verb}(${typeOf(value)}=${formatValue(value)})`;
}

function formatString(value: string, directive: Directive): string {
  const { verb, precision } = directive;
  const cut = precision === undefined ? value : [...value].slice(0, precision).join('');
  switch (verb) {
    case 's':
      return pad(cut, directive);
    case 'v':
      return pad(directive.isSharp ? quote(cut) : cut, directive);
    case 'q':
      return pad(directive.isSharp && !value.includes('`') ? `\`${cut}\`` : quote(cut), directive);
    case 'x':
    case 'X': {
      const bytes = Buffer.from(value).subarray(0, precision);
      const pairs = Array.from(bytes, (octet) => octet.toString(16).padStart(2, '0'));
      const separator = directive.hasSpace ? ' ' : '';
      const prefix = directive.isSharp && pairs.length > 0 ? '0x' : '';
      const text = prefix + pairs.join(separator === '' ? '' : separator + prefix);
      return pad(verb === 'X' ? text.toUpperCase() : text, directive);
    }
    default:
      return badVerb(value, verb);
  }
}

const RADIX: Readonly<Record<string, number>> = { d: 10, v: 10, b: 2, o: 8, O: 8, x: 16, X: 16 };
const RADIX_PREFIX: Readonly<Record<string, string>> = { b: '0b', o: '0', x: '0x', X: '0X' };

function formatInteger(value: bigint, directive: Directive): string {
  const { verb, precision } = directive;
  const radix = RADIX[verb];
  if (radix === undefined) {
    const isCharacter = value >= 0n && value <= 0x10ffffn;
    const character = isCharacter ? String.fromCodePoint(Number(value)) : '\ufffd';
    if (verb === 'c') return pad(character, directive);
    if (verb === 'q')
      return pad(`'${character === "'" ? "\\'" : quote(character).slice(1, -1).replace('\\"', '"')}'`, directive);
    if (verb === 'U') return pad(`U+${value.toString(16).toUpperCase().padStart(4, '0')}`, directive);
    return badVerb(value, verb);
  }
  const isNegative = value < 0n;
  let digits = (isNegative ? -value : value).toString(radix);
  if (verb === 'X') digits = digits.toUpperCase();
  if (precision !== undefined) digits = precision === 0 && value === 0n ? '' : digits.padStart(precision, '0');
  if (verb === 'O') digits = `0o${digits}`;
  const prefix = directive.isSharp ? (RADIX_PREFIX[verb] ?? '') : '';
  const sign = isNegative ? '-' : '';
  return padNumber(sign + prefix + digits, precision === undefined ? directive : { ...directive, isZeroFilled: false });
}

/** Sign first, then zeros where the width is filled with them. */
function padNumber(text: string, directive: Directive): string {
  const isNegative = text.startsWith('-');
  const sign = isNegative ? '-' : directive.hasPlus ? '+' : directive.hasSpace ? ' ' : '';
  const digits = isNegative ? text.slice(1) : text;
  if (!directive.isZeroFilled || directive.isLeft || directive.width === undefined)
    return pad(sign + digits, directive);
  return sign + digits.padStart(directive.width - sign.length, '0');
}

function pad(text: string, { width, isLeft, isZeroFilled }: Directive): string {
  if (width === undefined) return text;
  const missing = width - [...text].length;
  if (missing <= 0) return text;
  return isLeft ? text + ' '.repeat(missing) : (isZeroFilled ? '0' : ' ').repeat(missing) + text;
}

/** Go's double-quoted literal. */
function quote(text: string): string {
  const escapes: Readonly<Record<string, string>> = {
    '\u0007': '\\a',
    '\b': '\\b',
    '\f': '\\f',
    '\n': '\\n',
    '\r': '\\r',
    '\t': '\\t',
    '\v': '\\v',
    '\\': '\\\\',
    '"': '\\"',
  };
  let quoted = '';
  for (const sign of text) {
    const point = sign.codePointAt(0)!;
    const escape = escapes[sign];
    if (escape !== undefined) quoted += escape;
    else if (point < 0x20 || point === 0x7f) quoted += `\\x${point.toString(16).padStart(2, '0')}`;
    else quoted += sign;
  }
  return `"${quoted}"`;
}
