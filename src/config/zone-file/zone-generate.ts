/** `$GENERATE START-STOP[/STEP] OWNER [TTL] [CLASS] TYPE DATA`: the same record for a row of numbers, as BIND has it. */
import { ZoneFileFault, type ZoneEntry } from '../../dns/records/record-text.ts';

const RECORDS_MAX = 65_536;
const NUMBER_MAX = 2 ** 31 - 1;
/** Characters of a line, before and after numbers stand in it: as long as what BIND takes. */
const LINE_SIZE_MAX = 65_536;

/** `$`, or `${OFFSET[,WIDTH[,BASE]]}`; `$$` and `\$` stand for the sign itself. */
const PLACE = /\\\$|\$\$|\$\{([^}]{0,32})\}|\$/g;

/**
 * The lines that the directive stands for.
 *
 * @throws ZoneFileFault
 */
export function* generateLines(entry: ZoneEntry): Generator<string, void> {
  const [, range, ...rest] = entry.words;
  const fault = (message: string): ZoneFileFault =>
    new ZoneFileFault({ source: entry.source, at: range?.at ?? entry.at }, `$GENERATE: ${message}`);
  const match = /^(\d{1,10})-(\d{1,10})(?:\/(\d{1,10}))?$/.exec(range?.text ?? '');
  if (match === null || rest.length < 3) throw fault('expected START-STOP[/STEP] OWNER [TTL] [CLASS] TYPE DATA');
  const [start, stop, step] = [Number(match[1]), Number(match[2]), Number(match[3] ?? 1)];
  if (step === 0 || stop < start || stop > NUMBER_MAX || (stop - start) / step >= RECORDS_MAX) {
    throw fault(`bad range '${range!.text}'`);
  }
  const text = rest.map(({ text: word, isQuoted }) => (isQuoted ? `"${word}"` : word)).join(' ');
  if (text.length > LINE_SIZE_MAX) throw fault(`a line of more than ${LINE_SIZE_MAX} characters`);
  for (let number = start; number <= stop; number += step) {
    const line = text.replace(PLACE, (sign, modifier: string | undefined) => {
      if (sign === '$$' || sign === '\\$') return '$';
      const written = modifier === undefined ? String(number) : format(modifier, number);
      if (written === undefined) throw fault(`bad modifier '${sign}', expected \${OFFSET[,WIDTH[,BASE]]}`);
      return written;
    });
    if (line.length > LINE_SIZE_MAX) throw fault(`a line of more than ${LINE_SIZE_MAX} characters`);
    yield line;
  }
}

/** @returns undefined if the modifier is none */
function format(modifier: string, number: number): string | undefined {
  const [, offset, width, base] = /^(-?\d{1,10})(?:,(\d{1,3}))?(?:,([doxX]))?$/.exec(modifier) ?? [];
  if (offset === undefined || (base !== undefined && width === undefined)) return undefined;
  const value = number + Number(offset);
  if (value < 0 || value > NUMBER_MAX || Number(width ?? 0) > 255) return undefined;
  const digits = value.toString(base === 'o' ? 8 : base === 'x' || base === 'X' ? 16 : 10);
  return (base === 'X' ? digits.toUpperCase() : digits).padStart(Number(width ?? 0), '0');
}
