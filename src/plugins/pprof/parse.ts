import { readOptions, takeArguments } from '../../config/corefile/line-reader.ts';
import { readInteger } from '../../config/number.ts';
import { definePluginOnce } from '../../config/corefile/plugin-definition.ts';
import { readListenAddress, type ListenAddress } from '../../config/upstream-address.ts';

export interface PprofOptions {
  readonly listen: ListenAddress;
  /** one in so many blocking events is sampled; 0: none */
  readonly blockRate: number;
}

/** `pprof [ADDRESS] { block [RATE] }`: read, and said to be without effect, for there are no Go profiles here. */
export default definePluginOnce('pprof', (line, block): PprofOptions => {
  const [token] = takeArguments(line, 0, 1, 'pprof [ADDRESS]');
  const listen = token === undefined ? { host: 'localhost', port: 6053 } : readListenAddress(token);
  let blockRate = 0;
  readOptions(line, {
    block: (option) => {
      const [rate] = takeArguments(option, 0, 1, 'block [RATE]');
      blockRate = rate === undefined ? 1 : readInteger(rate, 'block', Number.MIN_SAFE_INTEGER);
    },
  });
  block.warn(line.name, 'pprof has no effect: profiles of a Go process do not exist here');
  return { listen, blockRate };
});
