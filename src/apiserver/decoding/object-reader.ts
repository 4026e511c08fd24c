/**
 * One object or event, as JSON.parse returns it or as protobuf.ts spells it, → an item for the source of objects.
 */
import { SkyshardError } from '../../base/skyshard-error.ts';
import { apiVersionOf, decodeObjectOf } from '../../kubernetes/decode.ts';
import { ObjectError } from '../../kubernetes/object-error.ts';
import type { ObjectKind } from '../../kubernetes/object-sink.ts';
import type { ObjectChange } from '../../kubernetes/objects.ts';
import type { ChangeItem, ListEnd, ListItem, ObjectFault, WatchFailure, WatchItem } from './decoded-item.ts';
import { TrimmedSlice } from './protobuf-slice.ts';

type Raw = Readonly<Record<string, unknown>>;

export const INITIAL_EVENTS_END = 'k8s.io/initial-events-end';
const NOTHING: Raw = Object.freeze({});

/** Reads objects of one kind. */
export class ObjectReader {
  readonly #kind: ObjectKind;
  readonly #apiVersion: string;
  /** of the object in hand */
  readonly #partFaults: ObjectError[] = [];

  constructor(kind: ObjectKind) {
    this.#kind = kind;
    this.#apiVersion = apiVersionOf(kind);
  }

  /**
   * @returns undefined for an object that DNS does not read
   * @throws SkyshardError API_RESPONSE if it is no object of the kind
   */
  readListItem(raw: unknown): ListItem | undefined {
    const item = this.#decode(mappingOf(raw));
    return item.type === 'change' && item.change.op === 'delete' ? undefined : item;
  }

  /**
   * @param fields  kind, apiVersion and metadata of the list
   * @throws SkyshardError API_RESPONSE if it is another list than was asked for
   */
  readListEnd(fields: ReadonlyMap<string, unknown>): ListEnd {
    const kind = textOf(fields.get('kind'));
    const apiVersion = textOf(fields.get('apiVersion'));
    if (kind !== `${this.#kind}List` || apiVersion !== this.#apiVersion) {
      throw new SkyshardError(
        'API_RESPONSE',
        `expected ${this.#kind}List of ${this.#apiVersion}, got ${kind || 'an object without kind'} of ${apiVersion || 'no apiVersion'}`,
      );
    }
    const metadata = mappingOf(fields.get('metadata'));
    return { resourceVersion: textOf(metadata['resourceVersion']), continueToken: textOf(metadata['continue']) };
  }

  /** @throws SkyshardError API_RESPONSE if it is no event of the kind */
  readEvent(event: unknown): WatchItem {
    const { type, object: raw } = mappingOf(event);
    if (raw instanceof TrimmedSlice) {
      return { type: 'change', change: { op: 'put', object: raw.slice }, resourceVersion: raw.resourceVersion };
    }
    const object = mappingOf(raw);
    if (type === 'ERROR') return readFailure(object);
    const metadata = mappingOf(object['metadata']);
    const resourceVersion = textOf(metadata['resourceVersion']);
    switch (type) {
      case 'ADDED':
      case 'MODIFIED': {
        const item = this.#decode(object);
        if (item.type === 'fault' || item.partError !== undefined) return { ...item, resourceVersion };
        return { type: 'change', change: item.change, resourceVersion };
      }
      case 'DELETED':
        this.#check(object);
        return { type: 'change', change: this.#deleteOf(metadata), resourceVersion };
      case 'BOOKMARK': {
        const isInitialEventsEnd = mappingOf(metadata['annotations'])[INITIAL_EVENTS_END] === 'true';
        return { type: 'bookmark', resourceVersion, isInitialEventsEnd };
      }
      default:
        throw new SkyshardError('API_RESPONSE', `watch of ${this.#kind}: no such event: ${JSON.stringify(type)}`);
    }
  }

  /** A delete stands for an object that DNS does not read (any more). */
  #decode(raw: Raw): ChangeItem | ObjectFault {
    this.#check(raw);
    const faults = this.#partFaults;
    faults.length = 0;
    try {
      const object = decodeObjectOf(this.#kind, raw, faults);
      if (object === undefined) return { type: 'change', change: this.#deleteOf(mappingOf(raw['metadata'])) };
      const change: ObjectChange = { op: 'put', object };
      if (faults.length === 0) return { type: 'change', change };
      const partError = this.#errorOf(this.#deleteOf(mappingOf(raw['metadata'])), faults[0]!);
      return { type: 'change', change, partError };
    } catch (cause) {
      if (!(cause instanceof ObjectError)) throw cause;
      const change = this.#deleteOf(mappingOf(raw['metadata']));
      const { namespace, name } = change;
      return { type: 'fault', namespace, name, error: this.#errorOf(change, cause), change };
    }
  }

  #errorOf({ namespace, name }: ObjectChange & { readonly op: 'delete' }, cause: ObjectError): SkyshardError {
    const place = namespace === '' ? name : `${namespace}/${name}`;
    return new SkyshardError('API_OBJECT', `${this.#kind} ${place}: ${cause.message}`, { cause });
  }

  #check(raw: Raw): void {
    const { kind = this.#kind, apiVersion = this.#apiVersion } = raw;
    if (kind === this.#kind && apiVersion === this.#apiVersion) return;
    const found = `${JSON.stringify(kind)} of ${JSON.stringify(apiVersion)}`;
    throw new SkyshardError('API_RESPONSE', `expected ${this.#kind} of ${this.#apiVersion}, got ${found}`);
  }

  /** Names as decoded objects have them. */
  #deleteOf(metadata: Raw): ObjectChange & { readonly op: 'delete' } {
    const name = textOf(metadata['name']).toLowerCase();
    if (name === '') throw new SkyshardError('API_RESPONSE', `${this.#kind} without metadata.name`);
    const namespace = this.#kind === 'Namespace' ? '' : textOf(metadata['namespace']).toLowerCase() || 'default';
    return { op: 'delete', kind: this.#kind, namespace, name };
  }
}

/** A Status, as far as it is one. */
function readFailure(status: Raw): WatchFailure {
  const code = status['code'];
  const retryAfterSeconds = mappingOf(status['details'])['retryAfterSeconds'];
  return {
    type: 'error',
    code: typeof code === 'number' ? code : 500,
    reason: textOf(status['reason']),
    message: textOf(status['message']),
    // 0 is how protobuf and JSON say that there is none.
    retryAfterSeconds: typeof retryAfterSeconds === 'number' && retryAfterSeconds > 0 ? retryAfterSeconds : undefined,
  };
}

function mappingOf(value: unknown): Raw {
  return typeof value === 'object' && value !== null ? (value as Raw) : NOTHING;
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
