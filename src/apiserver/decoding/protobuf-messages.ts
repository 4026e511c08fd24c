/**
 * The Kubernetes API's protobuf messages, as far as DNS reads them: number, name and type of each field, for
 * protobuf-message-reader.ts. Names are those of JSON, so that one decoder knows what both mean.
 *
 * Source: the file `generated.proto` in the named Go package, in the modules k8s.io/api and k8s.io/apimachinery. Numbers never
 * change; a field that goes leaves its number unused. A test compares them where Go's module cache has these modules.
 */
import type { ObjectKind } from '../../kubernetes/object-sink.ts';

/** `annotations`: a map of texts of which only the noted ones are taken. `position`: where the octets are, for later. */
export type ScalarType = 'text' | 'texts' | 'boolean' | 'int32' | 'time' | 'labels' | 'annotations' | 'position';

export interface MessageField {
  readonly number: number;
  readonly name: string;
  readonly type: ScalarType | 'message' | 'messages' | 'endpoints';
  /** of `message`, `messages` and `endpoints` */
  readonly message: MessageType | undefined;
}

export interface MessageType {
  /** `k8s.io/api/core/v1.Service` */
  readonly name: string;
  /** by number */
  readonly fields: readonly (MessageField | undefined)[];
}

/** A list of messages is written as a list of one type. `endpoints`: one that protobuf-endpoint.ts reads where it can. */
type FieldRow = readonly [
  number: number,
  name: string,
  type: ScalarType | MessageType | readonly [MessageType] | readonly ['endpoints', MessageType],
];

function message(name: string, rows: readonly FieldRow[]): MessageType {
  // One array without holes, however far apart the numbers are: it is looked into for every field.
  const length = Math.max(...rows.map(([number]) => number)) + 1;
  const fields = Array.from<MessageField | undefined>({ length }).fill(undefined);
  for (const [number, fieldName, type] of rows) {
    const field = { number, name: fieldName };
    if (typeof type === 'string') fields[number] = { ...field, type, message: undefined };
    else if ('name' in type) fields[number] = { ...field, type: 'message', message: type };
    else if (type.length === 2) fields[number] = { ...field, type: type[0], message: type[1] };
    else fields[number] = { ...field, type: 'messages', message: type[0] };
  }
  return { name, fields };
}

const RUNTIME = 'k8s.io/apimachinery/pkg/runtime';
const META = 'k8s.io/apimachinery/pkg/apis/meta/v1';
const CORE = 'k8s.io/api/core/v1';
const DISCOVERY = 'k8s.io/api/discovery/v1';

// ---- around objects ---------------------------------------------------------------------------------------------------

export const TYPE_META = message(`${RUNTIME}.TypeMeta`, [
  [1, 'apiVersion', 'text'],
  [2, 'kind', 'text'],
]);

/** What each document is, behind the four octets of UNKNOWN_PREFIX. */
export const UNKNOWN = message(`${RUNTIME}.Unknown`, [
  [1, 'typeMeta', TYPE_META],
  [2, 'raw', 'position'],
]);
/** k8s.io/apimachinery/pkg/runtime/serializer/protobuf: says that what follows is an Unknown */
export const UNKNOWN_PREFIX: Uint8Array = Uint8Array.of(0x6b, 0x38, 0x73, 0);

export const WATCH_EVENT = message(`${META}.WatchEvent`, [
  [1, 'type', 'text'],
  [2, 'object', message(`${RUNTIME}.RawExtension`, [[1, 'raw', 'position']])],
]);

/** Numbers of these fields, for who reads them one by one. */
export const EVENT = { TYPE: 1, OBJECT: 2, RAW: 1 } as const;

export const STATUS = message(`${META}.Status`, [
  [3, 'message', 'text'],
  [4, 'reason', 'text'],
  [5, 'details', message(`${META}.StatusDetails`, [[5, 'retryAfterSeconds', 'int32']])],
  [6, 'code', 'int32'],
]);

export const LIST_META = message(`${META}.ListMeta`, [
  [2, 'resourceVersion', 'text'],
  [3, 'continue', 'text'],
]);

const OBJECT_META = message(`${META}.ObjectMeta`, [
  [1, 'name', 'text'],
  [3, 'namespace', 'text'],
  [6, 'resourceVersion', 'text'],
  [9, 'deletionTimestamp', 'time'],
  [11, 'labels', 'labels'],
  [12, 'annotations', 'annotations'],
]);

/** meta.v1.Time: seconds since 1970 */
export const TIME_SECONDS = 1;
/** protobuf's encoding of map<string, string>: a message an entry */
export const MAP_ENTRY = { KEY: 1, VALUE: 2 } as const;

// ---- objects ----------------------------------------------------------------------------------------------------------

const SERVICE = message(`${CORE}.Service`, [
  [1, 'metadata', OBJECT_META],
  [
    2,
    'spec',
    message(`${CORE}.ServiceSpec`, [
      [
        1,
        'ports',
        [
          message(`${CORE}.ServicePort`, [
            [1, 'name', 'text'],
            [2, 'protocol', 'text'],
            [3, 'port', 'int32'],
          ]),
        ],
      ],
      [3, 'clusterIP', 'text'],
      [4, 'type', 'text'],
      [5, 'externalIPs', 'texts'],
      [10, 'externalName', 'text'],
      [18, 'clusterIPs', 'texts'],
    ]),
  ],
  [
    3,
    'status',
    message(`${CORE}.ServiceStatus`, [
      [
        1,
        'loadBalancer',
        message(`${CORE}.LoadBalancerStatus`, [
          [
            1,
            'ingress',
            [
              message(`${CORE}.LoadBalancerIngress`, [
                [1, 'ip', 'text'],
                [2, 'hostname', 'text'],
              ]),
            ],
          ],
        ]),
      ],
    ]),
  ],
]);

export const ENDPOINT = message(`${DISCOVERY}.Endpoint`, [
  [1, 'addresses', 'texts'],
  [2, 'conditions', message(`${DISCOVERY}.EndpointConditions`, [[1, 'ready', 'boolean']])],
  [3, 'hostname', 'text'],
  [4, 'targetRef', message(`${CORE}.ObjectReference`, [[3, 'name', 'text']])],
  [7, 'zone', 'text'],
]);

const ENDPOINT_SLICE = message(`${DISCOVERY}.EndpointSlice`, [
  [1, 'metadata', OBJECT_META],
  [2, 'endpoints', ['endpoints', ENDPOINT]],
  [
    3,
    'ports',
    [
      message(`${DISCOVERY}.EndpointPort`, [
        [1, 'name', 'text'],
        [2, 'protocol', 'text'],
        [3, 'port', 'int32'],
      ]),
    ],
  ],
  [4, 'addressType', 'text'],
]);

const POD = message(`${CORE}.Pod`, [
  [1, 'metadata', OBJECT_META],
  [2, 'spec', message(`${CORE}.PodSpec`, [[11, 'hostNetwork', 'boolean']])],
  [
    3,
    'status',
    message(`${CORE}.PodStatus`, [
      [1, 'phase', 'text'],
      [12, 'podIPs', [message(`${CORE}.PodIP`, [[1, 'ip', 'text']])]],
    ]),
  ],
]);

const NAMESPACE = message(`${CORE}.Namespace`, [[1, 'metadata', OBJECT_META]]);

/** ServiceImport is a custom resource: there is no protobuf of it. */
export const OBJECT_MESSAGES: Readonly<Record<ObjectKind, MessageType | undefined>> = {
  Service: SERVICE,
  EndpointSlice: ENDPOINT_SLICE,
  Pod: POD,
  Namespace: NAMESPACE,
  ServiceImport: undefined,
};

/** ServiceList, EndpointSliceList … all have these two. */
export const LIST = { METADATA: 1, ITEMS: 2 } as const;
