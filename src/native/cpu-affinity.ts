/** Threads on CPUs. */
import { loadLibc } from './libc.ts';

/** Octets of a CPU mask: 8,192 CPUs, the kernel's own limit. */
const MASK_SIZE = 1024;

/** Bind the calling thread to one CPU. @returns whether the kernel did */
export function pinThread(cpu: number): boolean {
  const mask = new Uint8Array(new ArrayBuffer(MASK_SIZE));
  mask[cpu >>> 3] = 1 << (cpu & 7);
  return loadLibc().sched_setaffinity(0, MASK_SIZE, mask) === 0;
}

/** CPUs the calling thread may run on, ascending. */
export function threadCpus(): number[] {
  const mask = new Uint8Array(new ArrayBuffer(MASK_SIZE));
  loadLibc().sched_getaffinity(0, MASK_SIZE, mask);
  const cpus: number[] = [];
  for (let cpu = 0; cpu < MASK_SIZE * 8; cpu++) {
    if ((mask[cpu >>> 3]! >>> (cpu & 7)) & 1) cpus.push(cpu);
  }
  return cpus;
}
