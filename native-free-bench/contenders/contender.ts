/** What takes part in a comparison: a server that can be started on a port of 127.0.0.1 and ended by its process id. */

import type { GeneratedCluster } from '../dataset/generate-cluster.ts';

export interface StartOptions {
  readonly cluster: GeneratedCluster;
  /** a directory of this contender's own, which exists */
  readonly directory: string;
  readonly address: string;
  readonly port: number;
  /** the only CPUs the server may run on */
  readonly cpus: readonly number[];
  /** threads that answer */
  readonly shards: number;
  /** octets an echo adds to a query */
  readonly growthSize: number;
}

export interface RunningContender {
  /** leader of a process group of its own; the whole group is measured */
  readonly processId: number;
  /** the command, as it is put on record */
  readonly command: readonly string[];
  /** whether it ended by itself; `stop` then throws what it said */
  hasEnded(): boolean;
  stop(): Promise<void>;
}

export interface Contender {
  readonly name: string;
  /** answers any query with octets of a given size: no dataset, one process for each kind of query */
  readonly isEcho: boolean;
  /** @returns why it can't take part on this machine, or undefined if it can */
  findWhyMissing(): Promise<string | undefined>;
  /** Resolves when the process runs; whether it answers yet is for the caller to find out. */
  start(options: StartOptions): Promise<RunningContender>;
}
