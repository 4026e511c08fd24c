/** A DNS server on a Corefile and an API server: CoreDNS or skyshard, started and asked in the same way. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { TYPE } from '../../src/dns/iana.ts';
import { RCODE } from '../../src/dns/iana.ts';
import type { RecordOptions } from '../../src/records/record-options.ts';
import { buildQuery } from '../wire/query.ts';
import { RunningProgram } from './running-program.ts';
import type { ServerAddress, WireClient } from './wire-client.ts';

const MAIN = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../dist/main.js');
const START_DEADLINE_MS = 60_000;
const POLL_MS = 20;

export type DnsProgram = 'coredns' | 'skyshard';

export interface DnsServerOptions {
  readonly program: DnsProgram;
  /** path of coredns */
  readonly coredns: string;
  readonly corefile: string;
  readonly at: ServerAddress;
  readonly wrapper: readonly string[];
  /** for skyshard */
  readonly args?: readonly string[];
}

export class DnsServer {
  readonly name: DnsProgram;
  readonly at: ServerAddress;
  readonly program: RunningProgram;
  readonly #folder: string;

  constructor({ program, coredns, corefile, at, wrapper, args = [] }: DnsServerOptions) {
    this.#folder = mkdtempSync(path.join(os.tmpdir(), `skyshard-e2e-${program}-`));
    const file = path.join(this.#folder, 'Corefile');
    writeFileSync(file, corefile);
    const command =
      program === 'coredns' ? [coredns, '-conf', file] : [process.execPath, MAIN, 'serve', '--conf', file, ...args];
    this.name = program;
    this.at = at;
    this.program = new RunningProgram(program, command, {
      logFile: path.join(this.#folder, 'log'),
      folder: this.#folder,
      wrapper,
    });
  }

  async ask(client: WireClient, query: Uint8Array): Promise<Uint8Array | undefined> {
    return client.ask(query, this.at);
  }

  /** Until none of `names` is SERVFAIL: every list that they depend on is there. */
  async waitUntilSynced(client: WireClient, names: readonly string[]): Promise<void> {
    const deadline = performance.now() + START_DEADLINE_MS;
    for (const name of names) {
      for (;;) {
        if (this.program.hasEnded) throw new Error(`${this.name} has ended:\n${this.program.lastWords()}`);
        const response = await this.ask(client, buildQuery({ name, type: TYPE.A }));
        if (response !== undefined && (response[3]! & 15) !== RCODE.SERVFAIL) break;
        if (performance.now() > deadline) throw new Error(`${this.name}: no ${name}:\n${this.program.lastWords()}`);
        await sleep(POLL_MS);
      }
    }
  }

  async stop(): Promise<void> {
    await this.program.end('SIGKILL');
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

export interface CorefilePlace {
  readonly port: number;
  /** how the API server is reached: `kubeconfig FILE` or `endpoint URL` */
  readonly access: string;
  /** further lines of the server block */
  readonly extra?: readonly string[];
}

/** The Corefile that says `options`. */
export function corefileOf(options: RecordOptions, { port, access, extra = [] }: CorefilePlace): string {
  const lines = [
    access,
    `pods ${options.pods}`,
    `ttl ${options.ttlSeconds}`,
    options.endpointPodNames && 'endpoint_pod_names',
    options.noEndpoints && 'noendpoints',
    options.ignoreEmptyService && 'ignore empty_service',
    options.zonal && 'zonal',
    options.namespaces !== undefined && `namespaces ${options.namespaces.join(' ')}`,
    options.namespaceLabels !== undefined && `namespace_labels ${options.namespaceLabels}`,
    options.labels !== undefined && `labels ${options.labels}`,
    options.multiclusterZones.length > 0 && `multicluster ${options.multiclusterZones.join(' ')}`,
  ].filter((line) => line !== false);
  return [
    `${[...options.zones, ...(options.external?.zones ?? [])].map((zone) => `${zone}:${port}`).join(' ')} {`,
    '    errors',
    ...extra.map((line) => `    ${line}`),
    `    kubernetes ${options.zones.join(' ')} {`,
    ...lines.map((line) => `        ${line}`),
    '    }',
    ...externalLines(options.external),
    '}',
    '',
  ].join('\n');
}

function externalLines(external: RecordOptions['external']): string[] {
  if (external === undefined) return [];
  const { zones, apex, ttlSeconds, hasHeadless } = external;
  const lines = [`apex ${apex}`, `ttl ${ttlSeconds}`, ...(hasHeadless ? ['headless'] : [])];
  return [`    k8s_external ${zones.join(' ')} {`, ...lines.map((line) => `        ${line}`), '    }'];
}
