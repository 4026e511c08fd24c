import { createRequire } from 'node:module';
import type { ChaosCounters } from '../../answer/answerer-options.ts';
import type { DnsmasqCounters } from './dnsmasq-counters.ts';

/**
 * Dnsmasq's counters, for a server that takes its place; their module is loaded for no other.
 *
 * @returns undefined if nobody is to be told
 */
export function openChaosCounters(buffers: {
  readonly dnsmasqBoard?: SharedArrayBuffer | undefined;
  readonly counterBuffer: SharedArrayBuffer;
  readonly cacheBuffer?: SharedArrayBuffer | undefined;
  readonly forwardBuffer?: SharedArrayBuffer | undefined;
}): ChaosCounters | undefined {
  const { dnsmasqBoard: board, counterBuffer, cacheBuffer, forwardBuffer } = buffers;
  if (board === undefined || cacheBuffer === undefined || forwardBuffer === undefined) return undefined;
  const file = import.meta.url.endsWith('.ts') ? './dnsmasq-counters.ts' : './dnsmasq-counters.js';
  // A thread is made in one go: it cannot wait for an import.
  const loaded = createRequire(import.meta.url)(file) as { DnsmasqCounters: typeof DnsmasqCounters };
  return new loaded.DnsmasqCounters({ board, counterBuffer, cacheBuffer, forwardBuffer });
}
