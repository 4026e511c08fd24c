import { ObjectError, type FieldPath } from './object-error.ts';

/**
 * One value of a decoded document together with its path, so that every fault names its field.
 * A field that is missing, null or undefined counts as absent, as in the Kubernetes API.
 */
export class Field {
  readonly value: unknown;
  readonly #parent: Field | FieldPath;
  readonly #step: string | number | undefined;

  /** @param parent  the field this one lies in, or the path of a field that is the first looked at */
  constructor(value: unknown, parent: Field | FieldPath = [], step?: string | number) {
    this.value = value ?? undefined;
    this.#parent = parent;
    this.#step = step;
  }

  /** Put together when asked for: only a fault needs it. */
  get path(): FieldPath {
    const parent = this.#parent instanceof Field ? this.#parent.path : this.#parent;
    return this.#step === undefined ? parent : [...parent, this.#step];
  }

  get isAbsent(): boolean {
    return this.value === undefined;
  }

  /** @throws ObjectError if this is neither a mapping nor absent */
  get(name: string): Field {
    const mapping = this.mapping();
    return new Field(Object.hasOwn(mapping, name) ? mapping[name] : undefined, this, name);
  }

  /** The entries of a mapping; empty if absent. */
  mapping(): Readonly<Record<string, unknown>> {
    if (this.isAbsent) return {};
    if (typeof this.value !== 'object' || Array.isArray(this.value)) throw this.error('must be a mapping');
    return this.value as Record<string, unknown>;
  }

  /** The items of a list; empty if absent. */
  items(): Field[] {
    return this.rawItems().map((item, index) => new Field(item, this, index));
  }

  /** The items of a list as they are; empty if absent. */
  rawItems(): readonly unknown[] {
    if (this.isAbsent) return [];
    if (!Array.isArray(this.value)) throw this.error('must be a list');
    return this.value;
  }

  /** An item of a list. */
  item(index: number): Field {
    return new Field(this.rawItems()[index], this, index);
  }

  /** The text; '' if absent. Numbers and booleans are faults: YAML's `1.10` or `yes` would be another text. */
  text(): string {
    if (this.isAbsent) return '';
    if (typeof this.value !== 'string') throw this.error(`must be a string, not ${describe(this.value)}`);
    return this.value;
  }

  requiredText(): string {
    const text = this.text();
    if (text === '') throw this.error('is required');
    return text;
  }

  /** @returns undefined if absent */
  boolean(): boolean | undefined {
    if (this.isAbsent) return undefined;
    if (typeof this.value !== 'boolean') throw this.error(`must be true or false, not ${describe(this.value)}`);
    return this.value;
  }

  /** @returns undefined if absent */
  port(): number | undefined {
    if (this.isAbsent) return undefined;
    const { value } = this;
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 1 || value > 65_535) {
      throw this.error(`must be a whole number from 1 to 65535, not ${describe(value)}`);
    }
    return value;
  }

  /** One of `choices`; the first if absent. */
  oneOf<const Choice extends string>(choices: readonly [Choice, ...Choice[]]): Choice {
    if (this.isAbsent) return choices[0];
    const found = choices.find((choice) => choice === this.value);
    if (found === undefined) throw this.error(`must be one of ${choices.join(', ')}, not ${describe(this.value)}`);
    return found;
  }

  error(fault: string): ObjectError {
    return new ObjectError(this.path, fault);
  }
}

/** A value in a message: short, and never spread over lines. */
export function describe(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a mapping';
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}
