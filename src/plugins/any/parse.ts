import { takeNothing } from '../../config/corefile/line-reader.ts';
import { definePlugin } from '../../config/corefile/plugin-definition.ts';

export interface AnyOptions {
  readonly isEnabled: true;
}

/** `any` */
export default definePlugin('any', (lines): AnyOptions => {
  for (const line of lines) takeNothing(line);
  return { isEnabled: true };
});
