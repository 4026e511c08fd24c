/** Section 18: what the zones of `k8s_external` owe. */
import { TYPE } from '../../src/dns/iana.ts';
import type { ExternalOptions } from '../../src/records/record-options.ts';
import { addressOfReverse, formatAddress, parseAddress, reverseLabels } from '../wire/addresses.ts';
import { endsWith, formatName, leftOf, lowerAscii, parseName, sameLabel, type Labels } from '../wire/names.ts';
import { externalTextsOf, isHeadless, portsOf, serviceNameOf, type ClusterView, type Port } from './cluster-view.ts';
import type { RawService } from './kubernetes-objects.ts';
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
  weightOf,
  type Node,
  type NodeRecord,
} from './nodes.ts';

export class ExternalModel {
  readonly zones: readonly Labels[];
  readonly ttlSeconds: number;
  /** of SRV and CNAME records */
  readonly #targetTtlSeconds: number;
  readonly #view: ClusterView;
  readonly #options: ExternalOptions;
  readonly #apex: Labels;

  constructor(view: ClusterView, options: ExternalOptions, targetTtlSeconds: number) {
    this.#targetTtlSeconds = targetTtlSeconds;
    this.#view = view;
    this.#options = options;
    this.zones = options.zones.map(parseName);
    this.ttlSeconds = options.ttlSeconds;
    this.#apex = parseName(options.apex);
  }

  /** Whether a zone, in any letter case, is one of these. */
  serves(zone: Labels): boolean {
    return this.zones.some((own) => own.length === zone.length && endsWith(zone, own));
  }

  soa(zone: Labels): string {
    return `${formatName(zone)} ${this.ttlSeconds} SOA ${this.#soaRdata(zone)}`;
  }

  /**
   * @param labels  left of the zone, lower-cased
   * @param zone    as the name writes it
   */
  nodeAt(name: Labels, labels: Labels, zone: Labels): Node | undefined {
    if (isReverse(zone)) {
      const node = this.#reverseNode(name);
      if (node !== undefined && labels.length > 0) return node;
    }
    if (labels.length === 0) return this.#apexNode(name, zone);
    if (endsWith(labels, this.#apex)) return this.#apexNameNode(leftOf(labels, this.#apex));
    if (endsWith(this.#apex, labels)) return EMPTY_NODE;
    const namespace = labels.at(-1)!;
    if (!this.#isShown(namespace)) return undefined;
    if (labels.length === 1) return EMPTY_NODE;
    const service = this.#view.service(namespace, labels.at(-2)!);
    return service === undefined ? undefined : this.#serviceNode(service, labels.slice(0, -2), zone);
  }

  #apexNode(name: Labels, zone: Labels): Node {
    const server = ['ns1', ...this.#apex, ...zone];
    const extra = this.#serverAddresses().map((record) => recordLine(server, record));
    return {
      records: [
        { type: TYPE.SOA, ttlSeconds: this.ttlSeconds, rdata: this.#soaRdata(name) },
        { type: TYPE.NS, ttlSeconds: this.ttlSeconds, rdata: formatName(server), extra },
      ],
    };
  }

  #apexNameNode(left: Labels): Node | undefined {
    if (left.length === 0) return EMPTY_NODE;
    return left.length === 1 && left[0] === 'ns1' ? { records: this.#serverAddresses() } : undefined;
  }

  #serviceNode(service: RawService, left: Labels, zone: Labels): Node | undefined {
    const texts = externalTextsOf(service);
    const base = [service.metadata.name, service.metadata.namespace ?? '', ...zone];
    if (texts.length > 0) return this.#reachableNode(texts, portsOf(service.spec.ports), left, base);
    const ready = this.#view.readyAddressesOf(service);
    if (!this.#options.hasHeadless || !isHeadless(service) || ready.length === 0) return undefined;
    const endpoints = ready.filter(({ name }) => left.length === 1 && sameLabel(name[0]!, left[0]!));
    if (endpoints.length > 0)
      return entriesNode(endpointEntries(endpoints, base, '', ''), this.ttlSeconds, this.#targetTtlSeconds);
    const ports = ready.flatMap((endpoint) => endpoint.ports);
    const asked = askedPorts(left, ports);
    if (asked === 'parent') return EMPTY_NODE;
    if (asked === undefined) return undefined;
    return entriesNode(
      endpointEntries(ready, base, asked.port, asked.protocol),
      this.ttlSeconds,
      this.#targetTtlSeconds,
    );
  }

  /** A Service with external addresses, or with nothing but host names of load balancers. */
  #reachableNode(texts: readonly string[], ports: readonly Port[], left: Labels, base: Labels): Node | undefined {
    const asked = askedPorts(left, ports);
    if (asked === 'parent') return EMPTY_NODE;
    if (asked === undefined) return undefined;
    const matching = ports.filter((port) => portMatches(port, asked.port, asked.protocol));
    const addresses = texts.flatMap((text) => parseAddress(text) ?? []);
    const known = texts.map(parseAddress).filter((address) => address !== undefined);
    if (addresses.length > 0) {
      const entries = known.flatMap((address) =>
        matching.map(({ number }) => ({ target: base, address, port: number })),
      );
      return entriesNode(entries, this.ttlSeconds, this.#targetTtlSeconds);
    }
    const target = parseName(texts[0]!);
    const weight = weightOf(new Set(texts).size * matching.length);
    const numbers = new Set(matching.map(({ number }) => number).filter((number) => number !== -1));
    const records = [...numbers].map((number): NodeRecord => {
      const rdata = `0 ${weight} ${number} ${formatName(target)}`;
      return { type: TYPE.SRV, ttlSeconds: this.#targetTtlSeconds, rdata };
    });
    return { records, target };
  }

  #reverseNode(name: Labels): Node | undefined {
    const arpa = name.slice(-2);
    const asked = leftOf(name, arpa).map(lowerAscii);
    const family = sameLabel(arpa[0]!, 'ip6') ? 6 : 4;
    const address = addressOfReverse(asked, family);
    const known = this.#view
      .services()
      .filter(({ metadata }) => this.#isShown(metadata.namespace ?? ''))
      .flatMap((service) => externalTextsOf(service).map((text) => ({ service, address: parseAddress(text) })));
    const primary = this.zones.find((zone) => !isReverse(zone)) ?? this.zones[0]!;
    const targets = known.flatMap(({ service, address: own }) =>
      address !== undefined && own !== undefined && formatAddress(own) === formatAddress(address)
        ? [formatName([service.metadata.name, service.metadata.namespace ?? '', ...primary])]
        : [],
    );
    if (targets.length > 0) {
      const records = [...new Set(targets)].map((rdata) => ({ type: TYPE.PTR, ttlSeconds: this.ttlSeconds, rdata }));
      return { records };
    }
    const isAbove = known.some(({ address: own }) => {
      if (own === undefined || own.length !== (family === 4 ? 4 : 16)) return false;
      const owner = reverseLabels(own);
      return owner.length > asked.length && endsWith(owner, asked);
    });
    return isAbove ? EMPTY_NODE : undefined;
  }

  /** A namespace that the apex name hides has no names. */
  #isShown(namespace: string): boolean {
    return this.#view.isExposed(namespace) && !sameLabel(namespace, this.#apex.at(-1)!);
  }

  /** The external addresses of the Services that select this server's own addresses, else these. */
  #serverAddresses(): NodeRecord[] {
    const local = this.#view.options.localAddresses.map((text) => formatAddress(parseAddress(text)!));
    const slices = this.#view
      .slices()
      .map((slice) => ({ slice, ready: this.#view.readyAddresses(slice) }))
      .filter(({ ready }) => ready.some(({ address }) => local.includes(formatAddress(address))));
    const texts = slices.flatMap(({ slice, ready }) => {
      const service = this.#view.service(slice.metadata.namespace ?? '', serviceNameOf(slice));
      if (service === undefined) return [];
      if (this.#options.hasHeadless && isHeadless(service)) return ready.map(({ address }) => formatAddress(address));
      return externalTextsOf(service);
    });
    const addresses = (slices.length === 0 ? local : texts).map(parseAddress).filter((one) => one !== undefined);
    return [...new Set(addresses.map(formatAddress))].map((text) =>
      addressRecord(parseAddress(text)!, this.ttlSeconds),
    );
  }

  #soaRdata(zone: Labels): string {
    const apex = formatName([...this.#apex, ...zone]);
    return `ns1.${apex} hostmaster.${apex} * 7200 1800 86400 ${this.ttlSeconds}`;
  }
}

/**
 * What is asked of ports left of a Service's name: the Service itself, its ports of one name and protocol, or `_protocol`,
 * above such a name. undefined: there is no such name.
 */
function askedPorts(
  left: Labels,
  ports: readonly Port[],
): { readonly port: string; readonly protocol: string } | 'parent' | undefined {
  if (left.length === 0) return { port: '', protocol: '' };
  const [port, protocol] = left.map(stripUnderscore);
  if (isPortName(left)) {
    const isThere = ports.some((one) => portMatches(one, port!, protocol!));
    return isThere ? { port: port!, protocol: protocol! } : undefined;
  }
  const isParent = left.length === 1 && left[0] === `_${port}` && port !== '';
  return isParent && ports.some((one) => one.name !== '' && sameLabel(one.protocol, port!)) ? 'parent' : undefined;
}
