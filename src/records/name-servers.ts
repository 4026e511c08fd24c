/** The NS records of a zone: the Services that select this server's own addresses, else `ns.dns` with them. */
import { compareAddresses, type Address } from '../cluster/address.ts';
import { toOctets } from '../cluster/binary-text.ts';
import type { ClusterState } from '../cluster/cluster-state.ts';
import type { RecordSink } from '../snapshot/entry-content.ts';
import { addressSets } from './contents.ts';
import { endpointName, serviceName } from './names.ts';

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
      const name = endpointName(label);
      if (name !== undefined) add(name + base, address);
    });
  }
  if (slices.length === 0) for (const address of localAddresses) add(NS_DNS, address);
  return [...servers]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, addresses]) => [name, [...addresses].sort(compareAddresses)]);
}

/**
 * The addresses of the name server of external zones: the external ones of Services that select this server's own
 * addresses, else these. `hasHeadless`: a headless Service's endpoints count instead.
 */
export function findExternalServers(
  state: ClusterState,
  localAddresses: ReadonlySet<Address>,
  hasHeadless: boolean,
): readonly Address[] {
  const addresses = new Set<Address>();
  const slices = state.localSlices();
  for (const { slice, service } of slices) {
    if (service === undefined) continue;
    if (hasHeadless && service.type === 'Headless') state.visitSlice(slice, (_, address) => addresses.add(address));
    else for (const address of service.externals.addresses) addresses.add(address);
  }
  return [...(slices.length === 0 ? localAddresses : addresses)].sort(compareAddresses);
}

export function writeNameServers(servers: NameServers, sink: RecordSink): void {
  sink.nameServers(servers.map(([name, addresses]) => ({ name: toOctets(name), ...addressSets(addresses) })));
}
