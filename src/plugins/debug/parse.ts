import { takeNothing } from '../../config/corefile/line-reader.ts';
import { definePlugin } from '../../config/corefile/plugin-definition.ts';

export interface DebugOptions {
  readonly isEnabled: true;
}

/** `debug` */
export default definePlugin('debug', (lines): DebugOptions => {
  for (const line of lines) takeNothing(line);
  return { isEnabled: true };
});
