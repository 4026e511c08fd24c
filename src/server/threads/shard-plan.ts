/** How many shards, and whether each has a CPU of its own. Pure; machine-limits.ts reads what it decides on. */
import type { MachineLimits } from './machine-limits.ts';

/** What one shard's thread costs with the native transport on Node 24, octets. */
export const SHARD_MEMORY = 13 * 1024 * 1024;
/** Shards where nothing limits the CPUs: a node may have 64, and cluster DNS seldom needs them. */
export const SHARDS_UNLIMITED = 4;

export interface ShardPlan {
  readonly count: number;
  /** threads are bound to CPUs and datagrams steered to the shard of the CPU that received them */
  readonly isPinned: boolean;
  /** where isPinned: CPU of each shard */
  readonly cpus: readonly number[];
  /** for the log: what was decided and why */
  readonly reason: string;
}

/**
 * `auto` is the smallest of: the CPUs of the affinity mask, the cgroup's CPU quota rounded up, what fits half of its
 * memory limit, and 4 where there is neither quota nor cpuset. At least 1.
 *
 * @param requested  `auto`, or a number from the operator, which is taken as it is
 */
export function planShards(limits: MachineLimits, requested: number | 'auto'): ShardPlan {
  const cpuCount = Math.max(1, limits.cpus.length);
  const bounds: { count: number; why: string }[] = [{ count: cpuCount, why: `${plural(cpuCount, 'CPU')} to run on` }];
  if (limits.cpuQuota !== undefined) {
    bounds.push({ count: Math.ceil(limits.cpuQuota), why: `a CPU quota of ${limits.cpuQuota}` });
  }
  if (limits.memoryLimit !== undefined) {
    const fitting = Math.floor(limits.memoryLimit / 2 / SHARD_MEMORY);
    bounds.push({ count: fitting, why: `half of the memory limit of ${mebibytes(limits.memoryLimit)} MiB` });
  }
  if (limits.cpuQuota === undefined && !limits.hasCpuset) {
    bounds.push({ count: SHARDS_UNLIMITED, why: 'neither CPU quota nor cpuset' });
  }
  let least = bounds[0] as { count: number; why: string };
  for (const bound of bounds) if (bound.count < least.count) least = bound;
  const count = requested === 'auto' ? Math.max(1, least.count) : requested;
  const why = requested === 'auto' ? least.why : 'as asked for';
  const isPinned = count > 1 && count === cpuCount;
  const steering = isPinned
    ? `one pinned to each of CPUs ${limits.cpus.join(',')}, datagrams steered by receiving CPU`
    : count === 1
      ? 'not pinned'
      : `not pinned on ${plural(cpuCount, 'CPU')}, datagrams spread by hash`;
  return {
    count,
    isPinned,
    cpus: isPinned ? limits.cpus : [],
    reason: `${plural(count, 'shard')} (${why}), ${steering}`,
  };
}

function plural(count: number, noun: string): string {
  return count === 1 ? `1 ${noun}` : `${count} ${noun}s`;
}

function mebibytes(size: number): number {
  return Math.round(size / 1024 / 1024);
}
