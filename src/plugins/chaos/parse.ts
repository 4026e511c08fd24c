import { definePlugin } from '../../config/corefile/plugin-definition.ts';
import { refuseBlock } from '../../config/corefile/line-reader.ts';

export interface ChaosOptions {
  /** version.bind and version.server; null: skyshard's own */
  readonly version: string | null;
  /** authors.bind, sorted; null: skyshard's own */
  readonly authors: readonly string[] | null;
}

/** Octets of one character-string. */
const TEXT_SIZE_MAX = 255;

/** `chaos [VERSION] [AUTHORS…]`; the first one counts. */
export default definePlugin('chaos', ([line, second], block): ChaosOptions => {
  refuseBlock(line);
  if (second !== undefined) block.warn(second.name, 'a second chaos in one block is ignored, as in CoreDNS');
  const [version, ...authors] = line.arguments.map((token) => trimText(token.text));
  return {
    version: version ?? null,
    authors: authors.length === 0 ? null : [...new Set(authors)].sort(),
  };
});

function trimText(text: string): string {
  const octets = Buffer.from(text);
  return octets.length <= TEXT_SIZE_MAX ? text : octets.subarray(0, TEXT_SIZE_MAX).toString();
}
