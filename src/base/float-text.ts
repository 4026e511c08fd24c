/** Floating-point numbers as Go's fmt writes them. */

/** Digits before the point of the shortest text; with more there is an exponent. */
const SHORTEST_DIGITS_MAX = 6;

/** `%e`, `%f` and `%g`; the shortest text that is this number where there is no precision. */
export function formatFloat(value: number, verb: string, precision: number | undefined): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  const digits = Math.min(precision ?? 6, 100);
  if (verb === 'f' || verb === 'F') return value.toFixed(digits);
  if (verb === 'e' || verb === 'E') return exponentOf(value.toExponential(digits), verb);
  const exponent = value === 0 ? 0 : Number(value.toExponential().split('e')[1]);
  const isExponential = exponent < -4 || exponent >= Math.max(precision ?? SHORTEST_DIGITS_MAX, 1);
  const rounded = precision === undefined ? value : Number(value.toPrecision(Math.min(Math.max(precision, 1), 100)));
  return isExponential ? exponentOf(rounded.toExponential(), verb === 'G' ? 'E' : 'e') : plainText(rounded);
}

function exponentOf(text: string, letter: string): string {
  const [mantissa, exponent] = text.split('e');
  const sign = exponent!.startsWith('-') ? '-' : '+';
  return `${mantissa}${letter}${sign}${exponent!.replace(/^[-+]/, '').padStart(2, '0')}`;
}

/** Without an exponent, which JavaScript has from 1e-7 down. */
function plainText(value: number): string {
  if (Object.is(value, -0)) return '-0';
  const text = String(value);
  return text.includes('e') ? value.toFixed(20).replace(/0+$/, '') : text;
}
