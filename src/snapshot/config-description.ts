/** A configuration as it is given to the snapshot: listeners, their routes, the steps of each, what a server block does to answers. */
import { UDP_SIZE_MAX_DEFAULT } from './snapshot-layout.ts';

interface StepBase {
  /** a name that does not exist is the next step's */
  readonly isFallthrough?: boolean;
}

/** One zone of one `kubernetes` instance. */
export interface KubernetesStep extends StepBase {
  readonly kind: 'kubernetes';
  /** the plugin's zone, wire form with root label, lower-cased; the route's zone if not given */
  readonly zone?: Uint8Array;
  /** index of the dataset in the root */
  readonly dataset: number;
  /** TTL of records, seconds */
  readonly ttlSeconds: number;
  readonly isPodsInsecure: boolean;
  readonly isZonal: boolean;
  /** the zone is one of `multicluster` */
  readonly isClusterset?: boolean;
  /** the primary zone, wire form with root label, as written in the configuration */
  readonly primary: Uint8Array;
}

/** One zone of `k8s_external`. */
export interface ExternalStep extends StepBase {
  readonly kind: 'external';
  /** the plugin's zone, wire form with root label, lower-cased */
  readonly zone: Uint8Array;
  /** index of the dataset of its `kubernetes` instance */
  readonly dataset: number;
  /** TTL of records, seconds */
  readonly ttlSeconds: number;
  /** TTL of SRV and CNAME records, seconds; that of the others if not given */
  readonly targetTtlSeconds?: number;
  /** the zone that PTR targets end in, wire form with root label, as written in the configuration */
  readonly primary: Uint8Array;
  /** the name that its name server is below, relative wire form, lower-cased */
  readonly apex: Uint8Array;
}

/** Names of a dataset by their whole name (`hosts`). */
export interface RecordsStep extends StepBase {
  readonly kind: 'records';
  readonly dataset: number;
  readonly ttlSeconds: number;
  readonly hasWildcards: boolean;
  /** outside the plugin's zones: only PTR questions, and what is not there is the next step's */
  readonly isPointersOnly: boolean;
  /** with fallthrough: types it has no records of are the next step's too */
  readonly fallsThroughUnsupported?: boolean;
}

/** A zone of `file`, `auto` or `secondary`. */
export interface ZoneStep extends StepBase {
  readonly kind: 'zone';
  /** the zone's name, wire form with root label, lower-cased */
  readonly zone: Uint8Array;
  readonly dataset: number;
  /** index of the `plugin` label of metrics */
  readonly plugin: number;
  /** no TTL is larger, seconds; undefined: as they are */
  readonly ttlMaxSeconds?: number | undefined;
}

/** A template that is evaluated for each query. It looks at class, type and zone itself, and knows its own fallthrough. */
export interface TemplateStep extends ProgramStep {
  readonly kind: 'template';
  /** metric scope that counts what it does; 0 or not given: it is not counted */
  readonly scope?: number;
}

/** The rules of a server block's `rewrite`; one object for all routes of a block. */
export interface RewriteStep extends ProgramStep {
  readonly kind: 'rewrite';
  /** a rule changes the class of questions */
  readonly changesClass: boolean;
  /** a rule changes where CNAME records lead */
  readonly changesTargets?: boolean;
  /** how the names go on that rules give; one of them is for the root */
  readonly rest: readonly RouteDescription[];
}

/** Which queries of the server block have to be signed; two objects for all its routes. */
export interface TsigStep extends ProgramStep {
  readonly kind: 'tsig';
}

/** The keys by which messages of a listener are signed; one object for all its addresses. */
export interface KeysDescription {
  /** JSON of a TsigKeysProgram */
  readonly program: Uint8Array;
  readonly rest?: never;
}

/** IPv6 addresses for what has IPv4 addresses alone, or the other way round. */
export interface TranslationStep extends ProgramStep {
  readonly kind: 'dns64' | 'siit';
}

/** Names of a search list are tried in the place of the one that is asked. */
export interface AutopathStep extends ProgramStep {
  readonly kind: 'autopath';
  /** index of the dataset that knows pods by address; undefined: the list is the same for all clients */
  readonly dataset?: number | undefined;
  readonly rest: readonly RouteDescription[];
}

/** A step that depends on the query in more ways than words can say. */
interface ProgramStep {
  /** JSON of what the answering threads evaluate */
  readonly program: Uint8Array;
  /** how other names go on with the steps behind this one, where it gives other names */
  readonly rest?: readonly RouteDescription[];
  readonly isFallthrough?: never;
}

/** Records that are the same for every name of the zone, in wire format with C00C as the question's name. */
export interface FixedAnswerStep extends StepBase {
  readonly kind: 'fixedAnswer';
  /** metric scope that counts its answers; 0 or not given: they are not counted */
  readonly scope?: number;
  /** TYPE; 255: every type */
  readonly qtype: number;
  readonly rcode: number;
  /** extended DNS error, -1: none */
  readonly extendedError: number;
  readonly answers: readonly Uint8Array[];
  readonly authorities: readonly Uint8Array[];
  readonly additionals: readonly Uint8Array[];
}

/** Texts of class CH; an empty list is not answered. */
export interface ChaosStep extends StepBase {
  readonly kind: 'chaos';
  readonly version: string;
  readonly hostname: string;
  readonly authors: readonly string[];
}

/** Addresses with a prefix length: one word (IPv4) or four big-endian words (IPv6). */
export interface NetworkWords {
  readonly words: readonly number[];
  readonly prefixLength: number;
}

/** Who may transfer the zone that a step behind this one serves. */
export interface TransferStep extends StepBase {
  readonly kind: 'transfer';
  readonly isAnyoneAllowed: boolean;
  readonly networks: readonly NetworkWords[];
}

/** Who may notify of a change of the route's zone. */
export interface NotifiedStep extends StepBase {
  readonly kind: 'notified';
  readonly networks: readonly NetworkWords[];
}

/** Who may ask for what: the first policy that matches decides. */
export interface AclStep extends StepBase {
  readonly kind: 'acl';
  /** metric scope that counts what is allowed */
  readonly allowedScope: number;
  readonly policies: readonly AclPolicyDescription[];
}

export interface AclPolicyDescription {
  readonly action: 'allow' | 'block' | 'filter' | 'drop';
  /** metric scope that counts it */
  readonly scope: number;
  /** TYPEs, null: all */
  readonly types: readonly number[] | null;
  /** of clients, null: all */
  readonly networks: readonly NetworkWords[] | null;
}

export type StepDescription =
  | KubernetesStep
  | ExternalStep
  | RecordsStep
  | ZoneStep
  | FixedAnswerStep
  | ChaosStep
  | TemplateStep
  | TransferStep
  | RewriteStep
  | TsigStep
  | NotifiedStep
  | TranslationStep
  | AutopathStep
  | AclStep
  | ({ readonly kind: 'any' | 'whoami' | 'unbuilt' | 'refuse' } & StepBase)
  | ({ readonly kind: 'local'; readonly isPrefixAnswered: boolean } & StepBase)
  /** `group`: number of the group of upstreams; `cacheProfile`: how answers are kept, if they are */
  | ({ readonly kind: 'forward'; readonly group: number; readonly cacheProfile?: number | undefined } & StepBase);

/** What a server block does to every answer. */
export interface PolicyDescription {
  /** addresses of our own data begin with another one each time */
  readonly rotates: boolean;
  /** records of other answers are ordered by chance */
  readonly isShuffled: boolean;
  /** what is known of a query under a label; null: nothing. One object for all policies that share it */
  readonly metadata: MetadataDescription | null;
  /** JSON of what the answering threads order the addresses of all answers by; null: nothing */
  readonly addressOrder: Uint8Array | null;
  /** bits of the header's flags word that responses have set, and cleared */
  readonly headerFlags: { readonly set: number; readonly cleared: number };
  readonly isMinimal: boolean;
  readonly isLogged: boolean;
  readonly reportsErrors: boolean;
  readonly isRecursionAvailable: boolean;
  /** the block has plugins that answer */
  readonly hasHandlers: boolean;
  /** a step of the block asks other questions than those of clients */
  readonly isComposed?: boolean;
  /** octets */
  readonly udpSizeMax: number;
  /** empty: not answered */
  readonly nsid: Uint8Array;
}

export const DEFAULT_POLICY: PolicyDescription = {
  rotates: true,
  isShuffled: true,
  metadata: null,
  addressOrder: null,
  headerFlags: { set: 0, cleared: 0 },
  isMinimal: false,
  isLogged: false,
  reportsErrors: false,
  isRecursionAvailable: false,
  hasHandlers: true,
  udpSizeMax: UDP_SIZE_MAX_DEFAULT,
  nsid: new Uint8Array(0),
};

/** `metadata` of a server block: JSON of this goes to the answering threads. */
export interface MetadataDescription {
  /** canonical names: of other names nothing is known */
  readonly zones: readonly string[];
  /** `view/name`; null: the block has no `view` */
  readonly view: string | null;
  /** `proxyproto/tlv` is kept */
  readonly hasProxyVector: boolean;
  /** `kubernetes/…`; null: the block has no `kubernetes` */
  readonly cluster: {
    /** index in the root */
    readonly dataset: number;
    /** canonical names */
    readonly zones: readonly string[];
    readonly multiclusterZones: readonly string[];
    readonly isZonal: boolean;
    /** pods are known by their addresses */
    readonly knowsClients: boolean;
  } | null;
  /** labels whose values `log` prints, in the order in which they go with the report of a query */
  readonly logged: readonly string[];
  /** the report of a query says who answered it upstream */
  readonly logsUpstream: boolean;
}

/** A server block that may answer. */
export interface RouteChoice {
  /** null: it does; one object for all routes of a block */
  readonly condition: { readonly program: Uint8Array } | null;
  readonly route: RouteDescription;
  /** its zone is that of the first choice */
  readonly isOfFirstZone: boolean;
}

export interface RouteDescription {
  /** wire form with root label, lower-cased */
  readonly zone: Uint8Array;
  /** octets of the zone of its server block; that of the zone itself if not given */
  readonly serverZoneSize?: number;
  /** metric scope */
  readonly scope: number;
  /** DEFAULT_POLICY if not given; one object for all routes of a block */
  readonly policy?: PolicyDescription;
  /** none where there are choices */
  readonly steps: readonly StepDescription[];
  /** tried in this order; not given: the steps answer */
  readonly choices?: readonly RouteChoice[];
}

export interface ListenerDescription {
  /** index in the CONFIG block; small numbers */
  readonly id: number;
  readonly routes: readonly RouteDescription[];
  readonly keys?: KeysDescription | undefined;
  /** where it listens, for those who ask for that; '' and 0 if not given */
  readonly address?: string;
  readonly port?: number;
}

export interface SnapshotConfig {
  readonly listeners: readonly ListenerDescription[];
}
