/**
 * Flags as the programs of kube-dns take them: one dash or two, a value behind `=` or as the next argument, a boolean alone
 * or with `=true`. `--` ends them.
 */
import { SkyshardError } from '../base/skyshard-error.ts';
import { parseDuration } from '../config/duration.ts';

/** Programs of kube-dns's pod, and of the time before the sidecar; `skyshard`: what they do not have. */
export type FlagOwner = 'kubedns' | 'dnsmasq' | 'sidecar' | 'exechealthz' | 'skyshard' | 'log';

export interface GoFlag {
  readonly owner: FlagOwner;
  /** what the value is, for messages; undefined: a boolean */
  readonly value?: string;
  /** how long the sentence is true that it has no effect; undefined: it has one */
  readonly noEffect?: string;
}

export interface GoFlagValues {
  /** by name, in their order */
  readonly values: ReadonlyMap<string, readonly string[]>;
  /** what stands behind `--`; undefined: there is none */
  readonly rest: readonly string[] | undefined;
}

/**
 * @param table  by name, with dashes where a program may have underscores
 * @throws SkyshardError CLI_USAGE
 */
export function parseGoFlags(args: readonly string[], table: Readonly<Record<string, GoFlag>>): GoFlagValues {
  const values = new Map<string, string[]>();
  for (let index = 0; index < args.length; index++) {
    const argument = args[index]!;
    if (argument === '--') return { values, rest: args.slice(index + 1) };
    const match = /^--?([^-=][^=]*)(?:=(.*))?$/s.exec(argument);
    if (match === null) throw usage(`unexpected argument "${argument}"`);
    const [, written, inline] = match;
    const name = Object.hasOwn(table, written!) ? written! : written!.replaceAll('_', '-');
    if (!Object.hasOwn(table, name)) {
      throw usage(`unknown flag "${argument.replace(/=.*/s, '')}"${similar(name, table)}`);
    }
    const flag = table[name]!;
    let text = inline ?? 'true';
    if (flag.value !== undefined && inline === undefined) {
      const next = args[++index];
      if (next === undefined) throw usage(`--${name} needs a value: --${name}=${flag.value}`);
      text = next;
    }
    const earlier = values.get(name);
    if (earlier === undefined) values.set(name, [text]);
    else earlier.push(text);
  }
  return { values, rest: undefined };
}

/** A flag that differs by letter case alone is what people mistake most: `--configdir`. */
function similar(name: string, table: Readonly<Record<string, GoFlag>>): string {
  const folded = name.toLowerCase().replaceAll('-', '');
  const known = Object.keys(table).find((candidate) => candidate.toLowerCase().replaceAll('-', '') === folded);
  return known === undefined ? '' : `, expected --${known}?`;
}

/** What the flags say, read by type. Each is a CLI_USAGE if it says something else. */
export class FlagReader {
  readonly #values: GoFlagValues['values'];

  constructor(values: GoFlagValues['values']) {
    this.#values = values;
  }

  has(name: string): boolean {
    return this.#values.has(name);
  }

  all(name: string): readonly string[] {
    return this.#values.get(name) ?? [];
  }

  text(name: string): string | undefined {
    return this.#values.get(name)?.at(-1);
  }

  isSet(name: string): boolean {
    const text = this.text(name);
    if (text === undefined) return false;
    if (/^(1|t|true)$/i.test(text)) return true;
    if (/^(0|f|false)$/i.test(text)) return false;
    throw usage(`--${name} "${text}": expected true or false`);
  }

  number(name: string, minimum: number, maximum: number): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const number = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
    if (number >= minimum && number <= maximum) return number;
    throw usage(`--${name} "${text}": expected a number from ${minimum} to ${maximum}`);
  }

  port(name: string): number | undefined {
    return this.number(name, 1, 65_535);
  }

  /** @returns milliseconds */
  duration(name: string): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const milliseconds = parseDuration(text);
    if (milliseconds === undefined || milliseconds <= 0) {
      throw usage(`--${name} "${text}": expected a duration such as 10s or 1m30s`);
    }
    return milliseconds;
  }
}

export function usage(message: string): SkyshardError {
  return new SkyshardError('CLI_USAGE', message);
}
