/** Questions at a fixed rate, also where most of them are not answered: contenders/flood.c, compiled when it is first used. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const SOURCE = fileURLToPath(new URL('../contenders/flood.c', import.meta.url));

export interface FloodOptions {
  /** where the program is kept */
  readonly directory: string;
  readonly address: string;
  readonly port: number;
  /** asked for its A record; without a dot at the end. `#.example.test`: a name below it that was not asked for yet, each time */
  readonly name: string;
  /** questions a second */
  readonly rate: number;
  readonly seconds: number;
  readonly cpu: number;
}

export interface FloodResult {
  readonly sent: number;
  /** without an error */
  readonly answered: number;
  /** of the time to a response */
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export async function runFlood(options: FloodOptions): Promise<FloodResult> {
  const { directory, address, port, name, rate, seconds, cpu } = options;
  const program = join(directory, 'flood');
  if (!existsSync(program)) await run('cc', ['-O2', '-o', program, SOURCE]);
  const command = ['-c', cpu, program, address, port, name, Math.round(rate), seconds].map(String);
  const { stdout } = await run('taskset', command);
  const [sent, answered, p50Ms, p99Ms] = stdout.trim().split(' ').map(Number);
  if (sent === undefined || answered === undefined || p50Ms === undefined || p99Ms === undefined) {
    throw new Error(`flood printed ${stdout}`);
  }
  return { sent, answered, p50Ms, p99Ms };
}
