/**
 * Whether no other server listens where this one is to. Sockets that share a port would not notice: the kernel would split what
 * comes between the two servers.
 */
import { createSocket } from 'node:dgram';
import { createServer, isIPv4 } from 'node:net';
import { SkyshardError } from '../../base/skyshard-error.ts';
import type { Libc } from '../../native/libc.ts';
import { probeAddress, type ProbedAddress } from '../../native/probe-address.ts';
import { LOW_PORT_HINT } from '../../native/udp-socket.ts';

/**
 * @param libc  undefined: without native calls. Node's own way loads and compiles much for a server that has just started.
 * @throws SkyshardError BIND_FAILED
 */
export async function assertAddressFree(
  protocol: 'udp' | 'tcp',
  listener: ProbedAddress,
  libc: Libc | undefined,
): Promise<void> {
  const { address, port } = listener;
  const fail = (cause: unknown): never => {
    const fault = cause as NodeJS.ErrnoException;
    const text = `${protocol === 'tcp' ? 'TCP ' : ''}${bindFailureText(fault, address, port)}`;
    throw new SkyshardError('BIND_FAILED', text, { cause });
  };
  if (libc !== undefined) {
    const fault = probeAddress(libc, protocol, listener);
    if (fault !== undefined) fail(fault);
    return;
  }
  await (protocol === 'udp' ? bindDatagram(listener) : bindStream(listener)).catch(fail);
}

async function bindDatagram({ address, port, isV6Only }: ProbedAddress): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const probe = createSocket({ type: isIPv4(address) ? 'udp4' : 'udp6', ipv6Only: isV6Only });
  probe.once('error', (cause) => {
    probe.close();
    reject(cause);
  });
  probe.bind({ address, port, exclusive: true }, () => probe.close(() => resolve()));
  await promise;
}

async function bindStream({ address, port, isV6Only }: ProbedAddress): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const probe = createServer();
  probe.once('error', reject);
  probe.listen({ host: address, port, ipv6Only: isV6Only, exclusive: true }, () => probe.close(() => resolve()));
  await promise;
}

/** Whether two addresses cannot be had by sockets that do not share their port. */
export function isInTheWay(
  one: { readonly address: string; readonly port: number },
  other: { readonly address: string; readonly port: number },
): boolean {
  return one.port === other.port && (one.address === other.address || isWildcard(one) || isWildcard(other));
}

function isWildcard({ address }: { readonly address: string }): boolean {
  return address === '0.0.0.0' || address === '::';
}

export function bindFailureText(
  cause: { readonly code?: string | undefined; readonly message: string },
  address: string,
  port: number,
): string {
  const where = isIPv4(address) ? `${address}:${port}` : `[${address}]:${port}`;
  if (cause.code === 'EADDRINUSE') return `${where}: another server listens there (EADDRINUSE)`;
  if (cause.code === 'EADDRNOTAVAIL') return `${where}: no interface of this machine has that address (EADDRNOTAVAIL)`;
  if (cause.code === 'EACCES') return `${where}: ${LOW_PORT_HINT} (EACCES)`;
  return `${where}: ${cause.message}`;
}
