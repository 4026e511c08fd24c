/** What comes out of a response of the API server, one object at a time. */
import type { SkyshardError } from '../../base/skyshard-error.ts';
import type { ObjectChange } from '../../kubernetes/objects.ts';

/** An object that Kubernetes would refuse, and yet the API server sent: what was known of it no longer holds. */
export interface ObjectFault {
  readonly type: 'fault';
  /** as in the delete */
  readonly namespace: string;
  readonly name: string;
  /** API_OBJECT: kind, namespace, name, field and what is wrong with it */
  readonly error: SkyshardError;
  /** the delete that follows from it */
  readonly change: ObjectChange;
}

/** An object was added, changed or deleted, or is no longer one that DNS reads. */
export interface ChangeItem {
  readonly type: 'change';
  readonly change: ObjectChange;
  /** API_OBJECT: as of an ObjectFault, of a part of the object that is left out */
  readonly partError?: SkyshardError;
}

export type ListItem = ChangeItem | ObjectFault;

/** `resourceVersion` is the object's, from which a watch may go on, as a bookmark's is. */
export type WatchItem =
  | (ChangeItem & { readonly resourceVersion: string })
  | { readonly type: 'bookmark'; readonly resourceVersion: string; readonly isInitialEventsEnd: boolean }
  | WatchFailure
  | (ObjectFault & { readonly resourceVersion: string });

/** An ERROR event: the watch is over, though the response was 200. `code` is as an HTTP status; 410: list again. */
export interface WatchFailure {
  readonly type: 'error';
  readonly code: number;
  readonly reason: string;
  readonly message: string;
  readonly retryAfterSeconds: number | undefined;
}

export interface ListEnd {
  readonly resourceVersion: string;
  /** for the next page, '' if this was the last one */
  readonly continueToken: string;
}

/**
 * Reads a LIST response. Memory is bounded by one object.
 *
 * A chunk belongs to the decoder until what `push` returned has been walked to its end; only then comes the next one.
 */
export interface ListDecoder {
  /**
   * Objects that DNS does not read are passed over. Lazy: nothing is decoded before it is asked for.
   *
   * @throws SkyshardError API_RESPONSE while it is walked; the decoder is then of no more use
   */
  push(chunk: Uint8Array): Generator<ListItem, void, void>;
  /** @throws SkyshardError API_RESPONSE if the response is not complete, or not what was asked for */
  end(): ListEnd;
}

/** Reads a WATCH response. As a ListDecoder, but it goes on until the server or the caller ends it. */
export interface WatchDecoder {
  push(chunk: Uint8Array): Generator<WatchItem, void, void>;
  /** @throws SkyshardError API_RESPONSE if the response ends inside an event */
  end(): void;
}
