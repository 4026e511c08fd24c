import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import dnsPacket from 'dns-packet';
import { AnswerCache } from '../../../src/cache/answer-cache.ts';
import { CacheKey, KEY_CD, KEY_DO } from '../../../src/cache/cache-key.ts';
import { CACHED, KIND } from '../../../src/cache/cache-layout.ts';
import { CacheProfileTable, type CacheProfile } from '../../../src/cache/cache-profiles.ts';
import { CacheWriter } from '../../../src/cache/cache-writer.ts';
import { RCODE, TYPE } from '../../../src/dns/iana.ts';
import { parseName } from '../../../src/dns/name.ts';
import { AnswerKeeper, SCRATCH_SIZE } from '../../../src/forward/answer-keeper.ts';
import { Reply } from '../../../src/forward/reply.ts';
import { cacheOf, snapshotBuffer } from '../cache/cache-bench.ts';

type Answer = dnsPacket.Answer;

const BOUNDS = { max: 3600, min: 5, isMinSaid: false, isDisabled: false };
const PROFILE: CacheProfile = {
  instance: { key: 'block', capacity: 100, labels: { server: '', zones: '', view: '' } },
  success: BOUNDS,
  denial: { ...BOUNDS, max: 1800 },
  failureMs: 5000,
  keepsTtl: false,
  prefetch: undefined,
  stale: undefined,
};
const NOW = 1000;
const UNIX_TIME = 1_800_000_000;

interface ReplyText {
  readonly rcode?: number;
  readonly isTruncated?: boolean;
  readonly answers?: readonly Answer[];
  readonly authorities?: readonly Answer[];
  readonly additionals?: readonly Answer[];
}

/** What of a reply is kept under its question, decoded. */
interface Kept {
  readonly kind: number;
  readonly rcode: number;
  readonly seconds: number;
  readonly answers: readonly string[];
  readonly authorities: readonly string[];
}

function a(name: string, ttl: number, data = '192.0.2.1'): Answer {
  return { type: 'A', name, ttl, data };
}

function cname(name: string, ttl: number, data: string): Answer {
  return { type: 'CNAME', name, ttl, data };
}

function soa(name: string, ttl: number, minimum: number): Answer {
  const data = { mname: `ns.${name}`, rname: `root.${name}`, serial: 1, refresh: 2, retry: 3, expire: 4, minimum };
  return { type: 'SOA', name, ttl, data };
}

function textOf(record: Answer): string {
  const ttl = 'ttl' in record ? record.ttl : '';
  const data = 'data' in record && typeof record.data === 'string' ? record.data : '';
  return `${record.name} ${ttl} ${record.type} ${data}`.trim();
}

class Bench {
  readonly cache: AnswerCache;
  readonly keeper: AnswerKeeper;
  readonly #arena = new ArrayBuffer(65_536 + SCRATCH_SIZE);
  readonly #profiles: CacheProfileTable;

  constructor() {
    const buffer = cacheOf(1);
    this.cache = new AnswerCache(buffer);
    this.#profiles = new CacheProfileTable();
    this.#profiles.attach(buffer);
    this.keeper = new AnswerKeeper(
      this.#arena,
      this.cache,
      new CacheWriter(this.cache, 0, snapshotBuffer(), 0),
      65_536,
    );
  }

  keep(reply: ReplyText, profile: Partial<CacheProfile> = {}, name = 'a.test', type: 'A' | 'AAAA' = 'A', flags = 0) {
    const octets = dnsPacket.encode({
      type: 'response',
      flags: (reply.rcode ?? 0) | (reply.isTruncated === true ? dnsPacket.TRUNCATED_RESPONSE : 0) | 0xa0,
      questions: [{ type, name }],
      answers: [...(reply.answers ?? [])],
      authorities: [...(reply.authorities ?? [])],
      additionals: [...(reply.additionals ?? [])],
    });
    const at = 512;
    new Uint8Array(this.#arena).set(octets, at);
    const parsed = new Reply(this.#arena);
    const nameSize = name.length + 2;
    assert.ok(parsed.parse(at, octets.length, at + 12 + nameSize + 4));
    const index = this.#profiles.indexOf({ ...PROFILE, ...profile });
    const isDo = (flags & KEY_DO) !== 0;
    const isCd = (flags & KEY_CD) !== 0;
    this.keeper.keep(parsed, index, TYPE[type], 1, isDo, isCd, at + 12, nameSize, NOW, UNIX_TIME);
    return dnsPacket.decode(Buffer.from(this.#arena, at, octets.length));
  }

  kept(name = 'a.test', type: 'A' | 'AAAA' = 'A', flags = 0): Kept | undefined {
    const key = new CacheKey(this.cache.words);
    const wire = parseName(`${name}.`)!;
    const nameWords = new Uint32Array(64);
    new Uint8Array(nameWords.buffer).set(wire);
    key.set(0, TYPE[type], 1, flags, nameWords, wire.length);
    if (!this.cache.find(key)) return undefined;
    const { success, denial, failure, words, octets } = this.cache;
    const at = success || denial || failure;
    const shape = words[at + CACHED.at.shape]!;
    const bodyAt = (at + CACHED.words + ((wire.length + 3) >>> 2) + (((shape & 0xffff) + 1) >>> 1)) * 4;
    const body = octets.slice(bodyAt, bodyAt + (words[at + CACHED.at.body]! >>> 8));
    const question = dnsPacket.encode({ type: 'response', questions: [{ type, name }] });
    const message = Buffer.concat([question, body]);
    message.writeUInt32BE(words[at + CACHED.at.counts]!, 6);
    const { answers = [], authorities = [] } = dnsPacket.decode(message);
    return {
      kind: success !== 0 ? KIND.SUCCESS : denial !== 0 ? KIND.DENIAL : KIND.FAILURE,
      rcode: (shape >>> 16) & 0xff,
      seconds: this.cache.ticksLeft(at, NOW) / 10,
      answers: answers.map(textOf),
      authorities: authorities.map(textOf),
    };
  }
}

function keptOf(reply: ReplyText, profile?: Partial<CacheProfile>): Kept | undefined {
  const bench = new Bench();
  bench.keep(reply, profile);
  return bench.kept();
}

describe('a positive answer', () => {
  it('is kept as long as its shortest TTL, each record with its own', () => {
    assert.deepEqual(keptOf({ answers: [cname('a.test', 300, 'b.test'), a('b.test', 28)] }), {
      kind: KIND.SUCCESS,
      rcode: 0,
      seconds: 28,
      answers: ['a.test 300 CNAME b.test', 'b.test 28 A 192.0.2.1'],
      authorities: [],
    });
  });

  it('has TTLs within the bounds, in the first reply too', () => {
    const bench = new Bench();
    const success = { ...BOUNDS, max: 30 };
    const first = bench.keep({ answers: [cname('a.test', 300, 'b.test'), a('b.test', 1)] }, { success });
    assert.deepEqual(first.answers?.map(textOf), ['a.test 30 CNAME b.test', 'b.test 5 A 192.0.2.1']);
    assert.equal(bench.kept()?.seconds, 5);
  });

  it('has one TTL for the records of a set, the lowest', () => {
    const kept = keptOf({ answers: [a('a.test', 30), a('a.test', 20, '192.0.2.2'), a('a.test', 25, '192.0.2.3')] });
    assert.deepEqual(
      kept?.answers.map((text) => text.split(' ')[1]),
      ['20', '20', '20'],
    );
  });

  it('keeps nothing of authority and additional', () => {
    const kept = keptOf({
      answers: [a('a.test', 20)],
      authorities: [{ type: 'NS', name: 'test', ttl: 20, data: 'ns.test' }],
      additionals: [a('ns.test', 20)],
    });
    assert.deepEqual([kept?.answers.length, kept?.authorities.length], [1, 0]);
  });

  it('of TTL 0 serves the one who asked, unless the minimum was said', () => {
    assert.equal(keptOf({ answers: [a('a.test', 0)] }), undefined);
    assert.equal(keptOf({ answers: [a('a.test', 0x8000_0000)] }), undefined);
    const success = { ...BOUNDS, isMinSaid: true };
    assert.equal(keptOf({ answers: [a('a.test', 0)] }, { success })?.seconds, 5);
  });

  it('is found under DO and CD as it was asked', () => {
    const bench = new Bench();
    bench.keep({ answers: [a('a.test', 20)] }, {}, 'a.test', 'A', KEY_DO | KEY_CD);
    assert.equal(bench.kept(), undefined);
    assert.equal(bench.kept('a.test', 'A', KEY_DO | KEY_CD)?.seconds, 20);
  });

  it('may stand before the CNAME that leads to it', () => {
    const kept = keptOf({ answers: [a('c.test', 20), cname('b.test', 20, 'c.test'), cname('a.test', 20, 'b.test')] });
    assert.equal(kept?.answers.length, 3);
  });

  it('of a name nobody asked for is not kept, however it got in', () => {
    assert.equal(keptOf({ answers: [a('a.test', 20), a('bank.test', 20)] }), undefined);
    assert.equal(keptOf({ answers: [cname('a.test', 20, 'b.test'), a('c.test', 20)] }), undefined);
    assert.equal(keptOf({ answers: [a('a.test.test', 20)] }), undefined);
  });

  it('whose CNAME records lead in a circle is not kept', () => {
    assert.equal(keptOf({ answers: [cname('a.test', 20, 'b.test'), cname('b.test', 20, 'a.test')] }), undefined);
  });

  it('is the same in any letter case', () => {
    assert.equal(keptOf({ answers: [cname('A.Test', 20, 'B.test'), a('b.TEST', 20)] })?.kind, KIND.SUCCESS);
  });

  it('is not kept where its kind is disabled, but its TTLs are within the bounds', () => {
    const bench = new Bench();
    const success = { ...BOUNDS, max: 30, isDisabled: true };
    assert.deepEqual(bench.keep({ answers: [a('a.test', 300)] }, { success }).answers?.map(textOf), [
      'a.test 30 A 192.0.2.1',
    ]);
    assert.equal(bench.kept(), undefined);
  });
});

describe('a denial', () => {
  it('is kept for the smaller of the TTL and the MINIMUM of its SOA', () => {
    assert.deepEqual(keptOf({ rcode: RCODE.NXDOMAIN, authorities: [soa('test', 25, 60)] }), {
      kind: KIND.DENIAL,
      rcode: RCODE.NXDOMAIN,
      seconds: 25,
      answers: [],
      authorities: ['test 25 SOA'],
    });
    assert.deepEqual(keptOf({ authorities: [soa('test', 300, 7)] })?.authorities, ['test 7 SOA']);
  });

  it('without an SOA is not kept', () => {
    assert.equal(keptOf({ rcode: RCODE.NXDOMAIN }), undefined);
    assert.equal(keptOf({}), undefined);
    assert.equal(keptOf({ authorities: [{ type: 'NS', name: 'test', ttl: 20, data: 'ns.test' }] }), undefined);
  });

  it('with an SOA of a zone that does not hold the name is not kept', () => {
    assert.equal(keptOf({ rcode: RCODE.NXDOMAIN, authorities: [soa('other', 25, 60)] }), undefined);
    assert.equal(keptOf({ rcode: RCODE.NXDOMAIN, authorities: [soa('b.a.test', 25, 60)] }), undefined);
  });

  it('behind CNAME records is about the last name', () => {
    const reply = { answers: [cname('a.test', 20, 'b.example')], authorities: [soa('example', 25, 60)] };
    assert.deepEqual(keptOf({ ...reply, rcode: RCODE.NXDOMAIN }), {
      kind: KIND.DENIAL,
      rcode: RCODE.NXDOMAIN,
      seconds: 20,
      answers: ['a.test 20 CNAME b.example'],
      authorities: ['example 25 SOA'],
    });
    assert.equal(keptOf(reply)?.kind, KIND.DENIAL);
  });
});

describe('a failure', () => {
  it('is kept for as long as the profile says, without records', () => {
    for (const rcode of [RCODE.SERVFAIL, RCODE.NOTIMP]) {
      const kept = { kind: KIND.FAILURE, rcode, seconds: 5, answers: [], authorities: [] };
      assert.deepEqual(keptOf({ rcode }), kept);
    }
    assert.equal(keptOf({ rcode: RCODE.SERVFAIL }, { failureMs: 0 }), undefined);
  });

  it('of another sort is not kept', () => {
    for (const rcode of [RCODE.REFUSED, RCODE.FORMERR, RCODE.YXDOMAIN]) assert.equal(keptOf({ rcode }), undefined);
  });
});

it('a truncated reply is not kept, and not changed', () => {
  const bench = new Bench();
  const reply = bench.keep({ isTruncated: true, answers: [a('a.test', 7200)] });
  assert.equal(bench.kept(), undefined);
  assert.deepEqual(reply.answers?.map(textOf), ['a.test 7200 A 192.0.2.1']);
});

it('with DO what proves a denial is kept, and an ended signature is not', () => {
  const nsec: Answer = { type: 'NSEC', name: 'a.test', ttl: 60, data: { nextDomain: 'c.test', rrtypes: ['A'] } };
  const bench = new Bench();
  bench.keep({ rcode: RCODE.NXDOMAIN, authorities: [soa('test', 60, 60), nsec] }, {}, 'a.test', 'A', KEY_DO);
  assert.equal(bench.kept('a.test', 'A', KEY_DO)?.authorities.length, 2);
  for (const [end, seconds] of [
    [UNIX_TIME + 12, 12],
    [UNIX_TIME - 1, undefined],
  ] as const) {
    const signed = new Bench();
    const signature: Answer = {
      type: 'RRSIG',
      name: 'a.test',
      ttl: 60,
      data: {
        typeCovered: 'A',
        algorithm: 13,
        labels: 2,
        originalTTL: 60,
        expiration: end,
        inception: 1,
        keyTag: 1,
        signersName: 'test',
        signature: Buffer.alloc(64),
      },
    };
    signed.keep({ answers: [a('a.test', 60), signature] }, {}, 'a.test', 'A', KEY_DO);
    assert.equal(signed.kept('a.test', 'A', KEY_DO)?.seconds, seconds);
  }
});

describe('with DO', () => {
  const signature = (name: string, typeCovered: string, secondsLeft: number): Answer => {
    const times = { expiration: UNIX_TIME + secondsLeft, inception: 1, keyTag: 1 };
    const data = { typeCovered, algorithm: 13, labels: 2, originalTTL: 60, ...times, signersName: 'test' };
    return { type: 'RRSIG', name, ttl: 60, data: { ...data, signature: Buffer.from('x') } };
  };
  const nsec = (name: string): Answer => ({
    type: 'NSEC',
    name,
    ttl: 60,
    data: { nextDomain: 'z.test', rrtypes: ['A'] },
  });
  const servers: Answer = { type: 'NS', name: 'test', ttl: 60, data: 'ns.evil.example' };
  const keptWithDo = (reply: ReplyText): Kept | undefined => {
    const bench = new Bench();
    bench.keep(reply, {}, 'a.test', 'A', KEY_DO);
    return bench.kept('a.test', 'A', KEY_DO);
  };
  const typesOf = (texts: readonly string[] | undefined): string[] | undefined =>
    texts?.map((text) => text.split(' ').slice(0, 3).join(' '));

  it('a denial has SOA, proofs and their signatures, and nothing that stands between them', () => {
    const proofs = [
      soa('test', 60, 60),
      signature('test', 'SOA', 1e6),
      nsec('a.test'),
      signature('a.test', 'NSEC', 1e6),
    ];
    const expected = ['test 60 SOA', 'test 60 RRSIG', 'a.test 60 NSEC', 'a.test 60 RRSIG'];
    for (const place of [0, 1, 2, 3, 4]) {
      const kept = keptWithDo({ rcode: RCODE.NXDOMAIN, authorities: proofs.toSpliced(place, 0, servers) });
      assert.deepEqual(typesOf(kept?.authorities), expected, `NS at ${place}`);
    }
    const foreign = keptWithDo({
      rcode: RCODE.NXDOMAIN,
      authorities: [...proofs, nsec('evil.example'), signature('test', 'NS', 1e6)],
    });
    assert.deepEqual(typesOf(foreign?.authorities), expected);
  });

  it('no signature outlives its end: of a denial, of what proves a wildcard', () => {
    const denial = (secondsLeft: number): Kept | undefined =>
      keptWithDo({
        rcode: RCODE.NXDOMAIN,
        authorities: [soa('test', 60, 60), nsec('a.test'), signature('a.test', 'NSEC', secondsLeft)],
      });
    assert.equal(denial(20)?.seconds, 20);
    assert.equal(denial(-1), undefined);
    const wildcard = (secondsLeft: number): Kept | undefined =>
      keptWithDo({
        answers: [a('a.test', 60), signature('a.test', 'A', 1e6)],
        authorities: [servers, nsec('a.test'), signature('a.test', 'NSEC', secondsLeft)],
      });
    assert.deepEqual(typesOf(wildcard(1e6)?.authorities), ['a.test 60 NSEC', 'a.test 60 RRSIG']);
    assert.equal(wildcard(20)?.seconds, 20);
    assert.equal(wildcard(-1), undefined);
  });
});
