/**
 * The slow oracle: what a question is owed, worked out by walking the objects, one rule of the reference
 * (kubernetes-records.md) after the other. It shares nothing with the product but the options' type.
 *
 * What the reference leaves open is answered with `unclear`.
 */
import { TYPE } from '../../src/dns/iana.ts';
import type { RecordOptions } from '../../src/records/record-options.ts';
import { addressOfReverse, formatAddress, parseAddress, reverseLabels } from '../wire/addresses.ts';
import { endsWith, formatName, leftOf, lowerAscii, parseName, sameLabel, type Labels } from '../wire/names.ts';
import {
  ClusterView,
  clusterIpsOf,
  isExternalName,
  isHeadless,
  portsOf,
  serviceNameOf,
  type Port,
  type ReadyAddress,
} from './cluster-view.ts';
import type { Expected } from './expected.ts';
import { ExternalModel } from './external-model.ts';
import { importedObjects } from './imported-objects.ts';
import type { RawEndpointSlice, RawObject, RawService } from './kubernetes-objects.ts';
import {
  addressRecord,
  EMPTY_NODE,
  endpointEntries,
  entriesNode,
  isPortName,
  isReverse,
  portMatches,
  recordLine,
  stripUnderscore,
  type Entry,
  type Node,
  type NodeRecord,
} from './nodes.ts';

/** Spec 1.1.0; section 9. */
const DNS_VERSION_RDATA = '"1.1.0"';
const DNS_VERSION_TTL = 28_800;
const NEGATIVE_TTL_MAX = 300;
/** Section 7: at most 10 steps. */
const CNAME_CHAIN_MAX = 10;

/** What gives reverse names. */
interface ReverseObjects {
  readonly services: readonly RawService[];
  readonly slices: readonly RawEndpointSlice[];
}

export class RecordModel {
  readonly #view: ClusterView;
  readonly #options: RecordOptions;
  readonly #zones: readonly Labels[];
  /** what other clusters export, as the Services and slices of a cluster of its own */
  readonly #imported: ClusterView;
  readonly #clustersetZones: readonly Labels[];
  readonly #external: ExternalModel | undefined;

  constructor(objects: readonly RawObject[], options: RecordOptions) {
    this.#view = new ClusterView(objects, options);
    this.#options = options;
    this.#zones = options.zones.map(parseName);
    this.#imported = new ClusterView(importedObjects(objects), { ...options, noEndpoints: false, zonal: false });
    this.#clustersetZones = options.multiclusterZones.map(parseName);
    if (options.external !== undefined) {
      this.#external = new ExternalModel(this.#view, options.external, options.ttlSeconds);
    }
  }

  /** The longest zone that serves a name, as the name writes it. */
  zoneOf(qname: Labels): Labels | undefined {
    const zone = [...(this.#external?.zones ?? []), ...this.#zones]
      .filter((candidate) => endsWith(qname, candidate))
      .toSorted((a, b) => b.length - a.length)[0];
    return zone === undefined ? undefined : qname.slice(qname.length - zone.length);
  }

  /** @param qname presentation form */
  ask(qname: string, qtype: number): Expected {
    const name = parseName(qname);
    const early = refusedType(qtype);
    if (early !== undefined) return early;
    const zone = this.zoneOf(name);
    if (zone === undefined) return empty('REFUSED', false);
    return this.#resolve(name, qtype, zone);
  }

  #resolve(qname: Labels, qtype: number, zone: Labels): Expected {
    const answer: string[] = [];
    let name = qname;
    for (let steps = 0; ; steps++) {
      const node = this.#nodeAt(name, zone);
      if (node === undefined) return { ...empty('NXDOMAIN', true), answer, authority: [this.#soa(zone)] };
      const unclear = node.unclear === undefined ? {} : { unclear: node.unclear };
      const records = node.records.filter((record) => record.type === qtype);
      if (records.length > 0 || node.target === undefined) {
        answer.push(...new Set(records.map((record) => recordLine(name, record))));
        const authority = records.length > 0 ? [] : [this.#soa(zone)];
        const additional = [...new Set(records.flatMap((record) => record.extra ?? []))];
        return { ...empty('NOERROR', true), answer, authority, additional, ...unclear };
      }
      if (steps === CNAME_CHAIN_MAX) return empty('SERVFAIL', true);
      const alias: NodeRecord = {
        type: TYPE.CNAME,
        ttlSeconds: this.#options.ttlSeconds,
        rdata: formatName(node.target),
      };
      answer.push(recordLine(name, alias));
      if (qtype === TYPE.CNAME) return { ...empty('NOERROR', true), answer };
      name = node.target;
      if (!endsWith(name, zone) || this.zoneOf(name)?.length !== zone.length) {
        const elsewhere = this.zoneOf(name) === undefined ? {} : { unclear: 'alias into another zone of the plugin' };
        return { ...empty('NOERROR', true), answer, ...elsewhere };
      }
      if (qtype === TYPE.ANY) return { ...empty('NOERROR', true), answer, unclear: 'ANY at an alias in the zone' };
    }
  }

  // ---- names ------------------------------------------------------------------------------------------------------

  /** undefined: no such name. */
  #nodeAt(name: Labels, zone: Labels): Node | undefined {
    const labels = leftOf(name, zone).map(lowerAscii);
    if (this.#external?.serves(zone) === true) return this.#external.nodeAt(name, labels, zone);
    const isClusterset = this.#clustersetZones.some((own) => own.length === zone.length && endsWith(zone, own));
    if (isReverse(zone)) return this.#reverseNode(name, labels, zone);
    if (labels.length === 0) return this.#apexNode(name, zone);
    const path = labels.join('.');
    if (path === 'svc' || path === 'pod' || path === 'dns') return EMPTY_NODE;
    if (path === 'dns-version') {
      return { records: [{ type: TYPE.TXT, ttlSeconds: DNS_VERSION_TTL, rdata: DNS_VERSION_RDATA }] };
    }
    if (path === 'ns.dns') return { records: this.#nameServers(zone).map(({ address }) => this.#address(address)) };
    const kind = labels.at(-1);
    const namespace = labels.at(-2)!;
    const rest = labels.slice(0, -2);
    if (kind === 'pod') return this.#podNode(namespace, rest);
    if (kind !== 'svc' || !this.#view.isExposed(namespace)) return undefined;
    if (rest.length === 0) return EMPTY_NODE;
    return this.#serviceNode(isClusterset ? this.#imported : this.#view, namespace, rest, zone);
  }

  /** Section 10. */
  #apexNode(name: Labels, zone: Labels): Node {
    const soa: NodeRecord = { type: TYPE.SOA, ttlSeconds: this.#negativeTtl(), rdata: this.#soaRdata(name) };
    const servers = this.#nameServers(zone);
    const names = [...new Set(servers.map((server) => formatName(server.name)))];
    const extra = [...new Set(servers.map(({ name: server, address }) => recordLine(server, this.#address(address))))];
    const ns = names.map((rdata) => ({ type: TYPE.NS, ttlSeconds: this.#options.ttlSeconds, rdata, extra }));
    return { records: [soa, ...ns] };
  }

  /** Section 8. */
  #podNode(namespace: string, rest: Labels): Node | undefined {
    if (this.#options.pods === 'disabled' || !this.#view.isExposed(namespace)) return undefined;
    if (rest.length === 0) return EMPTY_NODE;
    const label = rest[0]!;
    if (rest.length > 1) return undefined;
    const isVersion4 = label.split('-').length === 4 && !label.includes('--');
    const text = label.replaceAll('-', isVersion4 ? '.' : ':');
    const address = parseAddress(text);
    if (address === undefined || label.includes('.') || label.includes(':')) return undefined;
    if (this.#options.pods === 'verified' && !this.#view.hasPod(namespace, text)) return undefined;
    const isMapped = address.length === 16 && formatAddress(address).startsWith('::ffff:');
    const node: Node = { records: [this.#address(address)] };
    return isMapped ? { ...node, unclear: 'a mapped IPv4 address as pod name' } : node;
  }

  /** Sections 4, 5, 7, 12, 15: `rest` is the service's name and what stands to the left of it. */
  #serviceNode(view: ClusterView, namespace: string, rest: Labels, zone: Labels): Node | undefined {
    const service = view.service(namespace, rest.at(-1)!);
    if (service === undefined) return undefined;
    const left = rest.slice(0, -1);
    if (isExternalName(service)) {
      const target = service.spec.externalName ?? '';
      if (left.length > 0 || parseAddress(target) !== undefined) return undefined;
      return { records: [], target: parseName(target) };
    }
    const ready = view.readyAddressesOf(service);
    if (isHeadless(service) ? ready.length === 0 : this.#options.ignoreEmptyService && ready.length === 0) {
      return undefined;
    }
    const base = [...serviceLabels(service), ...zone];
    if (left.length === 0) return this.#entriesNode(this.#portEntries(service, ready, base, '', ''));
    const endpoints = ready.filter((endpoint) => endpoint.name.length === left.length && endsWith(left, endpoint.name));
    if (endpoints.length > 0) return this.#entriesNode(endpointEntries(endpoints, base, '', ''));
    if (left.length === 1) return this.#oneLabelNode(service, ready, left[0]!);
    if (isPortName(left)) {
      const port = stripUnderscore(left[0]!);
      const protocol = stripUnderscore(left[1]!);
      const isPort = matchingPorts(service, ready, port, protocol).length > 0;
      if (isPort) return this.#entriesNode(this.#portEntries(service, ready, base, port, protocol));
    }
    return view === this.#imported ? undefined : this.#zonalNode(service, ready, base, left);
  }

  /** The empty non-terminals `_R.S.N.svc` and `_zone.S.N.svc`. */
  #oneLabelNode(service: RawService, ready: readonly ReadyAddress[], label: string): Node | undefined {
    const protocol = stripUnderscore(label);
    const hasNamedPort = matchingPorts(service, ready, '', protocol).some((port) => port.name !== '');
    if (protocol !== '' && protocol !== label && hasNamedPort) return EMPTY_NODE;
    return this.#options.zonal && label === '_zone' && isHeadless(service) ? EMPTY_NODE : undefined;
  }

  /** Section 15: `Z….pin._zone.S` and `Z….prefer._zone.S`, and the empty non-terminals above them. */
  #zonalNode(service: RawService, ready: readonly ReadyAddress[], base: Labels, left: Labels): Node | undefined {
    const directive = left.at(-2);
    if (!this.#options.zonal || !isHeadless(service) || left.at(-1) !== '_zone') return undefined;
    if (directive !== 'pin' && directive !== 'prefer') return undefined;
    if (left.length === 2) return EMPTY_NODE;
    const zone = left.slice(0, -2).join('.');
    const inZone = ready.filter((endpoint) => endpoint.zone === zone);
    const served = inZone.length === 0 && directive === 'prefer' ? ready : inZone;
    return this.#entriesNode(endpointEntries(served, base, '', ''));
  }

  /**
   * Section 11. Whether there are reverse names for what has no name itself, slices without a Service that has
   * endpoints and objects in no namespace, is left open: CoreDNS says yes.
   */
  #reverseNode(name: Labels, labels: Labels, zone: Labels): Node | undefined {
    const strict = this.#reverseNodeFrom(name, labels, zone, this.#namedObjects());
    const lenient = this.#reverseNodeFrom(name, labels, zone, this.#shownObjects());
    if (JSON.stringify(strict) === JSON.stringify(lenient)) return strict;
    return { ...(lenient ?? EMPTY_NODE), unclear: 'reverse names of what has no name' };
  }

  #reverseNodeFrom(name: Labels, labels: Labels, zone: Labels, objects: ReverseObjects): Node | undefined {
    const family = sameLabel(zone.at(-2)!, 'ip6') ? 6 : 4;
    const arpa = name.slice(-2);
    const asked = leftOf(name, arpa).map(lowerAscii);
    const pointers = this.#pointersTo(addressOfReverse(asked, family), objects);
    if (labels.length === 0) {
      const apex = this.#apexNode(name, zone);
      return { records: [...apex.records, ...pointers] };
    }
    if (pointers.length > 0) return { records: pointers };
    const isAbove = this.#knownAddresses(objects)
      .filter((address) => address.length === (family === 4 ? 4 : 16))
      .map(reverseLabels)
      .some((owner) => owner.length > asked.length && endsWith(owner, asked));
    return isAbove ? EMPTY_NODE : undefined;
  }

  // ---- records ----------------------------------------------------------------------------------------------------

  #portEntries(
    service: RawService,
    ready: readonly ReadyAddress[],
    base: Labels,
    port: string,
    protocol: string,
  ): Entry[] {
    if (isHeadless(service)) return endpointEntries(ready, base, port, protocol);
    return portsOf(service.spec.ports)
      .filter((candidate) => portMatches(candidate, port, protocol))
      .flatMap(({ number }) => clusterIpsOf(service).map((address) => ({ target: base, address, port: number })));
  }

  /** Section 10: the Services that select this server's own addresses, else `ns.dns` with those addresses. */
  #nameServers(zone: Labels): { name: Labels; address: readonly number[] }[] {
    const home = isReverse(zone) ? this.#primaryZone() : zone;
    const local = this.#options.localAddresses.map((text) => formatAddress(parseAddress(text)!));
    const slices = this.#view
      .slices()
      .map((slice) => ({ slice, ready: this.#view.readyAddresses(slice) }))
      .filter(({ ready }) => ready.some((endpoint) => local.includes(formatAddress(endpoint.address))));
    if (slices.length === 0) {
      return local.map((text) => ({ name: ['ns', 'dns', ...home], address: parseAddress(text)! }));
    }
    return slices.flatMap(({ slice, ready }) => {
      const service = this.#view.service(slice.metadata.namespace ?? '', serviceNameOf(slice));
      if (service === undefined || isExternalName(service)) return [];
      const base = [...serviceLabels(service), ...home];
      if (!isHeadless(service)) return clusterIpsOf(service).map((address) => ({ name: base, address }));
      return ready.map((endpoint) => ({ name: [...endpoint.name, ...base], address: endpoint.address }));
    });
  }

  #pointersTo(address: readonly number[] | undefined, { services, slices }: ReverseObjects): NodeRecord[] {
    if (address === undefined) return [];
    const text = formatAddress(address);
    const isAt = (candidate: readonly number[]) => formatAddress(candidate) === text;
    const pointer = (labels: Labels): NodeRecord => ({
      type: TYPE.PTR,
      ttlSeconds: this.#options.ttlSeconds,
      rdata: formatName([...labels, ...this.#primaryZone()]),
    });
    const owners = services.filter((service) => clusterIpsOf(service).some(isAt));
    if (owners[0] !== undefined) return [pointer(serviceLabels(owners[0]))];
    const targets = slices.flatMap((slice) =>
      this.#view
        .readyAddresses(slice)
        .filter((endpoint) => isAt(endpoint.address))
        .map((endpoint) => pointer([...endpoint.name, serviceNameOf(slice), slice.metadata.namespace ?? '', 'svc'])),
    );
    return [...new Map(targets.map((record) => [lowerAscii(record.rdata), record])).values()];
  }

  #knownAddresses({ services, slices }: ReverseObjects): (readonly number[])[] {
    return [
      ...services.flatMap(clusterIpsOf),
      ...slices.flatMap((slice) => this.#view.readyAddresses(slice).map(({ address }) => address)),
    ];
  }

  #shownObjects(): ReverseObjects {
    const isShown = ({ metadata }: RawObject) => this.#view.isShownInReverse(metadata.namespace ?? '');
    return { services: this.#view.services().filter(isShown), slices: this.#view.slices().filter(isShown) };
  }

  #namedObjects(): ReverseObjects {
    const shown = this.#shownObjects();
    const isExposed = ({ metadata }: RawObject) => this.#view.isExposed(metadata.namespace ?? '');
    const slices = shown.slices.filter((slice) => {
      const service = this.#view.service(slice.metadata.namespace ?? '', serviceNameOf(slice));
      return isExposed(slice) && service !== undefined && !isExternalName(service);
    });
    return { services: shown.services.filter(isExposed), slices };
  }

  #primaryZone(): Labels {
    return this.#zones.find((zone) => !isReverse(zone)) ?? [];
  }

  #address(address: readonly number[]): NodeRecord {
    return addressRecord(address, this.#options.ttlSeconds);
  }

  #entriesNode(entries: readonly Entry[]): Node {
    return entriesNode(entries, this.#options.ttlSeconds);
  }

  #negativeTtl(): number {
    return Math.min(this.#options.ttlSeconds, NEGATIVE_TTL_MAX);
  }

  #soaRdata(zone: Labels): string {
    const own = formatName(zone);
    return `ns.dns.${own} hostmaster.${own} * 7200 1800 86400 ${this.#options.ttlSeconds}`;
  }

  #soa(zone: Labels): string {
    if (this.#external?.serves(zone) === true) return this.#external.soa(zone);
    return `${formatName(zone)} ${this.#negativeTtl()} SOA ${this.#soaRdata(zone)}`;
  }
}

function serviceLabels(service: RawService): Labels {
  return [service.metadata.name, service.metadata.namespace ?? '', 'svc'];
}

function empty(rcode: Expected['rcode'], aa: boolean): Expected {
  return { rcode, aa, answer: [], authority: [], additional: [] };
}

/** wire-and-rfc.md section 1: types that are no question about data. There is no zone transfer. */
function refusedType(qtype: number): Expected | undefined {
  switch (qtype) {
    case TYPE.OPT:
    case TYPE.TSIG:
      return empty('FORMERR', false);
    case TYPE.TKEY:
    case TYPE.MAILA:
    case TYPE.MAILB:
      return empty('NOTIMP', false);
    case TYPE.AXFR:
    case TYPE.IXFR:
      return empty('REFUSED', false);
    default:
      return undefined;
  }
}

function matchingPorts(service: RawService, ready: readonly ReadyAddress[], name: string, protocol: string): Port[] {
  const ports = isHeadless(service) ? ready.flatMap((endpoint) => endpoint.ports) : portsOf(service.spec.ports);
  return ports.filter((port) => portMatches(port, name, protocol));
}
