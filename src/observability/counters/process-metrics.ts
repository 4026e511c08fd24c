/** The metrics of the process, by the names that every Prometheus client library gives them. */
import { readdirSync, readFileSync } from 'node:fs';
import type { MetricFamily } from './metric-family.ts';

/** Figures that a platform does not have are left out. */
export function processMetrics(): readonly MetricFamily[] {
  const startSeconds = Date.now() / 1000 - process.uptime();
  return [
    gauge('process_resident_memory_bytes', 'Memory in use (RSS), all threads.', readResidentMemory),
    gauge('process_start_time_seconds', 'When the process started, Unix time.', () => startSeconds),
    gauge('process_open_fds', 'Open file descriptors.', countOpenFiles),
    gauge('process_max_fds', 'Most file descriptors that may be open.', readOpenFilesMax),
    {
      name: 'process_cpu_seconds_total',
      type: 'counter',
      help: 'CPU time of all threads, user and system.',
      labels: [],
      samples: () => {
        const { user, system } = process.cpuUsage();
        return [{ labels: {}, value: (user + system) / 1e6 }];
      },
    },
  ];
}

function gauge(name: string, help: string, read: () => number | undefined): MetricFamily {
  const samples = () => {
    const value = read();
    return value === undefined ? [] : [{ labels: {}, value }];
  };
  return { name, type: 'gauge', help, labels: [], samples };
}

/** It comes from /proc, which a sandbox may lack, and which cannot be opened where descriptors are short. */
function readResidentMemory(): number | undefined {
  try {
    return process.memoryUsage.rss();
  } catch {
    return undefined;
  }
}

function countOpenFiles(): number | undefined {
  try {
    // one of them is the directory that is being read
    return readdirSync('/proc/self/fd').length - 1;
  } catch {
    return undefined;
  }
}

function readOpenFilesMax(): number | undefined {
  try {
    const [, soft] = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1')) ?? [];
    return soft === undefined ? undefined : Number(soft);
  } catch {
    return undefined;
  }
}
