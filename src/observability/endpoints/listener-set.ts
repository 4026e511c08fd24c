/**
 * The TCP listeners of one endpoint (health, ready, metrics): server blocks that name the same address share one, and a
 * change of the configuration leaves those alone that stay.
 */
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { SkyshardError } from '../../base/skyshard-error.ts';

/** A name or an address and a port; the empty host means all addresses, port 0 any that is free. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
  /** web configuration, an absolute path, for an endpoint that speaks TLS */
  readonly tlsFile?: string | null;
}

export interface EndpointListener {
  /** the port it got */
  readonly port: number;
  close(): Promise<void>;
}

/** @param port  where it is instead */
export type OnMoved = (wanted: ListenAddress, port: number) => void;

export class ListenerSet<Listener extends EndpointListener> {
  private readonly open: (address: ListenAddress) => Promise<Listener>;
  private listeners: ReadonlyMap<string, { readonly address: ListenAddress; readonly listener: Listener }> = new Map();

  /** @param onMoved  if given, a port that another server has is no fault: a free one is taken, and this is told */
  constructor(open: (address: ListenAddress) => Promise<Listener>, onMoved?: OnMoved) {
    this.open = async (address) => {
      try {
        return await open(address);
      } catch (error) {
        if (onMoved === undefined || !isAddressInUse(error)) throw error;
        const listener = await open({ ...address, port: 0 });
        onMoved(address, listener.port);
        return listener;
      }
    };
  }

  get all(): readonly Listener[] {
    return [...this.listeners.values()].map(({ listener }) => listener);
  }

  /** Where an address is listened on. */
  get(address: ListenAddress): Listener | undefined {
    return this.listeners.get(keyOf(address))?.listener;
  }

  /**
   * Listen on these addresses and no others. All or nothing: if one cannot be had, those of before go on.
   *
   * @throws SkyshardError BIND_FAILED
   */
  async update(addresses: readonly ListenAddress[]): Promise<void> {
    const wanted = new Map(addresses.map((address) => [keyOf(address), address]));
    const stay = new Map([...this.listeners].filter(([key]) => wanted.has(key)));
    const gone = [...this.listeners].filter(([key]) => !wanted.has(key)).map(([, open]) => open);
    // `:8080` and `127.0.0.1:8080` cannot be open at the same time
    const ports = new Set([...wanted.values()].map(({ port }) => port));
    const inTheWay = gone.filter(({ address }) => address.port !== 0 && ports.has(address.port));
    await closeAll(inTheWay.map(({ listener }) => listener));
    const opened = new Map<string, { readonly address: ListenAddress; readonly listener: Listener }>();
    try {
      for (const [key, address] of wanted) {
        if (!stay.has(key)) opened.set(key, { address, listener: await this.open(address) });
      }
    } catch (error) {
      await closeAll([...opened.values()].map(({ listener }) => listener));
      await this.reopen(inTheWay.map(({ address }) => address));
      throw error;
    }
    this.listeners = new Map([...stay, ...opened]);
    await closeAll(gone.filter((open) => !inTheWay.includes(open)).map(({ listener }) => listener));
  }

  async close(): Promise<void> {
    const all = this.all;
    this.listeners = new Map();
    await closeAll(all);
  }

  /** What was closed for a new address that could not be had. One that cannot be had again is missing then. */
  private async reopen(addresses: readonly ListenAddress[]): Promise<void> {
    const listeners = new Map(this.listeners);
    for (const address of addresses) {
      const key = keyOf(address);
      listeners.delete(key);
      try {
        listeners.set(key, { address, listener: await this.open(address) });
      } catch {
        // the fault that is reported is that of the new address
      }
    }
    this.listeners = listeners;
  }
}

function keyOf(address: ListenAddress): string {
  return `${formatListenAddress(address)} ${address.tlsFile ?? ''}`;
}

/** `:8080`, `localhost:9153`, `[::1]:8181`: as the Corefile has it. */
export function formatListenAddress({ host, port }: ListenAddress): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/**
 * Let a server listen.
 *
 * @param what  the endpoint, for the message
 * @returns the port
 * @throws SkyshardError BIND_FAILED
 */
export async function listenOn(server: Server, address: ListenAddress, what: string): Promise<number> {
  try {
    const host = await resolveHost(address.host);
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ port: address.port, ...(host !== '' && { host }) }, () => {
        server.off('error', reject);
        resolve();
      });
    });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new SkyshardError('BIND_FAILED', `${what} on ${formatListenAddress(address)}: ${reason}`, { cause });
  }
  return (server.address() as AddressInfo).port;
}

/** Whether a BIND_FAILED is one that another port would not have. */
export function isAddressInUse(error: unknown): boolean {
  const cause = error instanceof SkyshardError ? error.cause : undefined;
  return cause instanceof Error && 'code' in cause && cause.code === 'EADDRINUSE';
}

/** A name stands for its first IPv4 address if it has one, as in Go: `localhost` is 127.0.0.1. */
async function resolveHost(host: string): Promise<string> {
  if (host === '' || isIP(host) !== 0) return host;
  return (await lookup(host, { order: 'ipv4first' })).address;
}

async function closeAll(listeners: readonly EndpointListener[]): Promise<void> {
  await Promise.all(listeners.map((listener) => listener.close()));
}
