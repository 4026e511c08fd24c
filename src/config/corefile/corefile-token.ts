import { SkyshardError, type ErrorCode } from '../../base/skyshard-error.ts';

/** One word of a Corefile, with the place it really came from: an imported piece keeps the file it was read from. */
export interface CorefileToken {
  /** without the quotes, environment variables replaced */
  readonly text: string;
  /** as the operator would name it: the path on the command line, or of the import joined to the importing file's directory */
  readonly file: string;
  /** from 1 */
  readonly line: number;
  /** from 1, in characters */
  readonly column: number;
  /** a quoted word is never a brace, a comment or `import` */
  readonly isQuoted: boolean;
  /** no other word stands before it on its line */
  readonly isLineStart: boolean;
}

export function isOpeningBrace(token: CorefileToken | undefined): boolean {
  return token !== undefined && !token.isQuoted && token.text === '{';
}

export function isClosingBrace(token: CorefileToken | undefined): boolean {
  return token !== undefined && !token.isQuoted && token.text === '}';
}

/** The fault of a Corefile at one of its words. */
export function faultAt(token: CorefileToken, code: ErrorCode, message: string, cause?: unknown): SkyshardError {
  const place = { file: token.file, line: token.line, column: token.column };
  return new SkyshardError(code, message, cause === undefined ? { place } : { place, cause });
}

/** A value from a Corefile as a message shows it: on one line and of bounded length. */
export function quoteText(text: string): string {
  const shown = [...text].slice(0, 80).join('');
  return `'${shown.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '·')}${shown.length < text.length ? '…' : ''}'`;
}
