import { CorefileLexer } from './corefile-lexer.ts';

/**
 * Write a text as one word of a Corefile, in quotes where it needs them.
 *
 * @returns undefined: there is no such word. Nothing stands for `{$NAME}` or `{%NAME%}`, which are always replaced; and as
 *   only `\"` is an escape in quotes, what needs them cannot have an odd number of `\` at its end or before a `"`.
 */
export function formatWord(text: string): string | undefined {
  return [text, `"${text.replaceAll('"', '\\"')}"`].find((word) => reads(word, text));
}

/** Whether `word` on a line is one word, which says `text`, wherever on the line it stands. */
function reads(word: string, text: string): boolean {
  const lexer = new CorefileLexer(`first ${word} last\n`, '', {});
  try {
    const [, found, last, end] = [lexer.next(), lexer.next(), lexer.next(), lexer.next()];
    const isBrace = found?.isQuoted === false && /^[{}]$/.test(found.text);
    return found?.text === text && !isBrace && last?.text === 'last' && end === undefined;
  } catch {
    // A quote that is never closed.
    return false;
  }
}
