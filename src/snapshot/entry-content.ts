/**
 * What the record model hands to the snapshot builder: the content of one owner name, before it becomes words.
 * Short-lived; the snapshot keeps the encoded form only (snapshot-layout.ts).
 */
import type { KeySpace } from './snapshot-layout.ts';

/** Addresses: one number an IPv4 address, four numbers (big-endian words) an IPv6 address. Sorted, without duplicates. */
export interface AddressSets {
  readonly addresses4: readonly number[];
  readonly addresses6: readonly number[];
}

/** One endpoint label of a headless Service. */
export interface EndpointGroup extends AddressSets {
  /** the label's octets, lower-cased, without length octet */
  readonly label: Uint8Array;
  /** index into `portSets` */
  readonly portSet: number;
}

export type EntryContent =
  | { readonly kind: 'ent' }
  | ({
      readonly kind: 'address';
      /** distinct SRV ports, in order; empty: no SRV */
      readonly ports: readonly number[];
      readonly weight: number;
      /** octets of the question's name that the SRV target leaves out */
      readonly targetSkip: number;
      /** ENTRY_FLAG bits */
      readonly flags?: number;
    } & AddressSets)
  | ({
      readonly kind: 'endpoints';
      readonly portSets: readonly (readonly number[])[];
      readonly groups: readonly EndpointGroup[];
      readonly weight: number;
      readonly targetSkip: number;
      /** ENTRY_FLAG bits */
      readonly flags?: number;
    } & AddressSets)
  /** `target`: wire form with root label, in the object's own letter case */
  | { readonly kind: 'alias'; readonly target: Uint8Array }
  /** `rrsets`: records in wire form with C00C as owner */
  | {
      readonly kind: 'raw';
      readonly rrsets: readonly { readonly type: number; readonly count: number; readonly records: Uint8Array }[];
    };

/**
 * Where the record model writes one change set. Keys are lower-cased wire names relative to the key space, without the
 * root label (snapshot-layout.ts). Nothing is visible to readers before the change set is published.
 */
export interface RecordSink {
  /** Create or replace a name of the forward key space. Equal content is no change. */
  put(key: Uint8Array, content: EntryContent): void;
  /** Remove a name of the forward key space; a name that is not there is no change. */
  remove(key: Uint8Array): void;
  /**
   * State which PTR targets one Service gives an address: replaces all targets of `serviceName` at that address.
   * Reverse empty non-terminals above the address come and go by themselves.
   *
   * @param address      key of the full reverse name in its key space (4 or 32 labels)
   * @param serviceName  `S.N.svc` in relative wire form
   * @param labels       endpoint labels (octets without length octet), sorted, without duplicates; empty: none
   * @param isClusterIp  the address is a cluster IP of the Service: one target, `S.N.svc` itself, before all others
   */
  point(
    keySpace: KeySpace,
    address: Uint8Array,
    serviceName: Uint8Array,
    labels: readonly Uint8Array[],
    isClusterIp: boolean,
  ): void;
  /** The name servers of the zone: relative names and addresses. */
  nameServers(servers: readonly ({ readonly name: Uint8Array } & AddressSets)[]): void;
}
