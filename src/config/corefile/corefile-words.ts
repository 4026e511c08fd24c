import path from 'node:path';
import { SkyshardError } from '../../base/skyshard-error.ts';
import { hasWildcard, matchFiles, type ConfigFiles } from './config-files.ts';
import { CorefileLexer, type Environment } from './corefile-lexer.ts';
import { faultAt, quoteText, type CorefileToken } from './corefile-token.ts';
import type { ConfigWarning } from './corefile-tree.ts';

/** CoreDNS's caps, against snippets and files that multiply each other. */
export const SNIPPET_EXPANSIONS_MAX = 10_000;
export const FILE_EXPANSIONS_MAX = 100_000;
/** Words of a whole configuration after all imports. */
export const WORDS_MAX = 1_000_000;

/** One source of words: a file that is being read or the body of a snippet. */
interface WordFrame {
  /** the absolute path, or the snippet's name in parentheses: what may not be imported again from within */
  readonly identity: string;
  next(): CorefileToken | undefined;
  /** the other files of a pattern, opened one after the other when all above them on the stack is read */
  readonly pending?: (() => void)[];
  /** read but not yet taken */
  peeked: CorefileToken | undefined;
  /** the next word is the first of the frame: it starts a line wherever it stood in its text */
  isFresh: boolean;
}

export interface CorefileWordsOptions {
  readonly environment: Environment;
  readonly files: ConfigFiles;
  /** absolute; relative paths start there */
  readonly directory: string;
}

/**
 * The words of a Corefile as one stream: imports are spliced in where they stand. The parser says where an `import` is one.
 * Pieces are read when their turn comes, on a stack, so nothing is copied and an import in a circle is seen at once.
 */
export class CorefileWords {
  readonly readFiles = new Set<string>();
  readonly readPatterns = new Set<string>();
  readonly warnings: ConfigWarning[] = [];
  /** the word taken last */
  last: CorefileToken | undefined;
  readonly #options: CorefileWordsOptions;
  readonly #frames: WordFrame[] = [];
  readonly #snippets = new Map<string, readonly CorefileToken[]>();
  #wordCount = 0;
  #snippetExpansionCount = 0;
  #fileExpansionCount = 0;

  constructor(text: string, file: string, options: CorefileWordsOptions) {
    this.#options = options;
    const absolute = path.resolve(options.directory, file);
    this.readFiles.add(absolute);
    this.#pushFile(absolute, file, text);
  }

  peek(): CorefileToken | undefined {
    for (;;) {
      const frame = this.#frames.at(-1);
      if (frame === undefined) return undefined;
      const token = peekFrame(frame);
      if (token !== undefined) return token;
      const openNext = frame.pending?.shift();
      if (openNext !== undefined) {
        openNext();
        continue;
      }
      this.#frames.pop();
      // Whatever follows an import stands on a line of its own.
      const below = this.#frames.at(-1);
      if (below !== undefined) below.isFresh = true;
    }
  }

  next(): CorefileToken | undefined {
    const token = this.peek();
    if (token === undefined) return undefined;
    const frame = this.#frames.at(-1)!;
    frame.peeked = undefined;
    frame.isFresh = false;
    this.last = token;
    if (++this.#wordCount > WORDS_MAX) {
      throw faultAt(token, 'CONFIG_SYNTAX', `the configuration has more than ${WORDS_MAX} words`);
    }
    return token;
  }

  /** @throws SkyshardError CONFIG_IMPORT if the name is taken */
  defineSnippet(name: CorefileToken, snippetName: string, body: readonly CorefileToken[]): void {
    if (this.#snippets.has(snippetName)) {
      const message = `redeclaration of previously declared snippet ${quoteText(snippetName)}, expected a name of its own`;
      throw faultAt(name, 'CONFIG_IMPORT', message);
    }
    this.#snippets.set(snippetName, body);
  }

  /**
   * Put the words of what is imported next in the stream.
   *
   * @param keyword  the word `import`, taken last
   */
  expandImport(keyword: CorefileToken): void {
    const frame = this.#frames.at(-1)!;
    const argument = peekFrame(frame);
    if (argument === undefined || argument.isLineStart) {
      throw faultAt(keyword, 'CONFIG_SYNTAX', `import needs one argument: a snippet, a file or a pattern`);
    }
    this.next();
    if (argument.text === '')
      throw faultAt(argument, 'CONFIG_IMPORT', `import of nothing, expected a snippet or a file`);
    const more = peekFrame(frame);
    if (more !== undefined && !more.isLineStart) {
      throw faultAt(more, 'CONFIG_SYNTAX', `import takes one argument, found ${quoteText(more.text)} as well`);
    }
    const snippet = this.#snippets.get(argument.text);
    if (snippet !== undefined) this.#importSnippet(argument, snippet);
    else this.#importFiles(argument);
  }

  #importSnippet(argument: CorefileToken, body: readonly CorefileToken[]): void {
    if (++this.#snippetExpansionCount > SNIPPET_EXPANSIONS_MAX) {
      throw faultAt(argument, 'CONFIG_IMPORT', `more than ${SNIPPET_EXPANSIONS_MAX} imports of snippets`);
    }
    const identity = `(${argument.text})`;
    this.#refuseCircle(argument, identity, `snippet ${quoteText(argument.text)}`);
    let index = 0;
    this.#frames.push({ identity, next: () => body[index++], peeked: undefined, isFresh: true });
  }

  #importFiles(argument: CorefileToken): void {
    const shown = path.isAbsolute(argument.text)
      ? argument.text
      : path.join(path.dirname(argument.file), argument.text);
    const pattern = path.resolve(this.#options.directory, shown);
    if ((pattern.match(/\*/g)?.length ?? 0) > 1 || (pattern.match(/\?/g)?.length ?? 0) > 1 || /\[/.test(pattern)) {
      const message = `the pattern ${quoteText(argument.text)} has too many wildcards, expected at most one * and one ?`;
      throw faultAt(argument, 'CONFIG_IMPORT', message);
    }
    if (!hasWildcard(pattern)) return this.#importFile(argument, pattern, shown);
    this.readPatterns.add(pattern);
    const found = matchFiles(pattern, this.#options.files);
    if (found.length === 0) {
      this.warnings.push({ token: argument, message: `no file matches the import ${quoteText(argument.text)}` });
    }
    const isAbsolute = path.isAbsolute(shown);
    const pending = found.map((file) => () => {
      this.#importFile(argument, file, isAbsolute ? file : path.relative(this.#options.directory, file));
    });
    this.#frames.push({ identity: '', next: () => undefined, pending, peeked: undefined, isFresh: true });
  }

  #importFile(argument: CorefileToken, absolute: string, shown: string): void {
    if (++this.#fileExpansionCount > FILE_EXPANSIONS_MAX) {
      throw faultAt(argument, 'CONFIG_IMPORT', `more than ${FILE_EXPANSIONS_MAX} imports of files`);
    }
    this.#refuseCircle(argument, absolute, quoteText(shown));
    let text: string | undefined;
    try {
      text = this.#options.files.read(absolute);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw faultAt(argument, 'CONFIG_IMPORT', `cannot import ${quoteText(shown)}: ${reason}`, error);
    }
    if (text === undefined) {
      const message = `file to import not found: ${quoteText(argument.text)} (${shown}), expected a snippet defined above or a file`;
      throw faultAt(argument, 'CONFIG_IMPORT', message);
    }
    this.readFiles.add(absolute);
    this.#pushFile(absolute, shown, text);
  }

  #pushFile(identity: string, shown: string, text: string): void {
    const lexer = new CorefileLexer(text, shown, this.#options.environment);
    this.#frames.push({ identity, next: () => lexer.next(), peeked: undefined, isFresh: true });
  }

  #refuseCircle(argument: CorefileToken, identity: string, what: string): void {
    if (this.#frames.every((frame) => frame.identity !== identity)) return;
    throw faultAt(argument, 'CONFIG_IMPORT', `${what} imports itself, directly or through another import`);
  }
}

function peekFrame(frame: WordFrame): CorefileToken | undefined {
  if (frame.peeked === undefined) frame.peeked = frame.next();
  if (frame.peeked !== undefined && frame.isFresh && !frame.peeked.isLineStart) {
    frame.peeked = { ...frame.peeked, isLineStart: true };
  }
  return frame.peeked;
}

/** The fault of a file that ends too early, at the last word that was read. */
export function endFault(words: CorefileWords, file: string, expected: string): SkyshardError {
  const message = `unexpected end of the file, expected ${expected}`;
  if (words.last !== undefined) return faultAt(words.last, 'CONFIG_SYNTAX', message);
  return new SkyshardError('CONFIG_SYNTAX', message, { place: { file, line: 1, column: 1 } });
}
