/** What brings the objects of a cluster to the names that follow from them: manifests, or an API server. */
import type { RecordSource } from './record-source.ts';

export interface ObjectFeed {
  /** where the objects go */
  readonly sink: RecordSource;
  /** how long whoever starts it waits for the first lists, ms */
  readonly timeoutMs: number;
  /**
   * Begin. Where it may take long until everything is listed it resolves before that.
   *
   * @throws SkyshardError what makes waiting hopeless
   */
  start(): Promise<void>;
  /** For who started the server. @param nameCount  names that follow from all feeds' objects */
  describe(nameCount: number): string;
  /** Why not everything is listed; undefined: nothing is known against it. */
  readonly fault: Error | undefined;
  close(): Promise<void> | void;
}
