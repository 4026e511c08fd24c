/** The resolvers of C libraries, as a pod has them: search path, ndots:5, the server on port 53. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import {
  missingPrograms,
  type SkyshardProcess,
  startSkyshard,
  temporaryFolder,
  TRANSPORTS,
} from './skyshard-process.ts';

// An address of 127.0.0.0/8 that no other resolver uses.
const ADDRESS = '127.0.0.77';

/** Why the namespace cannot be had; false if it can. */
function whySkipped(): string | false {
  if (process.platform !== 'linux') return 'mount namespaces are Linux';
  if (process.getuid?.() !== 0) return 'a mount namespace and port 53 need root';
  const missing = missingPrograms('unshare', 'mount', 'getent');
  if (missing !== false) return missing;
  const tried = spawnSync('unshare', ['--mount', 'true']);
  return tried.status !== 0 && 'this system does not allow mount namespaces';
}

const skip = whySkipped();

for (const transport of TRANSPORTS) {
  describe(`as the resolver of a pod, over ${transport}`, { skip }, () => {
    const folder = temporaryFolder();
    let server: SkyshardProcess;

    before(async () => {
      const search = 'search default.svc.cluster.local svc.cluster.local cluster.local';
      writeFileSync(
        path.join(folder, 'resolv.conf'),
        `${search}\nnameserver ${ADDRESS}\noptions ndots:5 timeout:2 attempts:3\n`,
      );
      writeFileSync(path.join(folder, 'nsswitch.conf'), 'hosts: files dns\n');
      server = await startSkyshard({ address: ADDRESS, port: 53, args: ['--transport', transport] });
    });
    after(() => server.end());

    /** Run a command where /etc/resolv.conf is a pod's. */
    function runInPod(command: string): { status: number | null; stdout: string } {
      const mounts = ['resolv.conf', 'nsswitch.conf'].map((name) => `mount --bind "${folder}/${name}" /etc/${name}`);
      const result = spawnSync('unshare', ['--mount', 'sh', '-c', `${mounts.join(' && ')} && ${command}`], {
        encoding: 'utf8',
        timeout: 30_000,
      });
      return { status: result.status, stdout: result.stdout + result.stderr };
    }

    test('getent finds a Service by its short name, both families, and an address by name', () => {
      const found = runInPod('getent ahosts whoami');
      assert.equal(found.status, 0, found.stdout + server.output());
      assert.match(found.stdout, /^10\.96\.\d+\.\d+ +STREAM +whoami\.default\.svc\.cluster\.local$/m);
      assert.match(runInPod('getent ahosts kube-dns.kube-system').stdout, /^10\.96\.0\.10 /m);
      assert.match(runInPod('getent hosts 10.96.0.10').stdout, /kube-dns\.kube-system\.svc\.cluster\.local/);
    });

    test('getent says that a name is not there', () => {
      assert.equal(runInPod('getent ahosts nobody.default.svc.cluster.local').status, 2);
    });

    test('busybox nslookup finds a Service', { skip: missingPrograms('busybox') }, () => {
      const found = runInPod('busybox nslookup kube-dns.kube-system.svc.cluster.local');
      assert.match(found.stdout, /10\.96\.0\.10/);
    });
  });
}
