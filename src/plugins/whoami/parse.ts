import { takeNothing } from '../../config/corefile/line-reader.ts';
import { definePlugin } from '../../config/corefile/plugin-definition.ts';

export interface WhoamiOptions {
  readonly isEnabled: true;
}

/** `whoami` */
export default definePlugin('whoami', (lines): WhoamiOptions => {
  for (const line of lines) takeNothing(line);
  return { isEnabled: true };
});
