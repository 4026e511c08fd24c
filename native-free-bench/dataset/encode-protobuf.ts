/**
 * Kubernetes objects, as JSON has them → protobuf, as the API server writes it. Field numbers stand here again, with those of
 * fields that DNS does not read: an encoder that took the decoder's table would agree with its mistakes.
 */

type Raw = Readonly<Record<string, unknown>>;
/** number, name in JSON, type; `[]`: repeated */
type FieldRow = readonly [number: number, name: string, type: string];

const MESSAGES: Readonly<Record<string, readonly FieldRow[]>> = {
  TypeMeta: [
    [1, 'apiVersion', 'text'],
    [2, 'kind', 'text'],
  ],
  ListMeta: [
    [1, 'selfLink', 'text'],
    [2, 'resourceVersion', 'text'],
    [3, 'continue', 'text'],
    [4, 'remainingItemCount', 'number'],
  ],
  ObjectMeta: [
    [1, 'name', 'text'],
    [2, 'generateName', 'text'],
    [3, 'namespace', 'text'],
    [5, 'uid', 'text'],
    [6, 'resourceVersion', 'text'],
    [7, 'generation', 'number'],
    [8, 'creationTimestamp', 'time'],
    [9, 'deletionTimestamp', 'time'],
    [10, 'deletionGracePeriodSeconds', 'number'],
    [11, 'labels', 'map'],
    [12, 'annotations', 'map'],
    [14, 'finalizers', 'text[]'],
    [17, 'managedFields', 'ManagedFieldsEntry[]'],
  ],
  ManagedFieldsEntry: [
    [1, 'manager', 'text'],
    [2, 'operation', 'text'],
    [7, 'fieldsV1', 'FieldsV1'],
  ],
  FieldsV1: [[1, 'f:spec', 'json']],
  Service: [
    [1, 'metadata', 'ObjectMeta'],
    [2, 'spec', 'ServiceSpec'],
    [3, 'status', 'ServiceStatus'],
  ],
  ServiceSpec: [
    [1, 'ports', 'ServicePort[]'],
    [2, 'selector', 'map'],
    [3, 'clusterIP', 'text'],
    [4, 'type', 'text'],
    [5, 'externalIPs', 'text[]'],
    [7, 'sessionAffinity', 'text'],
    [10, 'externalName', 'text'],
    [12, 'healthCheckNodePort', 'number'],
    [18, 'clusterIPs', 'text[]'],
    [19, 'ipFamilies', 'text[]'],
  ],
  ServicePort: [
    [1, 'name', 'text'],
    [2, 'protocol', 'text'],
    [3, 'port', 'number'],
    [5, 'nodePort', 'number'],
    [6, 'appProtocol', 'text'],
  ],
  ServiceStatus: [[1, 'loadBalancer', 'LoadBalancerStatus']],
  LoadBalancerStatus: [[1, 'ingress', 'LoadBalancerIngress[]']],
  LoadBalancerIngress: [
    [1, 'ip', 'text'],
    [2, 'hostname', 'text'],
    [3, 'ipMode', 'text'],
  ],
  EndpointSlice: [
    [1, 'metadata', 'ObjectMeta'],
    [2, 'endpoints', 'Endpoint[]'],
    [3, 'ports', 'EndpointPort[]'],
    [4, 'addressType', 'text'],
  ],
  Endpoint: [
    [1, 'addresses', 'text[]'],
    [2, 'conditions', 'EndpointConditions'],
    [3, 'hostname', 'text'],
    [4, 'targetRef', 'ObjectReference'],
    [5, 'deprecatedTopology', 'map'],
    [6, 'nodeName', 'text'],
    [7, 'zone', 'text'],
  ],
  EndpointConditions: [
    [1, 'ready', 'boolean'],
    [2, 'serving', 'boolean'],
    [3, 'terminating', 'boolean'],
  ],
  EndpointPort: [
    [1, 'name', 'text'],
    [2, 'protocol', 'text'],
    [3, 'port', 'number'],
    [4, 'appProtocol', 'text'],
  ],
  ObjectReference: [
    [1, 'kind', 'text'],
    [2, 'namespace', 'text'],
    [3, 'name', 'text'],
    [4, 'uid', 'text'],
  ],
  Pod: [
    [1, 'metadata', 'ObjectMeta'],
    [2, 'spec', 'PodSpec'],
    [3, 'status', 'PodStatus'],
  ],
  PodSpec: [
    [2, 'containers', 'Container[]'],
    [4, 'terminationGracePeriodSeconds', 'number'],
    [10, 'nodeName', 'text'],
    [11, 'hostNetwork', 'boolean'],
  ],
  Container: [
    [1, 'name', 'text'],
    [2, 'image', 'text'],
  ],
  PodStatus: [
    [1, 'phase', 'text'],
    [5, 'hostIP', 'text'],
    [6, 'podIP', 'text'],
    [7, 'startTime', 'time'],
    [12, 'podIPs', 'PodIP[]'],
  ],
  PodIP: [[1, 'ip', 'text']],
  Namespace: [
    [1, 'metadata', 'ObjectMeta'],
    [3, 'status', 'NamespaceStatus'],
  ],
  NamespaceStatus: [[1, 'phase', 'text']],
  Status: [
    [1, 'metadata', 'ListMeta'],
    [2, 'status', 'text'],
    [3, 'message', 'text'],
    [4, 'reason', 'text'],
    [5, 'details', 'StatusDetails'],
    [6, 'code', 'number'],
  ],
  StatusDetails: [
    [1, 'name', 'text'],
    [3, 'kind', 'text'],
    [5, 'retryAfterSeconds', 'number'],
  ],
};

const VARINT = 0;
const LEN = 2;
const MAGIC = Buffer.from('k8s\0', 'latin1');

/** 64 bits, two's complement. */
export function varint(value: number | bigint): Buffer {
  const octets: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest > 0x7fn; rest >>= 7n) octets.push(Number(rest & 0x7fn) | 0x80);
  return Buffer.from([...octets, Number(rest)]);
}

export function octetsField(number: number, octets: Uint8Array | string): Buffer {
  const content = typeof octets === 'string' ? Buffer.from(octets) : octets;
  return Buffer.concat([varint(number * 8 + LEN), varint(content.length), content]);
}

export function numberField(number: number, value: number | bigint): Buffer {
  return Buffer.concat([varint(number * 8 + VARINT), varint(value)]);
}

/** The fields of a message in rising order, as Go's generated code writes them. */
export function encodeMessage(type: string, raw: Raw): Buffer {
  const rows = MESSAGES[type] ?? [];
  return Buffer.concat(
    rows.flatMap(([number, name, fieldType]) => {
      const value = raw[name];
      if (value === undefined || value === null) return [];
      if (!fieldType.endsWith('[]')) return encodeField(number, fieldType, value);
      return (value as unknown[]).flatMap((item) => encodeField(number, fieldType.slice(0, -2), item));
    }),
  );
}

function encodeField(number: number, type: string, value: unknown): Buffer[] {
  switch (type) {
    case 'text':
      return [octetsField(number, value as string)];
    case 'json':
      return [octetsField(number, JSON.stringify(value))];
    case 'number':
      return [numberField(number, value as number)];
    case 'boolean':
      return [numberField(number, value === true ? 1 : 0)];
    case 'time':
      return [octetsField(number, numberField(1, Date.parse(value as string) / 1000))];
    case 'map':
      return Object.entries(value as Record<string, string>).map(([key, text]) =>
        octetsField(number, Buffer.concat([octetsField(1, key), octetsField(2, text)])),
      );
    default:
      return [octetsField(number, encodeMessage(type, value as Raw))];
  }
}

/** `k8s\0` and runtime.Unknown, as each document of the API in protobuf. */
export function encodeEnvelope(kind: string, apiVersion: string, raw: Uint8Array): Buffer {
  const typeMeta = encodeMessage('TypeMeta', { apiVersion, kind });
  return Buffer.concat([MAGIC, octetsField(1, typeMeta), octetsField(2, raw), octetsField(3, ''), octetsField(4, '')]);
}

export function encodeList(kind: string, apiVersion: string, metadata: Raw, items: readonly Raw[]): Buffer {
  // A long list for a benchmark may have the same objects over and over.
  const encoded = new Map<Raw, Buffer>();
  for (const item of items) if (!encoded.has(item)) encoded.set(item, octetsField(2, encodeMessage(kind, item)));
  const list = [octetsField(1, encodeMessage('ListMeta', metadata)), ...items.map((item) => encoded.get(item)!)];
  return encodeEnvelope(`${kind}List`, apiVersion, Buffer.concat(list));
}

/** An event in its frame: its size in four octets, then meta.v1.WatchEvent. */
export function encodeEvent(type: string, kind: string, apiVersion: string, object: Raw): Buffer {
  const extension = octetsField(1, encodeEnvelope(kind, apiVersion, encodeMessage(kind, object)));
  return frame(Buffer.concat([octetsField(1, type), octetsField(2, extension)]));
}

export function frame(event: Uint8Array): Buffer {
  const size = Buffer.alloc(4);
  size.writeUInt32BE(event.length);
  return Buffer.concat([size, event]);
}
