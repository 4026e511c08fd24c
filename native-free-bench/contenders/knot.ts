/** Knot DNS with the same records as zone files. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeZoneFiles } from '../dataset/write-zone-files.ts';
import type { Contender } from './contender.ts';
import { findProgram, startServerProcess } from './server-process.ts';

const SYSTEM_DIRECTORIES = ['/usr/sbin', '/usr/local/sbin'];

export const KNOT: Contender = {
  name: 'knot',
  isEcho: false,
  async findWhyMissing() {
    return findProgram('knotd', SYSTEM_DIRECTORIES) === undefined
      ? 'knotd is not in PATH (Debian package knot)'
      : undefined;
  },
  async start({ cluster, directory, address, port, shards, cpus }) {
    const zones = writeZoneFiles(cluster, directory);
    const configuration = `
server:
    rundir: "${directory}"
    listen: [ "${address}@${port}" ]
    udp-workers: ${shards}
    tcp-workers: 1
    background-workers: 1
    automatic-acl: off
log:
  - target: stderr
    any: warning
database:
    storage: "${directory}"
template:
  - id: default
    storage: "${directory}"
    semantic-checks: off
    zonefile-sync: -1
    zonefile-load: whole
    journal-content: none
zone:
${[...zones].map(([zone, file]) => `  - domain: ${zone}\n    file: ${file}`).join('\n')}
`;
    const file = join(directory, 'knot.conf');
    writeFileSync(file, configuration);
    const program = findProgram('knotd', SYSTEM_DIRECTORIES)!;
    return startServerProcess({ command: [program, '-c', file], cpus, directory });
  },
};
