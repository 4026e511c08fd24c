/**
 * The names of the zones of `k8s_external`, relative to the zone: `S.N` with the addresses a Service is reached at from
 * outside, `_port._protocol.S.N`, and, if headless Services are served, `E.S.N`; PTR records of external addresses; the
 * zone's name server.
 *
 * A Service with addresses is answered with them; one with nothing but host names of load balancers is an alias of the
 * first: a name that has a CNAME has no other records.
 */
import type { Address } from '../cluster/address.ts';
import { toOctets } from '../cluster/binary-text.ts';
import type { ServiceChange, ServiceSummary } from '../cluster/change-set.ts';
import type { ClusterState, ServiceView } from '../cluster/cluster-state.ts';
import { parseName } from '../dns/name.ts';
import type { NamedPort } from '../kubernetes/objects.ts';
import type { EntryContent, RecordSink } from '../snapshot/entry-content.ts';
import { KEY_SPACE, ZONE_KIND } from '../snapshot/snapshot-layout.ts';
import { addressSets, aliasContent, clusterIpContent, ENT, FIXED_ENT, type EndpointAddress } from './contents.ts';
import { findExternalServers } from './name-servers.ts';
import { nameOf, nameOfDotted } from './names.ts';
import type { ExternalOptions } from './record-options.ts';
import { headlessNames, namedPorts, type OwnNames } from './service-names.ts';
import { reverseKeyOf, writeEndpointNames } from './service-records.ts';

const { EXTERNAL, EXTERNAL_REVERSE4, EXTERNAL_REVERSE6 } = KEY_SPACE;
const SERVER = '\x03ns1';

export class ExternalRecords {
  readonly #state: ClusterState;
  readonly #hasHeadless: boolean;
  readonly #localAddresses: ReadonlySet<Address>;
  /** the apex name in relative wire form */
  readonly #apex: string;
  /** addresses of the name server last written, as text */
  #servers = '';

  constructor(state: ClusterState, { apex, hasHeadless }: ExternalOptions, localAddresses: ReadonlySet<Address>) {
    this.#state = state;
    this.#hasHeadless = hasHeadless;
    this.#localAddresses = localAddresses;
    this.#apex = nameOfDotted(apex) ?? '';
  }

  /** The names that every external zone has. */
  writeFixedNames(sink: RecordSink): void {
    this.#servers = '';
    for (let at = 0; at < this.#apex.length; at += 1 + this.#apex.charCodeAt(at)) {
      sink.put(toOctets(this.#apex.slice(at)), FIXED_ENT, EXTERNAL);
    }
  }

  writeNamespace(namespace: string, isExposed: boolean, sink: RecordSink): void {
    const key = this.#namespaceName(namespace);
    if (key === undefined) return;
    if (isExposed) sink.put(toOctets(key), ENT, EXTERNAL);
    else sink.remove(toOctets(key), EXTERNAL);
  }

  /** Write what a change of the state leads to. */
  write(change: ServiceChange, sink: RecordSink): void {
    const first = nameOf(change.name);
    const second = this.#namespaceName(change.namespace);
    if (first === undefined || second === undefined) return;
    const key = first + second;
    const service = this.#state.findService(change.namespace, change.name);
    const isHeadless = service !== undefined && this.#isServedByEndpoints(service);
    const endpoints = isHeadless ? this.#endpointsOf(service) : [];
    if (change.isOwnTouched) {
      this.#writeOwnNames(key, change.before, service, endpoints, sink);
      writePointers(key, change.before, service, sink);
    }
    if (isHeadless || this.#isServedByEndpoints(change.before)) {
      writeEndpointNames(key, change.labels, endpoints, sink, EXTERNAL);
    }
  }

  /** `ns1.APEX` and the NS record of the zones. */
  writeNameServers(sink: RecordSink): void {
    const addresses = findExternalServers(this.#state, this.#localAddresses, this.#hasHeadless);
    const text = JSON.stringify(addresses);
    if (text === this.#servers) return;
    this.#servers = text;
    const name = toOctets(SERVER + this.#apex);
    const sets = addressSets(addresses);
    sink.nameServers([{ name, ...sets }], ZONE_KIND.EXTERNAL);
    const content = { kind: 'address', ...sets, ports: [], weight: 0, targetSkip: 0 } as const;
    sink.put(name, addresses.length === 0 ? ENT : content, EXTERNAL);
  }

  /** undefined: no name, or hidden by the apex name: what lies below that is the zone's own. */
  #namespaceName(namespace: string): string | undefined {
    const name = nameOf(namespace);
    return name === undefined || this.#apex.endsWith(name) ? undefined : name;
  }

  #isServedByEndpoints({ type, externals }: ServiceSummary): boolean {
    const hasExternals = externals.addresses.length > 0 || externals.hostnames.length > 0;
    return this.#hasHeadless && type === 'Headless' && !hasExternals;
  }

  #endpointsOf(service: ServiceView): EndpointAddress[] {
    const endpoints: EndpointAddress[] = [];
    this.#state.visitEndpoints(service.id, (label, address, zone, ports) =>
      endpoints.push({ label, address, zone, ports }),
    );
    return endpoints;
  }

  #writeOwnNames(
    key: string,
    before: ServiceSummary,
    service: ServiceView | undefined,
    endpoints: readonly EndpointAddress[],
    sink: RecordSink,
  ): void {
    const names = service === undefined ? new Map<string, EntryContent>() : this.#ownNames(service, endpoints);
    for (const prefix of prefixesOf(before)) {
      if (!names.has(prefix)) sink.remove(toOctets(prefix + key), EXTERNAL);
    }
    for (const [prefix, content] of names) sink.put(toOctets(prefix + key), content, EXTERNAL);
  }

  #ownNames(service: ServiceView, endpoints: readonly EndpointAddress[]): OwnNames {
    const { addresses, hostnames } = service.externals;
    if (addresses.length > 0) {
      return externalNames(service, (ports, targetSkip) => clusterIpContent(addresses, ports, targetSkip));
    }
    const [hostname] = hostnames;
    if (hostname !== undefined) {
      const target = parseName(hostname);
      if (target === null) return new Map();
      return externalNames(service, (ports) => aliasContent(target, ports, hostnames.length));
    }
    return this.#isServedByEndpoints(service) ? headlessNames(service, endpoints, false) : new Map();
  }
}

function externalNames(
  { ownPorts }: ServiceSummary,
  contentOf: (ports: readonly NamedPort[], targetSkip: number) => EntryContent,
): OwnNames {
  const names: OwnNames = new Map([['', contentOf(ownPorts, 0)]]);
  for (const { prefix, protocol, ports } of namedPorts(ownPorts).values()) {
    names.set(protocol, ENT);
    names.set(prefix, contentOf(ports, prefix.length));
  }
  return names;
}

/** Every prefix a Service may have had names at. */
function prefixesOf({ type, ports, ownPorts }: ServiceSummary): Set<string> {
  const prefixes = new Set<string>();
  if (type === undefined) return prefixes;
  prefixes.add('');
  for (const list of [ports, ownPorts]) {
    for (const { prefix, protocol } of namedPorts(list).values()) prefixes.add(prefix).add(protocol);
  }
  return prefixes;
}

function writePointers(key: string, before: ServiceSummary, service: ServiceView | undefined, sink: RecordSink): void {
  const now = new Set(service?.externals.addresses);
  for (const address of new Set([...before.externals.addresses, ...now])) {
    const keySpace = typeof address === 'number' ? EXTERNAL_REVERSE4 : EXTERNAL_REVERSE6;
    sink.point(keySpace, reverseKeyOf(address), toOctets(key), [], now.has(address));
  }
}
