/** Label selectors, as `labels` and `namespace_labels` have them: their syntax and what they select. */
import { SkyshardError } from '../base/skyshard-error.ts';

export type Labels = Readonly<Record<string, string>>;

/** One requirement of a selector; all have to hold. */
export interface LabelRequirement {
  readonly key: string;
  readonly operator: 'in' | 'notin' | 'exists' | 'absent' | 'greater' | 'less';
  /** in, notin: the values; greater, less: one whole number as text; else empty */
  readonly values: readonly string[];
}

/** A Kubernetes label selector: `app=web,tier!=test,zone in (a, b),canary,!old,replicas>3`. Empty: everything. */
export class LabelSelector {
  readonly requirements: readonly LabelRequirement[];

  constructor(requirements: readonly LabelRequirement[]) {
    this.requirements = requirements;
  }

  matches(labels: Labels): boolean {
    return this.requirements.every((requirement) => holds(requirement, labels));
  }
}

/** @throws SkyshardError LABEL_SELECTOR: what was found, what was expected, and at which column (from 1) */
export function parseLabelSelector(text: string): LabelSelector {
  const reader = new SelectorReader(text);
  const requirements: LabelRequirement[] = [];
  if (reader.peek() === '') return new LabelSelector(requirements);
  for (;;) {
    requirements.push(readRequirement(reader));
    const separator = reader.next();
    if (separator === '') return new LabelSelector(requirements);
    if (separator !== ',') throw reader.error(separator, "',' or the end");
  }
}

function holds({ key, operator, values }: LabelRequirement, labels: Labels): boolean {
  const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
  switch (operator) {
    case 'in':
      return value !== undefined && values.includes(value);
    case 'notin':
      return value === undefined || !values.includes(value);
    case 'exists':
      return value !== undefined;
    case 'absent':
      return value === undefined;
    case 'greater':
      return value !== undefined && /^-?\d+$/.test(value) && BigInt(value) > BigInt(values[0]!);
    case 'less':
      return value !== undefined && /^-?\d+$/.test(value) && BigInt(value) < BigInt(values[0]!);
  }
}

function readRequirement(reader: SelectorReader): LabelRequirement {
  if (reader.peek() === '!') {
    reader.next();
    return { key: readKey(reader), operator: 'absent', values: [] };
  }
  const key = readKey(reader);
  const operator = reader.peek();
  if (operator === '' || operator === ',') return { key, operator: 'exists', values: [] };
  reader.next();
  switch (operator) {
    case '=':
    case '==':
      return { key, operator: 'in', values: [readValue(reader)] };
    case '!=':
      return { key, operator: 'notin', values: [readValue(reader)] };
    case 'in':
    case 'notin':
      return { key, operator, values: readValues(reader) };
    case '>':
    case '<': {
      const value = readValue(reader);
      if (!/^-?\d+$/.test(value)) throw reader.error(value, 'a whole number');
      return { key, operator: operator === '>' ? 'greater' : 'less', values: [value] };
    }
    default:
      throw reader.error(operator, "one of '=', '==', '!=', 'in', 'notin', '>', '<'");
  }
}

const NAME = /^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
const PREFIX = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

function readKey(reader: SelectorReader): string {
  const key = reader.next();
  const slash = key.indexOf('/');
  const prefix = key.slice(0, Math.max(slash, 0));
  const isGood = NAME.test(key.slice(slash + 1)) && (slash < 0 || (PREFIX.test(prefix) && prefix.length <= 253));
  if (!isGood) throw reader.error(key, 'a label key');
  return key;
}

/** A value may be empty: `app=` and `app in (,a)`. */
function readValue(reader: SelectorReader): string {
  const next = reader.peek();
  if (next === '' || next === ',' || next === ')') return '';
  const value = reader.next();
  if (!NAME.test(value)) throw reader.error(value, 'a label value');
  return value;
}

function readValues(reader: SelectorReader): string[] {
  const open = reader.next();
  if (open !== '(') throw reader.error(open, "'('");
  const values: string[] = [];
  for (;;) {
    values.push(readValue(reader));
    const next = reader.next();
    if (next === ')') return values;
    if (next !== ',') throw reader.error(next, "',' or ')'");
  }
}

/** Splits a selector into signs and words; the end is ''. */
class SelectorReader {
  readonly #text: string;
  readonly #tokens: { readonly text: string; readonly at: number }[] = [];
  #index = 0;

  constructor(text: string) {
    this.#text = text;
    for (const match of text.matchAll(/!=|==|[=!<>(),]|[^\s=!<>(),]+/g)) {
      this.#tokens.push({ text: match[0], at: match.index });
    }
  }

  peek(): string {
    return this.#tokens[this.#index]?.text ?? '';
  }

  next(): string {
    const text = this.peek();
    this.#index++;
    return text;
  }

  /** A fault at the token read last. */
  error(found: string, expected: string): SkyshardError {
    const at = this.#tokens[this.#index - 1]?.at ?? this.#text.length;
    const what = found === '' ? 'the end' : `'${found}'`;
    return new SkyshardError(
      'LABEL_SELECTOR',
      `label selector ${JSON.stringify(this.#text)}, column ${at + 1}: found ${what}, expected ${expected}`,
    );
  }
}
