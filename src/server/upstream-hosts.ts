/**
 * Upstream servers that `forward` names by host name: looked up before a configuration is compiled, and again when the TTL of
 * the answer is over. What cannot be looked up at start is an error, as with CoreDNS; later the last addresses stay.
 */
import { promises as dns } from 'node:dns';
import { SkyshardError } from '../base/skyshard-error.ts';
import type { AddressAndPort } from '../config/upstream-address.ts';
import type { LogFunction } from '../observability/log.ts';
import type { CorefileConfig } from '../plugins/corefile-config.ts';

const LOOKUP_TIMEOUT_MS = 2000;
const LOOKUP_TRIES = 2;
/** Bounds of the time after which a name is looked up again, seconds; without a TTL, and after a failure. */
const TTL_MIN_SECONDS = 5;
const TTL_MAX_SECONDS = 3600;
const TTL_UNKNOWN_SECONDS = 30;

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
  expiresMs: number;
}

export class UpstreamHosts {
  readonly #log: LogFunction;
  /** by name and resolvers: those of the configuration read last */
  #known = new Map<string, KnownHost>();
  #onChange: () => void = () => undefined;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(log: LogFunction) {
    this.#log = log;
  }

  /** Look the names up again from now on. @param onChange  some have other addresses than before */
  start(onChange: () => void): void {
    this.#onChange = onChange;
    this.#plan();
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }

  /**
   * Look up what a configuration names and is not known yet.
   *
   * @throws SkyshardError CONFIG_ARGUMENT if a name has no address
   */
  async prepare(config: CorefileConfig): Promise<void> {
    const known = new Map<string, KnownHost>();
    for (const { plugins } of config.blocks) {
      for (const { to, resolvers } of plugins.forward?.stanzas ?? []) {
        for (const upstream of to) {
          if (upstream.kind !== 'host') continue;
          const key = keyOf(upstream.host, resolvers);
          known.set(key, this.#known.get(key) ?? (await firstLookUp({ host: upstream.host, resolvers })));
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

  #plan(): void {
    clearTimeout(this.#timer);
    if (this.#known.size === 0 || this.#isClosed) return;
    const dueMs = Math.min(...[...this.#known.values()].map(({ expiresMs }) => expiresMs));
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
  return { ...name, addresses, expiresMs: performance.now() + ttlSeconds * 1000 };
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
