/** The bare node:dgram echo. One event loop: it takes part with one shard only. */

import { fileURLToPath } from 'node:url';
import type { Contender } from './contender.ts';
import { startServerProcess } from './server-process.ts';

const SERVER = fileURLToPath(new URL('./dgram-echo-server.ts', import.meta.url));

export const DGRAM_ECHO: Contender = {
  name: 'dgram-echo',
  isEcho: true,
  async findWhyMissing() {
    return undefined;
  },
  async start({ directory, address, port, growthSize, cpus }) {
    const command = [process.execPath, SERVER, address, String(port), String(growthSize)];
    return startServerProcess({ command, cpus, directory });
  },
};
