import { countFault, refuseBraces, takeArguments } from '../../config/corefile/line-reader.ts';
import { readInteger } from '../../config/number.ts';
import { definePlugin } from '../../config/corefile/plugin-definition.ts';

export interface MultisocketOptions {
  /** sockets of each listener; null: as many as CPUs */
  readonly socketCount: number | null;
}

const SOCKETS_MAX = 1024;

/** `multisocket [N]`, once. */
export default definePlugin('multisocket', ([line, second]): MultisocketOptions => {
  const [token] = takeArguments(line, 0, 1, 'multisocket [N]');
  refuseBraces(line);
  if (second !== undefined) throw countFault(second.name, 'multisocket [N], once per server block');
  return { socketCount: token === undefined ? null : readInteger(token, 'num sockets', 1, SOCKETS_MAX) };
});
