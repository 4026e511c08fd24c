import { argumentFault, refuseBlock, takeNoArguments } from '../../config/corefile/line-reader.ts';
import { definePluginOnce } from '../../config/corefile/plugin-definition.ts';

export interface ShedOptions {
  /** UDP responses that wait to be written, a socket */
  readonly writesMax: number;
}

/** `shed`, only in blocks of scheme dns. */
export default definePluginOnce('shed', (line, block): ShedOptions => {
  takeNoArguments(line);
  refuseBlock(line);
  const other = block.keys.find((key) => key.scheme !== 'dns');
  if (other !== undefined) {
    const message = `only plain DNS server blocks are supported; '${other.token.text}' uses transport '${other.scheme}'`;
    throw argumentFault(line.name, message);
  }
  return { writesMax: 1024 };
});
