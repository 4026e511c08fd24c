/** The plan of a server: from its Corefile, or from the built-in configuration. */
import { hostname } from 'node:os';
import { readVersion } from '../base/version.ts';
import type { ForwardGroup } from '../forward/forward-group.ts';
import { DEFAULT_RECORD_OPTIONS } from '../records/record-options.ts';
import { planListeners } from './listeners.ts';
import type { ServerOptions } from './server-options.ts';
import type { ServerPlan } from './server-plan.ts';

/**
 * @param indexOfGroup  registers a group of upstreams with the answering threads
 * @throws SkyshardError CONFIG_*, with the place
 */
export async function loadPlan(
  options: Pick<ServerOptions, 'corefile' | 'bindAddresses' | 'dnsPort'>,
  indexOfGroup: (group: ForwardGroup) => number,
): Promise<ServerPlan> {
  if (options.corefile === undefined) {
    return planListeners(options.bindAddresses, options.dnsPort, DEFAULT_RECORD_OPTIONS);
  }
  // Some hundred modules that a server without a Corefile does not need.
  const [{ loadCorefile }, { formatWarning }, { compileCorefile }] = await Promise.all([
    import('../plugins/corefile-config.ts'),
    import('../config/server-config.ts'),
    import('./compile-corefile.ts'),
  ]);
  const config = await loadCorefile(options.corefile, { dnsPort: options.dnsPort });
  const plan = compileCorefile(config, { version: readVersion(), hostName: hostname(), indexOfGroup });
  return { ...plan, warnings: [...config.warnings.map(formatWarning), ...plan.warnings] };
}
