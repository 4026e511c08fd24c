/**
 * CPU time of a process group, from /proc. `/proc/PID/stat` adds up all threads of a process, ended ones too. Its sum of user
 * and system time is exact to a clock tick; how it divides into the two is sampled by the kernel's timer, so a user time is
 * only worth something over many seconds. The sum is refined from `/proc/PID/task/TID/schedstat` (ns) where that is there.
 */

import { readdirSync, readFileSync } from 'node:fs';

/** USER_HZ, which Linux fixes for every platform Node runs on. */
const TICKS_PER_SECOND = 100;

export interface CpuTime {
  readonly userTicks: number;
  readonly systemTicks: number;
  /** thread id → ns on a CPU; threads alive now */
  readonly threadNs: ReadonlyMap<string, number>;
  /** thread id → what it calls itself */
  readonly threadNames: ReadonlyMap<string, string>;
}

export interface CpuSpent {
  readonly userMs: number;
  readonly systemMs: number;
  /** user and system together; the finer of the two sources */
  readonly totalMs: number;
  /** ms by name of the threads, those of one name together; without threads that ended meanwhile */
  readonly threadMs: ReadonlyMap<string, number>;
}

export function readCpuTime(processGroup: number): CpuTime {
  let userTicks = 0;
  let systemTicks = 0;
  const threadNs = new Map<string, number>();
  const threadNames = new Map<string, string>();
  for (const processId of readdirSync('/proc')) {
    if (!/^\d+$/.test(processId)) continue;
    const fields = readStat(processId);
    // Fields as proc(5) counts them, less the three that stand before: pgrp 5, utime 14, stime 15.
    if (fields === undefined || Number(fields[2]) !== processGroup) continue;
    userTicks += Number(fields[11]);
    systemTicks += Number(fields[12]);
    for (const [threadId, name, ns] of readThreads(processId)) {
      threadNs.set(threadId, ns);
      threadNames.set(threadId, name);
    }
  }
  if (threadNs.size === 0) throw new Error(`no process is left in group ${processGroup}`);
  return { userTicks, systemTicks, threadNs, threadNames };
}

export function cpuSpent(before: CpuTime, after: CpuTime): CpuSpent {
  const msPerTick = 1000 / TICKS_PER_SECOND;
  const userMs = (after.userTicks - before.userTicks) * msPerTick;
  const systemMs = (after.systemTicks - before.systemTicks) * msPerTick;
  const threadMs = new Map<string, number>();
  let threadsMs = 0;
  let isWhole = true;
  for (const [threadId, ns] of after.threadNs) {
    const spentMs = (ns - (before.threadNs.get(threadId) ?? 0)) / 1e6;
    const name = after.threadNames.get(threadId)!;
    threadMs.set(name, (threadMs.get(name) ?? 0) + spentMs);
    threadsMs += spentMs;
  }
  for (const threadId of before.threadNs.keys()) isWhole &&= after.threadNs.has(threadId);
  const totalMs = isWhole && threadsMs > 0 ? threadsMs : userMs + systemMs;
  return { userMs, systemMs, totalMs, threadMs };
}

/** The fields after `(comm)`, which may itself hold spaces and parentheses; undefined if the process is gone. */
function readStat(processId: string): string[] | undefined {
  try {
    const text = readFileSync(`/proc/${processId}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

function readThreads(processId: string): [threadId: string, name: string, ns: number][] {
  const threads: [string, string, number][] = [];
  try {
    for (const threadId of readdirSync(`/proc/${processId}/task`)) {
      const directory = `/proc/${processId}/task/${threadId}`;
      const name = readFileSync(`${directory}/comm`, 'utf8').trim();
      threads.push([threadId, name, Number(readFileSync(`${directory}/schedstat`, 'utf8').split(' ')[0])]);
    }
  } catch (error) {
    if (!isGone(error)) throw error;
  }
  return threads;
}

function isGone(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH');
}
