/**
 * deploy/Dockerfile, followed in folders, and what it makes, started as a container of deploy/kubernetes: nothing can be written,
 * and but for port 53 a process may do nothing special. Not the real thing: the base image is this machine, and `npm ci` copies what is installed here.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { parse } from 'yaml';
import { NetworkNamespace, whyNoNetworkNamespace } from '../cluster/network-namespace.ts';
import { followDockerfile, type Image } from './dockerfile.ts';
import { missingPrograms, ROOT, startProgram, temporaryFolder } from './skyshard-process.ts';

/** The file system of its own is read-only; the arguments after the first, which is a resolv.conf, are the program's. */
const READ_ONLY = 'mount --bind "$0" /etc/resolv.conf && mount -o remount,bind,ro / && exec "$@"';

interface Container {
  readonly args: readonly string[];
  readonly ports: readonly { readonly containerPort: number; readonly protocol: string }[];
  readonly securityContext: unknown;
}

const deployment = parse(readFileSync(path.join(ROOT, 'deploy/kubernetes/deployment.yaml'), 'utf8')) as {
  readonly spec: { readonly template: { readonly spec: { readonly containers: readonly [Container] } } };
};
const [container] = deployment.spec.template.spec.containers;
const configMap = parse(readFileSync(path.join(ROOT, 'deploy/kubernetes/configmap.yaml'), 'utf8')) as {
  readonly data: { readonly Corefile: string };
};
const manifest = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
};

const folder = temporaryFolder();
chmodSync(folder, 0o755);
let image: Image;
let app: string;
const pathOfBaseImage = `${path.join(folder, 'bin')}:${process.env['PATH']}`;

before(() => {
  makeProgramsOfBaseImage(path.join(folder, 'bin'));
  const build = path.join(folder, 'build');
  mkdirSync(build);
  image = followDockerfile(path.join(ROOT, 'deploy/Dockerfile'), ROOT, build, {
    ...process.env,
    PATH: pathOfBaseImage,
    npm_config_offline: 'true',
    npm_config_update_notifier: 'false',
  });
  app = path.join(image.root, image.workingDirectory);
});

test('the image has what the server needs to run, for every user, and nothing of what built it', () => {
  const packages = readdirSync(path.join(app, 'node_modules'), { recursive: true, encoding: 'utf8' });
  for (const name of Object.keys(manifest.dependencies)) assert.ok(packages.includes(name), name);
  for (const name of Object.keys(manifest.devDependencies)) {
    // Packages that the server needs may need it, too.
    if (!name.startsWith('@types/')) assert.ok(!packages.includes(name), name);
  }
  assert.deepEqual(
    packages.filter((name) => /^(?:\.bin\/node$|node-linux-)/.test(name)),
    [],
  );
  assert.ok(readdirSync(app).includes('LICENSE'));
  for (const name of readdirSync(app, { recursive: true, encoding: 'utf8' })) {
    const status = statSync(path.join(app, name));
    const needed = status.isDirectory() ? 0o555 : 0o444;
    assert.equal(status.mode & needed, needed, name);
  }
});

test('the packages that the server loads can be loaded', () => {
  const names = JSON.stringify(Object.keys(manifest.dependencies));
  const script = `await Promise.all(${names}.map((name) => import(name)))`;
  const args = ['--input-type=module', '--eval', script];
  const { status, stderr } = spawnSync(process.execPath, args, { cwd: app, encoding: 'utf8' });
  assert.equal(status, 0, stderr);
});

test('the image names the ports of the Deployment', () => {
  const ports = container.ports.map(({ containerPort, protocol }) => `${containerPort}/${protocol.toLowerCase()}`);
  const exposed = image.exposed.map((port) => (port.includes('/') ? port : `${port}/tcp`));
  assert.deepEqual(exposed.toSorted(), ports.toSorted());
});

describe(
  'a container of the image',
  { skip: whyNoNetworkNamespace() || missingPrograms('dig', 'curl', 'setpriv') },
  () => {
    let pod: NetworkNamespace;
    before(async () => {
      pod = await NetworkNamespace.create();
      writeFileSync(path.join(folder, 'Corefile'), configMap.data.Corefile);
      writeFileSync(path.join(folder, 'resolv.conf'), 'nameserver 192.0.2.1\n');
      writeFileSync(path.join(folder, 'report.cjs'), REPORT_CACHES);
      cpSync(path.join(ROOT, 'deploy/demo'), path.join(folder, 'demo'), { recursive: true });
    });
    after(() => pod.close());

    test('starts, answers, writes nothing and ends, without privileges', async () => {
      assert.deepEqual(container.securityContext, {
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { add: ['NET_BIND_SERVICE'], drop: ['ALL'] },
      });
      await assertServes(['--bounding-set=-all,+net_bind_service']);
    });

    test('says what another user needs for port 53', async () => {
      const running = start([
        '--reuid=65532',
        '--regid=65532',
        '--clear-groups',
        '--bounding-set=-all,+net_bind_service',
      ]);
      const [code] = (await once(running.child, 'close')) as [number | null];
      assert.equal(code, 2, running.output());
      assert.match(running.output(), /^skyshard: BIND_FAILED: .*:53: .*NET_BIND_SERVICE.*ip_unprivileged_port_start/m);
    });

    test('runs as any user where the pod has no privileged ports', async () => {
      pod.run('sh', '-c', 'echo 0 >/proc/sys/net/ipv4/ip_unprivileged_port_start');
      await assertServes(['--reuid=65532', '--regid=65532', '--clear-groups', '--bounding-set=-all']);
    });

    /** The server with the arguments of the Deployment, as setpriv starts it. */
    function start(privileges: readonly string[]) {
      const mounts = ['unshare', '--mount', 'sh', '-c', READ_ONLY, path.join(folder, 'resolv.conf')];
      const setpriv = ['setpriv', '--no-new-privs', '--inh-caps=-all', ...privileges];
      const args = container.args.map((arg) => arg.replace('/etc/coredns', folder));
      const [program, ...entry] = image.entrypoint;
      return startProgram(program!, [...entry, ...args, '--manifests', path.join(folder, 'demo')], {
        workingDirectory: app,
        wrapper: [...pod.wrapper, ...mounts, ...setpriv],
        env: { PATH: pathOfBaseImage, NODE_OPTIONS: `--require ${path.join(folder, 'report.cjs')}` },
      });
    }

    async function assertServes(privileges: readonly string[]): Promise<void> {
      const before = filesOf(app);
      const running = start(privileges);
      await running.waitForOutput(/ listens on /);
      const caches = [...running.output().matchAll(/^cache of (.*)$/gm)].map(([, said]) => said);
      for (const flag of ['+notcp', '+tcp']) {
        const ask = ['dig', flag, '+short', '+time=2', '+tries=3', '@127.0.0.1', 'whoami.default.svc.cluster.local'];
        assert.equal(pod.run(...ask), '10.96.10.1\n');
      }
      for (const probe of ['8080/health', '8181/ready', '9153/metrics']) {
        pod.run('curl', '-s', '-f', '--retry', '3', '-o', '/dev/null', `http://127.0.0.1:${probe}`);
      }
      assert.match(pod.run('curl', '-s', 'http://127.0.0.1:9153/metrics'), /^skyshard_/m);
      assert.equal((await running.end('SIGQUIT')).code, 0);
      assert.doesNotMatch(running.output(), /koffi|EROFS|EACCES|EPERM/);
      // What V8 compiled in the build is taken, but for what a thread loads while another one looks for its collector.
      const refused = caches.filter((said) => said!.endsWith(': refused'));
      assert.ok(caches.length >= 10 && refused.length <= 2, caches.join('\n'));
      assert.deepEqual(filesOf(app), before);
    }
  },
);

/** Says of every script of dist/ that brings a cache whether V8 takes it. */
const REPORT_CACHES = `
const vm = require('node:vm');
const { Script } = vm;
vm.Script = class extends Script {
  constructor(source, options) {
    super(source, options);
    if (options?.cachedData === undefined) return;
    const name = options.filename.split('/').slice(-2).join('/');
    require('node:fs').writeSync(2, 'cache of ' + name + ': ' + (this.cachedDataRejected ? 'refused' : 'taken') + '\\n');
  }
};
`;

/**
 * Node, and an npm whose `ci` makes node_modules of what is installed here; the Node of the optional dependencies becomes one
 * that nothing may run.
 */
function makeProgramsOfBaseImage(programs: string): void {
  mkdirSync(programs);
  // Not a link to it: its folders may be closed to other users.
  copyFileSync(process.execPath, path.join(programs, 'node'));
  const npm = spawnSync('sh', ['-c', 'command -v npm'], { encoding: 'utf8' }).stdout.trim();
  const install = [
    `cp -al ${ROOT}/node_modules . 2>/dev/null || cp -a ${ROOT}/node_modules .`,
    // npm writes to it, and it is linked.
    `rm node_modules/.package-lock.json && cp ${ROOT}/node_modules/.package-lock.json node_modules/`,
    'for node in node_modules/node-linux-*/bin/node; do',
    '  rm "$node" && printf "#!/bin/sh\\necho not the Node of the image\\nexit 3\\n" >"$node" && chmod 755 "$node"',
    'done',
  ];
  const script = `#!/bin/sh\n[ "$1" = ci ] || exec "${npm}" "$@"\nset -e\n${install.join('\n')}\n`;
  writeFileSync(path.join(programs, 'npm'), script, { mode: 0o755 });
}

/** Path, size and time of every file. */
function filesOf(root: string): string[] {
  return readdirSync(root, { recursive: true, encoding: 'utf8' }).map((name) => {
    const { size, mtimeMs } = statSync(path.join(root, name));
    return `${name} ${size} ${mtimeMs}`;
  });
}
