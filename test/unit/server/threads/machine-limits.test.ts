import assert from 'node:assert/strict';
import test from 'node:test';
import { parseCpuList, readMachineLimits } from '../../../../src/server/threads/machine-limits.ts';

/** The machine as /proc and /sys show it. */
function read(files: Record<string, string>): ReturnType<typeof readMachineLimits> {
  return readMachineLimits((path) => files[path]);
}

const EIGHT_CPUS = {
  '/proc/self/status': 'Name:\tnode\nCpus_allowed:\tff\nCpus_allowed_list:\t0-7\nMems_allowed:\t1\n',
  '/sys/devices/system/cpu/online': '0-7\n',
};

test('CPU lists', () => {
  assert.deepEqual(parseCpuList('0-3,8,10-11\n'), [0, 1, 2, 3, 8, 10, 11]);
  assert.deepEqual(parseCpuList(''), []);
});

test('all CPUs are no cpuset, CPUs 3 and 7 are one; offline CPUs do not count', () => {
  assert.deepEqual(read(EIGHT_CPUS), {
    cpus: [0, 1, 2, 3, 4, 5, 6, 7],
    hasCpuset: false,
    cpuQuota: undefined,
    memoryLimit: undefined,
  });
  const pinned = read({ ...EIGHT_CPUS, '/proc/self/status': 'Cpus_allowed_list:\t3,7\n' });
  assert.deepEqual([pinned.cpus, pinned.hasCpuset], [[3, 7], true]);
  const offline = read({ ...EIGHT_CPUS, '/proc/self/status': 'Cpus_allowed_list:\t0-127\n' });
  assert.deepEqual([offline.cpus.length, offline.hasCpuset], [8, false]);
});

test('cgroup version 2: the strictest limit on the way to the root holds', () => {
  const { cpuQuota, memoryLimit } = read({
    ...EIGHT_CPUS,
    '/proc/self/cgroup': '0::/kubepods/pod1/c1\n',
    '/sys/fs/cgroup/kubepods/pod1/c1/cpu.max': '400000 100000\n',
    '/sys/fs/cgroup/kubepods/pod1/cpu.max': '150000 100000\n',
    '/sys/fs/cgroup/kubepods/cpu.max': 'max 100000\n',
    '/sys/fs/cgroup/kubepods/pod1/c1/memory.max': '178257920\n',
    '/sys/fs/cgroup/kubepods/memory.max': 'max\n',
  });
  assert.equal(cpuQuota, 1.5);
  assert.equal(memoryLimit, 170 * 1024 * 1024);
});

test('cgroup version 2 within a container: the mount is the group, whatever the path says', () => {
  const files = { '/sys/fs/cgroup/cpu.max': '50000 100000\n', '/sys/fs/cgroup/memory.max': '1048576\n' };
  for (const path of ['/', '/../../kubepods/pod1/c1', '/kubepods/pod1/c1']) {
    const { cpuQuota, memoryLimit } = read({ ...EIGHT_CPUS, ...files, '/proc/self/cgroup': `0::${path}\n` });
    assert.deepEqual([cpuQuota, memoryLimit], [0.5, 1048576], path);
  }
});

test('cgroup version 1, with its ways to say unlimited', () => {
  const cgroup = '4:memory:/docker/x\n3:cpuset:/\n2:cpuacct,cpu:/docker/x\n';
  const limited = read({
    ...EIGHT_CPUS,
    '/proc/self/cgroup': cgroup,
    '/sys/fs/cgroup/cpu/docker/x/cpu.cfs_quota_us': '250000\n',
    '/sys/fs/cgroup/cpu/docker/x/cpu.cfs_period_us': '100000\n',
    '/sys/fs/cgroup/memory/docker/x/memory.limit_in_bytes': '104857600\n',
  });
  assert.deepEqual([limited.cpuQuota, limited.memoryLimit], [2.5, 100 * 1024 * 1024]);
  const unlimited = read({
    ...EIGHT_CPUS,
    '/proc/self/cgroup': cgroup,
    '/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us': '-1\n',
    '/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us': '100000\n',
    '/sys/fs/cgroup/memory/memory.limit_in_bytes': '9223372036854771712\n',
  });
  assert.deepEqual([unlimited.cpuQuota, unlimited.memoryLimit], [undefined, undefined]);
});

test('without /proc: the CPUs the runtime counts, and no limits', () => {
  const { cpus, hasCpuset, cpuQuota, memoryLimit } = read({});
  assert.ok(cpus.length >= 1);
  assert.deepEqual([hasCpuset, cpuQuota, memoryLimit], [false, undefined, undefined]);
});
