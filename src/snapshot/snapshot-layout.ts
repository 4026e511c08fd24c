/**
 * The record snapshot in shared memory: what the builder writes and every reader reads.
 *
 *   buffer header ── ROOT ──► root ── config ──► listener ──► route (one a zone suffix) ──► zone info ─┐
 *                               │                                                                     │ dataset index
 *                               └── dataset[i] ◄──────────────────────────────────────────────────────┘
 *                                     └─► top ──► chunk (128) ──► page (64 slots) ──► entry (one a name)
 *
 * A *reference* is an offset in units of 8 octets from the start of the buffer, so `reference * 2` indexes the buffer's
 * Uint32Array; 0 is no reference. Every block is immutable from the moment a published root reaches it. A publish copies
 * the pages it touches and the path above them, then stores the new root with one Atomics.store.
 *
 * Names are keys relative to a key space, so that zones share one dataset: `kubernetes.default.svc` in FORWARD, and
 * `1.0.96.10` (the labels left of in-addr.arpa) in REVERSE4. A key, but for CLIENT's, is the lower-cased wire form without
 * the root label, padded with zero octets to whole words, as little-endian words (octet i is bits 8·(i mod 4) of word i/4
 * on any machine).
 */
import { layout } from '../memory/layout.ts';

export {
  BLOCKS_AT,
  BUFFER_HEADER,
  LAYOUT_VERSION,
  READER_IDLE,
  READER_MAX,
  READER_SLOT,
  READER_SLOTS_AT,
  READER_SLOT_STRIDE,
  SNAPSHOT_MAGIC,
  UNIT_SIZE,
} from '../memory/buffer-layout.ts';

export const ROOT = layout('root', [
  ['magic', 1, 'SNAPSHOT_MAGIC'],
  ['version', 1, 'LAYOUT_VERSION'],
  ['generation', 1, 'generation of this root'],
  ['config', 1, 'reference of the CONFIG block'],
  ['datasetCount', 1, 'number of datasets'],
  ['datasets', 0, 'datasetCount references of DATASET blocks'],
]);

export const CONFIG = layout('config', [
  ['listenerCount', 1, 'number of listeners'],
  ['listeners', 0, 'listenerCount references of LISTENER blocks, by listener id'],
]);

export const LISTENER = layout('listener', [
  ['flags', 1, 'LISTENER_FLAG bits'],
  ['suffixLabelsMax', 1, 'the largest number of labels a served zone has'],
  ['slotMask', 1, 'number of slots - 1; the number is a power of two'],
  ['keys', 1, 'reference of a PROGRAM: the keys of signed messages, of all server blocks; 0: none'],
  ['port', 1, 'where it listens; 0 in the table of a program, which no client asks'],
  ['family', 1, '4 or 6: of the address where it listens, 0: none'],
  ['address', 4, 'one word for IPv4, four for IPv6, most significant first'],
  [
    'slots',
    0,
    'pairs (hash of the zone name, root label included, in ZONE_HASH_SPACE; reference of its ROUTE), open addressing from hash & slotMask, 0 = free',
  ],
]);

export const LISTENER_FLAG = {
  /** a block has `chaos`: questions of class CH are looked at */
  CHAOS: 1,
  /** a `rewrite` changes classes: questions of every class are looked at */
  CLASSES: 2,
  /** a block has `secondary`: notifications are looked at */
  NOTIFY: 4,
} as const;

/**
 * One zone suffix of a listener: which server block serves it and with which steps. There is one for each key of a block
 * and for each zone one of its plugins names, so that no step has to compare names.
 */
export const ROUTE = layout('route', [
  ['scope', 1, 'metric scope: index of (server, zone, view) in the counters'],
  ['zoneSize', 1, 'octets of the zone name in wire form, root label included'],
  [
    'serverZoneSize',
    1,
    'octets of the zone of the server block that it is of: smaller where the zone is one that a plugin of the block names',
  ],
  ['policy', 1, 'reference of the POLICY of the server block'],
  [
    'choices',
    1,
    'reference of the CHOICES where expressions say which server block answers: it has no steps; 0: none do',
  ],
  ['stepCount', 1, 'number of steps of the chain'],
  [
    'steps',
    0,
    'stepCount triples (STEP, reference of its argument or a number, STEP_FLAG bits), then the zone name, lower-cased, as key words',
  ],
]);
/** The server blocks that names below a zone may be answered by (`view`), in the order in which they are tried. */
export const CHOICES = layout('choices', [
  ['count', 1, 'number of choices'],
  [
    'choices',
    0,
    'count triples (reference of the PROGRAM of a condition, 0: there is none; reference of the ROUTE; 1: the block has the same zone as the first)',
  ],
]);
/** Words of a choice. */
export const CHOICE_WORDS = 3;

/** Words of a step in a ROUTE. */
export const STEP_WORDS = 3;

/** What a step of a compiled chain is, and what its argument is. */
export const STEP = {
  /** `kubernetes`: ZONE_INFO */
  KUBERNETES: 1,
  /** `hosts`: RECORDS_INFO */
  RECORDS: 2,
  /** `template` that depends on nothing but the question's name: FIXED_ANSWER */
  FIXED_ANSWER: 3,
  /** `any`: no argument */
  ANY: 4,
  /** `whoami`: no argument */
  WHOAMI: 5,
  /** `chaos`: CHAOS_TEXTS */
  CHAOS: 6,
  /** `local`: number: 1 if names that begin with the label localhost are answered too */
  LOCAL: 7,
  /** `forward`: number of the group of upstreams */
  FORWARD: 8,
  /** a plugin that is not built yet: SERVFAIL */
  UNBUILT: 9,
  /** `template` that is evaluated for each query: PROGRAM */
  TEMPLATE: 10,
  /** `k8s_external`: ZONE_INFO */
  EXTERNAL: 11,
  /** `transfer`: TRANSFER_RULE; AXFR and IXFR of the zone that the steps behind it serve */
  TRANSFER: 12,
  /** `rewrite`: PROGRAM; the steps behind it answer where the name stays the same */
  REWRITE: 13,
  /** `acl`: ACL_RULES */
  ACL: 14,
  /** `tsig`: PROGRAM */
  TSIG: 15,
  /** `dns64`: PROGRAM; it looks at what the steps behind it answer, and so do the next two */
  DNS64: 16,
  /** `siit`: PROGRAM */
  SIIT: 17,
  /** `autopath`: PROGRAM */
  AUTOPATH: 18,
  /** `file`, `auto` and `secondary`: ZONE_RECORDS */
  ZONE: 20,
  /** the end of a chain whose last plugin has zones of its own, and not this one: REFUSED; no argument */
  REFUSE: 21,
  /** `secondary`, in the routes of its zones themselves: TRANSFER_RULE; who may notify of a change */
  NOTIFIED: 22,
} as const;

export const STEP_FLAG = {
  /** a name that does not exist is the next step's */
  FALLTHROUGH: 1,
  /** of STEP.REWRITE: rules change where CNAME records lead, so it looks at what the steps behind it answer */
  TARGETS: 2,
} as const;
/**
 * Bits above. Of STEP.FORWARD: the profile by which answers are kept in the cache, plus 1; 0: they are not. Of STEP.TEMPLATE and
 * FIXED_ANSWER: the metric scope that counts what it does; 0: it is not counted.
 */
export const STEP_CACHE_SHIFT = 16;
/** Bits above, of STEP.AUTOPATH: index of the dataset that knows pods by address, plus 1; 0: it does not depend on the client. */
export const STEP_DATASET_SHIFT = 16;

/** Largest UDP response with EDNS where nothing else is said, octets: fits every path that is not broken (RFC 9715). */
export const UDP_SIZE_MAX_DEFAULT = 1232;

/** What a server block does to every answer. */
export const POLICY = layout('policy', [
  ['flags', 1, 'POLICY_FLAG bits'],
  [
    'order',
    1,
    'of records: 0 as they come, 1 by chance, more: the number of the address order, which no other one has',
  ],
  ['addressOrder', 1, 'reference of the ADDRESS_ORDER, 0: none'],
  ['metadata', 1, 'reference of the PROGRAM that says which metadata there is, 0: none'],
  [
    'headerFlags',
    1,
    'of the header of responses, as its flags word: bits 0–15 are set, bits 16–31 cleared; the lowest of each: RD of queries',
  ],
  ['udpSizeMax', 1, 'largest UDP response with EDNS, and the size announced, octets'],
  ['nsidSize', 1, 'octets of the NSID, 0: not answered'],
  ['nsid', 0, 'the NSID as key words'],
]);

/** POLICY.order; from FIRST_OF_ADDRESSES on it is the number of an ADDRESS_ORDER. */
export const ORDER = { AS_IT_IS: 0, BY_CHANCE: 1, FIRST_OF_ADDRESSES: 2 } as const;

/** `loadbalance` with `prefer` or weights: what the answering threads make their own form of, once. */
export const ADDRESS_ORDER = layout('address order', [
  ['size', 1, 'octets of the program'],
  ['program', 0, 'the program as JSON, as key words'],
]);

/** In headerFlags, among what is set and among what is cleared: RD, as `header` makes it in queries. */
export const QUERY_RD = 1;

export const POLICY_FLAG = {
  /** `loadbalance`: addresses are rotated */
  ROTATE: 1,
  /** `minimal`: no authority and additional records in positive answers */
  MINIMAL: 2,
  /** `log`: the query is reported */
  LOG: 4,
  /** `errors`: a failure is reported */
  ERRORS: 8,
  /** a `forward` serves the whole root: recursion is available */
  RECURSION: 16,
  /** the block has a chain of plugins: a name that none of them takes is SERVFAIL, where else it is REFUSED */
  HANDLERS: 32,
  /** a step of the block asks other questions: the query is kept as it came */
  COMPOSED: 64,
} as const;

/** The argument of STEP.RECORDS: names whose keys are whole names without the root label, all in KEY_SPACE.FORWARD. */
export const RECORDS_INFO = layout('records info', [
  ['dataset', 1, 'index of the dataset in the root'],
  ['ttl', 1, 'TTL of address records, seconds'],
  ['flags', 1, 'RECORDS_FLAG bits'],
]);

/** The argument of STEP.ZONE: one zone, which has a dataset of its own; keys are relative to it, all in KEY_SPACE.FORWARD. */
export const ZONE_RECORDS = layout('zone records', [
  ['dataset', 1, 'index of the dataset in the root'],
  ['zoneSize', 1, 'octets of the zone name in wire form, root label included'],
  ['plugin', 1, 'whose zone it is: index of the `plugin` label'],
  ['ttlMax', 1, 'no TTL is larger, seconds; 0xffffffff: as they are'],
]);

export const RECORDS_FLAG = {
  /** there are names that begin with the label `*`, which stands for any one label */
  WILDCARDS: 1,
  /** only PTR questions are answered: the step stands outside its zones */
  POINTERS_ONLY: 2,
  /** with STEP_FLAG.FALLTHROUGH: questions for types that it has no records of are the next step's */
  UNSUPPORTED_NEXT: 4,
} as const;

/** The argument of STEP.FIXED_ANSWER: records in wire format with C00C where the question's name stands. */
export const FIXED_ANSWER = layout('fixed answer', [
  ['qtype', 1, 'TYPE it answers, 255: every type'],
  ['rcode', 1, 'RCODE'],
  ['counts', 1, 'bits 0–9 answer · 10–19 authority · 20–29 additional records'],
  ['extendedError', 1, 'extended DNS error + 1, 0: none'],
  ['size', 1, 'octets of the records'],
  ['records', 0, 'the records of the three sections as key words'],
]);

/** The argument of a step that depends on the query in more ways than words can say: threads make their own form of it, once. */
export const PROGRAM = layout('program', [
  ['idLow', 1, 'its number, bits 0–31: no two programs of a process have the same'],
  ['idHigh', 1, 'bits 32–52'],
  [
    'rest',
    1,
    'reference of a LISTENER block: how other names go on, with the steps behind this one in the same server block; 0: it gives none',
  ],
  ['size', 1, 'octets of the program'],
  ['text', 0, 'the program as JSON, as key words'],
]);

/** The argument of STEP.CHAOS: TXT records rendered to wire format. */
export const CHAOS_TEXTS = layout('chaos texts', [
  ['versionSize', 1, 'octets of the records for version.bind and version.server'],
  ['hostnameSize', 1, 'octets of the records for hostname.bind and id.server'],
  ['authorsCount', 1, 'number of records for authors.bind'],
  ['authorsSize', 1, 'their octets'],
  ['records', 0, 'the three as key words, one after the other, each from a whole word on'],
]);

/** The argument of STEP.TRANSFER: who may have the zone. */
export const TRANSFER_RULE = layout('transfer rule', [
  ['flags', 1, 'TRANSFER_FLAG bits'],
  ['count4', 1, 'number of IPv4 networks'],
  ['count6', 1, 'number of IPv6 networks'],
  [
    'networks',
    0,
    'count4 pairs (address word, mask), then count6 times four address words and four words of mask; bits outside of a mask are 0',
  ],
]);

/** The argument of STEP.ACL: the policies of all rules that hold for the route. */
export const ACL_RULES = layout('acl rules', [
  ['allowedScope', 1, 'where what is allowed is counted: metric scope'],
  ['count', 1, 'number of policies'],
  ['policies', 0, 'each an ACL POLICY, its types, its networks as in a transfer rule'],
]);

/** One policy in ACL_RULES; the first that matches decides. */
export const ACL_POLICY = layout('acl policy', [
  ['action', 1, 'ACL_ACTION'],
  ['scope', 1, 'where it is counted: metric scope'],
  ['isForAll', 1, '1: for clients of any address'],
  ['typeCount', 1, 'number of types, 0: all'],
  ['count4', 1, 'number of IPv4 networks'],
  ['count6', 1, 'number of IPv6 networks'],
]);

/** What is done with a query; also which cell counts it. */
export const ACL_ACTION = { BLOCK: 0, FILTER: 1, DROP: 2, ALLOW: 3 } as const;

export const TRANSFER_FLAG = {
  /** `to *`: everyone may */
  ANYONE: 1,
} as const;

export const KEY_SPACE = {
  /** names of the cluster zones, relative to the zone; of `hosts`, whole */
  FORWARD: 0,
  /** names left of in-addr.arpa, as the cluster knows them */
  REVERSE4: 1,
  /** names left of ip6.arpa */
  REVERSE6: 2,
  /** names of the zones of `k8s_external`, relative to the zone */
  EXTERNAL: 3,
  /** names left of in-addr.arpa, as `k8s_external` knows them */
  EXTERNAL_REVERSE4: 4,
  EXTERNAL_REVERSE6: 5,
  /** names of the zones of `multicluster`, relative to the zone */
  CLUSTERSET: 6,
  /** addresses of pods: 4 or 16 octets in network order */
  CLIENT: 7,
} as const;
export type KeySpace = (typeof KEY_SPACE)[keyof typeof KEY_SPACE];
export const KEY_SPACE_MAX = KEY_SPACE.CLIENT;

/** Zones of one kind share names, and a serial of their own. */
export const ZONE_KIND = { CLUSTER: 0, EXTERNAL: 1, CLUSTERSET: 2 } as const;
export type ZoneKind = (typeof ZONE_KIND)[keyof typeof ZONE_KIND];
export const ZONE_KIND_COUNT = 3;

/** The zones whose names a key space holds; undefined: it holds no names. */
export function zoneKindOf(keySpace: KeySpace): ZoneKind | undefined {
  if (keySpace === KEY_SPACE.CLIENT) return undefined;
  if (keySpace === KEY_SPACE.CLUSTERSET) return ZONE_KIND.CLUSTERSET;
  return keySpace <= KEY_SPACE.REVERSE6 ? ZONE_KIND.CLUSTER : ZONE_KIND.EXTERNAL;
}

/** Whether a key space holds reverse names: their empty non-terminals count their children. */
export function isReverseSpace(keySpace: number): boolean {
  return (
    keySpace === KEY_SPACE.REVERSE4 ||
    keySpace === KEY_SPACE.REVERSE6 ||
    keySpace === KEY_SPACE.EXTERNAL_REVERSE4 ||
    keySpace === KEY_SPACE.EXTERNAL_REVERSE6
  );
}

/** The argument of STEP.KUBERNETES and STEP.EXTERNAL: one zone of one instance. Changes with the configuration only. */
export const ZONE_INFO = layout('zone info', [
  ['dataset', 1, 'index of the dataset in the root'],
  ['keySpace', 1, 'KEY_SPACE of its names'],
  ['zoneSize', 1, 'octets of the zone name in wire form, root label included'],
  [
    'keySuffixSize',
    1,
    'octets at the end of a name that are not part of its key: the zone, or in-addr.arpa / ip6.arpa',
  ],
  ['ttl', 1, 'TTL of records, seconds'],
  ['targetTtl', 1, 'TTL of SRV and CNAME records, seconds: ttl, in an external zone that of the `kubernetes` block'],
  ['negativeTtl', 1, 'TTL of the SOA record, seconds: min(ttl, 300), in an external zone ttl'],
  ['flags', 1, 'ZONE_FLAG bits'],
  ['serialField', 1, 'word of the DATASET that has the SOA serial'],
  ['nsField', 1, 'word of the DATASET that has the reference of the NS block'],
  ['primarySize', 1, 'octets of the primary zone name: what PTR and NS targets end in'],
  ['apexSize', 1, 'octets of the apex name of an external zone, relative to it: its server is `ns1.APEX`; 0: `ns.dns`'],
  [
    'primary',
    0,
    'the primary zone name in wire form, root label included, as written in the configuration, as key words; the apex name as key words',
  ],
]);

export const ZONE_FLAG = {
  /** `pods insecure`: any well-formed address below `pod` is answered where the namespace exists */
  PODS_INSECURE: 1,
  /** `zonal`: names below `_zone` may be covered by a default */
  ZONAL: 2,
  /** names that are not found in the key space of reverse names are looked up in EXTERNAL, relative to the zone */
  EXTERNAL_REVERSE: 4,
} as const;

/** The records of one `kubernetes` instance: changes with every publish that touches it. */
export const DATASET = layout('dataset', [
  ['top', 1, 'reference of the TOP block'],
  ['depth', 1, 'directory bits, 1 … DEPTH_MAX: the directory has 2^depth page references'],
  ['entryCount', 1, 'number of names'],
  ['serial', 1, 'SOA serial of the cluster zones: Unix seconds of the last change of a record of theirs, 0 before any'],
  ['externalSerial', 1, 'the same of the external zones'],
  ['clustersetSerial', 1, 'the same of the clusterset zones'],
  ['flags', 1, 'DATASET_FLAG bits'],
  ['ns', 1, 'reference of the NS block of the cluster and clusterset zones, 0 if none'],
  ['externalNs', 1, 'the same of the external zones'],
  ['order', 1, 'reference of the NAME_ORDER block of a zone with NSEC records, 0 if none'],
]);

/** Words of the DATASET by ZONE_KIND. */
export const SERIAL_FIELDS = [DATASET.at.serial, DATASET.at.externalSerial, DATASET.at.clustersetSerial] as const;
/** Clusterset zones have the servers of the cluster zones. */
export const NS_FIELDS = [DATASET.at.ns, DATASET.at.externalNs, DATASET.at.ns] as const;

export const DATASET_FLAG = {
  /** every initial list is complete; without it names that depend on an object are SERVFAIL */
  SYNCED: 1,
} as const;

/** Names of the servers of the zone, with their addresses. Targets are relative to the primary zone. */
export const NS = layout('ns', [
  ['count', 1, 'number of name servers'],
  [
    'servers',
    0,
    'per server: word of name size (octets, relative wire form), count4, count6; the name as key words; count4 + 4·count6 address words',
  ],
]);

/** The names of a signed zone that have NSEC records, in canonical order (RFC 4034 §6.1): who is before a name that is not there. */
export const NAME_ORDER = layout('name order', [
  ['count', 1, 'number of names'],
  ['entries', 0, 'references of their entries'],
]);

/** Directory: TOP holds references of CHUNKs, a CHUNK holds CHUNK_PAGES references of PAGEs. */
export const CHUNK_BITS = 7;
export const CHUNK_PAGES = 1 << CHUNK_BITS;
export const DEPTH_MAX = 20;
/** Slots of a page, each two words: hash, reference of the entry (0 = free). Open addressing from hash & (PAGE_SLOTS - 1). */
export const PAGE_SLOTS = 64;
export const PAGE_WORDS = PAGE_SLOTS * 2;
/** A page is split when an insert would make it fuller than this, so a probe always meets a free slot. */
export const PAGE_FILL_MAX = 52;

/*
 * ENTRY: word 0, the key words, then the payload of its kind.
 *
 *   word 0   bits 0–7 key size in octets (0 … 255) · 8–11 KEY_SPACE · 12–15 KIND · 16–31 ENTRY_FLAG
 *   words    ceil(key size / 4) key words
 *   payload  at word 1 + ceil(key size / 4)
 *
 * An address word is the IPv4 address as a number (10.0.0.1 = 0x0a000001); an IPv6 address is four such words.
 * Ports are packed two a word, the first in the low half.
 */
export const KIND = {
  /** an empty non-terminal: exists, has no records. Payload: word child count (used in the reverse key spaces) */
  ENT: 0,
  /** ADDRESS payload */
  ADDRESS: 1,
  /** ENDPOINTS payload */
  ENDPOINTS: 2,
  /** ALIAS payload */
  ALIAS: 3,
  /** POINTER payload */
  POINTER: 4,
  /** RAW payload */
  RAW: 5,
  /** CLIENT payload */
  CLIENT: 6,
  /** RRSETS payload */
  RRSETS: 7,
} as const;
export type Kind = (typeof KIND)[keyof typeof KIND];

export const ENTRY_FLAG = {
  /** names directly below this one, with any labels, are answered like this entry (`prefer._zone.S.N.svc`) */
  DEFAULT_BELOW: 1,
  /** names directly below this one exist without records (`pin._zone.S.N.svc`) */
  NODATA_BELOW: 2,
  /** the entry itself has no records although its payload has: only what is below it (DEFAULT_BELOW) has */
  EMPTY_SELF: 4,
  /** POINTER: only the first target is answered: a cluster IP */
  FIRST_ONLY: 8,
  /** the name depends on no object: it is known before the first list is complete */
  FIXED: 16,
  /** of a zone: the name is delegated, it has NS records and is not the apex */
  CUT: 32,
  /** of a zone: the name has a DNAME record */
  DNAME: 64,
  /** of a zone: the name lies below a delegation or a DNAME record; what it has is glue at best */
  OCCLUDED: 128,
  /** of a zone: the label `*` stands directly below the name */
  WILDCARD: 256,
} as const;

export const ENTRY_KEY_SIZE_MASK = 0xff;
export const ENTRY_SPACE_SHIFT = 8;
export const ENTRY_KIND_SHIFT = 12;
export const ENTRY_FLAGS_SHIFT = 16;

/**
 * A and AAAA of the name itself, and SRV that points at one name: the question's own name from octet targetSkip on
 * (0 at `S.N.svc` and `E.S.N.svc`; the size of `_port._protocol` at a port name).
 */
export const ADDRESS = layout('payload ADDRESS', [
  ['count4', 1, 'number of IPv4 addresses'],
  ['count6', 1, 'number of IPv6 addresses'],
  ['srv', 1, 'bits 0–15 number of SRV ports (0: no SRV) · 16–23 weight · 24–31 targetSkip in octets'],
  ['data', 0, 'ports, two a word; count4 address words; 4·count6 address words'],
]);

/**
 * A headless Service at its own name or at a port name: addresses of all endpoints, and SRV with a target per endpoint
 * label: the label followed by the question's own name from octet targetSkip on.
 */
export const ENDPOINTS = layout('payload ENDPOINTS', [
  ['count4', 1, 'number of IPv4 addresses'],
  ['count6', 1, 'number of IPv6 addresses'],
  ['groupCount', 1, 'number of endpoint labels'],
  ['srvCount', 1, 'number of SRV records of all groups'],
  ['additionalCount', 1, 'number of address records of all groups'],
  ['srv', 1, 'bits 0–15 number of port sets · 16–23 weight · 24–31 targetSkip in octets'],
  [
    'data',
    0,
    'count4 address words; 4·count6 address words; per port set: word of count, then its ports two a word; per group: ' +
      'word (bits 0–7 octets of its name · 8–31 port set index), word (bits 0–15 count4 · 16–31 count6), ' +
      'the name as key words: the endpoint label, in a clusterset zone with the cluster, count4 + 4·count6 address words',
  ],
]);

/** A CNAME (ExternalName, host name of a load balancer), and SRV that points at its target. */
export const ALIAS = layout('payload ALIAS', [
  ['targetSize', 1, 'octets of the target in wire form, root label included'],
  ['srv', 1, 'bits 0–15 number of SRV ports (0: SRV is answered by the CNAME) · 16–23 weight'],
  ['target', 0, 'the target, as written in the object, as key words; ports, two a word'],
]);

/** PTR records: names relative to the primary zone. */
export const POINTER = layout('payload POINTER', [
  ['count', 1, 'number of targets'],
  [
    'targets',
    0,
    'per target: word (bits 0–7 size of the relative name in octets · 8 set if it comes from a cluster IP), the name as key words',
  ],
]);

/** RRsets rendered to wire format. Owner names are pointers to the question; TTLs are in place. */
export const RAW = layout('payload RAW', [
  ['rrsetCount', 1, 'number of RRsets'],
  [
    'rrsets',
    0,
    'per RRset: word (bits 0–15 TYPE · 16–31 number of records), word of size in octets, the records, as key words',
  ],
]);

/** RRsets of a name of a zone, by TYPE from the lowest on. */
export const RRSETS = layout('payload RRSETS', [
  ['rrsetCount', 1, 'number of RRsets'],
  [
    'rrsets',
    0,
    'per RRset: word (bits 0–15 TYPE · 16–31 number of records), word of size in octets, then as key words per record: ' +
      'TTL, RDLENGTH and RDATA in wire format, names not compressed',
  ],
]);

/** The pod that alone has an address. */
export const CLIENT = layout('payload CLIENT', [
  ['sizes', 1, 'bits 0–7 octets of the namespace · 8–15 octets of the pod name · 16–31 octets of its labels'],
  [
    'names',
    0,
    'the namespace, the name of the pod, then labels, key and value in turn with an octet 0 between, as key words',
  ],
]);

/** Words that hold `size` octets. */
export function wordsFor(size: number): number {
  return (size + 3) >>> 2;
}
