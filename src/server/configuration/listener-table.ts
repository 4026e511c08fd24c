/** Which listeners the running server has, and what another configuration changes about them. Pure. */
import type { ProxyRules } from '../../dns/proxy-policy.ts';
import type { HttpLimits, StreamScheme, TcpTimeouts, TlsEnd } from '../../resolver/resolver-options.ts';
import type { ShardListener } from '../../shard/shard-options.ts';
import { toShardListeners } from '../threads/shard-sockets.ts';
import type { ListenerAddress } from '../threads/shard-sockets.ts';

/** What counts at an address. */
export interface ListenerSettings {
  /** only `dns` is served over UDP too */
  readonly scheme: StreamScheme;
  readonly timeouts: TcpTimeouts;
  /** without it nothing is encrypted */
  readonly tls: TlsEnd | undefined;
  readonly http?: HttpLimits | undefined;
  /** for metrics: SCHEME://ADDRESS:PORT */
  readonly server?: string | undefined;
  /** whose headers of the PROXY protocol count; without it none is looked for */
  readonly proxy?: ProxyRules | undefined;
}

/** An address that a plan names, and what counts there. */
export interface PlannedListener extends ListenerAddress, ListenerSettings {}

/** A listener of the running server. */
export interface RunningListener extends ShardListener, ListenerSettings {}

/** Those that shards have sockets for. */
export function datagramListeners<Listener extends { readonly scheme: StreamScheme }>(
  listeners: readonly Listener[],
): readonly Listener[] {
  return listeners.filter(({ scheme }) => scheme === 'dns');
}

export interface ListenerDifference {
  /** all of the plan, under the ids that they have in the running server; those of before keep theirs */
  readonly wanted: readonly RunningListener[];
  /** those of `wanted` that were not there */
  readonly fresh: readonly RunningListener[];
  /** what was there and is not wanted */
  readonly gone: readonly RunningListener[];
}

/** What it takes to go from one set of listeners to what a plan names. */
export function compareListeners(
  running: readonly RunningListener[],
  planned: readonly PlannedListener[],
): ListenerDifference {
  const taken = new Set(running.map(({ listener }) => listener));
  const isKnown = new Map(running.map((listener) => [keyOf(listener), listener]));
  let next = 0;
  const wanted = toShardListeners(planned).map((listener, index) => {
    const settings = planned[index]!;
    let id = isKnown.get(keyOf({ ...settings, ...listener }))?.listener;
    if (id === undefined) {
      while (taken.has(next)) next++;
      id = next;
      taken.add(id);
    }
    return { ...settings, ...listener, listener: id };
  });
  const keys = new Set(wanted.map(keyOf));
  return {
    wanted,
    fresh: wanted.filter((listener) => !isKnown.has(keyOf(listener))),
    gone: running.filter((listener) => !keys.has(keyOf(listener))),
  };
}

function keyOf({ scheme, address, port, isV6Only }: RunningListener): string {
  return `${scheme} ${address} ${port} ${isV6Only}`;
}
