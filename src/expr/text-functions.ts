/** Built-in functions of the expr language on texts. Go counts octets of UTF-8. */
import { takeIndex, takeList, takeText } from './arguments.ts';
import type { ExprFunction } from './expr-frame.ts';
import { checkSize, ExprError, limited, textOf, type ExprValue, type ExprWork } from './expr-value.ts';

export const TEXT_FUNCTIONS: Readonly<Record<string, ExprFunction>> = {
  string: ([value], { work }) => textOf(value!, work),
  lower: onText('lower', (text) => text.toLowerCase()),
  upper: onText('upper', (text) => text.toUpperCase()),
  trim: ([value, cutset], { work }) => {
    const text = takeText('trim', value);
    const signs = cutset === undefined ? SPACES : takeText('trim', cutset);
    work.takeText(text.length + signs.length);
    return trimmed(text, signs);
  },
  trimPrefix: ([value, prefix], { work }) => {
    const [text, cut] = [takeText('trimPrefix', value), takeText('trimPrefix', prefix ?? ' ')];
    work.takeText(text.length);
    return text.startsWith(cut) ? text.slice(cut.length) : text;
  },
  trimSuffix: ([value, suffix], { work }) => {
    const [text, cut] = [takeText('trimSuffix', value), takeText('trimSuffix', suffix ?? ' ')];
    work.takeText(text.length);
    return text.endsWith(cut) ? text.slice(0, text.length - cut.length) : text;
  },
  split: (args, { work }) => split('split', args, work),
  splitAfter: (args, { work }) => split('splitAfter', args, work),
  replace: ([value, from, to, count], { work }) => {
    const [text, old, by] = [takeText('replace', value), takeText('replace', from), takeText('replace', to)];
    return replaced(text, old, by, count === undefined ? -1 : takeIndex('replace', count), work);
  },
  repeat: ([value, times], { work }) => {
    const [text, count] = [takeText('repeat', value), takeIndex('repeat', times)];
    if (count < 0) throw new ExprError(`repeat takes a count that is not negative, found ${count}`);
    checkSize(text.length * count);
    work.takeText(text.length * count);
    return text.repeat(count);
  },
  join: ([list, between], { work }) => {
    const glue = takeText('join', between ?? '');
    const parts = takeList('join', list).map((item) => takeText('join', item));
    work.take(parts.length);
    checkSize(parts.reduce((size, part) => size + part.length + glue.length, 0));
    return parts.join(glue);
  },
  hasPrefix: onTwo('hasPrefix', (text, prefix) => text.startsWith(prefix)),
  hasSuffix: onTwo('hasSuffix', (text, suffix) => text.endsWith(suffix)),
  indexOf: onTwo('indexOf', (text, part) => octetsBefore(text, text.indexOf(part))),
  lastIndexOf: onTwo('lastIndexOf', (text, part) => octetsBefore(text, text.lastIndexOf(part))),
  toBase64: onText('toBase64', (text) => Buffer.from(text).toString('base64')),
  fromBase64: onText('fromBase64', (text) => {
    const written = text.replace(/[\r\n]/g, '');
    if (!BASE64.test(written)) throw new ExprError('the argument of fromBase64 is no base64');
    return Buffer.from(written, 'base64').toString();
  }),
};

/** What Go takes for spaces. */
const SPACES =
  '\t\n\v\f\r \u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a' +
  '\u2028\u2029\u202f\u205f\u3000';
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

function onText(name: string, apply: (text: string) => string): ExprFunction {
  return ([value], { work }) => {
    const text = takeText(name, value);
    work.takeText(text.length);
    return limited(apply(text));
  };
}

function onTwo(name: string, apply: (text: string, other: string) => ExprValue): ExprFunction {
  return ([value, other], { work }) => {
    const text = takeText(name, value);
    work.takeText(text.length);
    return apply(text, takeText(name, other));
  };
}

function trimmed(text: string, cutset: string): string {
  const cut = new Set(cutset);
  const characters = [...text];
  let [start, end] = [0, characters.length];
  while (start < end && cut.has(characters[start]!)) start++;
  while (end > start && cut.has(characters[end - 1]!)) end--;
  return characters.slice(start, end).join('');
}

/** `splitAfter` leaves each part the separator behind it. A limit of 0 gives none, a negative one is none. */
function split(name: 'split' | 'splitAfter', args: readonly ExprValue[], work: ExprWork): ExprValue {
  const [text, separator] = [takeText(name, args[0]), takeText(name, args[1])];
  const limit = args[2] === undefined ? -1 : takeIndex(name, args[2]);
  if (limit === 0) return [];
  work.takeText(text.length);
  const all = separator === '' ? [...text] : text.split(separator);
  work.take(all.length);
  const isLimited = limit > 0 && limit < all.length;
  const parts = isLimited ? [...all.slice(0, limit - 1), all.slice(limit - 1).join(separator)] : all;
  if (name === 'split') return parts;
  return parts.map((part, index) => (index < parts.length - 1 ? part + separator : part));
}

/** The first `limit` ones, all if it is negative. Nothing is found before every character and at the end. */
function replaced(text: string, from: string, to: string, limit: number, work: ExprWork): string {
  if (from === to || limit === 0) return text;
  const pieces = from === '' ? ['', ...text, ''] : text.split(from);
  work.takeText(text.length);
  work.take(pieces.length);
  const count = limit < 0 ? pieces.length - 1 : Math.min(limit, pieces.length - 1);
  checkSize(text.length + count * to.length);
  const rest = pieces.slice(count).join(from);
  return limited(
    pieces
      .slice(0, count)
      .map((piece) => piece + to)
      .join('') + rest,
  );
}

/** -1 if it is not there. */
function octetsBefore(text: string, at: number): bigint {
  return BigInt(at <= 0 ? at : Buffer.byteLength(text.slice(0, at)));
}
