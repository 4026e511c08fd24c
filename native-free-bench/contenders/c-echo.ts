/** The C echo, compiled when it is first started: beside the directories of its instances. */

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Contender } from './contender.ts';
import { findProgram, startServerProcess } from './server-process.ts';

const run = promisify(execFile);
const SOURCE = fileURLToPath(new URL('./echo.c', import.meta.url));

export const C_ECHO: Contender = {
  name: 'c-echo',
  isEcho: true,
  async findWhyMissing() {
    return findProgram('cc') === undefined ? 'no C compiler: cc is not in PATH' : undefined;
  },
  async start({ directory, address, port, growthSize, shards, cpus }) {
    const program = join(dirname(directory), 'c-echo-program');
    if (!existsSync(program)) await run('cc', ['-O2', '-pthread', '-o', program, SOURCE]);
    const command = [program, address, String(port), String(growthSize), String(shards)];
    return startServerProcess({ command, cpus, directory });
  },
};
