import type { SkyshardError } from '../../base/skyshard-error.ts';
import { faultAt, quoteText, type CorefileToken } from './corefile-token.ts';
import type { CorefileLine } from './corefile-tree.ts';

/** How a directive's options are read: by name, in the order of the text. */
export type OptionReaders = Readonly<Record<string, (line: CorefileLine) => void>>;

/** A wrong argument, at the argument. */
export function argumentFault(token: CorefileToken, message: string): SkyshardError {
  return faultAt(token, 'CONFIG_ARGUMENT', message);
}

/**
 * The arguments of a line, if there are as many as there should be.
 *
 * @param usage  the line as it should be written, for the message
 * @throws SkyshardError CONFIG_ARGUMENT at the first word too many, else at the last one there is
 */
export function takeArguments(line: CorefileLine, min: number, max: number, usage: string): readonly CorefileToken[] {
  const found = line.arguments;
  if (found.length >= min && found.length <= max) return found;
  const at = found.length > max ? found[max]! : (found.at(-1) ?? line.name);
  throw countFault(at, usage);
}

/** The only argument of a line. */
export function takeArgument(line: CorefileLine, usage: string): CorefileToken {
  return takeArguments(line, 1, 1, usage)[0]!;
}

export function takeNoArguments(line: CorefileLine): void {
  takeArguments(line, 0, 0, line.name.text);
}

export function countFault(token: CorefileToken, usage: string): SkyshardError {
  const message = `Wrong argument count or unexpected line ending after ${quoteText(token.text)}, expected '${usage}'`;
  return argumentFault(token, message);
}

/**
 * Read the block of a directive.
 *
 * @param describe  the sentence for an option that is not among `readers`; `unknown property 'X'` if not given
 */
export function readOptions(line: CorefileLine, readers: OptionReaders, describe = describeUnknown): void {
  for (const option of line.options ?? []) {
    const name = option.name.text;
    const reader = Object.hasOwn(readers, name) ? readers[name] : undefined;
    if (reader === undefined) {
      throw argumentFault(option.name, `${describe(name)}, expected one of ${Object.keys(readers).join(', ')}`);
    }
    refuseBlock(option);
    reader(option);
  }
}

/** @throws SkyshardError CONFIG_ARGUMENT if the line has a block, even an empty one is fine */
export function refuseBlock(line: CorefileLine): void {
  const [option] = line.options ?? [];
  if (option !== undefined) {
    throw argumentFault(
      option.name,
      `unknown property ${quoteText(option.name.text)}: '${line.name.text}' takes no block`,
    );
  }
}

/** @throws SkyshardError CONFIG_ARGUMENT if the line has a block, be it an empty one */
export function refuseBraces(line: CorefileLine): void {
  refuseBlock(line);
  if (line.options === null) return;
  const at = line.arguments.at(-1) ?? line.name;
  throw argumentFault(at, `unexpected token '{' after ${quoteText(at.text)}: '${line.name.text}' takes no block`);
}

/** A directive without arguments and options. */
export function takeNothing(line: CorefileLine): void {
  takeNoArguments(line);
  refuseBraces(line);
}

/** One of a few words. */
export function readWord<const Word extends string>(token: CorefileToken, words: readonly Word[], what: string): Word {
  const found = words.find((word) => word === token.text);
  if (found !== undefined) return found;
  throw argumentFault(token, `${what} ${quoteText(token.text)} not supported, expected one of ${words.join(', ')}`);
}

function describeUnknown(name: string): string {
  return `unknown property ${quoteText(name)}`;
}
