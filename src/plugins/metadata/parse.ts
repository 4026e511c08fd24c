import { countFault, refuseBlock } from '../../config/corefile/line-reader.ts';
import { definePlugin } from '../../config/corefile/plugin-definition.ts';

export interface MetadataOptions {
  /** canonical names */
  readonly zones: readonly string[];
}

/** `metadata [ZONES…]`, once and without a block. */
export default definePlugin('metadata', ([line, second], block): MetadataOptions => {
  if (second !== undefined) throw countFault(second.name, 'metadata [ZONES…], once per server block');
  refuseBlock(line);
  return { zones: block.readZonesOrKeys(line.arguments) };
});
