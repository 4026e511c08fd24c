/** Where the server listens: addresses, their metric scopes, and the routes of the built-in configuration. */
import { hostname, networkInterfaces } from 'node:os';
import { assert } from '../base/assert.ts';
import { lowerCaseName, parseName } from '../dns/name.ts';
import { DEFAULT_TCP_TIMEOUTS } from '../resolver/resolver-options.ts';
import type { RecordOptions } from '../records/record-options.ts';
import { DEFAULT_POLICY } from '../snapshot/config-writer.ts';
import type { KubernetesStep, PolicyDescription } from '../snapshot/config-writer.ts';
import type { ServerPlan } from './server-plan.ts';

/** The key of the built-in server block: the `zone` label of what enters its chain. */
const BLOCK_ZONE = '.';
const DROPPED_ZONE = 'dropped';
/** What never enters a chain is counted here, whatever listener it came to. */
const SCOPE_DROPPED = 0;

/** One listener for each address, each with a scope of its own where the operator chose the addresses. */
export function planListeners(
  bindAddresses: readonly string[],
  port: number,
  records: Omit<RecordOptions, 'localAddresses'>,
): ServerPlan {
  const isWildcard = bindAddresses.length === 0;
  const bound = isWildcard ? wildcardAddresses() : bindAddresses;
  const addresses = bound.map((address, listener) => ({ listener, address, port, timeouts: DEFAULT_TCP_TIMEOUTS }));
  const labels = isWildcard ? [`dns://:${port}`] : bound.map((address) => serverLabel(address, port));
  const scopes = [
    { server: labels[0] ?? '', zone: DROPPED_ZONE, view: '' },
    ...labels.map((server) => ({ server, zone: BLOCK_ZONE, view: '' })),
  ];
  const policy = { ...DEFAULT_POLICY, nsid: Buffer.from(hostname()) };
  const listeners = addresses.map(({ listener }) => {
    const scope = SCOPE_DROPPED + 1 + (isWildcard ? 0 : listener);
    return { id: listener, routes: routesOf(records, scope, policy) };
  });
  return {
    addresses,
    scopes,
    config: { listeners },
    records: [{ dataset: 0, options: { ...records, localAddresses: localAddressesOf(bindAddresses) } }],
    labels: undefined,
    hosts: [],
    services: undefined,
    enabledPlugins: scopes.slice(1).map((scope) => ({ ...scope, name: 'kubernetes' })),
    datasetCount: 1,
    hash: '',
    reload: undefined,
    warnings: [],
  };
}

function routesOf(records: Omit<RecordOptions, 'localAddresses'>, scope: number, policy: PolicyDescription) {
  const primary = records.zones.find((zone) => !/(?:^|\.)(?:in-addr|ip6)\.arpa$/.test(zone)) ?? records.zones[0] ?? '.';
  const step: KubernetesStep = {
    kind: 'kubernetes',
    dataset: 0,
    ttlSeconds: records.ttlSeconds,
    isPodsInsecure: records.pods === 'insecure',
    isZonal: records.zonal,
    primary: wireName(primary),
  };
  return records.zones.map((zone) => ({ zone: lowerCaseName(wireName(zone)), scope, policy, steps: [step] }));
}

function wireName(text: string): Uint8Array {
  const name = parseName(text);
  assert(name !== null, 'a zone is a name');
  return name;
}

/** The addresses that stand for all of the machine. */
export function wildcardAddresses(): readonly string[] {
  return hasIPv6() ? ['0.0.0.0', '::'] : ['0.0.0.0'];
}

function hasIPv6(): boolean {
  return Object.values(networkInterfaces()).some((entries) => entries?.some((entry) => entry.family === 'IPv6'));
}

/** CoreDNS's `server` label. */
function serverLabel(address: string, port: number): string {
  return `dns://${address.includes(':') ? `[${address}]` : address}:${port}`;
}

/** Addresses the NS records of the zones may name: those listened on, but for loopback. Wildcards or none: the machine's. */
export function localAddressesOf(bindAddresses: readonly string[]): readonly string[] {
  if (bindAddresses.some((address) => address !== '0.0.0.0' && address !== '::'))
    return bindAddresses.filter((address) => !/^(?:127\.|::1$|0\.0\.0\.0$|::$)/.test(address));
  return Object.values(networkInterfaces()).flatMap((entries) =>
    // A link-local address is of no use to who learns it from an NS record.
    (entries ?? [])
      .filter((entry) => !entry.internal && !entry.address.startsWith('fe80:'))
      .map((entry) => entry.address),
  );
}
