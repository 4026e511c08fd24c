/** Servers that forward and keep answers, and the authoritative server behind all of them. */

import { execFile } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { findFreePort } from '../measure/free-port.ts';
import type { RunningContender } from './contender.ts';
import { findCoreDns } from './coredns.ts';
import { findProgram, startServerProcess } from './server-process.ts';

const run = promisify(execFile);
const SYSTEM_DIRECTORIES = ['/usr/sbin', '/usr/local/sbin'];
const AUTHORITY_SOURCE = fileURLToPath(new URL('./authority.c', import.meta.url));
const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

export interface ForwardingOptions {
  /** a directory of this server's own, which exists */
  readonly directory: string;
  readonly address: string;
  readonly port: number;
  readonly upstreamPort: number;
  /** TCP, where metrics are; any free one if not given */
  readonly metricsPort?: number;
  readonly cpus: readonly number[];
  /** answers that the cache is to hold */
  readonly cacheEntries: number;
}

export interface ForwardingServer {
  readonly name: string;
  /** @returns why it can't take part on this machine, or undefined if it can */
  findWhyMissing(): Promise<string | undefined>;
  start(options: ForwardingOptions): Promise<RunningContender>;
}

/** What a Corefile of skyshard has beside kubeadm's plugins. */
export interface CorefileVariant {
  /** lines in the block of the root */
  readonly inBlock?: string;
  readonly otherBlocks?: (options: ForwardingOptions) => string;
  /** of the command line */
  readonly arguments?: readonly string[];
}

/** kubeadm's Corefile without `loop`, `reload` and the resolver of the machine; names for `hosts` and `template` beside it. */
export function skyshard(name: string, variant: CorefileVariant = {}): ForwardingServer {
  return {
    name,
    async findWhyMissing() {
      return existsSync(MAIN) ? undefined : 'dist/ is not built: npm run build';
    },
    async start(options) {
      const { directory, address, port, upstreamPort, cpus, cacheEntries } = options;
      const [metricsPort, readyPort, healthPort] = [
        options.metricsPort ?? (await findFreePort('tcp')),
        await findFreePort('tcp'),
        await findFreePort('tcp'),
      ];
      const file = join(directory, 'Corefile');
      writeFileSync(
        file,
        `.:${port} {
    bind ${address}
    errors
    health 127.0.0.1:${healthPort}
    ready 127.0.0.1:${readyPort}
    ${variant.inBlock ?? ''}
    template IN A template.test {
        answer "{{ .Name }} 60 IN A 192.0.2.9"
    }
    hosts {
        192.0.2.7 hosts.test
        fallthrough
    }
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        pods insecure
        fallthrough in-addr.arpa ip6.arpa
        ttl 30
    }
    prometheus 127.0.0.1:${metricsPort}
    forward . 127.0.0.1:${upstreamPort} {
        max_concurrent 1000
    }
    cache 3600 {
        success ${cacheEntries}
        disable success cluster.local
        disable denial cluster.local
    }
    loadbalance
}
${variant.otherBlocks?.(options) ?? ''}`,
      );
      const manifests = join(directory, 'manifests.yaml');
      writeFileSync(
        manifests,
        `{ apiVersion: v1, kind: Namespace, metadata: { name: default } }
---
{ apiVersion: v1, kind: Service, metadata: { name: web, namespace: default }, spec: { clusterIP: 10.96.1.1, ports: [{ port: 80 }] } }
`,
      );
      const serve = ['serve', '--conf', file, '--manifests', manifests, '--shards', '1', ...(variant.arguments ?? [])];
      return startServerProcess({ command: [process.execPath, MAIN, ...serve], cpus, directory });
    },
  };
}

export const DNSMASQ: ForwardingServer = {
  name: 'dnsmasq',
  async findWhyMissing() {
    const isThere = findProgram('dnsmasq', SYSTEM_DIRECTORIES) !== undefined;
    return isThere ? undefined : 'dnsmasq is not in PATH (Debian package dnsmasq-base)';
  },
  async start({ directory, address, port, upstreamPort, cpus, cacheEntries }) {
    const program = findProgram('dnsmasq', SYSTEM_DIRECTORIES)!;
    const listen = `--port=${port} --listen-address=${address} --bind-interfaces --no-hosts --no-resolv --conf-file=/dev/null`;
    const forward = `--server=127.0.0.1#${upstreamPort} --cache-size=${cacheEntries} --dns-forward-max=1000`;
    const user = process.getuid?.() === 0 ? ' --user=root' : '';
    const command = [program, '--keep-in-foreground', ...`${listen} ${forward}${user} --pid-file=`.split(' ')];
    return startServerProcess({ command, cpus, directory });
  },
};

export const UNBOUND: ForwardingServer = {
  name: 'unbound',
  async findWhyMissing() {
    const isThere = findProgram('unbound', SYSTEM_DIRECTORIES) !== undefined;
    return isThere ? undefined : 'unbound is not in PATH (Debian package unbound)';
  },
  async start({ directory, address, port, upstreamPort, cpus, cacheEntries }) {
    const file = join(directory, 'unbound.conf');
    writeFileSync(
      file,
      `server:
    interface: ${address}@${port}
    port: ${port}
    num-threads: 1
    do-daemonize: no
    use-syslog: no
    username: ""
    chroot: ""
    directory: "${directory}"
    pidfile: "${join(directory, 'unbound.pid')}"
    do-not-query-localhost: no
    module-config: "iterator"
    local-zone: "test." nodefault
    msg-cache-size: ${cacheEntries * 400}
    rrset-cache-size: ${cacheEntries * 400}
    num-queries-per-thread: 2048
    outgoing-range: 4096
forward-zone:
    name: "."
    forward-addr: 127.0.0.1@${upstreamPort}
remote-control:
    control-enable: no
`,
    );
    const program = findProgram('unbound', SYSTEM_DIRECTORIES)!;
    return startServerProcess({ command: [program, '-d', '-c', file], cpus, directory });
  },
};

export const COREDNS_FORWARDING: ForwardingServer = {
  name: 'coredns',
  async findWhyMissing() {
    return (await findCoreDns()) === undefined ? 'coredns is neither in PATH nor in $(go env GOPATH)/bin' : undefined;
  },
  async start({ directory, address, port, upstreamPort, cpus, cacheEntries }) {
    const metricsPort = await findFreePort('tcp');
    const file = join(directory, 'Corefile');
    writeFileSync(
      file,
      `.:${port} {
    bind ${address}
    errors
    prometheus 127.0.0.1:${metricsPort}
    forward . 127.0.0.1:${upstreamPort} {
        max_concurrent 1000
    }
    cache 3600 {
        success ${cacheEntries}
    }
    loadbalance
}
`,
    );
    const environment = { GOMAXPROCS: String(cpus.length) };
    return startServerProcess({ command: [(await findCoreDns())!, '-conf', file], cpus, directory, environment });
  },
};

/** @returns the running server, to be measured by nobody: it shares the CPUs of the load */
export async function startAuthority(
  directory: string,
  port: number,
  cpus: readonly number[],
): Promise<RunningContender> {
  const program = join(directory, 'authority');
  await run('cc', ['-O2', '-o', program, AUTHORITY_SOURCE]);
  return startServerProcess({ command: [program, '127.0.0.1', String(port)], cpus, directory });
}
