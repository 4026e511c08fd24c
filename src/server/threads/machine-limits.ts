/** What this process may use: CPUs by affinity, CPU quota and memory by cgroup (version 2 or 1). */
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { posix } from 'node:path';

export interface MachineLimits {
  /** CPU numbers the process may run on, ascending */
  readonly cpus: readonly number[];
  /** whether these are fewer than the machine has */
  readonly hasCpuset: boolean;
  /** CPUs' worth of time, undefined if unlimited */
  readonly cpuQuota: number | undefined;
  /** octets, undefined if unlimited */
  readonly memoryLimit: number | undefined;
}

/** A file's text, undefined if there is none. */
export type ReadText = (path: string) => string | undefined;

/** version 1 says «unlimited» with the largest multiple of a page size below 2^63 */
const MEMORY_UNLIMITED = 2 ** 60;
const CGROUP_ROOT = '/sys/fs/cgroup';

export function readMachineLimits(read: ReadText = readText): MachineLimits {
  const cpus = parseCpuList(/^Cpus_allowed_list:\s*(.*)$/m.exec(read('/proc/self/status') ?? '')?.[1] ?? '');
  const online = parseCpuList(read('/sys/devices/system/cpu/online')?.trim() ?? '');
  const fallback = Array.from({ length: availableParallelism() }, (_, cpu) => cpu);
  // A mask may name CPUs that are offline or absent.
  const usable = online.length === 0 ? cpus : cpus.filter((cpu) => online.includes(cpu));
  return {
    cpus: usable.length > 0 ? usable : fallback,
    hasCpuset: usable.length > 0 && usable.length < online.length,
    ...readCgroupLimits(read),
  };
}

/** `0-3,8` → 0 1 2 3 8 */
export function parseCpuList(text: string): number[] {
  const cpus: number[] = [];
  for (const part of text.split(',')) {
    const [, first, last] = /^\s*(\d+)(?:-(\d+))?\s*$/.exec(part) ?? [];
    if (first === undefined) continue;
    for (let cpu = Number(first); cpu <= Number(last ?? first); cpu++) cpus.push(cpu);
  }
  return cpus;
}

function readCgroupLimits(read: ReadText): Pick<MachineLimits, 'cpuQuota' | 'memoryLimit'> {
  const quotas: number[] = [];
  const limits: number[] = [];
  for (const line of (read('/proc/self/cgroup') ?? '').split('\n')) {
    const [, controllers, path] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
    if (controllers === undefined || path === undefined) continue;
    const names = controllers.split(',');
    for (const directory of cgroupDirectories(controllers, path)) {
      if (controllers === '') {
        pushFinite(quotas, parseCpuMax(read(`${directory}/cpu.max`)));
        pushFinite(limits, parseNumber(read(`${directory}/memory.max`)));
      }
      if (names.includes('cpu')) {
        const quota = parseNumber(read(`${directory}/cpu.cfs_quota_us`));
        pushFinite(quotas, quota / parseNumber(read(`${directory}/cpu.cfs_period_us`)));
      }
      if (names.includes('memory')) pushFinite(limits, parseNumber(read(`${directory}/memory.limit_in_bytes`)));
    }
  }
  const memoryLimit = limits.length === 0 ? Infinity : Math.min(...limits);
  return {
    cpuQuota: quotas.length === 0 ? undefined : Math.min(...quotas),
    memoryLimit: memoryLimit < MEMORY_UNLIMITED ? memoryLimit : undefined,
  };
}

/**
 * Directories that may hold a cgroup's files: its own and those above it, whose limits hold too. Within a container the
 * path may be the host's while the mount shows only the container's group, as the root.
 */
function cgroupDirectories(controllers: string, path: string): string[] {
  const mounts =
    controllers === ''
      ? [CGROUP_ROOT, `${CGROUP_ROOT}/unified`]
      : [`${CGROUP_ROOT}/${controllers}`, ...controllers.split(',').map((name) => `${CGROUP_ROOT}/${name}`)];
  const directories: string[] = [];
  for (const mount of new Set(mounts)) {
    let at = path;
    for (; at !== '/'; at = posix.dirname(at)) directories.push(`${mount}${at}`);
    directories.push(mount);
  }
  return directories;
}

/** `150000 100000` → 1.5; `max 100000` → NaN */
function parseCpuMax(text: string | undefined): number {
  const [quota, period] = (text ?? '').trim().split(/\s+/);
  return parseNumber(quota) / parseNumber(period);
}

function parseNumber(text: string | undefined): number {
  return /^\d+\s*$/.test(text ?? '') ? Number(text) : NaN;
}

function pushFinite(list: number[], value: number): void {
  if (Number.isFinite(value) && value > 0) list.push(value);
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // Not Linux, or a controller that is not there: no limit from it.
    return undefined;
  }
}
