/** What main tells a resolver, and what it says back. */
import type { AnswererOptions } from '../answer/answerer-options.ts';
import type { ProxyRules } from '../dns/proxy-policy.ts';
import type { PanicError } from '../observability/panic-error.ts';

/** How long a client may take over TCP, ms. */
export interface TcpTimeouts {
  /** for the first message, and for the rest of one that has begun */
  readonly readMs: number;
  /** between messages: what edns-tcp-keepalive says */
  readonly idleMs: number;
  /** to take responses that wait */
  readonly writeMs: number;
  /** queries a connection may bring, then it is closed; Infinity: as many as it likes */
  readonly queriesMax: number;
}

/** CoreDNS's. */
export const DEFAULT_TCP_TIMEOUTS: TcpTimeouts = { readMs: 3000, idleMs: 10_000, writeMs: 5000, queriesMax: Infinity };

/** Zones that one resolver sends at a time: each keeps a snapshot. Others wait. */
export const TRANSFERS_MAX = 4;

/** What is spoken over the streams of a listener: DNS as over TCP, within TLS or not, or HTTP. */
export type StreamScheme = 'dns' | 'tls' | 'https';

/** How clients that show a certificate are treated, as in CoreDNS's `tls`. */
export type ClientAuth = 'nocert' | 'request' | 'require' | 'verify_if_given' | 'require_and_verify';

/** The server's end of TLS: PEM files, absolute paths. */
export interface TlsEnd {
  readonly certificateFile: string;
  readonly keyFile: string;
  /** those who sign clients' certificates; null: whom the system trusts */
  readonly authorityFile: string | null;
  readonly clientAuth: ClientAuth;
  /** null: session keys are written nowhere */
  readonly keyLogFile: string | null;
}

/** What clients of one listener may have over HTTP. */
export interface HttpLimits {
  /** connections at a time; 0: as many as there may be at all */
  readonly connectionsMax: number;
  /** requests of one connection at a time */
  readonly streamsMax: number;
}

/** CoreDNS's. */
/** Connections that may wait to be accepted; the kernel takes somaxconn where that is less. */
export const BACKLOG = 4096;
export const DEFAULT_HTTP_LIMITS: HttpLimits = { connectionsMax: 200, streamsMax: 250 };

/** An address to listen on. */
export interface TcpListenerOptions {
  /** listener id, which selects the routes */
  readonly listener: number;
  readonly address: string;
  readonly port: number;
  /** for `::`: IPv4 is another listener's */
  readonly isV6Only: boolean;
  readonly timeouts: TcpTimeouts;
  /** `dns` if not given */
  readonly scheme?: StreamScheme;
  /** without it nothing is encrypted */
  readonly tls?: TlsEnd | undefined;
  /** where HTTP is spoken; CoreDNS's if not given */
  readonly http?: HttpLimits | undefined;
  /** SCHEME://ADDRESS:PORT, by which HTTP responses are counted */
  readonly server?: string | undefined;
  /** whose headers of the PROXY protocol count; without it none is looked for */
  readonly proxy?: ProxyRules | undefined;
  /** connections are accepted, and read when it is said otherwise */
  readonly isHeld?: boolean;
  /** a socket that listens there already, which is the resolver's from then on; without it one is opened */
  readonly fd?: number | undefined;
}

/** What clients may take from one resolver. */
export interface TcpLimits {
  /** plain TCP connections; others count as several */
  readonly connectionsMax: number;
  /** connections of one client address */
  readonly connectionsOfClientMax: number;
  /** queries of one connection that are not answered yet: no more is read until one is */
  readonly inFlightMax: number;
  /** octets of unfinished messages and of responses that clients do not take, over all connections */
  readonly heldSizeMax: number;
}

export interface ResolverOptions extends Pick<AnswererOptions, 'buffer' | 'readerSlot' | 'cookieSecret'> {
  /** index of the resolver */
  readonly resolver: number;
  /** reader slots of this thread, for zones that are sent: as many at a time */
  readonly transferSlots: readonly number[];
  /** from createCounterBuffer, and this thread's region of it */
  readonly counterBuffer: SharedArrayBuffer;
  readonly counterRegion: number;
  /** from createQueryEventBuffer, whose ring of the same number is this thread's; without it nothing is reported */
  readonly eventBuffer?: SharedArrayBuffer | undefined;
  /** from createForwardBuffer, whose region of the same number is this thread's; without it nothing is forwarded */
  readonly forwardBuffer?: SharedArrayBuffer | undefined;
  /** from createCacheBuffer; without it nothing is kept */
  readonly cacheBuffer?: SharedArrayBuffer;
  /** from createDnsmasqBoard; without it dnsmasq's counters have no names */
  readonly dnsmasqBoard?: SharedArrayBuffer | undefined;
  /** from createHandoffBuffer; without it no shard hands anything over */
  readonly handoffBuffer?: SharedArrayBuffer | undefined;
  /** number of metric scopes that routes name */
  readonly scopeCount: number;
  /** how long connections wait for the first snapshot, ms; then answers are SERVFAIL. As shards do it */
  readonly firstSnapshotMaxMs: number;
  /** from createTcpCells, and this thread's of them */
  readonly tcpCells: SharedArrayBuffer;
  /** several sockets, of this thread and others, can share a port; main has seen that nobody else has it */
  readonly isPortShared: boolean;
  readonly limits: TcpLimits;
}

export type ResolverCommand =
  /** listen on these addresses and no others */
  | { readonly kind: 'listen'; readonly listeners: readonly TcpListenerOptions[] }
  /** accept no more, answer what was asked; shards go on handing over */
  | { readonly kind: 'drain'; readonly maxMs: number }
  | { readonly kind: 'end' };

export type ResolverMessage =
  | { readonly kind: 'listening' }
  | { readonly kind: 'bindFailed'; readonly address: string; readonly port: number; readonly fault: BindFault }
  /** a query made the answerer fail: a bug; the client got SERVFAIL */
  | ({ readonly kind: 'panic' } & PanicError)
  /** HTTP responses since the last of these messages */
  | { readonly kind: 'httpResponses'; readonly counts: readonly HttpCount[] }
  | { readonly kind: 'log'; readonly level: 'info' | 'warn'; readonly text: string }
  /** connections that had answers to come when their time was over */
  | { readonly kind: 'drained'; readonly cutCount: number };

export interface HttpCount {
  readonly server: string;
  readonly status: number;
  readonly count: number;
}

export interface BindFault {
  readonly code: string;
  readonly message: string;
}
