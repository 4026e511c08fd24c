/**
 * Who waits where CPUs are short: main and the runtime's helpers, not the shards.
 *
 * A thread inherits the priority of the one that made it, and main makes the shards' successors. Lowering a nice value again
 * takes CAP_SYS_NICE, which a pod has not; leaving SCHED_BATCH takes nothing. So main gets the nice value only where a shard can
 * lower its own, else SCHED_BATCH, under which it never preempts a shard that runs. Helpers make no threads: they are nice always.
 *
 * Where the process was started with a priority of its own, all threads keep that.
 */
import { readdirSync, readFileSync } from 'node:fs';
import type { Libc } from './libc.ts';

const PRIO_PROCESS = 0;
const SCHED_OTHER = 0;
const SCHED_BATCH = 3;
export const MAIN_NICE = 5;
/** Names of threads that V8 and libuv make once and keep: collection, compilation, files. */
const HELPER_NAMES = ['V8Worker', 'DelayedTaskSche', 'libuv-worker'];

export interface MainPriority {
  /** helper threads that are nice now */
  readonly helperCount: number;
  readonly main: 'nice' | 'batch' | 'unchanged';
}

/**
 * Whether the calling thread has the priority that nobody asked for: nice 0, SCHED_OTHER.
 *
 * @param file  for tests. Where there is none, as in a sandbox without /proc, nothing is known, and so nothing is changed
 */
export function hasDefaultPriority(file = '/proc/thread-self/stat'): boolean {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return false;
  }
  // man 5 proc: fields 19 and 41, of which the first two end with the name in parentheses
  const fields = text.replace(/^.*\) /s, '').split(' ');
  return fields[16] === '0' && fields[38] === String(SCHED_OTHER);
}

/** Main, once its helpers are there; only where it had the default priority. */
export function lowerMainPriority(libc: Libc, helpers: readonly number[] = findHelperThreads()): MainPriority {
  const isNice = (tid: number, nice: number): boolean => libc.setpriority(PRIO_PROCESS, tid, nice) === 0;
  const nice = helpers.filter((tid) => isNice(tid, MAIN_NICE));
  const [sample] = nice;
  // Tried on a thread that loses nothing if it stays as it is.
  const canReturn = sample !== undefined && isNice(sample, 0) && isNice(sample, MAIN_NICE);
  const helperCount = nice.length;
  if (canReturn && isNice(0, MAIN_NICE)) return { helperCount, main: 'nice' };
  return { helperCount, main: setPolicy(libc, SCHED_BATCH) ? 'batch' : 'unchanged' };
}

/** A shard, at its start: back to the default. @returns whether it has that now */
export function restoreDefaultPriority(libc: Libc): boolean {
  if (hasDefaultPriority()) return true;
  setPolicy(libc, SCHED_OTHER);
  libc.setpriority(PRIO_PROCESS, 0, 0);
  return hasDefaultPriority();
}

function setPolicy(libc: Libc, policy: number): boolean {
  // struct sched_param: the priority of real-time policies, 0 for others
  return libc.sched_setscheduler(0, policy, new Uint8Array(new ArrayBuffer(64))) === 0;
}

function findHelperThreads(): number[] {
  const tids: number[] = [];
  for (const tid of readdirSync('/proc/self/task')) {
    try {
      const name = readFileSync(`/proc/self/task/${tid}/comm`, 'utf8').trim();
      if (HELPER_NAMES.includes(name)) tids.push(Number(tid));
    } catch {
      // A thread that has just ended.
    }
  }
  return tids;
}
