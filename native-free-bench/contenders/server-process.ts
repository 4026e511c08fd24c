/** A server as a child process: pinned, leader of its own process group, its output in a file, ended by process id. */

import { spawn } from 'node:child_process';
import { accessSync, closeSync, constants, openSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { RunningContender } from './contender.ts';

/** Longer than the `lameduck` of kubeadm's Corefile. */
const END_TIMEOUT_MS = 10_000;

/** Leaders of process groups that run; killed should this process end before it has stopped them. */
const runningGroups = new Set<number>();
process.once('exit', () => {
  for (const group of runningGroups) process.kill(-group, 'SIGKILL');
});

export interface ServerProcessOptions {
  readonly command: readonly string[];
  readonly cpus: readonly number[];
  readonly directory: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** run after the process ended */
  readonly cleanUp?: () => Promise<void>;
}

/** Start a command under taskset. Its output goes to `output.log` in its directory, and into the error if it ends early. */
export async function startServerProcess(options: ServerProcessOptions): Promise<RunningContender> {
  const command = ['taskset', '-c', options.cpus.join(','), ...options.command];
  const logFile = join(options.directory, 'output.log');
  const log = openSync(logFile, 'w');
  const child = spawn(command[0]!, command.slice(1), {
    cwd: options.directory,
    detached: true,
    stdio: ['ignore', log, log],
    env: { ...process.env, ...options.environment },
  });
  closeSync(log);
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', reject);
  });
  const processId = child.pid!;
  runningGroups.add(processId);
  const end = new Promise<void>((resolve) => {
    child.once('exit', () => {
      runningGroups.delete(processId);
      resolve();
    });
  });
  const killGroup = (signal: NodeJS.Signals): void => {
    if (runningGroups.has(processId)) process.kill(-processId, signal);
  };
  return {
    processId,
    command,
    hasEnded: () => !runningGroups.has(processId),
    async stop() {
      const early = !runningGroups.has(processId);
      killGroup('SIGTERM');
      const timer = setTimeout(() => killGroup('SIGKILL'), END_TIMEOUT_MS);
      await end;
      clearTimeout(timer);
      await options.cleanUp?.();
      if (early)
        throw new Error(
          `${options.command[0]} ended before it was told to:\n${readFileSync(logFile, 'utf8').slice(-2_000)}`,
        );
    },
  };
}

/** Path of a program in PATH or in one of some further directories; undefined if there is none. */
export function findProgram(name: string, furtherDirectories: readonly string[] = []): string | undefined {
  const directories = [...(process.env['PATH'] ?? '').split(delimiter), ...furtherDirectories];
  for (const directory of directories) {
    const path = join(directory, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch (error) {
      if (!(error instanceof Error)) throw error;
    }
  }
  return undefined;
}
