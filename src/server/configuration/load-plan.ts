/** The plan of a server: from its Corefile, or from the built-in configuration. */
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { readVersion } from '../../base/version.ts';
import { parseResolvConf } from '../../config/resolv-conf.ts';
import { formatWarning } from '../../config/corefile/server-config.ts';
import type { CacheProfile } from '../../cache/cache-profiles.ts';
import type { ForwardGroupTable, GroupLease } from '../../forward/group-table.ts';
import { loadCorefile, readCorefile } from '../../plugins/corefile-config.ts';
import { BUILT_IN_NAME, builtInCorefile } from './built-in-corefile.ts';
import type { CatalogMembers } from '../zones/catalog-members.ts';
import type { CompileContext } from '../compile/block-compilation.ts';
import { compileCorefile } from '../compile/compile-corefile.ts';
import type { MadeText, ServerOptions } from '../server-options.ts';
import type { ServerPlan } from './server-plan.ts';
import { TurnSlice } from '../turn-slice.ts';
import type { UpstreamHosts } from './upstream-hosts.ts';
import type { WeightFiles } from './weight-files.ts';
import type { ZoneDirectories } from './zone-directories.ts';

/**
 * @param numberOfGroup        registers a group of upstreams with the answering threads
 * @param indexOfCacheProfile  registers how forwarded answers are kept
 * @param hosts                looks up the upstreams that are named by host name; without it they have no address
 * @param directories          looks for the zone files of `auto`; without it there are none
 * @param catalogs             knows the zones that catalogs of `secondary` list; without it there are none
 * @param weights              reads the files of `loadbalance weighted`; without it all weights are equal
 * @throws SkyshardError CONFIG_*, with the place
 */
export async function loadPlan(
  options: Pick<ServerOptions, 'corefile' | 'makeCorefile' | 'bindAddresses' | 'dnsPort'>,
  numberOfGroup: CompileContext['numberOfGroup'],
  indexOfCacheProfile: (profile: CacheProfile) => number,
  hosts?: UpstreamHosts,
  weights?: WeightFiles,
  directories?: ZoneDirectories,
  catalogs?: CatalogMembers,
): Promise<ServerPlan> {
  const { corefile, dnsPort } = options;
  const made = await makeText(options);
  const slice = new TurnSlice();
  const reading = { dnsPort, runSteps: (steps: Generator<void, void>) => slice.run(steps) };
  const config =
    made === undefined ? await loadCorefile(corefile!, reading) : await readCorefile(made.text, made.name, reading);
  await hosts?.prepare(config);
  await weights?.prepare(config);
  await directories?.prepare(config);
  const plan = compileCorefile(config, {
    version: readVersion(),
    hostName: hostname(),
    numberOfGroup,
    addressesOf: (host, resolvers) => hosts?.addressesOf(host, resolvers) ?? [],
    weightsOf: (file) => weights?.weightsOf(file) ?? [],
    zonesIn: (options) => directories?.zonesIn(options) ?? [],
    membersOf: (block, origin) => catalogs?.membersOf(block, origin) ?? [],
    indexOfCacheProfile,
    hostSearch: readHostSearch(),
  });
  const warnings = [...(made?.warnings ?? []), ...config.warnings.map(formatWarning), ...plan.warnings];
  return {
    ...plan,
    warnings,
    surroundings: [
      hosts?.text,
      weights?.text,
      directories?.text,
      catalogs?.text,
      plan.surroundings,
      // Those that interfaces have now.
      JSON.stringify(plan.addresses),
    ].join('\n'),
  };
}

/**
 * Load a plan that has a lease of its groups. Where there is no room for them it waits for those that are being given up.
 *
 * @throws SkyshardError what `load` throws; nothing is held then
 */
export async function loadWithGroups(
  table: ForwardGroupTable,
  load: (numberOfGroup: CompileContext['numberOfGroup']) => Promise<ServerPlan>,
): Promise<ServerPlan> {
  let former: GroupLease | undefined;
  for (;;) {
    const lease = table.lease();
    try {
      const plan = await load((group) => lease.numberOf(group));
      former?.release();
      return { ...plan, forwardGroups: lease };
    } catch (error) {
      former?.release();
      former = lease;
      // What it got is kept for the next attempt: given back it would be closed while others become free, and so on for ever.
      if (lease.isRoomMissing && (await table.room())) continue;
      lease.release();
      throw error;
    }
  }
}

/** The Corefile where there is no file of it. */
async function makeText(
  options: Pick<ServerOptions, 'corefile' | 'makeCorefile' | 'bindAddresses'>,
): Promise<MadeText | undefined> {
  if (options.makeCorefile !== undefined) return options.makeCorefile();
  if (options.corefile !== undefined) return undefined;
  return { name: BUILT_IN_NAME, ...builtInCorefile(options.bindAddresses) };
}

const HOST_RESOLV_CONF = '/etc/resolv.conf';

/** Pods have it behind the names of their cluster. Where there is no such file it is empty, as with CoreDNS. */
function readHostSearch(): readonly string[] {
  try {
    return parseResolvConf(readFileSync(HOST_RESOLV_CONF, 'utf8')).search;
  } catch {
    return [];
  }
}
