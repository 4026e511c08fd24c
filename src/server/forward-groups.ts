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
    if (upstream.scheme !== 'dns') return `upstreams over ${upstream.scheme}://`;
    upstreams.push({ address: upstream.address, port: upstream.port });
  }
  if (stanza.forcesTcp) return 'force_tcp';
  if (stanza.sourceAddress !== null) return 'source_address';
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
  };
}
