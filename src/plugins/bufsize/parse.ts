import { refuseBlock, takeArguments } from '../../config/corefile/line-reader.ts';
import { readInteger } from '../../config/number.ts';
import { definePlugin } from '../../config/corefile/plugin-definition.ts';

export interface BufsizeOptions {
  /** octets: the largest EDNS payload size that a request may ask for */
  readonly size: number;
}

/** `bufsize [512..4096]`; the first one counts. */
export default definePlugin('bufsize', ([line, second], block): BufsizeOptions => {
  const [token] = takeArguments(line, 0, 1, 'bufsize [SIZE]');
  refuseBlock(line);
  if (second !== undefined) block.warn(second.name, 'a second bufsize in one block is ignored, as in CoreDNS');
  return { size: token === undefined ? 1232 : readInteger(token, 'bufsize', 512, 4096) };
});
