/** The NS records of a zone: the Services that select this server's own addresses, else `ns.dns` with them. */
import { compareAddresses, type Address } from '../cluster/address.ts';
import { toOctets } from '../cluster/binary-text.ts';
import type { ClusterState } from '../cluster/cluster-state.ts';
import type { RecordSink } from '../snapshot/entry-content.ts';
import { addressSets } from './contents.ts';
import { nameOf, serviceName } from './names.ts';

export const NS_DNS = '\x02ns\x03dns';

/** Addresses of each name server by its relative name, as binary text; sorted by name. */
export type NameServers = readonly (readonly [name: string, addresses: readonly Address[]])[];

/** A Service counts whether its Namespace is exposed or not; a headless one gives its endpoints' names. */
export function findNameServers(state: ClusterState, localAddresses: ReadonlySet<Address>): NameServers {
  const servers = new Map<string, Set<Address>>();
  const add = (name: string, address: Address): void => {
    const addresses = servers.get(name);
    if (addresses === undefined) servers.set(name, new Set([address]));
    else addresses.add(address);
  };
  const slices = state.localSlices();
  for (const { slice, service } of slices) {
    const base = service === undefined ? undefined : serviceName(service.name, service.namespace);
    if (service === undefined || base === undefined) continue;
    if (service.type === 'ClusterIP') for (const address of service.clusterIPs) add(base, address);
    if (service.type !== 'Headless') continue;
    state.visitSlice(slice, (label, address) => {
      const name = nameOf(label);
      if (name !== undefined) add(name + base, address);
    });
  }
  if (slices.length === 0) for (const address of localAddresses) add(NS_DNS, address);
  return [...servers]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, addresses]) => [name, [...addresses].sort(compareAddresses)]);
}

export function writeNameServers(servers: NameServers, sink: RecordSink): void {
  sink.nameServers(servers.map(([name, addresses]) => ({ name: toOctets(name), ...addressSets(addresses) })));
}
