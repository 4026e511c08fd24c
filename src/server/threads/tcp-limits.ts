/** What TCP clients may take, by what the process may use. Pure, but for the reading of the descriptor limit. */
import { readFileSync } from 'node:fs';
import type { TcpLimits } from '../../resolver/resolver-options.ts';

/** What an idle connection costs a resolver, octets: measured with 10,000, Node 24. */
export const CONNECTION_MEMORY = 8 * 1024;
const CONNECTIONS_MAX = 10_000;
const CONNECTIONS_MIN = 64;
/** Of what is there at most this part is for connections. */
const PART_OF_MEMORY = 1 / 8;
const PART_OF_DESCRIPTORS = 1 / 2;
/** A client gets this part of all connections, but never fewer than CONNECTIONS_MIN: a node's cache asks for all its pods. */
const PART_OF_CLIENT = 1 / 8;
const IN_FLIGHT_MAX = 128;
const HELD_SIZE_MAX = 16 * 1024 * 1024;

/**
 * @param memoryLimit      octets, undefined if unlimited
 * @param descriptorLimit  file descriptors of the process
 * @param resolverCount    threads that share them
 * @returns the limits of one resolver
 */
export function planTcpLimits(
  memoryLimit: number | undefined,
  descriptorLimit: number,
  resolverCount: number,
): TcpLimits {
  const fitting = Math.min(
    CONNECTIONS_MAX,
    descriptorLimit * PART_OF_DESCRIPTORS,
    (memoryLimit ?? Infinity) * (PART_OF_MEMORY / CONNECTION_MEMORY),
  );
  const connectionsMax = Math.max(CONNECTIONS_MIN, Math.floor(fitting / resolverCount));
  const heldSizeMax = Math.min(HELD_SIZE_MAX, (memoryLimit ?? Infinity) * (PART_OF_MEMORY / 2));
  return {
    connectionsMax,
    connectionsOfClientMax: Math.max(CONNECTIONS_MIN, Math.floor(connectionsMax * PART_OF_CLIENT)),
    inFlightMax: IN_FLIGHT_MAX,
    heldSizeMax: Math.floor(heldSizeMax / resolverCount),
  };
}

/** File descriptors the process may have; a cautious number where that cannot be known. */
export function readDescriptorLimit(readText: () => string = readLimits): number {
  const [, soft] = /^Max open files\s+(\d+|unlimited)/m.exec(readText()) ?? [];
  if (soft === undefined) return 1024;
  return soft === 'unlimited' ? Infinity : Number(soft);
}

function readLimits(): string {
  try {
    return readFileSync('/proc/self/limits', 'utf8');
  } catch {
    // Not Linux.
    return '';
  }
}
