import { quoteText } from '../../config/corefile/corefile-token.ts';
import { argumentFault, refuseBraces } from '../../config/corefile/line-reader.ts';
import { definePlugin } from '../../config/corefile/plugin-definition.ts';
import { parseResolvConf } from '../../config/resolv-conf.ts';

export interface AutopathOptions {
  /** canonical names */
  readonly zones: readonly string[];
  readonly search: AutopathSearch;
}

/** Where the search list comes from: a file, read now, or the pod that asks. */
export type AutopathSearch =
  | { readonly kind: 'file'; readonly file: string; readonly names: readonly string[] }
  | { readonly kind: 'kubernetes' };

/** Plugins of CoreDNS that know a client's search list. */
const SEARCH_PLUGIN = 'kubernetes';

/** `autopath [ZONES…] RESOLV-CONF|@kubernetes`; the last one counts. */
export default definePlugin('autopath', (lines, block): AutopathOptions => {
  let options: AutopathOptions | undefined;
  for (const line of lines) {
    refuseBraces(line);
    const source = line.arguments.at(-1);
    if (source === undefined)
      throw argumentFault(line.name, 'no resolv-conf specified, expected a file or @kubernetes');
    const zones = block.readZonesOrKeys(line.arguments.slice(0, -1));
    if (!source.text.startsWith('@')) {
      const { search } = parseResolvConf(block.readFile(source, 'resolv.conf'));
      options = { zones, search: { kind: 'file', file: block.resolvePath(source.text), names: search } };
      continue;
    }
    const plugin = source.text.slice(1);
    if (!block.directiveNames.has(plugin)) {
      block.warn(source, `autopath does nothing: there is no plugin ${quoteText(plugin)} in this block`);
    } else if (plugin !== SEARCH_PLUGIN) {
      throw argumentFault(source, `${plugin} does not implement the AutoPather interface, expected @${SEARCH_PLUGIN}`);
    }
    options = { zones, search: { kind: 'kubernetes' } };
  }
  return options!;
});
