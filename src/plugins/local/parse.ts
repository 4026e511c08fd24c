import { readOptions, readWord, takeArgument, takeNoArguments } from '../../config/corefile/line-reader.ts';
import { definePlugin } from '../../config/corefile/plugin-definition.ts';

export interface LocalOptions {
  /** names `localhost.…` are answered as well */
  readonly hasLocalhostPrefix: boolean;
}

/** `local { localhost_prefix on|off }` */
export default definePlugin('local', (lines): LocalOptions => {
  let hasLocalhostPrefix = true;
  for (const line of lines) {
    takeNoArguments(line);
    readOptions(line, {
      localhost_prefix: (option) => {
        const token = takeArgument(option, 'localhost_prefix on|off');
        hasLocalhostPrefix = readWord(token, ['on', 'off'], 'localhost_prefix') === 'on';
      },
    });
  }
  return { hasLocalhostPrefix };
});
