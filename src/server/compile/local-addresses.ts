/** Addresses of the machine. */
import { networkInterfaces } from 'node:os';

/** The addresses that stand for all of the machine. */
export function wildcardAddresses(): readonly string[] {
  return hasIPv6() ? ['0.0.0.0', '::'] : ['0.0.0.0'];
}

function hasIPv6(): boolean {
  return Object.values(networkInterfaces()).some((entries) => entries?.some((entry) => entry.family === 'IPv6'));
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
