/**
 * The objects as DNS sees them: filters, readiness and defaults applied (kubernetes-records.md sections 1, 2, 6, 14).
 * Everything is computed again for every question; nothing is indexed.
 */
import type { RecordOptions } from '../../src/records/record-options.ts';
import { formatAddress, parseAddress } from '../wire/addresses.ts';
import { lowerAscii } from '../wire/names.ts';
import type { RawEndpoint, RawEndpointSlice, RawObject, RawPort, RawService } from './kubernetes-objects.ts';
import { selects } from './label-selector.ts';

/** Marks the slices of `importedObjects`: the source cluster. */
export const IMPORTED_FROM = 'oracle/imported-from';

/** `number` −1: the sentinel of an object without ports */
export interface Port {
  readonly name: string;
  readonly number: number;
  readonly protocol: string;
}

/** One ready address of a slice. */
export interface ReadyAddress {
  readonly address: readonly number[];
  /** what stands before the Service's name: its label, in a clusterset zone followed by the cluster */
  readonly name: readonly string[];
  readonly zone: string;
  readonly ports: readonly Port[];
}

export class ClusterView {
  readonly objects: readonly RawObject[];
  readonly options: RecordOptions;

  constructor(objects: readonly RawObject[], options: RecordOptions) {
    this.objects = objects;
    this.options = options;
  }

  /** The namespace exists and passes the filters. */
  isExposed(namespace: string): boolean {
    const wanted = lowerAscii(namespace);
    if (this.options.namespaces !== undefined && !this.options.namespaces.includes(wanted)) return false;
    return this.objects.some(
      (object) =>
        object.kind === 'Namespace' &&
        lowerAscii(object.metadata.name) === wanted &&
        (this.options.namespaceLabels === undefined ||
          selects(this.options.namespaceLabels, object.metadata.labels ?? {})),
    );
  }

  /**
   * Whether reverse names may show the namespace: the filters hide it; without a filter the Namespace object is not
   * looked for.
   */
  isShownInReverse(namespace: string): boolean {
    const isFiltered = this.options.namespaces !== undefined || this.options.namespaceLabels !== undefined;
    return !isFiltered || this.isExposed(namespace);
  }

  services(): RawService[] {
    return this.objects.filter((object) => object.kind === 'Service').filter((service) => this.#hasLabels(service));
  }

  service(namespace: string, name: string): RawService | undefined {
    return this.services().find(
      (service) =>
        lowerAscii(service.metadata.namespace ?? '') === lowerAscii(namespace) &&
        lowerAscii(service.metadata.name) === lowerAscii(name),
    );
  }

  /** Slices with the label of an owner. */
  slices(): RawEndpointSlice[] {
    if (this.options.noEndpoints) return [];
    return this.objects
      .filter((object) => object.kind === 'EndpointSlice')
      .filter((slice) => this.#hasLabels(slice) && serviceNameOf(slice) !== '');
  }

  slicesOf(service: RawService): RawEndpointSlice[] {
    return this.slices().filter(
      (slice) =>
        lowerAscii(serviceNameOf(slice)) === lowerAscii(service.metadata.name) &&
        lowerAscii(slice.metadata.namespace ?? '') === lowerAscii(service.metadata.namespace ?? ''),
    );
  }

  readyAddressesOf(service: RawService): ReadyAddress[] {
    return this.slicesOf(service).flatMap((slice) => this.readyAddresses(slice));
  }

  readyAddresses(slice: RawEndpointSlice): ReadyAddress[] {
    const ports = portsOf(slice.ports);
    return slice.endpoints
      .filter((endpoint) => endpoint.conditions?.ready !== false)
      .flatMap((endpoint) =>
        endpoint.addresses.flatMap((text) => {
          const address = parseAddress(text);
          if (address === undefined) return [];
          const zone = lowerAscii(endpoint.zone ?? '');
          const cluster = slice.metadata.labels?.[IMPORTED_FROM];
          const name = [this.#labelOf(endpoint, text), ...(cluster === undefined ? [] : [cluster])];
          return [{ address, name, zone, ports }];
        }),
      );
  }

  /** Pods with one of `addresses` in text form, in a namespace. */
  hasPod(namespace: string, addressText: string): boolean {
    return this.objects.some(
      (object) =>
        object.kind === 'Pod' &&
        this.#hasLabels(object) &&
        lowerAscii(object.metadata.namespace ?? '') === lowerAscii(namespace) &&
        !['Succeeded', 'Failed', 'Unknown'].includes(object.status.phase ?? '') &&
        object.metadata.deletionTimestamp === undefined &&
        (object.status.podIPs ?? []).some(({ ip }) => ip === addressText),
    );
  }

  #hasLabels(object: RawObject): boolean {
    if (object.metadata.isSelectedAlways === true) return true;
    return this.options.labels === undefined || selects(this.options.labels, object.metadata.labels ?? {});
  }

  /** Section 6. */
  #labelOf(endpoint: RawEndpoint, addressText: string): string {
    if (endpoint.hostname !== undefined && endpoint.hostname !== '') return endpoint.hostname;
    const podName = endpoint.targetRef?.name ?? '';
    if (this.options.endpointPodNames && podName !== '' && podName.length < 64) return podName;
    if (!addressText.includes(':')) return addressText.replaceAll('.', '-');
    const dashed = addressText.replaceAll(':', '-');
    return dashed.endsWith('-') ? `${dashed}0` : dashed;
  }
}

export function serviceNameOf(slice: RawEndpointSlice): string {
  return slice.metadata.labels?.['kubernetes.io/service-name'] ?? '';
}

/** Ports as the API server completes them; none: the sentinel. */
export function portsOf(ports: readonly RawPort[] | undefined): Port[] {
  if (ports === undefined || ports.length === 0) return [{ name: '', number: -1, protocol: '' }];
  return ports.map((port) => ({
    name: port.name ?? '',
    number: port.port ?? -1,
    protocol: port.protocol ?? 'TCP',
  }));
}

/** `spec.clusterIPs`, or `spec.clusterIP` where the list is empty. */
function clusterIpTexts(service: RawService): readonly string[] {
  const list = service.spec.clusterIPs ?? [];
  return list.length > 0 ? list : [service.spec.clusterIP ?? ''];
}

export function isExternalName(service: RawService): boolean {
  return service.spec.type === 'ExternalName';
}

export function isHeadless(service: RawService): boolean {
  return !isExternalName(service) && clusterIpTexts(service)[0] === 'None';
}

export function clusterIpsOf(service: RawService): (readonly number[])[] {
  if (isExternalName(service)) return [];
  return clusterIpTexts(service).flatMap((text) => {
    const address = parseAddress(text);
    return address === undefined ? [] : [address];
  });
}

/** The same addresses once each, in text form. */
export function distinctAddresses(addresses: readonly (readonly number[])[]): string[] {
  return [...new Set(addresses.map(formatAddress))];
}

/** `spec.externalIPs`, then for each load balancer its address, else its host name; one said twice is there twice. */
export function externalTextsOf(service: RawService): string[] {
  const ingress = service.status?.loadBalancer?.ingress ?? [];
  return [...(service.spec.externalIPs ?? []), ...ingress.map(({ ip, hostname }) => ip ?? hostname ?? '')].filter(
    (text) => text !== '',
  );
}
