/** A group of upstream servers: one `forward` stanza, as plain values that a shard is given. */

export interface UpstreamAddress {
  /** IPv4 or IPv6 address, `fe80::1%eth0` for a link-local one */
  readonly address: string;
  readonly port: number;
  /** `tls`: DNS over TLS, RFC 7858; `https`: over HTTPS, RFC 8484; plain DNS if not given */
  readonly scheme?: 'dns' | 'tls' | 'https';
  /** with TLS: the name its certificate is for; the address if not given */
  readonly serverName?: string;
}

export type UpstreamPolicy = 'random' | 'round_robin' | 'sequential';

export interface ForwardGroup {
  /** 1 to UPSTREAMS_MAX */
  readonly upstreams: readonly UpstreamAddress[];
  readonly policy: UpstreamPolicy;
  /** how long one attempt may take */
  readonly readTimeoutMs: number;
  /** after so many time-outs and network errors a query fails; 0: as many as there is time for; null: ASKED_MAX */
  readonly attemptsMax: number | null;
  /** an upstream is down after more than this many failed probes in a row; 0: never, and no probes */
  readonly failsMax: number;
  readonly probe: HealthProbe;
  /** client queries at a time over all shards, REFUSED beyond; 0: no limit */
  readonly concurrentMax: number;
  /** SERVFAIL at once when all upstreams are down; else one of them is tried */
  readonly failsFast: boolean;
  /** on these rcodes the next upstream is asked */
  readonly failoverRcodes: readonly number[];
  /** on these rcodes the group `nextGroup` is asked */
  readonly nextRcodes: readonly number[];
  /** the same for NOERROR without an answer */
  readonly asksNextOnNodata: boolean;
  /** number of the group behind this one, -1: none */
  readonly nextGroup: number;
  /** zone whose names are sent to each upstream to see if they come back (`loop`), presentation form; '': none are */
  readonly loopZone: string;
  /** plain upstreams are asked over TCP, whatever clients ask over */
  readonly forcesTcp: boolean;
  /** plain upstreams are asked over UDP, whatever clients ask over */
  readonly prefersUdp: boolean;
  /** local address that upstreams are asked from, '': any */
  readonly sourceAddress: string;
  /** how long a connection with nothing to do is kept */
  readonly expireMs: number;
  /** how long any connection is used; 0: as long as it lives */
  readonly maxAgeMs: number;
  /** connections with nothing to do that are kept to one upstream; 0: as many as there are */
  readonly idleConnectionsMax: number;
  /** files of the TLS end, absolute paths; null: the system's authorities and no certificate of our own */
  readonly tls: UpstreamTls | null;
  /** how queries are sent over HTTPS */
  readonly dohMethod: 'POST' | 'GET';
}

/** PEM files, null where there is none. */
export interface UpstreamTls {
  readonly certificateFile: string | null;
  readonly keyFile: string | null;
  readonly authorityFile: string | null;
}

/** An NS query that any response answers. */
export interface HealthProbe {
  readonly intervalMs: number;
  readonly isRecursionDesired: boolean;
  /** presentation form */
  readonly name: string;
}

export const UPSTREAMS_MAX = 15;
/** Groups and upstreams that one configuration can have; equal groups are one. */
export const PLANNED_GROUPS_MAX = 256;
export const PLANNED_UPSTREAMS_MAX = 1024;
/** There is room for two of them: what is served, and what takes its place. */
export const GROUPS_MAX = 512;
export const UPSTREAMS_TOTAL_MAX = 2048;
/** Attempts a query, where nothing is said about it … */
export const ASKED_MAX = 3;
/** … one more, over a stream, for the whole of a reply that came truncated, and an early second try: what may be open. */
export const ATTEMPTS_MAX: number = ASKED_MAX + 2;

/** What CoreDNS's `forward . ADDRESS…` without options means. */
export const DEFAULT_FORWARD_GROUP: Omit<ForwardGroup, 'upstreams'> = {
  policy: 'random',
  readTimeoutMs: 2000,
  attemptsMax: null,
  failsMax: 2,
  probe: { intervalMs: 500, isRecursionDesired: true, name: '.' },
  concurrentMax: 0,
  failsFast: false,
  failoverRcodes: [],
  nextRcodes: [],
  asksNextOnNodata: false,
  nextGroup: -1,
  loopZone: '',
  forcesTcp: false,
  prefersUdp: false,
  sourceAddress: '',
  expireMs: 10_000,
  maxAgeMs: 0,
  idleConnectionsMax: 0,
  tls: null,
  dohMethod: 'POST',
};
