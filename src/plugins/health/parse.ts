import { readDuration } from '../../config/duration.ts';
import { readOptions, takeArgument, takeArguments } from '../../config/corefile/line-reader.ts';
import { definePlugin } from '../../config/corefile/plugin-definition.ts';
import { readListenAddress, type ListenAddress } from '../../config/upstream-address.ts';

export interface HealthOptions {
  readonly listen: ListenAddress;
  /** how long the server goes on answering after it was told to stop */
  readonly lameduckMs: number;
}

/** `health [ADDRESS] { lameduck DURATION }`; what is given last counts. */
export default definePlugin('health', (lines): HealthOptions => {
  let listen: ListenAddress = { host: '', port: 8080 };
  let lameduckMs = 0;
  for (const line of lines) {
    const [token] = takeArguments(line, 0, 1, 'health [ADDRESS]');
    if (token !== undefined) listen = readListenAddress(token);
    readOptions(line, {
      lameduck: (option) => {
        const duration = takeArgument(option, 'lameduck DURATION');
        lameduckMs = Math.max(0, readDuration(duration, 'lameduck', { minMs: -Infinity }));
      },
    });
  }
  return { listen, lameduckMs };
});
