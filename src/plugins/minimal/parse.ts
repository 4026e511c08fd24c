import { takeNothing } from '../../config/line-reader.ts';
import { definePlugin } from '../../config/plugin-definition.ts';

export interface MinimalOptions {
  readonly isEnabled: true;
}

/** `minimal` */
export default definePlugin('minimal', (lines): MinimalOptions => {
  for (const line of lines) takeNothing(line);
  return { isEnabled: true };
});
