import path from 'node:path';
import { SYSTEM_FILES, type ConfigFiles } from './config-files.ts';
import type { Environment } from './corefile-lexer.ts';
import { faultAt, isClosingBrace, isOpeningBrace, quoteText, type CorefileToken } from './corefile-token.ts';
import type { CorefileLine, CorefileTree, ServerBlock } from './corefile-tree.ts';
import { CorefileWords, endFault } from './corefile-words.ts';

/** No plugin has blocks within blocks; more than this is an attack on the parser's stack. */
export const NESTING_MAX = 16;

export interface CorefileParserOptions {
  readonly environment: Environment;
  /** absolute: relative paths start there; the process's working directory if not given */
  readonly directory?: string;
  readonly files?: ConfigFiles;
}

/**
 * Read the text of a Corefile into its server blocks. Plugins are not looked at: any directive name is taken.
 *
 * @param file  its name as the operator knows it: messages start with it, imports are relative to its directory
 * @throws SkyshardError CONFIG_SYNTAX or CONFIG_IMPORT, with the place
 */
export function parseCorefile(text: string, file: string, options: CorefileParserOptions): CorefileTree {
  const words = new CorefileWords(text, file, {
    environment: options.environment,
    directory: path.resolve(options.directory ?? '.'),
    files: options.files ?? SYSTEM_FILES,
  });
  const blocks: ServerBlock[] = [];
  while (words.peek() !== undefined) {
    const block = readTopLevel(words, file);
    if (block !== undefined) blocks.push(block);
  }
  return {
    blocks,
    files: [...words.readFiles],
    patterns: [...words.readPatterns],
    warnings: words.warnings,
  };
}

/** One server block; undefined after a snippet, or where imports held nothing. */
function readTopLevel(words: CorefileWords, file: string): ServerBlock | undefined {
  const keys = readKeys(words, file);
  const [key] = keys;
  if (key === undefined) {
    const token = words.peek();
    if (token === undefined) return undefined;
    words.next();
    throw faultAt(token, 'CONFIG_SYNTAX', `unexpected ${quoteText(token.text)}, expected a server key such as '.:53'`);
  }
  const snippetName = keys.length === 1 ? /^\((.*)\)$/s.exec(key.text)?.[1] : undefined;
  if (snippetName !== undefined) {
    words.defineSnippet(key, snippetName, readSnippetBody(words, file, key));
    return undefined;
  }
  if (!isOpeningBrace(words.peek())) return { keys, directives: readDirectives(words, file, undefined) };
  const opening = words.next()!;
  return { keys, directives: readDirectives(words, file, opening) };
}

/** The keys up to the brace or the end of the line; a comma at the end of a word lets the list go on on the next line. */
function readKeys(words: CorefileWords, file: string): CorefileToken[] {
  const keys: CorefileToken[] = [];
  let comma: CorefileToken | undefined;
  for (;;) {
    const token = words.peek();
    if (token === undefined) {
      if (comma !== undefined) throw endFault(words, file, 'another server key after the comma');
      return keys;
    }
    if (isOpeningBrace(token) || isClosingBrace(token)) {
      if (comma === undefined) return keys;
      throw faultAt(token, 'CONFIG_SYNTAX', `unexpected '${token.text}', expected another server key after the comma`);
    }
    if (token.isLineStart && keys.length > 0 && comma === undefined) return keys;
    words.next();
    if (isImport(token) && token.isLineStart) {
      words.expandImport(token);
      continue;
    }
    comma = token.text.endsWith(',') ? token : undefined;
    const text = comma === undefined ? token.text : token.text.slice(0, -1);
    if (text !== '') keys.push({ ...token, text });
    else if (comma !== undefined)
      throw faultAt(comma, 'CONFIG_SYNTAX', `unexpected ',', expected a server key before it`);
  }
}

/** Directives up to the closing brace; without an opening one, up to the end of the file. */
function readDirectives(words: CorefileWords, file: string, opening: CorefileToken | undefined): CorefileLine[] {
  const directives: CorefileLine[] = [];
  for (;;) {
    const token = words.next();
    if (token === undefined) {
      if (opening === undefined) return directives;
      if (isClosingBrace(words.last)) {
        // CoreDNS takes the brace of the last option block for the one that is missing.
        const message = `'}' is missing for the block opened at ${opening.file}:${opening.line}:${opening.column}`;
        words.warnings.push({ token: words.last!, message });
        return directives;
      }
      throw endFault(words, file, `'}' for the block opened at ${opening.file}:${opening.line}:${opening.column}`);
    }
    if (isClosingBrace(token)) {
      if (opening !== undefined) return directives;
      throw faultAt(token, 'CONFIG_SYNTAX', `unexpected '}': no block is open, expected a directive`);
    }
    if (isImport(token)) words.expandImport(token);
    else directives.push(readLine(words, file, token, 0));
  }
}

/** A directive or an option, its first word taken. */
function readLine(words: CorefileWords, file: string, name: CorefileToken, depth: number): CorefileLine {
  if (isOpeningBrace(name)) {
    throw faultAt(
      name,
      'CONFIG_SYNTAX',
      `unexpected '{' at the start of a line, expected it at the end of the line before`,
    );
  }
  const lineArguments: CorefileToken[] = [];
  for (;;) {
    const token = words.peek();
    if (token === undefined || token.isLineStart) return { name, arguments: lineArguments, options: null };
    words.next();
    if (isClosingBrace(token)) {
      throw faultAt(
        token,
        'CONFIG_SYNTAX',
        `unexpected '}' after ${quoteText(name.text)}, expected it on a line of its own`,
      );
    }
    if (!isOpeningBrace(token)) {
      lineArguments.push(token);
      continue;
    }
    if (depth === NESTING_MAX) {
      throw faultAt(token, 'CONFIG_SYNTAX', `blocks are nested more than ${NESTING_MAX} deep`);
    }
    const options = readOptionLines(words, file, token, depth + 1);
    const after = words.peek();
    if (after !== undefined && !after.isLineStart) {
      throw faultAt(
        after,
        'CONFIG_SYNTAX',
        `unexpected ${quoteText(after.text)} after '}', expected the end of the line`,
      );
    }
    return { name, arguments: lineArguments, options };
  }
}

function readOptionLines(words: CorefileWords, file: string, opening: CorefileToken, depth: number): CorefileLine[] {
  const options: CorefileLine[] = [];
  for (;;) {
    const token = words.next();
    if (token === undefined) {
      throw endFault(words, file, `'}' for the block opened at ${opening.file}:${opening.line}:${opening.column}`);
    }
    if (isClosingBrace(token)) return options;
    if (isImport(token)) words.expandImport(token);
    else options.push(readLine(words, file, token, depth));
  }
}

/** The words between the braces as they stand: they are looked at where the snippet is imported. */
function readSnippetBody(words: CorefileWords, file: string, name: CorefileToken): CorefileToken[] {
  const opening = words.peek();
  if (!isOpeningBrace(opening)) {
    const found = opening === undefined ? 'the end of the file' : quoteText(opening.text);
    throw faultAt(
      opening ?? name,
      'CONFIG_SYNTAX',
      `unexpected ${found} after snippet ${quoteText(name.text)}, expected '{'`,
    );
  }
  words.next();
  const body: CorefileToken[] = [];
  for (let depth = 1; ;) {
    const token = words.next();
    if (token === undefined) throw endFault(words, file, `'}' for the snippet ${quoteText(name.text)}`);
    if (isOpeningBrace(token)) depth++;
    if (isClosingBrace(token) && --depth === 0) return body;
    body.push(token);
  }
}

function isImport(token: CorefileToken): boolean {
  return !token.isQuoted && token.text === 'import';
}
