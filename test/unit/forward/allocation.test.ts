/** A forwarded query allocates nothing: neither when it is asked nor when it is answered. */
import assert from 'node:assert/strict';
import test from 'node:test';
import type { QueryClient } from '../../../src/answer/answerer-options.ts';
import { Query } from '../../../src/answer/query.ts';
import { Response } from '../../../src/answer/response.ts';
import { createForwardBuffer } from '../../../src/forward/forward-buffer.ts';
import { ForwardGroupTable } from '../../../src/forward/group-table.ts';
import { DEFAULT_FORWARD_GROUP } from '../../../src/forward/forward-group.ts';
import type { ForwardTransport, UpstreamRegistrar } from '../../../src/forward/forward-transport.ts';
import { Forwarder } from '../../../src/forward/forwarder.ts';
import { createCounterBuffer } from '../../../src/observability/counters/counter-layout.ts';
import { createShardCounters } from '../../../src/observability/counters/shard-counters.ts';
import { buildQuery } from '../../wire/query.ts';

const REPLY_AT = 0;
const RESPONSE_AT = 4096;
const QUERY_AT = 8192;
const MESSAGE_AT = 64;
const OPT_SIZE = 11;

/** Octets go from one fixed place to another. */
class StillTransport implements ForwardTransport, UpstreamRegistrar {
  readonly replySocket = 1;
  querySize = 0;
  responses = 0;

  copyReturnPath(): void {}

  saveReturnPath(): void {
    // nobody is answered
  }

  queryRoom(): number {
    return QUERY_AT;
  }

  queueQuery(_upstream: number, size: number): number {
    this.querySize = size;
    return 1;
  }

  streamRoom(): number {
    return QUERY_AT;
  }

  queueStream(): boolean {
    return false;
  }

  responseRoom(): number {
    return RESPONSE_AT;
  }

  queueResponse(): void {
    this.responses++;
  }

  isReplyFrom(): boolean {
    return true;
  }

  addUpstream(): boolean {
    return true;
  }

  removeUpstream(): void {}
}

test('a million forwarded queries', () => {
  const clientArena = new ArrayBuffer(4096);
  const buffer = createForwardBuffer(1);
  const upstreams = [1, 2, 3].map((port) => ({ address: '192.0.2.1', port }));
  new ForwardGroupTable(buffer).hold({ ...DEFAULT_FORWARD_GROUP, upstreams });
  const counters = createShardCounters(createCounterBuffer(1, 2), 2, 0);
  const forwarder = new Forwarder({ buffer, shard: 0, counters, ioSize: 16_384 });
  const transport = new StillTransport();
  forwarder.start(transport);
  const octets = new Uint8Array(forwarder.arena);
  const query = new Query(clientArena);
  const response = new Response(clientArena);
  const client: QueryClient = {
    listener: 0,
    peerOffset: 0,
    peerSize: 4,
    peerPort: 1,
    isStream: false,
    isStreamClient: false,
    scope: 1,
    messageSize: 40,
    policyFlags: 0,
    udpSizeMax: 1232,
    isShuffled: true,
    addressOrder: undefined,
    headerFlags: 0,
    error: 0,
    errorDetail: 0,
    cacheProfile: -1,
    hasStale: false,
    rewriting: undefined,
    tsig: undefined,
    tsigSize: 0,
    isVerified: false,
    loggedMetadata: undefined,
    proxyVector: undefined,
    upstreamOptions: undefined,
    composing: undefined,
    optSize: 0,
  };
  const asked = buildQuery({ name: 'www.example.org', type: 1 });
  const clientOctets = new Uint8Array(clientArena);

  const forwardOne = (number: number): void => {
    for (let index = 0; index < asked.length; index++) clientOctets[MESSAGE_AT + index] = asked[index]!;
    clientOctets[MESSAGE_AT + 13] = 97 + (number % 26);
    query.parse(MESSAGE_AT, asked.length);
    response.begin(MESSAGE_AT, query.questionEnd, MESSAGE_AT + 512, 12);
    assert.ok(forwarder.forward(0, query, response, client), 'taken');
    const size = transport.querySize - OPT_SIZE;
    for (let index = 0; index < size; index++) octets[REPLY_AT + index] = octets[QUERY_AT + index]!;
    octets[REPLY_AT + 2] = 0x81;
    octets[REPLY_AT + 3] = 0x80;
    octets[REPLY_AT + 11] = 0;
    forwarder.receive(REPLY_AT, size);
  };
  const runMany = (count: number): number => {
    const before = process.memoryUsage().heapUsed;
    for (let number = 0; number < count; number++) forwardOne(number);
    return process.memoryUsage().heapUsed - before;
  };
  // The compilers warm up; then short stretches, of which a collection may end any.
  runMany(50_000);
  let allocated = 0;
  for (let stretch = 0; stretch < 100; stretch++) allocated += Math.max(0, runMany(10_000));
  assert.equal(transport.responses, 1_050_000);
  // The smallest object a query would be 12 MB; numbers a clock gives are kept in typed arrays.
  assert.ok(allocated < 6_000_000, `${allocated} octets`);
});
