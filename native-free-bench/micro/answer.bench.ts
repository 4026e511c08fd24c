/**
 * One query through the answerer: parse, look up, write, count. ns/call is per query, over distinct queries drawn evenly from
 * the cluster; it includes putting the query where its response will be written over it, which is also measured alone.
 *
 * usage: node native-free-bench/micro/answer.bench.ts [SERVICES]
 */

import { Answerer } from '../../src/answer/answerer.ts';
import { createCounterBuffer } from '../../src/observability/counters/counter-layout.ts';
import { createShardCounters } from '../../src/observability/counters/shard-counters.ts';
import { DEFAULT_CLUSTER_SHAPE } from '../dataset/generate-cluster.ts';
import { drawQueries, KIND_OF_QUERY, QUERY_KINDS } from '../dataset/query-kinds.ts';
import type { QueryKind } from '../dataset/query-kinds.ts';
import { encodeQuery } from '../measure/ask.ts';
import { CHECKSUM_START, formatMicroResults, runMicroBenchmark } from './micro-benchmark.ts';
import type { MicroCase, MicroResult } from './micro-benchmark.ts';
import { LISTENER_ID, serveCluster } from './served-cluster.ts';
import type { ServedCluster } from './served-cluster.ts';

export interface AnswerBenchmarkOptions {
  readonly services: number;
  readonly endpointsPerService: number;
  /** distinct queries of each kind */
  readonly queries: number;
  readonly durationMs: number;
}

const MESSAGE_CAPACITY = 4096;
const PEER_AT = MESSAGE_CAPACITY;
const PEER_SIZE = 4;
const QUERIES_AT = PEER_AT + 16;
const BATCH_SIZE = 64;
/** At most some 0.1 ms. */
const QUERIES_PER_RUN = 256;
const CHECKSUM_PRIME = 0x0100_0193;
const PEER_PORT = 40_000;
const SCOPE_COUNT = 2;

export async function benchAnswer(options: AnswerBenchmarkOptions): Promise<MicroResult[]> {
  const { services, endpointsPerService, queries, durationMs } = options;
  const namespaces = Math.ceil(services / 50);
  const served = serveCluster({ ...DEFAULT_CLUSTER_SHAPE, services, endpointsPerService, namespaces });
  const cases = QUERY_KINDS.flatMap((kind, i) => answerCases(served, kind, i, queries));
  return runMicroBenchmark(cases, durationMs);
}

function answerCases(served: ServedCluster, kind: QueryKind, readerSlot: number, count: number): MicroCase[] {
  const drawn = [...drawQueries(served.cluster, kind, count, 1)];
  const messages = drawn.map((query, id) => encodeQuery(id & 0xffff, query, KIND_OF_QUERY[kind].edns));
  const queriesSize = messages.reduce((sum, message) => sum + message.length, 0);
  const arena = new ArrayBuffer(QUERIES_AT + queriesSize);
  const octets = new Uint8Array(arena);
  octets.set([127, 0, 0, 1], PEER_AT);
  const starts = new Uint32Array(count + 1);
  starts[0] = QUERIES_AT;
  for (const [i, message] of messages.entries()) {
    octets.set(message, starts[i]!);
    starts[i + 1] = starts[i]! + message.length;
  }
  const answerer = new Answerer({
    buffer: served.buffer,
    readerSlot,
    arena,
    messageCapacity: MESSAGE_CAPACITY,
    counters: createShardCounters(createCounterBuffer(1, SCOPE_COUNT), SCOPE_COUNT, 0),
    cookieSecret: new Uint8Array(16),
  });
  const rcode = KIND_OF_QUERY[kind].rcode === 'NXDOMAIN' ? 3 : 0;
  let next = 0;
  const answerSome = (some: number): number => {
    let checksum = CHECKSUM_START;
    for (let i = 0; i < some; i++) {
      if (i % BATCH_SIZE === 0) answerer.enterBatch();
      const start = starts[next]!;
      const end = starts[next + 1]!;
      octets.copyWithin(0, start, end);
      const size = answerer.answer(LISTENER_ID, 0, end - start, PEER_AT, PEER_SIZE, PEER_PORT);
      if ((octets[3]! & 15) !== rcode || size === 0) {
        throw new Error(`query ${next} of kind ${kind}: rcode ${octets[3]! & 15}`);
      }
      checksum = Math.imul(checksum ^ size, CHECKSUM_PRIME) >>> 0;
      next = next + 1 === count ? 0 : next + 1;
    }
    answerer.leaveBatch();
    return checksum;
  };
  const checkAll = (): number => {
    next = 0;
    return answerSome(count);
  };
  const copySome = (): number => {
    let checksum = CHECKSUM_START;
    for (let i = 0; i < QUERIES_PER_RUN; i++) {
      octets.copyWithin(0, starts[next]!, starts[next + 1]!);
      checksum = Math.imul(checksum ^ octets[1]!, CHECKSUM_PRIME) >>> 0;
      next = next + 1 === count ? 0 : next + 1;
    }
    return checksum;
  };
  const callsPerRun = QUERIES_PER_RUN;
  const run = (): number => answerSome(callsPerRun);
  const cases: MicroCase[] = [{ name: `answer ${kind}`, callsPerRun, run, check: checkAll }];
  if (kind === 'a') cases.unshift({ name: 'put the query in place, alone', callsPerRun, run: copySome });
  return cases;
}

if (import.meta.main) {
  const services = Number(process.argv[2] ?? 10_000);
  const results = await benchAnswer({ services, endpointsPerService: 15, queries: 20_000, durationMs: 2_000 });
  process.stdout.write(formatMicroResults(`answers, ${services} Services × 15 endpoints`, results));
}
