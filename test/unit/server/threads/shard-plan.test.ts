import assert from 'node:assert/strict';
import test from 'node:test';
import type { MachineLimits } from '../../../../src/server/threads/machine-limits.ts';
import { planShards } from '../../../../src/server/threads/shard-plan.ts';

const MEBIBYTE = 1024 * 1024;

function limits(cpuCount: number, more: Partial<MachineLimits> = {}): MachineLimits {
  const cpus = Array.from({ length: cpuCount }, (_, cpu) => cpu);
  return { cpus, hasCpuset: false, cpuQuota: undefined, memoryLimit: undefined, ...more };
}

interface PlanCase {
  readonly title: string;
  readonly limits: MachineLimits;
  readonly requested: number | 'auto';
  readonly count: number;
  readonly cpus: readonly number[];
  readonly reason: RegExp;
}

const CASES: readonly PlanCase[] = [
  {
    title: 'a 64-CPU node with the manifest’s 170 MiB and no CPU limit',
    limits: limits(64, { memoryLimit: 170 * MEBIBYTE }),
    requested: 'auto',
    count: 4,
    cpus: [],
    reason: /^4 shards \(neither CPU quota nor cpuset\), not pinned on 64 CPUs, datagrams spread by hash$/,
  },
  {
    title: 'memory bounds before anything else',
    limits: limits(64, { memoryLimit: 64 * MEBIBYTE }),
    requested: 'auto',
    count: 2,
    cpus: [],
    reason: /half of the memory limit of 64 MiB/,
  },
  {
    title: 'too little memory for one still makes one',
    limits: limits(8, { memoryLimit: 16 * MEBIBYTE }),
    requested: 'auto',
    count: 1,
    cpus: [],
    reason: /^1 shard \(half of the memory limit of 16 MiB\), not pinned$/,
  },
  {
    title: 'a cpuset of CPUs 3 and 7',
    limits: limits(0, { cpus: [3, 7], hasCpuset: true }),
    requested: 'auto',
    count: 2,
    cpus: [3, 7],
    reason: /^2 shards \(2 CPUs to run on\), one pinned to each of CPUs 3,7, datagrams steered by receiving CPU$/,
  },
  {
    title: 'a cpuset of 16 CPUs is taken whole',
    limits: limits(16, { hasCpuset: true }),
    requested: 'auto',
    count: 16,
    cpus: limits(16).cpus,
    reason: /16 CPUs to run on/,
  },
  {
    title: 'a quota of 1.5 CPUs on 8',
    limits: limits(8, { cpuQuota: 1.5 }),
    requested: 'auto',
    count: 2,
    cpus: [],
    reason: /^2 shards \(a CPU quota of 1.5\), not pinned on 8 CPUs/,
  },
  {
    title: 'a quota above 4 lifts the bound of 4',
    limits: limits(8, { cpuQuota: 6 }),
    requested: 'auto',
    count: 6,
    cpus: [],
    reason: /a CPU quota of 6/,
  },
  {
    title: 'two CPUs without any limit: one shard each, pinned',
    limits: limits(2),
    requested: 'auto',
    count: 2,
    cpus: [0, 1],
    reason: /pinned to each of CPUs 0,1/,
  },
  {
    title: 'one CPU',
    limits: limits(1),
    requested: 'auto',
    count: 1,
    cpus: [],
    reason: /^1 shard \(1 CPU to run on\), not pinned$/,
  },
  {
    title: 'a number asked for is taken, beyond memory and quota',
    limits: limits(64, { memoryLimit: 64 * MEBIBYTE, cpuQuota: 1 }),
    requested: 8,
    count: 8,
    cpus: [],
    reason: /^8 shards \(as asked for\), not pinned on 64 CPUs/,
  },
  {
    title: 'as many asked for as there are CPUs: pinned',
    limits: limits(0, { cpus: [3, 7], hasCpuset: true }),
    requested: 2,
    count: 2,
    cpus: [3, 7],
    reason: /as asked for.*pinned to each of CPUs 3,7/,
  },
  {
    title: 'more asked for than there are CPUs',
    limits: limits(2),
    requested: 3,
    count: 3,
    cpus: [],
    reason: /not pinned on 2 CPUs, datagrams spread by hash/,
  },
];

for (const { title, limits: given, requested, count, cpus, reason } of CASES) {
  test(`plan: ${title}`, () => {
    const plan = planShards(given, requested);
    assert.equal(plan.count, count);
    assert.equal(plan.isPinned, cpus.length > 0);
    assert.deepEqual(plan.cpus, cpus);
    assert.match(plan.reason, reason);
  });
}
