import { readOptions, readWord, takeArgument, takeArguments } from '../../config/corefile/line-reader.ts';
import { definePluginOnce } from '../../config/corefile/plugin-definition.ts';
import { readListenAddress, type ListenAddress } from '../../config/upstream-address.ts';

export interface ReadyOptions {
  readonly listen: ListenAddress;
  /** until-ready: a plugin that was ready once is not asked again */
  readonly monitor: 'until-ready' | 'continuously';
}

/** `ready [ADDRESS] { monitor until-ready|continuously }` */
export default definePluginOnce('ready', (line): ReadyOptions => {
  const [token] = takeArguments(line, 0, 1, 'ready [ADDRESS]');
  const listen = token === undefined ? { host: '', port: 8181 } : readListenAddress(token);
  let monitor: ReadyOptions['monitor'] = 'until-ready';
  readOptions(line, {
    monitor: (option) => {
      const kind = takeArgument(option, 'monitor until-ready|continuously');
      monitor = readWord(kind, ['until-ready', 'continuously'], 'monitor type');
    },
  });
  return { listen, monitor };
});
