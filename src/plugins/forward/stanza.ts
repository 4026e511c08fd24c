import type { TlsFiles } from '../../config/tls-files.ts';
import type { AddressAndPort } from '../../config/upstream-address.ts';

/** One `forward` directive, as read. */
export interface ForwardStanza {
  /** canonical name */
  readonly from: string;
  /** in order, each once */
  readonly to: readonly ForwardUpstream[];
  /** canonical names that go to the next plugin */
  readonly except: readonly string[];
  readonly forcesTcp: boolean;
  readonly prefersUdp: boolean;
  /** how long an idle connection is kept */
  readonly expireMs: number;
  /** how long any connection is kept; 0: no limit */
  readonly maxAgeMs: number;
  /** 0: no limit */
  readonly idleConnectionsMax: number;
  readonly readTimeoutMs: number;
  /** failed probes in a row after which an upstream is down; 0: never */
  readonly failsMax: number;
  /** attempts a query; 0: as many as fit into the time; null: twice the upstreams */
  readonly connectAttemptsMax: number | null;
  readonly healthCheck: HealthCheck;
  /** null: `tls` was not given, which means the system's authorities */
  readonly tls: TlsFiles | null;
  /** for upstreams without a name of their own; null: none */
  readonly tlsServerName: string | null;
  readonly policy: 'random' | 'round_robin' | 'sequential';
  /** queries at a time; 0: no limit */
  readonly concurrentMax: number;
  /** on these rcodes the next stanza is asked */
  readonly nextRcodes: readonly number[];
  readonly asksNextOnNodata: boolean;
  /** on these rcodes the next upstream is asked */
  readonly failoverRcodes: readonly number[];
  readonly failsFastIfAllDown: boolean;
  readonly dohMethod: 'POST' | 'GET';
  /** servers that resolve the upstreams' host names; empty: the system's */
  readonly resolvers: readonly AddressAndPort[];
  /** null: any */
  readonly sourceAddress: string | null;
}

export interface HealthCheck {
  readonly intervalMs: number;
  readonly isRecursionDesired: boolean;
  /** canonical name that is asked for */
  readonly name: string;
}

export type ForwardUpstream = AddressUpstream | HostUpstream;

export interface AddressUpstream extends AddressAndPort {
  readonly kind: 'address';
  readonly scheme: UpstreamScheme;
  /** whose certificate is expected; null: what `tls_servername` says */
  readonly serverName: string | null;
}

/** Resolved when the server starts and again when the answer's TTL is over. */
export interface HostUpstream {
  readonly kind: 'host';
  readonly scheme: UpstreamScheme;
  readonly host: string;
  readonly port: number;
  readonly serverName: string | null;
}

export type UpstreamScheme = 'dns' | 'tls' | 'https';
