/** What a result has to name for its figures to mean anything. */

import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, release, totalmem } from 'node:os';

export interface Machine {
  readonly cpuModel: string;
  readonly cpuCount: number;
  readonly memoryMiB: number;
  readonly kernel: string;
  readonly node: string;
  /** runs as a guest, as the CPU's flags say */
  readonly isGuest: boolean;
}

export function describeMachine(): Machine {
  return {
    cpuModel: cpus()[0]?.model ?? 'unknown',
    cpuCount: availableParallelism(),
    memoryMiB: Math.round(totalmem() / 2 ** 20),
    kernel: release(),
    node: process.version,
    isGuest: /\bhypervisor\b/.test(readFileSync('/proc/cpuinfo', 'utf8')),
  };
}

/** Seconds since boot that all CPUs together were taken away by the host (`steal` of /proc/stat). */
export function readStealSeconds(): number {
  const line = readFileSync('/proc/stat', 'utf8').split('\n', 1)[0]!;
  return Number(line.split(/\s+/)[8] ?? 0) / 100;
}
