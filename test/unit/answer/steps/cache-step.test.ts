/** Hits as clients see them: in their letter case, with what is left, behind CNAME records of our own, cut where they must be. */
import assert from 'node:assert/strict';
import test, { mock } from 'node:test';
import { CACHE_RESULT, CacheStep } from '../../../../src/answer/steps/cache-step.ts';
import { Query } from '../../../../src/answer/query.ts';
import { Response } from '../../../../src/answer/response.ts';
import { machineTick } from '../../../../src/base/machine-clock.ts';
import { CacheProfileTable, type CacheProfile } from '../../../../src/cache/cache-profiles.ts';
import { KIND, NO_REPLY_FLAGS } from '../../../../src/cache/cache-layout.ts';
import { EDE } from '../../../../src/dns/iana.ts';
import { cacheOf, CacheThread, snapshotBuffer, total } from '../../cache/cache-bench.ts';
import { buildQuery } from '../../../wire/query.ts';
import { nameToWire, parseName } from '../../../wire/names.ts';
import { decodeStrictly, type DecodedMessage } from '../../../wire/strict-message.ts';

// Else a tenth of a second may begin between storing and asking.
const startMs = performance.now();
mock.method(performance, 'now', () => startMs);

const BOUNDS = { max: 3600, min: 5, isMinSaid: false, isDisabled: false };
const PROFILE: CacheProfile = {
  instance: { key: 'block', capacity: 100, labels: { server: '', zones: '', view: '' } },
  success: BOUNDS,
  denial: BOUNDS,
  failureMs: 5000,
  keepsTtl: false,
  prefetch: undefined,
  stale: undefined,
};
const STALE = { upToMs: 60_000, ttlSeconds: 7, verifyMs: undefined, recheckMs: 0, prefersPositive: false };
const SERVFAIL = 2;
const NXDOMAIN = 3;
const MESSAGE_AT = 64;
/** `a.test CNAME b.test`, `b.test A 10.0.0.1`, compressed as a server would behind the question `a.test`. */
const RECORDS = Buffer.from('c00c00050001000000640004' + '0162c00e' + 'c02400010001000000640004' + '0a000001', 'hex');
const TTL_OFFSETS = [6, 22];

class Bench {
  /** when an upstream came back */
  backTick = machineTick() - 100_000;
  readonly #buffer = cacheOf(1);
  readonly #thread: CacheThread;
  readonly #arena = new ArrayBuffer(8192);
  readonly #query = new Query(this.#arena);
  readonly #response = new Response(this.#arena);
  readonly #step: CacheStep;
  readonly #profile: number;

  constructor(profile: Partial<CacheProfile> = {}) {
    const profiles = new CacheProfileTable();
    this.#profile = profiles.indexOf({ ...PROFILE, ...profile });
    profiles.attach(this.#buffer);
    this.#thread = new CacheThread(this.#buffer, 0, snapshotBuffer());
    const { cache, writer } = this.#thread;
    const isFailureOver = (group: number, tick: number): boolean => group === 0 && ((this.backTick - tick) | 0) >= 0;
    this.#step = new CacheStep(cache, writer, this.#query, this.#response, { isFailureOver });
  }

  /** Stored some time ago, for 10 s. */
  store(secondsAgo: number): void {
    const asked = { name: 'a.test.', instance: 0 };
    this.#thread.storeRecords(asked, RECORDS, 2, TTL_OFFSETS, machineTick() - secondsAgo * 10, 100);
  }

  /** That there is none, stored some time ago for 10 s. */
  storeEmpty(kind: number, rcode: number, secondsAgo: number, flags = 0): void {
    const asked = { name: 'a.test.', instance: 0 };
    this.#thread.storeEmpty(asked, kind, rcode, flags, machineTick() - secondsAgo * 10, 100);
  }

  /** @param alias  the name asked is a CNAME of ours that leads to `name` */
  ask(name: string, { alias, limit = 512 }: { alias?: string; limit?: number } = {}): number {
    const octets = buildQuery({ name: alias ?? name, type: 1 });
    const arena = new Uint8Array(this.#arena);
    arena.set(octets, MESSAGE_AT);
    this.#query.parse(MESSAGE_AT, octets.length);
    const { questionEnd } = this.#query;
    this.#response.begin(MESSAGE_AT, questionEnd, MESSAGE_AT + limit, 12);
    if (alias !== undefined) {
      const target = nameToWire(parseName(name));
      arena.set([0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 5, 0, target.length, ...target], questionEnd);
      this.#response.position = questionEnd + 12 + target.length;
      this.#response.answerCount = 1;
      this.#response.ownerOffset = questionEnd + 12 - MESSAGE_AT;
      this.#query.followName(questionEnd + 12);
    }
    this.#step.setTime();
    return this.#step.answer(this.#profile, 0);
  }

  get response(): DecodedMessage {
    const { position, answerCount, authorityCount } = this.#response;
    const message = Buffer.from(this.#arena.slice(MESSAGE_AT, position));
    message.writeUInt16BE(0x8180 | (this.#response.isTruncated ? 0x200 : 0), 2);
    message.writeUInt16BE(answerCount, 6);
    message.writeUInt16BE(authorityCount, 8);
    message.writeUInt16BE(0, 10);
    return decodeStrictly(message);
  }

  get rcode(): number {
    return this.#response.rcode;
  }

  get extendedError(): number {
    return this.#response.extendedError;
  }

  count(cell: Parameters<typeof total>[2]): number {
    return total(this.#buffer, 1, cell, 0);
  }
}

function texts({ answer }: DecodedMessage): string[] {
  return answer.map(({ owner, ttlSeconds, rdata }) => `${owner.join('.')} ${ttlSeconds} ${rdata}`);
}

test('a hit has the name as the client wrote it, and what is left', () => {
  const bench = new Bench();
  assert.equal(bench.ask('A.Test'), CACHE_RESULT.MISS);
  bench.store(3);
  assert.equal(bench.ask('A.Test'), CACHE_RESULT.HIT);
  assert.deepEqual(texts(bench.response), ['A.Test 7 b.Test.', 'b.Test 7 10.0.0.1']);
  assert.deepEqual([bench.count('requests'), bench.count('hitsSuccess')], [2, 1]);
});

test('keepttl gives the TTLs as they were stored', () => {
  const bench = new Bench({ keepsTtl: true });
  bench.store(3);
  bench.ask('a.test');
  assert.deepEqual(texts(bench.response), ['a.test 100 b.test.', 'b.test 100 10.0.0.1']);
});

test('behind a CNAME of ours records point to its target', () => {
  const bench = new Bench();
  bench.store(0);
  assert.equal(bench.ask('A.test', { alias: 'long.name.of.ours.example' }), CACHE_RESULT.HIT);
  assert.deepEqual(texts(bench.response), [
    'long.name.of.ours.example 5 A.test.',
    'A.test 10 b.test.',
    'b.test 10 10.0.0.1',
  ]);
});

test('what has no room is cut at a record, and says so', () => {
  const bench = new Bench();
  bench.store(0);
  bench.ask('a.test', { limit: 24 + 16 });
  assert.equal(bench.response.tc, true);
  assert.deepEqual(texts(bench.response), ['a.test 10 b.test.']);
});

test('an answer that has ended is not given, unless stale ones may be: with their TTL, and one fetches it anew', () => {
  const strict = new Bench();
  strict.store(11);
  assert.equal(strict.ask('a.test'), CACHE_RESULT.MISS);
  const lenient = new Bench({ stale: STALE });
  lenient.store(11);
  assert.equal(lenient.ask('a.test'), CACHE_RESULT.HIT_AND_REFRESH);
  assert.deepEqual(texts(lenient.response), ['a.test 7 b.test.', 'b.test 7 10.0.0.1']);
  assert.equal(lenient.extendedError, EDE.STALE_ANSWER);
  assert.equal(lenient.ask('a.test'), CACHE_RESULT.HIT);
  lenient.store(71);
  assert.equal(lenient.ask('a.test'), CACHE_RESULT.MISS);
});

test('with verify upstreams are asked first, by one client at a time if there is a pause after failures', () => {
  const bench = new Bench({ stale: { ...STALE, verifyMs: 0, recheckMs: 10_000 } });
  bench.store(11);
  assert.equal(bench.ask('a.test'), CACHE_RESULT.STALE);
  assert.equal(bench.ask('a.test'), CACHE_RESULT.HIT);
});

test('what is asked for often is fetched again shortly before its end, once', () => {
  const bench = new Bench({ prefetch: { amount: 3, pauseMs: 60_000, percentage: 50 } });
  bench.store(2);
  const early = Array.from({ length: 4 }, () => bench.ask('a.test'));
  assert.deepEqual(new Set(early), new Set([CACHE_RESULT.HIT]));
  bench.store(8);
  const late = Array.from({ length: 5 }, () => bench.ask('a.test'));
  assert.deepEqual(late, [
    CACHE_RESULT.HIT,
    CACHE_RESULT.HIT,
    CACHE_RESULT.HIT_AND_REFRESH,
    CACHE_RESULT.HIT,
    CACHE_RESULT.HIT,
  ]);
  assert.equal(bench.count('prefetches'), 1);
});

test('a failure is given with its extended error; one that no upstream sent, until an upstream is back', () => {
  const bench = new Bench();
  bench.storeEmpty(KIND.FAILURE, SERVFAIL, 2, NO_REPLY_FLAGS);
  assert.equal(bench.ask('a.test'), CACHE_RESULT.HIT);
  assert.deepEqual([bench.rcode, bench.extendedError], [SERVFAIL, EDE.CACHED_ERROR]);
  bench.backTick = machineTick() - 30;
  assert.equal(bench.ask('a.test'), CACHE_RESULT.HIT, 'it has failed since');
  bench.backTick = machineTick() - 10;
  assert.equal(bench.ask('a.test'), CACHE_RESULT.MISS);
  bench.storeEmpty(KIND.FAILURE, SERVFAIL, 2, 0x80);
  assert.equal(bench.ask('a.test'), CACHE_RESULT.HIT, 'an upstream said so');
  bench.storeEmpty(KIND.FAILURE, SERVFAIL, 11, 0x80);
  assert.equal(bench.ask('a.test'), CACHE_RESULT.MISS);
});

test('a failure hides neither a fresh answer nor a stale one; a stale NXDOMAIN says that it is one', () => {
  const bench = new Bench({ stale: STALE });
  bench.storeEmpty(KIND.FAILURE, SERVFAIL, 0);
  bench.store(3);
  assert.equal(bench.ask('a.test'), CACHE_RESULT.HIT);
  assert.deepEqual([bench.rcode, bench.extendedError], [0, -1]);
  bench.store(12);
  bench.ask('a.test');
  assert.deepEqual([bench.rcode, bench.extendedError], [0, EDE.STALE_ANSWER]);
  const denied = new Bench({ stale: STALE });
  denied.storeEmpty(KIND.DENIAL, NXDOMAIN, 12);
  denied.ask('a.test');
  assert.deepEqual([denied.rcode, denied.extendedError], [NXDOMAIN, EDE.STALE_NXDOMAIN_ANSWER]);
});

test('prefer_positive: a stale answer goes before a denial that is fresh; else the denial counts', () => {
  const plain = new Bench({ stale: STALE });
  plain.store(12);
  plain.storeEmpty(KIND.DENIAL, NXDOMAIN, 1);
  plain.ask('a.test');
  assert.equal(plain.rcode, NXDOMAIN);
  const bench = new Bench({ stale: { ...STALE, prefersPositive: true } });
  bench.storeEmpty(KIND.DENIAL, NXDOMAIN, 1);
  bench.ask('a.test');
  assert.equal(bench.rcode, NXDOMAIN, 'there is no other');
  bench.store(12);
  bench.ask('a.test');
  assert.equal(bench.rcode, 0);
  bench.store(80);
  bench.ask('a.test');
  assert.equal(bench.rcode, NXDOMAIN, 'too old to be served');
});

test('a refresh that is under way is not asked for again, until the pause is over', () => {
  const bench = new Bench({ stale: { ...STALE, recheckMs: 300_000 } });
  bench.store(11);
  assert.deepEqual([bench.ask('a.test'), bench.ask('a.test')], [CACHE_RESULT.HIT_AND_REFRESH, CACHE_RESULT.HIT]);
  const verifying = new Bench({ stale: { ...STALE, verifyMs: 0 } });
  verifying.store(11);
  assert.deepEqual([verifying.ask('a.test'), verifying.ask('a.test')], [CACHE_RESULT.STALE, CACHE_RESULT.STALE]);
  const inTime = new Bench({ stale: { ...STALE, verifyMs: 100 } });
  inTime.store(11);
  assert.deepEqual([inTime.ask('a.test'), inTime.ask('a.test')], [CACHE_RESULT.STALE, CACHE_RESULT.HIT]);
});
