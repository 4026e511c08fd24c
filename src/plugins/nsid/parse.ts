import { refuseBraces } from '../../config/corefile/line-reader.ts';
import { definePluginOnce } from '../../config/corefile/plugin-definition.ts';

export interface NsidOptions {
  /** what an NSID option answers */
  readonly data: string;
}

/** `nsid [DATA…]`; the host name if nothing is given. */
export default definePluginOnce('nsid', (line, block): NsidOptions => {
  refuseBraces(line);
  if (line.arguments.length === 0) return { data: block.hostName === '' ? 'localhost' : block.hostName };
  return { data: line.arguments.map((token) => token.text).join(' ') };
});
