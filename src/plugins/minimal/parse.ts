import { takeNothing } from '../../config/corefile/line-reader.ts';
import { definePlugin } from '../../config/corefile/plugin-definition.ts';

export interface MinimalOptions {
  readonly isEnabled: true;
}

/** `minimal` */
export default definePlugin('minimal', (lines): MinimalOptions => {
  for (const line of lines) takeNothing(line);
  return { isEnabled: true };
});
