/** Runs the table of cases against a subject: one test a cluster, all its differences at once. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { differences } from '../oracle/expected.ts';
import { buildQuery } from '../wire/query.ts';
import { decodeStrictly } from '../wire/strict-message.ts';
import { CLUSTERS } from './all-cases.ts';
import type { Case, Cluster } from './case-format.ts';
import type { Subject } from './subject.ts';

/** Large enough for every answer of the table. */
const UDP_SIZE = 4096;

export interface TableRun {
  /** clusters that this subject cannot be given, with the reason */
  readonly skip?: (cluster: Cluster) => string | undefined;
  readonly udpSize?: number;
}

export function runTable(subject: Subject, run: TableRun = {}): void {
  for (const cluster of CLUSTERS) {
    test(cluster.name, { skip: run.skip?.(cluster) ?? false }, async () => {
      await subject.load(cluster.objects, cluster.options);
      const failures: string[] = [];
      for (const one of cluster.cases) {
        const found = await ask(subject, one, run.udpSize ?? UDP_SIZE);
        if (found.length > 0) failures.push([one.line, ...found].join('\n    '));
      }
      assert.equal(failures.length, 0, `${failures.length} of ${cluster.cases.length}:\n${failures.join('\n')}`);
    });
  }
}

async function ask(subject: Subject, { qname, qtype, expected, zone }: Case, udpSize: number): Promise<string[]> {
  const response = await subject.ask(buildQuery({ name: qname, type: qtype, edns: { udpSize } }));
  if (response === undefined) return ['no response'];
  try {
    return differences(decodeStrictly(response), expected, { name: qname, type: qtype }, zone);
  } catch (error) {
    return [`${(error as Error).message}: ${Buffer.from(response).toString('hex')}`];
  }
}
