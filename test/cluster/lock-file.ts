/** A lock between processes of one machine: a file that holds the pid of its owner. */
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';

/**
 * Take the lock unless a process that lives has it. The lock of one that has died is taken over; two that do this in the
 * same instant can both end up with it, so it saves work and must not guard what is right only once.
 *
 * @returns what gives it back; undefined: another has it
 */
export function takeLock(file: string): (() => void) | undefined {
  const release = (): void => rmSync(file, { force: true });
  const own = `${file}-${process.pid}`;
  if (create(file, own)) return release;
  const owner = readOwner(file);
  if (owner !== undefined && isAlive(owner)) return undefined;
  try {
    renameSync(file, own);
    rmSync(own, { force: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  return create(file, own) ? release : undefined;
}

/** By a link, so that the file is never seen without its pid. */
function create(file: string, own: string): boolean {
  writeFileSync(own, String(process.pid));
  try {
    linkSync(own, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(own, { force: true });
  }
}

function readOwner(file: string): number | undefined {
  try {
    return Number(readFileSync(file, 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
