/** skyshard as it is built in `dist/`, fed by manifests. One contender for each transport. */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeManifests } from '../dataset/write-manifests.ts';
import type { Contender } from './contender.ts';
import { startServerProcess } from './server-process.ts';

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

export const SKYSHARD_MMSG = skyshard('skyshard', 'mmsg');
export const SKYSHARD_DGRAM = skyshard('skyshard-dgram', 'dgram');

function skyshard(name: string, transport: 'mmsg' | 'dgram'): Contender {
  return {
    name,
    isEcho: false,
    async findWhyMissing() {
      return existsSync(MAIN) ? undefined : 'dist/ is not built: npm run build';
    },
    async start({ cluster, directory, address, port, shards, cpus }) {
      const manifests = join(directory, 'manifests');
      writeManifests(cluster, manifests);
      const listen = `--bind ${address} --dns.port ${port}`;
      const flags = `${listen} --shards ${shards} --transport ${transport}`.split(' ');
      const command = [process.execPath, MAIN, 'serve', '--manifests', manifests, ...flags];
      return startServerProcess({ command, cpus, directory });
    },
  };
}
