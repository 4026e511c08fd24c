import { createHash } from 'node:crypto';
import type { CorefileToken } from './corefile-token.ts';
import type { CorefileLine, CorefileTree } from './corefile-tree.ts';

/**
 * Write a tree as one Corefile without imports, comments and variables. Reading it again gives the same blocks; only their
 * places differ. A word in quotes with an odd number of backslashes before a quote or its end, which only a variable can
 * make, has no text that says it.
 */
export function formatCorefile(tree: Pick<CorefileTree, 'blocks'>): string {
  const text = tree.blocks
    .map((block) => `${block.keys.map(formatWord).join(' ')} {\n${formatLines(block.directives, '    ')}}\n`)
    .join('');
  // A key may start with U+FEFF, which at the start of the text would be a byte order mark.
  return text.startsWith('\ufeff') ? `\n${text}` : text;
}

/** SHA-512 of what the tree says: equal for files that differ in comments, spacing or in how they are cut into imports. */
export function hashCorefile(tree: Pick<CorefileTree, 'blocks'>): string {
  return createHash('sha512').update(formatCorefile(tree)).digest('hex');
}

function formatLines(lines: readonly CorefileLine[], indent: string): string {
  let text = '';
  for (const line of lines) {
    text += indent + [line.name, ...line.arguments].map(formatWord).join(' ');
    text += line.options === null ? '\n' : ` {\n${formatLines(line.options, `${indent}    `)}${indent}}\n`;
  }
  return text;
}

/** Quoted where it was, or where white space, a comment, a brace or a keyword would be read into it. */
function formatWord(token: CorefileToken): string {
  const isPlain = PLAIN_WORD.test(token.text) && !/^(?:[{}]|import)$/.test(token.text);
  return isPlain && !token.isQuoted ? token.text : `"${token.text.replaceAll('"', '\\"')}"`;
}

/** No `"` at the start, and nowhere `#` or what the lexer takes for white space. */
const PLAIN_WORD = /^(?!")[^#\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+$/;
