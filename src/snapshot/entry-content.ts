/**
 * What the record model hands to the snapshot builder: the content of one owner name, before it becomes words.
 * Short-lived; the snapshot keeps the encoded form only (snapshot-layout.ts).
 */
import type { KeySpace, ZoneKind } from './snapshot-layout.ts';

/** Addresses: one number an IPv4 address, four numbers (big-endian words) an IPv6 address. Sorted, without duplicates. */
export interface AddressSets {
  readonly addresses4: readonly number[];
  readonly addresses6: readonly number[];
}

/** One endpoint label of a headless Service. */
export interface EndpointGroup extends AddressSets {
  /** relative wire form, lower-cased: the endpoint label, in a clusterset zone followed by the cluster's */
  readonly name: Uint8Array;
  /** index into `portSets` */
  readonly portSet: number;
}

export type EntryContent =
  /** `flags`: ENTRY_FLAG bits */
  | { readonly kind: 'ent'; readonly flags?: number }
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
  /** stored as `endpoints`: each has one IPv4 address, its label follows from that, and all have the same ports */
  | {
      readonly kind: 'plainEndpoints';
      /** sorted */
      readonly addresses: readonly number[];
      /** the same in the order of the labels */
      readonly byLabel: readonly number[];
      /** distinct SRV ports, in order; empty: no SRV */
      readonly ports: readonly number[];
      readonly weight: number;
      readonly targetSkip: number;
    }
  | {
      readonly kind: 'alias';
      /** wire form with root label, in the object's own letter case */
      readonly target: Uint8Array;
      /** distinct ports of SRV records that point at the target, in order; none: SRV is answered by the CNAME */
      readonly ports?: readonly number[];
      /** of the SRV records */
      readonly weight?: number;
    }
  /** `rrsets`: records in wire form with C00C as owner */
  | {
      readonly kind: 'raw';
      readonly rrsets: readonly { readonly type: number; readonly count: number; readonly records: Uint8Array }[];
      /** ENTRY_FLAG bits */
      readonly flags?: number;
    }
  /** RRsets of a name of a zone, by type from the lowest on; `records`: TTL, RDLENGTH and RDATA of each, one after the other */
  | {
      readonly kind: 'rrsets';
      readonly rrsets: readonly { readonly type: number; readonly count: number; readonly records: Uint8Array }[];
      /** ENTRY_FLAG bits */
      readonly flags?: number;
    }
  /** the pod that has an address; only in KEY_SPACE.CLIENT */
  | {
      readonly kind: 'client';
      readonly namespace: Uint8Array;
      readonly name: Uint8Array;
      /** key and value in turn, an octet 0 between two; not given: none */
      readonly labels?: Uint8Array;
    };

/**
 * Where the record model writes one change set. Keys are lower-cased wire names relative to the key space, without the
 * root label (snapshot-layout.ts). Nothing is visible to readers before the change set is published.
 *
 * Keys, addresses, names and labels are the caller's again when the call returns: who keeps them keeps a copy.
 */
export interface RecordSink {
  /** Create or replace a name; equal content is no change. `keySpace`: FORWARD if not given, none of reverse names. */
  put(key: Uint8Array, content: EntryContent, keySpace?: KeySpace): void;
  /** Remove a name; one that is not there is no change. `keySpace`: as in `put`. */
  remove(key: Uint8Array, keySpace?: KeySpace): void;
  /**
   * State which PTR targets one Service gives an address: replaces all targets of `serviceName` at that address.
   * Reverse empty non-terminals above the address come and go by themselves.
   *
   * @param address      key of the full reverse name in its key space (4 or 32 labels)
   * @param serviceName  in relative wire form: `S.N.svc`, in the key spaces of external names `S.N`
   * @param labels       endpoint labels (octets without length octet), sorted, without duplicates; empty: none
   * @param isOwn        the address is the Service's own: one target, the Service's name. Before all others, which are not
   *                     answered then, if it is a cluster IP; beside others if it is an external address.
   */
  point(
    keySpace: KeySpace,
    address: Uint8Array,
    serviceName: Uint8Array,
    labels: readonly Uint8Array[],
    isOwn: boolean,
  ): void;
  /** The name servers of zones (of the cluster zones if not given): relative names and addresses. */
  nameServers(servers: readonly ({ readonly name: Uint8Array } & AddressSets)[], zoneKind?: ZoneKind): void;
}
