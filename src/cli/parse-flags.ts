/** The flags of a subcommand, declared once: they are parsed, checked and shown in the help from the same table. */
import { SkyshardError } from '../base/skyshard-error.ts';

export interface FlagSpec {
  /** without dashes */
  readonly name: string;
  /** what the value is, for the help (`FILE`); undefined for a flag without a value */
  readonly value: string | undefined;
  readonly isRepeatable?: boolean;
  readonly help: string;
}

/** What Go's flags take for a flag without a value: `-quiet=false`. */
const GO_BOOLEANS: ReadonlyMap<string, boolean> = new Map([
  ...['1', 't', 'T', 'true', 'TRUE', 'True'].map((word) => [word, true] as const),
  ...['0', 'f', 'F', 'false', 'FALSE', 'False'].map((word) => [word, false] as const),
]);

/** Values of each flag that was given, in order; the last one counts where a flag is not repeatable. */
export type FlagValues = ReadonlyMap<string, readonly string[]>;

/**
 * Parse the arguments behind a subcommand. A flag is written with one dash or two, its value behind `=` or as the next
 * argument.
 *
 * @throws SkyshardError CLI_USAGE, naming what is accepted
 */
export function parseFlags(command: string, specs: readonly FlagSpec[], args: readonly string[]): FlagValues {
  const values = new Map<string, string[]>();
  for (let index = 0; index < args.length; index += 1) {
    const argument = args[index]!;
    const match = /^--?([^-=][^=]*)(?:=(.*))?$/s.exec(argument);
    if (match === null) throw usageError(command, specs, `unexpected argument "${argument}"`);
    const [, name, inlineValue] = match;
    const spec = specs.find((candidate) => candidate.name === name);
    if (spec === undefined) throw usageError(command, specs, `unknown flag "${argument.replace(/=.*/s, '')}"`);
    if (spec.value === undefined) {
      const isOn = inlineValue === undefined ? true : GO_BOOLEANS.get(inlineValue);
      if (isOn === undefined) throw usageError(command, specs, `--${spec.name} takes no value but true or false`);
      if (isOn) values.set(spec.name, ['']);
      else values.delete(spec.name);
      continue;
    }
    const value = inlineValue ?? args[++index];
    if (value === undefined || value === '') {
      throw usageError(command, specs, `--${spec.name} needs a value: --${spec.name} ${spec.value}`);
    }
    const earlier = values.get(spec.name);
    if (earlier !== undefined && spec.isRepeatable === true) earlier.push(value);
    else values.set(spec.name, [value]);
  }
  return values;
}

/** One flag as the usage line shows it: `[--bind ADDR]...`. */
export function formatFlag(spec: FlagSpec): string {
  const value = spec.value === undefined ? '' : ` ${spec.value}`;
  return `[--${spec.name}${value}]${spec.isRepeatable === true ? '...' : ''}`;
}

/** A line for each flag: name, value, what it does. */
export function formatFlagHelp(specs: readonly FlagSpec[]): string {
  const heads = specs.map((spec) => `  --${spec.name}${spec.value === undefined ? '' : ` ${spec.value}`}`);
  const width = Math.max(...heads.map((head) => head.length)) + 2;
  return specs.map((spec, index) => `${heads[index]!.padEnd(width)}${spec.help}\n`).join('');
}

function usageError(command: string, specs: readonly FlagSpec[], fault: string): SkyshardError {
  const accepted = specs.map(formatFlag).join(' ');
  return new SkyshardError('CLI_USAGE', `${fault}; skyshard ${command} accepts ${accepted}`);
}
