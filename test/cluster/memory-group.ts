/**
 * A memory cgroup (version 1 or 2) for a process and all that it starts: its limit is what a container's is, and the kernel
 * counts its peak.
 */
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const MIB = 2 ** 20;
const REMOVE_DEADLINE_MS = 5_000;

/** Where a version keeps its groups, and what its files are called. */
const VERSIONS = [
  {
    root: '/sys/fs/cgroup/memory',
    limit: 'memory.limit_in_bytes',
    peak: 'memory.max_usage_in_bytes',
    reclaims: (folder: string): number => Number(readFileSync(path.join(folder, 'memory.failcnt'), 'utf8')),
  },
  {
    root: '/sys/fs/cgroup',
    limit: 'memory.max',
    peak: 'memory.peak',
    reclaims: (folder: string): number =>
      Number(/^max (\d+)$/m.exec(readFileSync(path.join(folder, 'memory.events'), 'utf8'))?.[1] ?? 0),
  },
] as const;

let created = 0;

export class MemoryGroup {
  readonly #folder: string;
  readonly #files: (typeof VERSIONS)[number];

  private constructor(folder: string, files: (typeof VERSIONS)[number]) {
    this.#folder = folder;
    this.#files = files;
  }

  /** @returns the group, or why there cannot be one */
  static create(limitMib: number): MemoryGroup | string {
    const files = VERSIONS.find(
      ({ root, limit }) => existsSync(path.join(root, 'cgroup.procs')) && hasFile(root, limit),
    );
    if (files === undefined) return 'there is no memory cgroup';
    const folder = path.join(files.root, `skyshard-test-${process.pid}-${(created += 1)}`);
    try {
      mkdirSync(folder);
    } catch (error) {
      return `a memory cgroup cannot be made: ${(error as Error).message}`;
    }
    const group = new MemoryGroup(folder, files);
    try {
      writeFileSync(path.join(folder, files.limit), String(limitMib * MIB));
      return group;
    } catch (error) {
      rmdirSync(folder);
      return `a memory cgroup cannot be limited: ${(error as Error).message}`;
    }
  }

  /** A command in front of the program that is to run in the group. */
  get wrapper(): readonly string[] {
    return ['sh', '-c', `echo $$ > ${path.join(this.#folder, 'cgroup.procs')} && exec "$@"`, 'sh'];
  }

  /** MiB, pages of files that were first read by the group included */
  get peakMib(): number {
    return Number(readFileSync(path.join(this.#folder, this.#files.peak), 'utf8')) / MIB;
  }

  /** How often the limit was met, and something had to be given back to stay under it. */
  get limitMet(): number {
    return this.#files.reclaims(this.#folder);
  }

  /** When its processes have ended. */
  async remove(): Promise<void> {
    for (const deadline = performance.now() + REMOVE_DEADLINE_MS; ; await sleep(50)) {
      try {
        return rmdirSync(this.#folder);
      } catch (error) {
        if (performance.now() > deadline) throw error;
      }
    }
  }
}

/** Groups below the root have the file; the root itself may not. */
function hasFile(root: string, limit: string): boolean {
  if (limit.endsWith('_in_bytes')) return existsSync(path.join(root, limit));
  return /\bmemory\b/.test(readText(path.join(root, 'cgroup.subtree_control')));
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
