/** What the tables are run against. */
import type { RecordOptions } from '../../src/records/record-options.ts';
import type { RawObject } from '../oracle/kubernetes-objects.ts';

export interface Subject {
  readonly name: string;
  /** Serve these objects and no others. */
  load(objects: readonly RawObject[], options: RecordOptions): void | Promise<void>;
  /** One message as it comes from the network; undefined: no response. */
  ask(query: Uint8Array): Uint8Array | undefined | Promise<Uint8Array | undefined>;
}

/** A change of one object, as a watch tells it. */
export type RawChange = { readonly op: 'put' | 'delete'; readonly object: RawObject };
