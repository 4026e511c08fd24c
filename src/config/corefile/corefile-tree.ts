import type { CorefileToken } from './corefile-token.ts';

/** A Corefile as it was written, imports and snippets spliced in, before any plugin has looked at it. */
export interface CorefileTree {
  /** in the order of the text */
  readonly blocks: readonly ServerBlock[];
  /** every file that was read, the Corefile itself first; a change of one is a change of the configuration */
  readonly files: readonly string[];
  /** every pattern that was looked up, absolute: a file that begins or ceases to match one is a change as well */
  readonly patterns: readonly string[];
  readonly warnings: readonly ConfigWarning[];
}

/** `KEY[ KEY…] { directives }` */
export interface ServerBlock {
  /** at least one; commas removed */
  readonly keys: readonly CorefileToken[];
  readonly directives: readonly CorefileLine[];
}

/** A directive of a server block, or an option in a directive's block: `NAME ARGUMENT… [{ options }]`. */
export interface CorefileLine {
  readonly name: CorefileToken;
  readonly arguments: readonly CorefileToken[];
  /** null where there is no block; an empty block is an empty list */
  readonly options: readonly CorefileLine[] | null;
}

/** Something that is accepted but is not what the operator may think. */
export interface ConfigWarning {
  readonly token: CorefileToken;
  readonly message: string;
}
