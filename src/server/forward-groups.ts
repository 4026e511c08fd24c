/** From a `forward` stanza to the group of upstreams that the answering threads know. */
import { DEFAULT_FORWARD_GROUP, type ForwardGroup, type UpstreamAddress } from '../forward/forward-group.ts';
import type { ForwardStanza } from '../plugins/forward/parse.ts';

/**
 * @param nextGroup  index of the group of the stanza behind it, -1: none
 * @param loopZone   zone of the block's `loop`, '': it has none
 * @returns the group, or what of the stanza is not built yet
 */
export function forwardGroupOf(stanza: ForwardStanza, nextGroup: number, loopZone: string): ForwardGroup | string {
  const upstreams: UpstreamAddress[] = [];
  for (const upstream of stanza.to) {
    if (upstream.kind === 'host') return `upstreams by host name (${upstream.host})`;
    const { scheme, address, port } = upstream;
    if (scheme === 'https') return `upstreams over ${scheme}://`;
    if (scheme === 'dns') upstreams.push({ address, port });
    else upstreams.push({ address, port, scheme, serverName: upstream.serverName ?? stanza.tlsServerName ?? '' });
  }
  return {
    ...DEFAULT_FORWARD_GROUP,
    upstreams,
    policy: stanza.policy,
    readTimeoutMs: stanza.readTimeoutMs,
    attemptsMax: stanza.connectAttemptsMax ?? 0,
    failsMax: stanza.failsMax,
    probe: stanza.healthCheck,
    concurrentMax: stanza.concurrentMax,
    failsFast: stanza.failsFastIfAllDown,
    failoverRcodes: stanza.failoverRcodes,
    nextRcodes: stanza.nextRcodes,
    asksNextOnNodata: stanza.asksNextOnNodata,
    nextGroup,
    loopZone,
    forcesTcp: stanza.forcesTcp,
    prefersUdp: stanza.prefersUdp,
    sourceAddress: stanza.sourceAddress ?? '',
    expireMs: stanza.expireMs,
    maxAgeMs: stanza.maxAgeMs,
    idleConnectionsMax: stanza.idleConnectionsMax,
    tls: stanza.tls,
  };
}
