import { takeNothing } from '../../config/line-reader.ts';
import { definePlugin } from '../../config/plugin-definition.ts';

export interface DebugOptions {
  readonly isEnabled: true;
}

/** `debug` */
export default definePlugin('debug', (lines): DebugOptions => {
  for (const line of lines) takeNothing(line);
  return { isEnabled: true };
});
