import { takeNothing } from '../../config/corefile/line-reader.ts';
import { definePluginOnce } from '../../config/corefile/plugin-definition.ts';

export interface LoopOptions {
  /** canonical: the names that look for the loop lie below it */
  readonly zone: string;
}

/** `loop` */
export default definePluginOnce('loop', (line, block): LoopOptions => {
  takeNothing(line);
  return { zone: block.zones[0] ?? '.' };
});
