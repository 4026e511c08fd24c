/** The client of the query in hand: one object a thread. */
import { QUERY_ERROR } from '../observability/queries/query-error.ts';
import { UDP_SIZE_MAX_DEFAULT } from '../snapshot/snapshot-layout.ts';
import type { QueryClient } from './answerer-options.ts';

export function createQueryClient(): QueryClient {
  return {
    listener: 0,
    peerOffset: 0,
    peerSize: 0,
    peerPort: 0,
    proxyVector: undefined,
    isStream: false,
    isStreamClient: false,
    scope: 0,
    messageSize: 0,
    policyFlags: 0,
    udpSizeMax: UDP_SIZE_MAX_DEFAULT,
    isShuffled: false,
    addressOrder: undefined,
    headerFlags: 0,
    cacheProfile: -1,
    hasStale: false,
    rewriting: undefined,
    tsig: undefined,
    tsigSize: 0,
    isVerified: false,
    loggedMetadata: undefined,
    upstreamOptions: undefined,
    composing: undefined,
    optSize: 0,
    error: QUERY_ERROR.NONE,
    errorDetail: 0,
  };
}

/** Of no server block yet. */
export function forgetPolicy(client: QueryClient): void {
  client.policyFlags = 0;
  client.udpSizeMax = UDP_SIZE_MAX_DEFAULT;
  client.isShuffled = false;
  client.addressOrder = undefined;
  client.headerFlags = 0;
  client.error = QUERY_ERROR.NONE;
  client.rewriting = undefined;
  client.loggedMetadata = undefined;
  client.upstreamOptions = undefined;
  client.tsig = undefined;
  client.tsigSize = 0;
  client.isVerified = false;
  client.composing = undefined;
}
