import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { KEY_CD, KEY_DO } from '../../../src/cache/cache-key.ts';
import { ENTRY_WORDS_MAX, KIND, SEGMENT_SIZE } from '../../../src/cache/cache-layout.ts';
import { cacheOf, CacheThread, snapshotBuffer, total } from './cache-bench.ts';

function threads(count: number, capacity?: number, arenaSize?: number) {
  const buffer = cacheOf(count, capacity, arenaSize);
  const snapshot = snapshotBuffer();
  const list = Array.from({ length: count }, (_, writer) => new CacheThread(buffer, writer, snapshot));
  return { buffer, snapshot, list, thread: list[0]! };
}

describe('what is stored is found', () => {
  it('by the same name, type, DO, CD and instance, and by no other', () => {
    const { thread } = threads(1);
    const asked = { name: 'a.example.org.', instance: 1, qtype: 1, flags: 0 };
    assert.ok(thread.store(asked, 'one'));
    assert.equal(thread.find(asked), 'one');
    const others = [
      { ...asked, name: 'b.example.org.' },
      { ...asked, name: 'a.example.org.example.org.' },
      { ...asked, qtype: 28 },
      { ...asked, instance: 2 },
      { ...asked, flags: KEY_DO },
      { ...asked, flags: KEY_CD },
    ];
    for (const other of others) assert.equal(thread.find(other), undefined, JSON.stringify(other));
  });

  it('by every thread, whoever stored it', () => {
    const { list } = threads(3);
    for (const [index, thread] of list.entries()) thread.store({ name: `n${index}.test.` }, `from ${index}`);
    for (const thread of list) {
      for (const index of list.keys()) assert.equal(thread.find({ name: `n${index}.test.` }), `from ${index}`);
    }
  });

  it('until another answer of its kind is stored: one entry for a key, whoever stores it', () => {
    const { list, buffer } = threads(2);
    list[0]!.store({ name: 'x.test.' }, 'old');
    list[1]!.store({ name: 'x.test.' }, 'new');
    assert.equal(list[0]!.find({ name: 'x.test.' }), 'new');
    assert.equal(total(buffer, 2, 'entriesSuccess'), 1);
    assert.equal(total(buffer, 2, 'evictionsSuccess'), 0);
  });

  it('a failure and a denial do not displace an answer', () => {
    const { thread, buffer } = threads(1);
    thread.store({ name: 'x.test.' }, 'answer', 100, 300, KIND.SUCCESS);
    thread.store({ name: 'x.test.' }, 'denial', 100, 300, KIND.DENIAL);
    thread.store({ name: 'x.test.' }, 'failure', 100, 300, KIND.FAILURE);
    assert.equal(thread.find({ name: 'x.test.' }, KIND.SUCCESS), 'answer');
    assert.equal(thread.find({ name: 'x.test.' }, KIND.DENIAL), 'denial');
    assert.equal(thread.find({ name: 'x.test.' }, KIND.FAILURE), 'failure');
    assert.deepEqual([total(buffer, 1, 'entriesSuccess'), total(buffer, 1, 'entriesDenial')], [1, 2]);
  });

  it('an answer larger than the largest entry is dropped and counted', () => {
    const { thread, buffer } = threads(1);
    assert.equal(thread.store({ name: 'x.test.' }, 'x'.repeat(ENTRY_WORDS_MAX * 4)), false);
    assert.equal(total(buffer, 1, 'drops'), 1);
    assert.ok(thread.store({ name: 'x.test.' }, 'y'.repeat(ENTRY_WORDS_MAX * 4 - 128)));
    assert.equal(thread.find({ name: 'x.test.' })?.length, ENTRY_WORDS_MAX * 4 - 128);
  });
});

describe('time', () => {
  it('an entry is fresh for its lifetime, also where ticks wrap', () => {
    const { thread } = threads(1);
    const start = 0xffff_ff00;
    thread.store({ name: 'x.test.' }, 'body', start, 300);
    thread.find({ name: 'x.test.' });
    assert.equal(thread.cache.ticksLeft(thread.cache.success, start), 300);
    assert.equal(thread.cache.ticksLeft(thread.cache.success, (start + 299) >>> 0), 1);
    assert.equal(thread.cache.ticksLeft(thread.cache.success, (start + 301) >>> 0), -1);
  });

  it('lookups are counted until a pause is too long', () => {
    const { thread } = threads(1);
    thread.store({ name: 'x.test.' }, 'body', 100);
    thread.find({ name: 'x.test.' });
    const { cache } = thread;
    const at = cache.success;
    assert.deepEqual(
      [110, 120, 130, 141, 142].map((tick) => cache.countHit(at, tick, 10)),
      [1, 2, 3, 1, 2],
    );
  });

  it('one at a time fetches an entry again', () => {
    const { thread } = threads(1);
    thread.store({ name: 'x.test.' }, 'body', 100);
    thread.find({ name: 'x.test.' });
    const { cache } = thread;
    assert.equal(cache.claimRefresh(cache.success, 100, 150), true);
    assert.equal(cache.claimRefresh(cache.success, 149, 199), false);
    assert.equal(cache.claimRefresh(cache.success, 150, 200), true);
  });
});

describe('a full cache', () => {
  const BODY = 'b'.repeat(400);
  /** as many as pass through an arena of four segments a few times */
  const FLOOD = Math.floor((5 * 4 * SEGMENT_SIZE) / 400);

  it('stays within its arenas, and finds the newest', () => {
    const { thread, buffer } = threads(1, 100_000);
    for (let index = 0; index < FLOOD; index++) assert.ok(thread.store({ name: `f${index}.test.` }, BODY + index));
    assert.equal(thread.find({ name: `f${FLOOD - 1}.test.` }), BODY + (FLOOD - 1));
    assert.equal(thread.find({ name: 'f0.test.' }), undefined);
    const found = Array.from({ length: FLOOD }, (_, index) => thread.find({ name: `f${index}.test.` }));
    const alive = found.filter((body) => body !== undefined).length;
    assert.equal(total(buffer, 1, 'entriesSuccess'), alive);
    assert.equal(total(buffer, 1, 'evictionsSuccess'), FLOOD - alive);
    for (const [index, body] of found.entries()) if (body !== undefined) assert.equal(body, BODY + index);
  });

  it('keeps what is asked for, whatever floods it', () => {
    const { thread } = threads(1, 100_000);
    const hot = Array.from({ length: 100 }, (_, index) => ({ name: `hot${index}.test.` }));
    for (const asked of hot) thread.store(asked, asked.name);
    let misses = 0;
    for (let index = 0; index < FLOOD; index++) {
      thread.store({ name: `f${index}.test.` }, BODY);
      if (thread.hit(hot[index % hot.length]!) === undefined) misses++;
    }
    assert.equal(misses, 0);
  });

  it('gives up what was asked for once, long ago', () => {
    const { thread } = threads(1, 100_000);
    thread.store({ name: 'once.test.' }, 'once');
    thread.hit({ name: 'once.test.' });
    for (let index = 0; index < FLOOD; index++) thread.store({ name: `f${index}.test.` }, BODY);
    assert.equal(thread.find({ name: 'once.test.' }), undefined);
  });

  it('goes on when everything in it is asked for', () => {
    const { thread } = threads(1, 100_000);
    for (let index = 0; index < FLOOD; index++) {
      assert.ok(thread.store({ name: `f${index}.test.` }, BODY));
      thread.hit({ name: `f${index}.test.` });
    }
    assert.equal(thread.find({ name: `f${FLOOD - 1}.test.` }), BODY);
  });

  it('keeps the asked ones of a bucket that overflows', () => {
    const { thread } = threads(1, 16);
    const hot = Array.from({ length: 16 }, (_, index) => ({ name: `hot${index}.test.` }));
    for (const asked of hot) {
      thread.store(asked, 'hot');
      thread.hit(asked);
    }
    for (let index = 0; index < 400; index++) thread.store({ name: `f${index}.test.` }, 'flood', 200);
    const kept = hot.filter((asked) => thread.find(asked) !== undefined).length;
    assert.ok(kept >= 12, `${kept} of 16 kept`);
  });
});

describe('readers', () => {
  const BODY = 'b'.repeat(1000);
  const LAP = Math.floor((4 * SEGMENT_SIZE) / 1000);

  it('keep what they hold: a writer drops answers rather than write over them', () => {
    const { list, buffer } = threads(2, 100_000);
    const [writer, reader] = [list[0]!, list[1]!];
    writer.store({ name: 'held.test.' }, 'held');
    reader.epoch.enter();
    assert.equal(reader.find({ name: 'held.test.' }), 'held');
    const at = reader.cache.success;
    for (let index = 0; index < 3 * LAP; index++) writer.store({ name: `f${index}.test.` }, BODY);
    assert.equal(reader.bodyOf(at), 'held');
    assert.ok(total(buffer, 2, 'drops') > LAP);
    reader.epoch.leave();
    assert.ok(writer.store({ name: 'after.test.' }, 'after'));
    for (let index = 0; index < LAP; index++) assert.ok(writer.store({ name: `g${index}.test.` }, BODY));
  });

  it('that enter again and again hold nothing up', () => {
    const { list, buffer } = threads(2, 100_000);
    for (let index = 0; index < 3 * LAP; index++) {
      list[1]!.epoch.enter();
      assert.ok(list[0]!.store({ name: `f${index}.test.` }, BODY));
    }
    assert.equal(total(buffer, 2, 'drops'), 0);
  });
});

describe('a writer that is replaced', () => {
  it('leaves what was stored; the successor writes over nothing that is held', () => {
    const { thread, snapshot, buffer } = threads(1, 100_000);
    const BODY = 'b'.repeat(1000);
    for (let index = 0; index < 100; index++) thread.store({ name: `a${index}.test.` }, BODY);
    const successor = new CacheThread(buffer, 0, snapshot);
    assert.equal(successor.find({ name: 'a99.test.' }), BODY);
    for (let index = 0; index < 1000; index++) assert.ok(successor.store({ name: `b${index}.test.` }, BODY));
    for (let index = 0; index < 100; index++) assert.equal(successor.find({ name: `a${index}.test.` }), undefined);
    assert.equal(successor.find({ name: 'b999.test.' }), BODY);
  });

  it('may have died half-way in an entry', () => {
    const { thread, snapshot, buffer } = threads(1, 100_000);
    for (let index = 0; index < 150; index++) thread.store({ name: `a${index}.test.` }, 'b'.repeat(1000));
    // Random words everywhere that nothing refers to would be: sizes that lead nowhere.
    const { words } = thread.cache;
    const lastAt = thread.find({ name: 'a149.test.' }) === undefined ? 0 : thread.cache.success;
    words.fill(0xdead_beef, lastAt + words[lastAt]!, lastAt + words[lastAt]! + 64);
    const successor = new CacheThread(buffer, 0, snapshot);
    for (let index = 0; index < 2000; index++) assert.ok(successor.store({ name: `b${index}.test.` }, 'c'.repeat(500)));
    assert.equal(successor.find({ name: 'b1999.test.' }), 'c'.repeat(500));
  });
});
