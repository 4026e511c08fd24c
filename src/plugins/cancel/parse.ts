import { readDuration } from '../../config/duration.ts';
import { refuseBlock, takeArguments } from '../../config/corefile/line-reader.ts';
import { definePlugin } from '../../config/corefile/plugin-definition.ts';

export interface CancelOptions {
  readonly timeoutMs: number;
}

/** `cancel [DURATION]`; the last one counts. */
export default definePlugin('cancel', (lines): CancelOptions => {
  let timeoutMs = 5001;
  for (const line of lines) {
    const [token] = takeArguments(line, 0, 1, 'cancel [DURATION]');
    refuseBlock(line);
    timeoutMs = token === undefined ? 5001 : readDuration(token, 'cancel', { minMs: 1e-6 });
  }
  return { timeoutMs };
});
