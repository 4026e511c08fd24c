/** Where a source of objects puts what it finds: lists first, then what changes. */
import type { ClusterObject, ObjectChange } from './objects.ts';

/** A kind of object and where it is: what a list is a list of. */
export type ObjectKind = ClusterObject['kind'];

export interface ObjectSink {
  /**
   * All objects of a kind follow, between calls for other kinds. What was known of the kind stays until `endList`, so that a
   * list that is begun again, or never ends, loses nothing.
   */
  beginList(kind: ObjectKind): Promise<void>;
  /** The list is complete: objects of the kind that were not put since `beginList` are gone. */
  endList(kind: ObjectKind): Promise<void>;
  /**
   * Take changes, in their order. What one call gives becomes visible as a whole.
   *
   * @returns resolves when the next call may come; a source that waits for it keeps no more in memory than one call
   */
  apply(changes: readonly ObjectChange[]): Promise<void>;
}
