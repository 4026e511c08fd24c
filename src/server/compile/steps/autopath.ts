import type { SearchProgram } from '../../../compose/search-list.ts';
import type { AutopathStep } from '../../../snapshot/config-description.ts';
import type { MakeSteps } from '../block-compilation.ts';
import { asksForClients } from '../record-plan.ts';
import { onceAListener } from '../once-a-listener.ts';
import { addAll, covers } from '../zone-cover.ts';
import { encodeProgram } from '../../../snapshot/program-text.ts';

/** Without pods that are known by address, or names to try, the block is as it would be without it. */
export const makeAutopath: MakeSteps = ({ block, plugins, zones, data, context, warn, routesBehind }) => {
  const { zones: own, search } = plugins.autopath!;
  let program: SearchProgram = { zones: [], search: search.kind === 'file' ? search.names : [] };
  let dataset: number | undefined;
  if (search.kind === 'kubernetes') {
    if (plugins.kubernetes === undefined) return [];
    if (!asksForClients(plugins)) {
      warn('plugin/autopath does nothing: `kubernetes` does not know pods by address without `pods verified`');
      return [];
    }
    dataset = data.clusterDataset(block);
    program = { zones: plugins.kubernetes.zones, search: context.hostSearch ?? [] };
  } else if (search.names.length === 0) {
    warn(`plugin/autopath does nothing: ${search.file} has no search list`);
    return [];
  }
  addAll(zones, own);
  const encoded = encodeProgram(program);
  const stepOf = onceAListener(plugins, (scopeOf): AutopathStep => ({
    kind: 'autopath',
    program: encoded,
    dataset,
    rest: routesBehind(scopeOf),
  }));
  return [(suffix, scopeOf) => (own.some((zone) => covers(zone, suffix)) ? [stepOf(scopeOf)] : [])];
};
