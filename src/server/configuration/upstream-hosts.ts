/**
 * Upstream servers that `forward` names by host name: looked up before a configuration is compiled, and again when the TTL of
 * the answer is over. What cannot be looked up at start is an error, as with CoreDNS; later the last addresses stay.
 *
 * Names in a zone of one of the server's own clusters are looked up in what it serves, and again with every change of that:
 * nobody else is asked, itself neither. Until they have an address their group has no upstream, and what is for it is SERVFAIL.
 */
import { promises as dns } from 'node:dns';
import { SkyshardError } from '../../base/skyshard-error.ts';
import type { AddressAndPort } from '../../config/upstream-address.ts';
import type { LogFunction } from '../../observability/log.ts';
import { UPSTREAMS_MAX } from '../../forward/forward-group.ts';
import type { CorefileConfig } from '../../plugins/corefile-config.ts';

const LOOKUP_TIMEOUT_MS = 2000;
const LOOKUP_TRIES = 2;
/** Bounds of the time after which a name is looked up again, seconds; without a TTL, and after a failure. */
const TTL_MIN_SECONDS = 5;
const TTL_MAX_SECONDS = 3600;
const TTL_UNKNOWN_SECONDS = 30;
/** Of changes of own names, one in this time is taken over. */
const OWN_PAUSE_MS = 200;

export interface HostName {
  readonly host: string;
  /** empty: the system's */
  readonly resolvers: readonly AddressAndPort[];
}

export interface FoundAddresses {
  readonly addresses: readonly string[];
  readonly ttlSeconds: number;
}

interface KnownHost extends HostName {
  addresses: readonly string[];
  /** infinite for a name of an own cluster */
  expiresMs: number;
  isOwn: boolean;
  isMissed: boolean;
}

/** Addresses of a name in a zone of an own cluster; undefined: they are not known yet. */
export type FindOwn = (host: string) => readonly string[] | undefined;

export class UpstreamHosts {
  readonly #log: LogFunction;
  /** by name and resolvers: those of the configuration read last */
  #known = new Map<string, KnownHost>();
  #findOwn: FindOwn = () => undefined;
  #onChange: () => void = () => undefined;
  #timer: NodeJS.Timeout | undefined;
  #ownTimer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(log: LogFunction) {
    this.#log = log;
  }

  /** Look the names up again from now on. @param onChange  some have other addresses than before */
  start(onChange: () => void): void {
    this.#onChange = onChange;
    this.#plan();
    this.lookAtOwn();
  }

  /** From now on names of own clusters are found. */
  serveOwn(findOwn: FindOwn): void {
    this.#findOwn = findOwn;
  }

  /** What the server serves has changed. */
  lookAtOwn(): void {
    if (this.#ownTimer !== undefined || this.#isClosed || ![...this.#known.values()].some(({ isOwn }) => isOwn)) return;
    // A rolling update is many changes in a row.
    this.#ownTimer = setTimeout(() => {
      this.#ownTimer = undefined;
      const isChanged = [...this.#known.values()].some(
        (known) => known.isOwn && this.#ownAddresses(known).join(' ') !== known.addresses.join(' '),
      );
      if (isChanged && !this.#isClosed) this.#onChange();
    }, OWN_PAUSE_MS).unref();
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#ownTimer);
  }

  /**
   * Look up what a configuration names and is not known yet.
   *
   * @throws SkyshardError CONFIG_ARGUMENT if a name has no address
   */
  async prepare(config: CorefileConfig): Promise<void> {
    const known = new Map<string, KnownHost>();
    const ownZones = config.blocks.flatMap(({ plugins }) => plugins.kubernetes?.zones ?? []);
    for (const { plugins } of config.blocks) {
      for (const { to, resolvers } of plugins.forward?.stanzas ?? []) {
        for (const upstream of to) {
          if (upstream.kind !== 'host') continue;
          const key = keyOf(upstream.host, resolvers);
          const isOwn =
            resolvers.length === 0 && ownZones.some((zone) => `${upstream.host}.`.toLowerCase().endsWith(`.${zone}`));
          known.set(key, await this.#lookUp({ host: upstream.host, resolvers }, isOwn, this.#known.get(key)));
        }
      }
    }
    this.#known = known;
    this.#plan();
  }

  /** The addresses of a name that was prepared, IPv4 first. */
  addressesOf(host: string, resolvers: readonly AddressAndPort[]): readonly string[] {
    return this.#known.get(keyOf(host, resolvers))?.addresses ?? [];
  }

  /** All that was found, as one text: another one is another configuration. */
  get text(): string {
    return [...this.#known].map(([key, { addresses }]) => `${key} ${addresses.join(' ')}`).join('\n');
  }

  async #lookUp(name: HostName, isOwn: boolean, before: KnownHost | undefined): Promise<KnownHost> {
    if (!isOwn) return before?.isOwn === false ? before : firstLookUp(name);
    const known = { addresses: [], isMissed: false, ...before, ...name, isOwn, expiresMs: Infinity };
    return Object.assign(known, { addresses: this.#ownAddresses(known) });
  }

  /** The last ones where there are none now. */
  #ownAddresses(known: KnownHost): readonly string[] {
    const found = this.#findOwn(known.host);
    if (found === undefined) return known.addresses;
    const isMissed = found.length === 0;
    if (isMissed && !known.isMissed) {
      const last =
        known.addresses.length === 0 ? 'it is not asked until it has one' : 'its last addresses are still used';
      this.#log('warn', `plugin/forward: ${known.host} has no address in the cluster; ${last}`);
    }
    known.isMissed = isMissed;
    return isMissed ? known.addresses : sorted(found).slice(0, UPSTREAMS_MAX);
  }

  #plan(): void {
    clearTimeout(this.#timer);
    if (this.#known.size === 0 || this.#isClosed) return;
    const dueMs = Math.min(...[...this.#known.values()].map(({ expiresMs }) => expiresMs));
    if (dueMs === Infinity) return;
    const waitMs = Math.max(0, dueMs - performance.now());
    this.#timer = setTimeout(() => void this.#refresh(), waitMs).unref();
  }

  async #refresh(): Promise<void> {
    const before = this.text;
    const nowMs = performance.now();
    for (const known of this.#known.values()) {
      if (known.expiresMs > nowMs) continue;
      const found = await lookUp(known).catch((error: unknown) => {
        this.#log('warn', `plugin/forward: ${textOf(error)}; its last addresses are still used`);
        return { addresses: known.addresses, ttlSeconds: TTL_UNKNOWN_SECONDS };
      });
      known.addresses = found.addresses;
      known.expiresMs = performance.now() + found.ttlSeconds * 1000;
    }
    if (this.#isClosed) return;
    if (this.text !== before) this.#onChange();
    this.#plan();
  }
}

async function firstLookUp(name: HostName): Promise<KnownHost> {
  const { addresses, ttlSeconds } = await lookUp(name);
  return { ...name, addresses, expiresMs: performance.now() + ttlSeconds * 1000, isOwn: false, isMissed: false };
}

/** @throws SkyshardError CONFIG_ARGUMENT if there is no address */
export async function lookUp({ host, resolvers }: HostName): Promise<FoundAddresses> {
  const resolver = new dns.Resolver({ timeout: LOOKUP_TIMEOUT_MS, tries: LOOKUP_TRIES });
  if (resolvers.length > 0) resolver.setServers(resolvers.map(formatServer));
  const options = { ttl: true } as const;
  const answers = await Promise.allSettled([resolver.resolve4(host, options), resolver.resolve6(host, options)]);
  const records = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
  if (records.length > 0) {
    const ttl = Math.min(...records.map((record) => record.ttl));
    const ttlSeconds = Math.min(TTL_MAX_SECONDS, Math.max(TTL_MIN_SECONDS, ttl));
    return { addresses: sorted(records.map(({ address }) => address)), ttlSeconds };
  }
  // The hosts file, where the system is asked.
  const local = resolvers.length > 0 ? [] : await dns.lookup(host, { all: true }).catch(() => []);
  if (local.length > 0) {
    return { addresses: sorted(local.map(({ address }) => address)), ttlSeconds: TTL_UNKNOWN_SECONDS };
  }
  const fault = answers.find((answer) => answer.status === 'rejected');
  const reason = fault === undefined ? '' : `: ${textOf(fault.reason)}`;
  throw new SkyshardError('CONFIG_ARGUMENT', `failed to resolve "${host}": no addresses found${reason}`);
}

/** In one order whatever the resolver's, so that the same addresses are the same upstreams. */
function sorted(addresses: readonly string[]): readonly string[] {
  return [...new Set(addresses)].sort((a, b) => Number(a.includes(':')) - Number(b.includes(':')) || (a < b ? -1 : 1));
}

function formatServer({ address, port }: AddressAndPort): string {
  return `${address.includes(':') ? `[${address}]` : address}:${port}`;
}

function keyOf(host: string, resolvers: readonly AddressAndPort[]): string {
  return JSON.stringify([host, resolvers]);
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
