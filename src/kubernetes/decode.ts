/**
 * Kubernetes objects as they come from YAML or JSON → the trimmed objects of objects.ts.
 *
 * Only what DNS reads is checked, by the API's own rules; other fields may hold anything. Kinds that DNS does not read
 * are passed over. Every fault is an ObjectError that names the field. What an API server has taken already is asked less
 * of: its rules are other ones in other releases, and what DNS can do without must not take the rest of an object away.
 */
import { parseIPv4, parseIPv6 } from '../dns/address.ts';
import { parseName } from '../dns/name.ts';
import { describe, Field } from './field.ts';
import type { FieldPath, ObjectError } from './object-error.ts';
import type { LabelSelector, Labels } from './label-selector.ts';
import { isSubdomain, LABEL, targetNameOf } from './name-rules.ts';
import type { ObjectKind } from './object-sink.ts';
import type {
  ClusterObject,
  Endpoint,
  EndpointSlice,
  NamedPort,
  Namespace,
  Pod,
  Service,
  ServiceImport,
} from './objects.ts';
import { TrimmedEndpoint } from './trimmed-endpoint.ts';

export interface DecodeOptions {
  /** Services, EndpointSlices and Pods that do not match are passed over (option `labels`) */
  readonly labels?: LabelSelector | undefined;
}

/** Labels of an EndpointSlice that are read. */
export const SLICE_LABELS = {
  SERVICE: 'kubernetes.io/service-name',
  IMPORTED_SERVICE: 'multicluster.kubernetes.io/service-name',
  SOURCE_CLUSTER: 'multicluster.kubernetes.io/source-cluster',
} as const;
export const TRIGGER_TIME_ANNOTATION = 'endpoints.kubernetes.io/last-change-trigger-time';
/** Annotations that are read; all others may be left out of what is decoded. */
export const NOTED_ANNOTATIONS: readonly string[] = [TRIGGER_TIME_ANNOTATION];
const PROTOCOLS = ['TCP', 'UDP', 'SCTP'] as const;
const PHASES_PASSED_OVER = new Set(['Succeeded', 'Failed', 'Unknown']);

/** group and version that each kind is decoded from */
const KINDS = {
  Service: { group: '', version: 'v1', decode: decodeService },
  Namespace: { group: '', version: 'v1', decode: decodeNamespace },
  Pod: { group: '', version: 'v1', decode: decodePod },
  EndpointSlice: { group: 'discovery.k8s.io', version: 'v1', decode: decodeEndpointSlice },
  ServiceImport: { group: 'multicluster.x-k8s.io', version: 'v1alpha1', decode: decodeServiceImport },
} as const;

/** What is asked of an object: 'written' by hand, all that an API server would ask; 'stored' there, what DNS can't do without. */
type Rules = 'written' | 'stored';

/** What option `labels` selects from; Namespaces have an option of their own. */
const SELECTED_KINDS: ReadonlySet<string> = new Set(['Service', 'EndpointSlice', 'Pod']);

/**
 * Decode one document: an object, or a list of objects (`List`, `ServiceList` …, also nested).
 *
 * @param raw  what a YAML or JSON parser returned; null and undefined are an empty document
 * @returns the objects that count for DNS, in their order; two of one name are both returned
 * @throws ObjectError with the path of the field, from the document's root on
 */
export function decodeObjects(raw: unknown, options: DecodeOptions = {}): ClusterObject[] {
  const objects: ClusterObject[] = [];
  const document = new Field(raw);
  if (!document.isAbsent) decodeInto(objects, document, undefined, options);
  return objects;
}

/**
 * Decode one object that is no list, such as the `object` of a watch event.
 *
 * @param path  where the object lies in its document
 * @returns undefined if DNS does not read it: another kind, a Pod that has ended, a slice of no Service, labels that do
 *   not match
 * @throws ObjectError
 */
export function decodeObject(
  raw: unknown,
  options: DecodeOptions = {},
  path: FieldPath = [],
): ClusterObject | undefined {
  return decodeField(new Field(raw, path), undefined, options, 'written', []);
}

/**
 * Decode an item of a list of one kind, or what a watch of it reports: kind and apiVersion may be missing.
 *
 * @param faults  gets what is wrong with parts of it that are left out
 * @returns undefined if DNS does not read it, as decodeObject
 * @throws ObjectError; its path starts at the object
 */
export function decodeObjectOf(kind: ObjectKind, raw: unknown, faults: ObjectError[] = []): ClusterObject | undefined {
  return decodeField(new Field(raw), { kind, apiVersion: apiVersionOf(kind) }, {}, 'stored', faults);
}

/** `v1`, `discovery.k8s.io/v1` … */
export function apiVersionOf(kind: ObjectKind): string {
  const { group, version } = KINDS[kind];
  return group === '' ? version : `${group}/${version}`;
}

interface ItemType {
  readonly kind: string;
  readonly apiVersion: string;
}

/** @param defaults  type of the items of a typed list, whose items need not repeat it */
function decodeInto(
  objects: ClusterObject[],
  field: Field,
  defaults: ItemType | undefined,
  options: DecodeOptions,
): void {
  const kind = field.get('kind').text() || (defaults?.kind ?? '');
  if (kind.endsWith('List')) {
    const apiVersion = field.get('apiVersion').text();
    const itemType = kind === 'List' ? undefined : { kind: kind.slice(0, -'List'.length), apiVersion };
    for (const item of field.get('items').items()) decodeInto(objects, item, itemType, options);
    return;
  }
  const object = decodeField(field, defaults, options, 'written', []);
  if (object !== undefined) objects.push(object);
}

function decodeField(
  field: Field,
  defaults: ItemType | undefined,
  options: DecodeOptions,
  rules: Rules,
  faults: ObjectError[],
): ClusterObject | undefined {
  const kind = field.get('kind').text() || defaults?.kind || field.get('kind').requiredText();
  const apiVersion = field.get('apiVersion').text() || defaults?.apiVersion || field.get('apiVersion').requiredText();
  if (!Object.hasOwn(KINDS, kind)) return undefined;
  const known = KINDS[kind as keyof typeof KINDS];
  const slash = apiVersion.indexOf('/');
  // A Service of another group (serving.knative.dev) is another kind of object.
  if (apiVersion.slice(0, Math.max(slash, 0)) !== known.group) return undefined;
  if (apiVersion.slice(slash + 1) !== known.version) {
    const expected = apiVersionOf(kind as ObjectKind);
    throw field.get('apiVersion').error(`${kind} is read from ${expected}, not ${apiVersion}`);
  }
  const labels = decodeLabels(field.get('metadata').get('labels'));
  if (SELECTED_KINDS.has(kind) && options.labels?.matches(labels) === false) return undefined;
  return known.decode(field, labels, rules, faults);
}

function decodeService(field: Field, _labels: Labels, rules: Rules): Service {
  const spec = field.get('spec');
  const type = spec.get('type').oneOf(['ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName']);
  const isExternal = type === 'ExternalName';
  return {
    kind: 'Service',
    ...decodeObjectName(field, decodeLabel),
    type: isExternal ? 'ExternalName' : 'ClusterIP',
    clusterIPs: isExternal ? [] : decodeClusterIPs(spec),
    externalName: isExternal ? decodeDomainName(spec.get('externalName')) : '',
    externalIPs: decodeExternalIPs(field),
    ports: decodeServicePorts(spec.get('ports'), rules),
  };
}

function decodeClusterIPs(spec: Field): string[] {
  const list = spec.get('clusterIPs').items();
  const fields = list.length > 0 ? list : [spec.get('clusterIP')];
  const clusterIPs: string[] = [];
  for (const item of fields) {
    const text = item.text();
    if (text === 'None') return ['None'];
    if (text === '') continue;
    requireAddress(item, text);
    clusterIPs.push(text);
  }
  return clusterIPs;
}

function decodeDomainName(field: Field): string {
  const text = field.requiredText();
  if (parseName(text) === null) throw field.error(`must be a domain name, not ${JSON.stringify(text)}`);
  return text;
}

function decodeExternalIPs(field: Field): string[] {
  const externalIPs: string[] = [];
  for (const item of field.get('spec').get('externalIPs').items()) {
    externalIPs.push(requireAddress(item, item.requiredText()));
  }
  for (const ingress of field.get('status').get('loadBalancer').get('ingress').items()) {
    const ip = ingress.get('ip').text();
    const hostname = ingress.get('hostname').text();
    if (ip !== '') externalIPs.push(requireAddress(ingress.get('ip'), ip));
    else if (hostname !== '') externalIPs.push(decodeDomainName(ingress.get('hostname')));
  }
  return externalIPs;
}

function decodeServicePorts(field: Field, rules: Rules): NamedPort[] {
  const items = field.items();
  const names = new Set<string>();
  return items.map((item) => {
    const name = decodePortName(item.get('name'));
    if (rules === 'written') {
      if (name === '' && items.length > 1) throw item.get('name').error('is required where there are several ports');
      if (names.has(name)) throw item.get('name').error(`${JSON.stringify(name)} is there twice`);
      names.add(name);
    }
    const port = item.get('port').port();
    if (port === undefined) throw item.get('port').error('is required');
    return { name, port, protocol: decodeProtocol(item.get('protocol'), rules) };
  });
}

function decodeEndpointSlice(
  field: Field,
  labels: Labels,
  rules: Rules,
  faults: ObjectError[],
): EndpointSlice | undefined {
  const service = lowerLabel(labels, SLICE_LABELS.SERVICE);
  const importedService = lowerLabel(labels, SLICE_LABELS.IMPORTED_SERVICE);
  const type = decodeAddressType(field.get('addressType'), rules);
  if (service === '' && importedService === '') return undefined;
  return {
    kind: 'EndpointSlice',
    ...decodeObjectName(field),
    service,
    importedService,
    sourceCluster: lowerLabel(labels, SLICE_LABELS.SOURCE_CLUSTER),
    triggerTimeMs: triggerTimeOf(field.get('metadata').get('annotations').get(TRIGGER_TIME_ANNOTATION).value),
    ports: decodeSlicePorts(field.get('ports'), rules),
    endpoints: decodeEndpoints(field.get('endpoints'), { type, rules, faults }),
  };
}

/** How the addresses of a slice are read. */
interface AddressReading {
  readonly type: AddressType;
  readonly rules: Rules;
  readonly faults: ObjectError[];
}

type AddressType = '' | 'IPv4' | 'IPv6' | 'FQDN';

/** An address that is stored is what it is, whatever its slice calls it. */
function decodeAddressType(field: Field, rules: Rules): AddressType {
  if (rules === 'stored') return field.value === 'FQDN' ? 'FQDN' : '';
  return field.oneOf(['', 'IPv4', 'IPv6', 'FQDN']);
}

/** '' if the label is not there */
function lowerLabel(labels: Labels, key: string): string {
  return Object.hasOwn(labels, key) ? labels[key]!.toLowerCase() : '';
}

const RFC3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;

/** Only a figure for the metrics: what is no time is passed over. @returns Unix time in ms; 0: none */
export function triggerTimeOf(value: unknown): number {
  const timeMs = typeof value === 'string' && RFC3339.test(value) ? Date.parse(value) : NaN;
  return Number.isNaN(timeMs) ? 0 : timeMs;
}

/** A port without number stands for all ports: there is nothing an SRV record could say, so its number is 0. */
function decodeSlicePorts(field: Field, rules: Rules): NamedPort[] {
  return field.items().map((item) => ({
    name: decodePortName(item.get('name')),
    port: item.get('port').port() ?? 0,
    protocol: decodeProtocol(item.get('protocol'), rules),
  }));
}

function decodeEndpoints(field: Field, reading: AddressReading): readonly Endpoint[] {
  const endpoints: Endpoint[] = [];
  const items = field.rawItems();
  for (let index = 0; index < items.length; index++) {
    const raw = items[index];
    if (!(raw instanceof TrimmedEndpoint)) {
      const endpoint = decodeEndpoint(field.item(index), reading);
      if (endpoint !== undefined) endpoints.push(endpoint);
    } else if (raw.isReady) endpoints.push(raw.endpoint);
  }
  return endpoints;
}

/** @returns undefined if it is not served */
function decodeEndpoint(item: Field, { type, rules, faults }: AddressReading): Endpoint | undefined {
  const ready = item.get('conditions').get('ready').boolean();
  const items = item.get('addresses').items();
  if (items.length === 0 && rules === 'written') throw item.get('addresses').error('is required');
  const addresses: string[] = [];
  for (const address of items) {
    const { value } = address;
    if (typeof value === 'string' && isAddress(value, type === 'FQDN' ? '' : type)) {
      addresses.push(value);
      continue;
    }
    // Host names as endpoints have no meaning in Service discovery; the API only keeps the type for other users.
    if (type === 'FQDN' && typeof value === 'string') continue;
    const fault = addressFault(address, type === 'FQDN' ? '' : type);
    if (rules === 'written') throw fault;
    if (ready !== false) faults.push(fault);
  }
  if (addresses.length === 0) return undefined;
  const hostname = decodeHostname(item.get('hostname'));
  const targetName = targetNameOf(item.get('targetRef').get('name').text());
  const zone = item.get('zone').text().toLowerCase();
  return ready === false ? undefined : { addresses, hostname, targetName, zone };
}

function decodeNamespace(field: Field, labels: Labels): Namespace {
  const name = decodeLabel(field.get('metadata').get('name'));
  // The API server sets this label on every Namespace; a manifest does not have it.
  return { kind: 'Namespace', name, labels: { ...labels, 'kubernetes.io/metadata.name': name } };
}

function decodePod(field: Field, labels: Labels): Pod | undefined {
  const name = decodeObjectName(field);
  const status = field.get('status');
  const podIPs = status
    .get('podIPs')
    .items()
    .map((item) => requireAddress(item.get('ip'), item.get('ip').requiredText()));
  if (PHASES_PASSED_OVER.has(status.get('phase').text())) return undefined;
  return {
    kind: 'Pod',
    ...name,
    podIPs,
    ...(Object.keys(labels).length > 0 && { labels }),
    isHostNetwork: field.get('spec').get('hostNetwork').boolean() ?? false,
    isTerminating: !field.get('metadata').get('deletionTimestamp').isAbsent,
  };
}

function decodeServiceImport(field: Field, _labels: Labels, rules: Rules): ServiceImport {
  const spec = field.get('spec');
  const type = spec.get('type').oneOf(['ClusterSetIP', 'Headless']);
  const ips = spec
    .get('ips')
    .items()
    .map((item) => requireAddress(item, item.requiredText()));
  return {
    kind: 'ServiceImport',
    ...decodeObjectName(field, decodeLabel),
    type,
    ips: type === 'Headless' ? [] : ips,
    ports: decodeImportPorts(spec.get('ports'), rules),
  };
}

/** The CRD asks for a number and nothing else: names may be missing or the same. */
function decodeImportPorts(field: Field, rules: Rules): NamedPort[] {
  return field.items().map((item) => {
    const port = item.get('port').port();
    if (port === undefined) throw item.get('port').error('is required');
    return { name: decodePortName(item.get('name')), port, protocol: decodeProtocol(item.get('protocol'), rules) };
  });
}

/** Names compare without letter case. The namespace defaults as kubectl defaults it. */
function decodeObjectName(
  field: Field,
  decodeName: (name: Field) => string = decodeSubdomain,
): { namespace: string; name: string } {
  const metadata = field.get('metadata');
  const namespace = metadata.get('namespace');
  return {
    namespace: namespace.isAbsent ? 'default' : decodeLabel(namespace),
    name: decodeName(metadata.get('name')),
  };
}

function decodeLabels(field: Field): Labels {
  const labels: Record<string, string> = {};
  for (const key of Object.keys(field.mapping())) labels[key] = field.get(key).text();
  return labels;
}

function decodeLabel(field: Field): string {
  const label = field.requiredText().toLowerCase();
  if (!LABEL.test(label)) {
    throw field.error(
      `must be letters, digits and '-', at most 63, with no '-' at an end, not ${JSON.stringify(label)}`,
    );
  }
  return label;
}

function decodeSubdomain(field: Field): string {
  const name = field.requiredText().toLowerCase();
  if (!isSubdomain(name)) {
    throw field.error(
      `must be letters, digits, '-' and '.', at most 253, each part with a letter or digit at both ends, not ${JSON.stringify(name)}`,
    );
  }
  return name;
}

function decodeHostname(field: Field): string {
  return field.text() === '' ? '' : decodeLabel(field);
}

function decodePortName(field: Field): string {
  return field.text() === '' ? '' : decodeLabel(field);
}

function decodeProtocol(field: Field, rules: Rules): string {
  const { value } = field;
  const written = rules === 'stored' && typeof value === 'string' ? value.toUpperCase() : value;
  return PROTOCOLS.find((protocol) => protocol === written) ?? field.oneOf(PROTOCOLS);
}

function requireAddress(field: Field, text: string): string {
  if (!isAddress(text, '')) throw addressFault(field, '');
  return text;
}

function isAddress(text: string, type: '' | 'IPv4' | 'IPv6'): boolean {
  return (type !== 'IPv6' && parseIPv4(text) !== null) || (type !== 'IPv4' && parseIPv6(text) !== null);
}

function addressFault(field: Field, type: '' | 'IPv4' | 'IPv6'): ObjectError {
  if (field.isAbsent || field.value === '') return field.error('is required');
  return field.error(`must be an ${type === '' ? 'IP' : type} address, not ${describe(field.value)}`);
}
