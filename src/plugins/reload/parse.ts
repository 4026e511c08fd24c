import { readDuration } from '../../config/duration.ts';
import { argumentFault, refuseBlock, takeArguments } from '../../config/corefile/line-reader.ts';
import { definePlugin } from '../../config/corefile/plugin-definition.ts';

export interface ReloadOptions {
  readonly intervalMs: number;
  /** the interval is drawn anew within half of it in both directions; at most half the interval */
  readonly jitterMs: number;
}

const INTERVAL_MS_MIN = 2000;
const JITTER_MS_MIN = 1000;

/** `reload [INTERVAL [JITTER]]`; the first one counts. */
export default definePlugin('reload', ([line, second], block): ReloadOptions => {
  const [interval, jitter] = takeArguments(line, 0, 2, 'reload [INTERVAL [JITTER]]');
  refuseBlock(line);
  if (second !== undefined) block.warn(second.name, 'a second reload in one block is ignored, as in CoreDNS');
  const intervalMs = interval === undefined ? 30_000 : readDuration(interval, 'interval', { minMs: INTERVAL_MS_MIN });
  const jitterMs = jitter === undefined ? 15_000 : readDuration(jitter, 'jitter');
  if (jitter !== undefined && jitterMs !== 0 && jitterMs < JITTER_MS_MIN) {
    throw argumentFault(jitter, `jitter value must be 0 or greater or equal to 1s, found '${jitter.text}'`);
  }
  return { intervalMs, jitterMs: Math.min(jitterMs, intervalMs / 2) };
});
