/** The servers whose changes are compared, started on a Corefile. The first is what bars are about. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { RunningContender } from './contender.ts';
import { findCoreDns } from './coredns.ts';
import { startServerProcess } from './server-process.ts';

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

interface StartOptions {
  /** the Corefile */
  readonly file: string;
  readonly directory: string;
  readonly cpus: readonly number[];
}

export interface ChangingServer {
  readonly name: string;
  /** @returns why it can't take part on this machine, or undefined if it can */
  findWhyMissing(): Promise<string | undefined>;
  start(options: StartOptions): Promise<RunningContender>;
}

export const CHANGING_SERVERS: readonly ChangingServer[] = [
  {
    name: 'skyshard',
    async findWhyMissing() {
      return existsSync(MAIN) ? undefined : 'dist/ is not built: npm run build';
    },
    start: ({ file, directory, cpus }) =>
      startServerProcess({ command: [process.execPath, MAIN, 'serve', '--conf', file], cpus, directory }),
  },
  {
    name: 'coredns',
    async findWhyMissing() {
      return (await findCoreDns()) === undefined ? 'coredns is neither in PATH nor in $(go env GOPATH)/bin' : undefined;
    },
    async start({ file, directory, cpus }) {
      return startServerProcess({ command: [(await findCoreDns())!, '-conf', file], cpus, directory });
    },
  },
];
