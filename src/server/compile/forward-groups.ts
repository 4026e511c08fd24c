/** From a `forward` stanza to the group of upstreams that the answering threads know. */
import type { AddressAndPort } from '../../config/upstream-address.ts';
import {
  DEFAULT_FORWARD_GROUP,
  type ForwardGroup,
  type UpstreamAddress,
  UPSTREAMS_MAX,
} from '../../forward/forward-group.ts';
import type { ForwardStanza } from '../../plugins/forward/stanza.ts';

/** How long a request over HTTPS may take, ms, whatever `read_timeout` says. */
const HTTPS_READ_TIMEOUT_MS = 2000;

/**
 * @param nextGroup    number of the group of the stanza behind it, -1: none; without `next` it is not named, so that one group
 *                     is not another for what is behind it
 * @param loopZone     zone of the block's `loop`, '': it has none
 * @param addressesOf  what was found for a host name
 */
export function forwardGroupOf(
  stanza: ForwardStanza,
  nextGroup: number,
  loopZone: string,
  addressesOf: (host: string, resolvers: readonly AddressAndPort[]) => readonly string[],
): ForwardGroup {
  const upstreams = new Map<string, UpstreamAddress>();
  for (const upstream of stanza.to) {
    const { scheme, port } = upstream;
    const serverName = upstream.serverName ?? stanza.tlsServerName ?? '';
    const addresses = upstream.kind === 'host' ? addressesOf(upstream.host, stanza.resolvers) : [upstream.address];
    for (const address of addresses) {
      const found = scheme === 'dns' ? { address, port } : { address, port, scheme, serverName };
      upstreams.set(JSON.stringify(found), found);
    }
  }
  const isAllHttps = stanza.to.every(({ scheme }) => scheme === 'https');
  return {
    ...DEFAULT_FORWARD_GROUP,
    upstreams: [...upstreams.values()].slice(0, UPSTREAMS_MAX),
    policy: stanza.policy,
    readTimeoutMs: isAllHttps ? HTTPS_READ_TIMEOUT_MS : stanza.readTimeoutMs,
    attemptsMax: stanza.connectAttemptsMax ?? null,
    failsMax: stanza.failsMax,
    probe: stanza.healthCheck,
    concurrentMax: stanza.concurrentMax,
    failsFast: stanza.failsFastIfAllDown,
    failoverRcodes: stanza.failoverRcodes,
    nextRcodes: stanza.nextRcodes,
    asksNextOnNodata: stanza.asksNextOnNodata,
    nextGroup: stanza.nextRcodes.length > 0 || stanza.asksNextOnNodata ? nextGroup : -1,
    loopZone,
    forcesTcp: stanza.forcesTcp,
    prefersUdp: stanza.prefersUdp,
    sourceAddress: stanza.sourceAddress ?? '',
    expireMs: stanza.expireMs,
    maxAgeMs: stanza.maxAgeMs,
    idleConnectionsMax: stanza.idleConnectionsMax,
    tls: stanza.tls,
    dohMethod: stanza.dohMethod,
  };
}
