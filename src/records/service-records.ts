/**
 * The names and PTR records of Services and their endpoints, in one key space: the cluster's own, or those that other
 * clusters export.
 */
import { addressOf, wordsOf, type Address } from '../cluster/address.ts';
import { toOctets } from '../cluster/binary-text.ts';
import { ServiceChange, type ServiceSummary } from '../cluster/change-set.ts';
import type { ClusterState, PlainEndpoints, ServiceView } from '../cluster/cluster-state.ts';
import { NO_EXTERNALS } from '../cluster/externals.ts';
import { reverseKey4, reverseKey6 } from '../dns/name.ts';
import type { EntryContent, RecordSink } from '../snapshot/entry-content.ts';
import { KEY_SPACE } from '../snapshot/snapshot-layout.ts';
import { endpointContent, type EndpointAddress } from './contents.ts';
import { endpointName, keyOf, serviceName } from './names.ts';
import { plainHeadlessNames, touchedPlain, writePlainEndpoints } from './plain-endpoints.ts';
import {
  clusterIpNames,
  externalNames,
  hasEndpointNames,
  headlessNames,
  ownPrefixes,
  type OwnNames,
} from './service-names.ts';

/** A Service that was not there. */
const NOTHING: ServiceSummary = {
  type: undefined,
  clusterIPs: [],
  ports: [],
  ownPorts: [],
  externals: NO_EXTERNALS,
  zones: [],
};

export interface ServiceRecordOptions {
  readonly keySpace: typeof KEY_SPACE.FORWARD | typeof KEY_SPACE.CLUSTERSET;
  readonly ignoreEmptyService: boolean;
  readonly zonal: boolean;
  /** addresses have PTR records */
  readonly hasPointers: boolean;
}

export class ServiceRecords {
  readonly #state: ClusterState;
  readonly #options: ServiceRecordOptions;

  constructor(state: ClusterState, options: ServiceRecordOptions) {
    this.#state = state;
    this.#options = options;
  }

  /** Write what a change of the state leads to. */
  write(change: ServiceChange, sink: RecordSink): void {
    const key = serviceName(change.name, change.namespace);
    if (key === undefined) return;
    const service = this.#state.findService(change.namespace, change.name);
    const isOwn = change.isOwnTouched || this.#options.ignoreEmptyService;
    const addresses = this.#options.hasPointers ? addressesTouched(change, service) : new Set<Address>();
    if (service !== undefined && this.#writePlain(key, change, service, addresses, sink)) return;
    const isAll = isOwn && service?.type === 'Headless';
    const endpoints = this.#endpointsOf(service, isAll, change.labels, addresses);
    if (isOwn) {
      const names = service === undefined ? new Map<string, EntryContent>() : this.#ownNames(service, endpoints);
      this.#writeOwnNames(key, change, service, names, sink);
    }
    writeEndpointNames(key, change.labels, endpoints, sink, this.#options.keySpace);
    if (this.#options.hasPointers) writePointers(key, addresses, service, endpoints, sink);
  }

  /**
   * As `write`, where endpoints come and go that are known by their addresses.
   *
   * @param addresses  whose PTR records may have changed
   * @returns false if they are not that plain: nothing was written then
   */
  #writePlain(
    key: string,
    change: ServiceChange,
    service: ServiceView,
    addresses: ReadonlySet<Address>,
    sink: RecordSink,
  ): boolean {
    const { ignoreEmptyService, keySpace } = this.#options;
    const plain = change.labels.size === 0 ? undefined : this.#plainEndpointsOf(service);
    if (plain === undefined) return false;
    const canBePlain = this.#canBePlain(service, plain);
    if (service.type === 'Headless' && !canBePlain) return false;
    const touched = touchedPlain(change, addresses, plain);
    if (touched === undefined) return false;
    if (change.isOwnTouched || ignoreEmptyService) {
      const names = canBePlain ? plainHeadlessNames(service, plain) : this.#ownNames(service, []);
      this.#writeOwnNames(key, change, service, names, sink);
    }
    writeEndpointNames(key, change.labels, touched, sink, keySpace);
    writePointers(key, addresses, service, touched, sink);
    return true;
  }

  /** Write all names of a Service of which none is there. */
  writeWhole(service: ServiceView, sink: RecordSink): void {
    const plain = this.#plainEndpointsOf(service);
    const key = plain === undefined ? undefined : serviceName(service.name, service.namespace);
    if (plain === undefined || key === undefined) return this.write(wholeChange(this.#state, service), sink);
    const names = this.#canBePlain(service, plain)
      ? plainHeadlessNames(service, plain)
      : this.#ownNames(service, service.type === 'Headless' ? this.#allEndpoints(service) : []);
    for (const [prefix, content] of names) sink.put(keyOf(prefix, key), content, this.#options.keySpace);
    writePointers(key, new Set(service.clusterIPs), service, [], sink);
    writePlainEndpoints(toOctets(key), plain, sink);
  }

  /** Those of a Service whose names follow from their addresses, and are none of its cluster IPs. */
  #plainEndpointsOf(service: ServiceView): PlainEndpoints | undefined {
    const { hasPointers, keySpace } = this.#options;
    if (!hasPointers || keySpace !== KEY_SPACE.FORWARD || !hasEndpointNames(service.type)) return undefined;
    const plain = this.#state.plainEndpoints(service.id);
    return plain?.addresses.some((address) => service.clusterIPs.includes(address)) === true ? undefined : plain;
  }

  /** Whether the names of a headless Service are those of plainHeadlessNames. */
  #canBePlain({ type }: ServiceView, { addresses, ports }: PlainEndpoints): boolean {
    return type === 'Headless' && !this.#options.zonal && addresses.length > 0 && ports.length > 0;
  }

  #allEndpoints({ id }: ServiceView): EndpointAddress[] {
    const endpoints: EndpointAddress[] = [];
    this.#state.visitEndpoints(id, (label, address, zone, ports) => endpoints.push({ label, address, zone, ports }));
    return endpoints;
  }

  /** The endpoints that are needed: those with a label or an address that changed, or all. */
  #endpointsOf(
    service: ServiceView | undefined,
    isAll: boolean,
    labels: ReadonlySet<string>,
    addresses: ReadonlySet<Address>,
  ): EndpointAddress[] {
    const endpoints: EndpointAddress[] = [];
    if (service === undefined || !hasEndpointNames(service.type)) return endpoints;
    if (!isAll && labels.size === 0 && addresses.size === 0) return endpoints;
    this.#state.visitEndpoints(service.id, (label, address, zone, ports) => {
      if (isAll || labels.has(label) || addresses.has(address)) endpoints.push({ label, address, zone, ports });
    });
    return endpoints;
  }

  #writeOwnNames(
    key: string,
    change: ServiceChange,
    service: ServiceView | undefined,
    names: OwnNames,
    sink: RecordSink,
  ): void {
    const { keySpace, zonal } = this.#options;
    const { before } = change;
    // Where only endpoints move the same names are written again.
    const isSame = !zonal && names.size > 0 && before.type === service?.type && before.ports === service?.ports;
    for (const prefix of isSame ? [] : ownPrefixes(before, zonal))
      if (!names.has(prefix)) sink.remove(keyOf(prefix, key), keySpace);
    for (const [prefix, content] of names) sink.put(keyOf(prefix, key), content, keySpace);
  }

  #ownNames(service: ServiceView, endpoints: readonly EndpointAddress[]): OwnNames {
    switch (service.type) {
      case 'ExternalName':
        return externalNames(service);
      case 'Headless':
        return headlessNames(service, endpoints, this.#options.zonal);
      case 'ClusterIP':
        return this.#options.ignoreEmptyService && !this.#state.hasEndpoints(service.id)
          ? new Map()
          : clusterIpNames(service);
    }
  }
}

/** The change that makes a Service what it is. */
export function wholeChange(state: ClusterState, { id, namespace, name }: ServiceView): ServiceChange {
  const change = new ServiceChange(namespace, name, NOTHING);
  change.isOwnTouched = true;
  state.visitEndpoints(id, (label, address) => change.touch(label, address));
  return change;
}

/**
 * Write the names of endpoints that may have changed.
 *
 * @param key        the Service's name
 * @param endpoints  those with one of the labels, and maybe others; a label without any has no name
 */
export function writeEndpointNames(
  key: string,
  labels: ReadonlySet<string>,
  endpoints: readonly EndpointAddress[],
  sink: RecordSink,
  keySpace: typeof KEY_SPACE.FORWARD | typeof KEY_SPACE.CLUSTERSET | typeof KEY_SPACE.EXTERNAL,
): void {
  const byLabel = new Map<string, EndpointAddress[]>();
  for (const endpoint of endpoints) if (labels.has(endpoint.label)) addTo(byLabel, endpoint.label, endpoint);
  for (const label of labels) {
    const name = endpointName(label);
    if (name === undefined) continue;
    const members = byLabel.get(label);
    if (members === undefined) sink.remove(keyOf(name, key), keySpace);
    else sink.put(keyOf(name, key), endpointContent(members), keySpace);
  }
}

/** Addresses whose PTR records may have changed: cluster IPs and endpoints. */
function addressesTouched(change: ServiceChange, service: ServiceView | undefined): Set<Address> {
  const addresses = new Set(change.addresses);
  if (change.isOwnTouched) {
    for (const address of change.before.clusterIPs) addresses.add(address);
    for (const address of service?.clusterIPs ?? []) addresses.add(address);
  }
  return addresses;
}

function writePointers(
  key: string,
  addresses: ReadonlySet<Address>,
  service: ServiceView | undefined,
  endpoints: readonly EndpointAddress[],
  sink: RecordSink,
): void {
  const labelsOf = new Map<Address, string[]>();
  for (const { address, label } of endpoints) {
    if (!addresses.has(address) || endpointName(label) === undefined) continue;
    if (labelsOf.get(address)?.includes(label) !== true) addTo(labelsOf, address, label);
  }
  const serviceOctets = toOctets(key);
  for (const address of addresses) {
    const labels = (labelsOf.get(address) ?? []).sort().map(toOctets);
    const keySpace = typeof address === 'number' ? KEY_SPACE.REVERSE4 : KEY_SPACE.REVERSE6;
    const isClusterIp = service?.clusterIPs.includes(address) ?? false;
    sink.point(keySpace, reverseKeyOf(address), serviceOctets, labels, isClusterIp);
  }
}

/** The key of an address in a key space of reverse names. */
export function reverseKeyOf(address: Address): Uint8Array {
  return typeof address === 'number' ? reverseKey4(address) : reverseKey6(wordsOf(address));
}

function addTo<Key, Value>(groups: Map<Key, Value[]>, key: Key, value: Value): void {
  const group = groups.get(key);
  if (group === undefined) groups.set(key, [value]);
  else group.push(value);
}

/** What is no address is passed over. */
export function addressSetOf(texts: readonly string[]): Set<Address> {
  return new Set(texts.map(addressOf).filter((address) => address !== undefined));
}
