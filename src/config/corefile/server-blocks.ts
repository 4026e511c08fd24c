import type { BlockSettings, ConfigReport } from './block-context.ts';
import { faultAt, quoteText, type CorefileToken } from './corefile-token.ts';
import type { ServerBlock } from './corefile-tree.ts';
import type { ListenerScheme, ServerKey } from './server-key.ts';
import { expandZone, splitScheme, splitZoneAndPort } from '../zone-name.ts';

/** What answers on one address and port: the zones of all blocks that share it. */
export interface Listener {
  readonly scheme: ListenerScheme;
  /** canonical, with `%INTERFACE` where it is link-local; empty: all addresses of the machine */
  readonly address: string;
  readonly port: number;
  /** in the order of the text: with `view` several may have the same zone, and the first whose expressions hold serves */
  readonly zones: readonly ListenerZone[];
}

export interface ListenerZone {
  readonly zone: string;
  /** into the configuration's blocks */
  readonly blockIndex: number;
}

const DEFAULT_PORTS: Readonly<Record<Exclude<ListenerScheme, 'dns'>, number>> = { tls: 853, https: 443 };

/**
 * The keys of a block, networks expanded into reverse zones.
 *
 * @param dnsPort  for keys without scheme and port
 * @throws SkyshardError CONFIG_ARGUMENT or CONFIG_UNSUPPORTED at the key
 */
export function readServerKeys(block: ServerBlock, dnsPort: number, report: ConfigReport): readonly ServerKey[] {
  return block.keys.flatMap((token) => {
    const { scheme, rest } = splitScheme(token.text);
    if (scheme === 'quic' || scheme === 'grpc' || scheme === 'https3') {
      const message = `skyshard does not have listeners of scheme ${scheme}://, expected dns://, tls:// or https://`;
      throw faultAt(token, 'CONFIG_UNSUPPORTED', message);
    }
    const split = splitZoneAndPort(rest);
    if (typeof split === 'string') throw faultAt(token, 'CONFIG_ARGUMENT', `${split}, expected ZONE[:PORT]`);
    const zones = expandZone(split.host);
    if (typeof zones === 'string')
      throw faultAt(token, 'CONFIG_ARGUMENT', `${zones}, expected ZONE[:PORT] such as '.:53'`);
    if (split.host.includes(':') && zones.length === 1 && !zones[0]!.endsWith('.arpa.')) {
      report.warn(
        token,
        `${quoteText(token.text)} is the zone ${quoteText(zones[0]!)}: a network is written ADDRESS/LENGTH`,
      );
    }
    report.countZones(token, zones.length);
    const port = split.port ?? (scheme === 'dns' ? dnsPort : DEFAULT_PORTS[scheme]);
    return zones.map((zone) => ({ scheme, zone, port, token }));
  });
}

/** Every zone stands in every listener of its block. */
const LISTENER_ZONES_MAX = 1_000_000;

export interface BlockListening {
  readonly keys: readonly ServerKey[];
  readonly settings: Readonly<BlockSettings>;
}

/**
 * Group the keys of all blocks by what they listen on.
 *
 * @throws SkyshardError CONFIG_CONFLICT at the second of two keys that cannot both be
 */
export function groupListeners(blocks: readonly BlockListening[]): readonly Listener[] {
  const listeners = new Map<string, Listener & { readonly zones: ListenerZone[]; readonly keys: PlacedKey[] }>();
  const claims = new ZoneClaims();
  let zoneCount = 0;
  for (const [blockIndex, { keys, settings }] of blocks.entries()) {
    for (const key of keys) {
      for (const address of settings.bindAddresses ?? ['']) {
        const name = `${key.scheme}://${joinHostPort(address, key.port)}`;
        let listener = listeners.get(name);
        if (listener === undefined) {
          listener = { scheme: key.scheme, address, port: key.port, zones: [], keys: [] };
          listeners.set(name, listener);
        }
        if (++zoneCount > LISTENER_ZONES_MAX) {
          const message = `the listeners have more than ${LISTENER_ZONES_MAX} zones in all: zones times addresses`;
          throw faultAt(key.token, 'CONFIG_CONFLICT', message);
        }
        listener.zones.push({ zone: key.zone, blockIndex });
        listener.keys.push({ key, settings });
      }
    }
  }
  for (const { keys, settings } of blocks) {
    for (const key of keys) {
      for (const address of settings.bindAddresses ?? ['']) claims.claim(key, address, settings.isFiltered);
    }
  }
  for (const [name, { keys }] of listeners) checkAgreement(name, keys);
  checkPorts([...listeners.values()]);
  return [...listeners.values()].map(({ scheme, address, port, zones }) => ({ scheme, address, port, zones }));
}

export function joinHostPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

interface PlacedKey {
  readonly key: ServerKey;
  readonly settings: Readonly<BlockSettings>;
}

/** Who serves which zone where: nothing twice, and not on all addresses and on one of them. */
class ZoneClaims {
  readonly #claimed = new Map<string, ServerKey>();
  /** the first claim of a zone and port, on whatever address */
  readonly #first = new Map<string, { readonly key: ServerKey; readonly address: string }>();

  claim(key: ServerKey, address: string, isFiltered: boolean): void {
    const name = `${key.scheme}://${key.zone}:${key.port}`;
    const shown = address === '' ? name : `${name} on ${address}`;
    const same = this.#claimed.get(`${name} on ${address}`);
    if (same !== undefined) {
      if (isFiltered) return;
      throw faultAt(
        key.token,
        'CONFIG_CONFLICT',
        `cannot serve ${shown} - it is already defined at ${placeOf(same.token)}`,
      );
    }
    const first = this.#first.get(name);
    const everywhere = this.#claimed.get(`${name} on `);
    const overlapping = address === '' ? first?.key : everywhere;
    if (overlapping !== undefined) {
      const message = `cannot serve ${shown} - zone overlap listener capacity with the one at ${placeOf(overlapping.token)}, which has ${address === '' ? 'a' : 'no'} bind`;
      throw faultAt(key.token, 'CONFIG_CONFLICT', message);
    }
    if (isFiltered) return;
    this.#claimed.set(`${name} on ${address}`, key);
    if (first === undefined) this.#first.set(name, { key, address });
  }
}

/** All schemes listen on TCP. */
function checkPorts(listeners: readonly (Listener & { readonly keys: readonly PlacedKey[] })[]): void {
  const taken = new Map<string, (typeof listeners)[number]>();
  for (const listener of listeners) {
    const { address, port, scheme, keys } = listener;
    const name = joinHostPort(address, port);
    const other = taken.get(name);
    taken.set(name, listener);
    if (other === undefined || port === 0) continue;
    const { token } = keys[0]!.key;
    const message = `${scheme}:// and ${other.scheme}:// cannot both listen on TCP ${name}: ${placeOf(other.keys[0]!.key.token)} has it`;
    throw faultAt(token, 'CONFIG_CONFLICT', message);
  }
}

/** Blocks that share a listener have to agree on what the listener can have only once. */
function checkAgreement(listenerName: string, keys: readonly PlacedKey[]): void {
  const [first] = keys;
  if (first === undefined || first.key.scheme === 'dns') return;
  for (const { key, settings } of keys) {
    if (settings.tlsIdentity !== first.settings.tlsIdentity) {
      const message = `conflicting TLS configuration for shared listener ${listenerName} between zones ${first.key.zone} (${placeOf(first.key.token)}) and ${key.zone}: expected the same plugin tls in all blocks or in none`;
      throw faultAt(key.token, 'CONFIG_CONFLICT', message);
    }
    if (key.scheme === 'tls' && settings.tlsIdentity === null) {
      throw faultAt(
        key.token,
        'CONFIG_CONFLICT',
        `${quoteText(key.token.text)} needs plugin tls in its block: without it would be plain text`,
      );
    }
  }
  const limited = keys.filter(({ settings }) => settings.httpsMaxStreams !== null);
  const different = limited.find(({ settings }) => settings.httpsMaxStreams !== limited[0]!.settings.httpsMaxStreams);
  if (first.key.scheme === 'https' && different !== undefined) {
    const message = `conflicting max_streams for shared listener ${listenerName}: ${limited[0]!.settings.httpsMaxStreams} (${placeOf(limited[0]!.key.token)}) and ${different.settings.httpsMaxStreams}`;
    throw faultAt(different.key.token, 'CONFIG_CONFLICT', message);
  }
}

function placeOf(token: CorefileToken): string {
  return `${token.file}:${token.line}:${token.column}`;
}
