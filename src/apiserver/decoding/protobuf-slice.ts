/**
 * An EndpointSlice in a watch event, without a value a field: of a large cluster that changes all the time nearly every event is
 * one. Only what is as it should be is read here; of anything else the general way knows what is wrong, and where.
 */
import { SLICE_LABELS, triggerTimeOf, TRIGGER_TIME_ANNOTATION } from '../../kubernetes/decode.ts';
import { isSubdomain, LABEL } from '../../kubernetes/name-rules.ts';
import type { Endpoint, EndpointSlice, NamedPort } from '../../kubernetes/objects.ts';
import { readEndpoint } from './protobuf-endpoint.ts';
import { MAP_ENTRY } from './protobuf-messages.ts';
import type { ProtobufReader } from './protobuf-reader.ts';

/** Numbers of the fields: as in protobuf-messages.ts, which a test compares. */
const METADATA = 1;
const ENDPOINTS = 2;
const PORTS = 3;
const ADDRESS_TYPE = 4;
const META_NAME = 1;
const META_NAMESPACE = 3;
const META_RESOURCE_VERSION = 6;
const META_LABELS = 11;
const META_ANNOTATIONS = 12;
const PORT_NAME = 1;
const PORT_PROTOCOL = 2;
const PORT_PORT = 3;

export class TrimmedSlice {
  readonly slice: EndpointSlice;
  readonly resourceVersion: string;

  constructor(slice: EndpointSlice, resourceVersion: string) {
    this.slice = slice;
    this.resourceVersion = resourceVersion;
  }
}

/** What is read of the metadata; used again for each slice. */
interface SliceMeta {
  count: number;
  name: string;
  namespace: string;
  resourceVersion: string;
  service: string;
  importedService: string;
  sourceCluster: string;
  triggerTime: string;
}

const meta: SliceMeta = {
  count: 0,
  name: '',
  namespace: '',
  resourceVersion: '',
  service: '',
  importedService: '',
  sourceCluster: '',
  triggerTime: '',
};

/**
 * Read the EndpointSlice that the reader is in, to its end.
 *
 * @returns undefined if it is not for here, but for its octets: then the reader is anywhere in it
 * @throws SkyshardError API_RESPONSE
 */
export function readSlice(reader: ProtobufReader): TrimmedSlice | undefined {
  const endpoints: Endpoint[] = [];
  const ports: NamedPort[] = [];
  meta.count = 0;
  for (let number = reader.nextField(); number !== 0; number = reader.nextField()) {
    switch (number) {
      case METADATA:
        readMeta(reader);
        break;
      case ENDPOINTS: {
        const outerEnd = reader.enter();
        const endpoint = readEndpoint(reader);
        if (endpoint === undefined) return undefined;
        reader.leave(outerEnd);
        if (endpoint.isReady) endpoints.push(endpoint.endpoint);
        break;
      }
      case PORTS: {
        const port = readPort(reader);
        if (port === undefined) return undefined;
        ports.push(port);
        break;
      }
      case ADDRESS_TYPE:
        if (reader.readText() === 'FQDN') return undefined;
        break;
      default:
        reader.skip();
    }
  }
  const name = meta.name.toLowerCase();
  const namespace = meta.namespace.toLowerCase();
  if (meta.count !== 1 || !isSubdomain(name) || !LABEL.test(namespace)) return undefined;
  if (meta.service === '' && meta.importedService === '') return undefined;
  const slice: EndpointSlice = {
    kind: 'EndpointSlice',
    namespace,
    name,
    service: meta.service.toLowerCase(),
    importedService: meta.importedService.toLowerCase(),
    sourceCluster: meta.sourceCluster.toLowerCase(),
    triggerTimeMs: triggerTimeOf(meta.triggerTime),
    ports,
    endpoints,
  };
  return new TrimmedSlice(slice, meta.resourceVersion);
}

function readMeta(reader: ProtobufReader): void {
  meta.count++;
  meta.name = meta.namespace = meta.resourceVersion = '';
  meta.service = meta.importedService = meta.sourceCluster = meta.triggerTime = '';
  const outerEnd = reader.enter();
  for (let number = reader.nextField(); number !== 0; number = reader.nextField()) {
    switch (number) {
      case META_NAME:
        meta.name = reader.readText() || meta.name;
        break;
      case META_NAMESPACE:
        meta.namespace = reader.readText() || meta.namespace;
        break;
      case META_RESOURCE_VERSION:
        meta.resourceVersion = reader.readText() || meta.resourceVersion;
        break;
      case META_LABELS:
      case META_ANNOTATIONS:
        readEntry(reader, number);
        break;
      default:
        reader.skip();
    }
  }
  reader.leave(outerEnd);
}

function readEntry(reader: ProtobufReader, field: number): void {
  let key = '';
  let value = '';
  const outerEnd = reader.enter();
  for (let number = reader.nextField(); number !== 0; number = reader.nextField()) {
    if (number === MAP_ENTRY.KEY) key = reader.readText();
    else if (number === MAP_ENTRY.VALUE && isWanted(field, key)) value = reader.readText();
    else reader.skip();
  }
  reader.leave(outerEnd);
  if (field === META_ANNOTATIONS) {
    if (key === TRIGGER_TIME_ANNOTATION) meta.triggerTime = value;
  } else if (key === SLICE_LABELS.SERVICE) meta.service = value;
  else if (key === SLICE_LABELS.IMPORTED_SERVICE) meta.importedService = value;
  else if (key === SLICE_LABELS.SOURCE_CLUSTER) meta.sourceCluster = value;
}

/** A value whose key has not come yet is taken. */
function isWanted(field: number, key: string): boolean {
  if (key === '') return true;
  if (field === META_ANNOTATIONS) return key === TRIGGER_TIME_ANNOTATION;
  return key === SLICE_LABELS.SERVICE || key === SLICE_LABELS.IMPORTED_SERVICE || key === SLICE_LABELS.SOURCE_CLUSTER;
}

/** @returns undefined if something is wrong with it; the reader is behind it in any case */
function readPort(reader: ProtobufReader): NamedPort | undefined {
  let name = '';
  let protocol = '';
  let port = 0;
  let hasPort = false;
  const outerEnd = reader.enter();
  for (let number = reader.nextField(); number !== 0; number = reader.nextField()) {
    if (number === PORT_NAME) name = reader.readText() || name;
    else if (number === PORT_PROTOCOL) protocol = reader.readText() || protocol;
    else if (number === PORT_PORT) {
      port = reader.readInt32();
      hasPort = true;
    } else reader.skip();
  }
  reader.leave(outerEnd);
  const label = name.toLowerCase();
  if (label !== '' && !LABEL.test(label)) return undefined;
  if (hasPort && (port < 1 || port > 65_535)) return undefined;
  if (protocol !== '' && protocol !== 'TCP' && protocol !== 'UDP' && protocol !== 'SCTP') return undefined;
  return { name: label, port, protocol: protocol || 'TCP' };
}
