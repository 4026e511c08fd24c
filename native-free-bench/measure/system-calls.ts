/** System calls of a process group, counted by the kernel's raw_syscalls tracepoint through perf. */

import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

export interface SystemCallCounter {
  /** ends the counting */
  stop(): Promise<number>;
}

const EVENT = 'raw_syscalls:sys_enter';

/** @returns undefined where perf is missing or may not count */
export async function startSystemCallCounter(processGroup: number): Promise<SystemCallCounter | undefined> {
  const members = processesOfGroup(processGroup);
  const child = spawn('perf', ['stat', '-x', ',', '-e', EVENT, '-p', members.join(',')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let output = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output += text));
  const end = new Promise<boolean>((resolve) => {
    child.once('error', () => resolve(false));
    child.once('close', () => resolve(true));
  });
  // perf says nothing when it has attached; one that can't count ends at once.
  const timer = new Promise<'counting'>((resolve) => setTimeout(() => resolve('counting'), 300));
  if ((await Promise.race([end, timer])) !== 'counting') return undefined;
  return {
    async stop() {
      child.kill('SIGINT');
      await end;
      const line = output.split('\n').find((candidate) => candidate.includes(EVENT));
      const count = Number(line?.split(',')[0]);
      if (!Number.isFinite(count)) throw new Error(`perf stat counted nothing: ${output.slice(-300)}`);
      return count;
    },
  };
}

function processesOfGroup(processGroup: number): string[] {
  return readdirSync('/proc').filter((entry) => {
    if (!/^\d+$/.test(entry)) return false;
    try {
      const text = readFileSync(`/proc/${entry}/stat`, 'utf8');
      return Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[2]) === processGroup;
    } catch {
      // It ended between the listing and the read.
      return false;
    }
  });
}
