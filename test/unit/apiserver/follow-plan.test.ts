/** What comes next, and when, after each kind of fault; without a server. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiConnectionFault, type ApiFault, connectionFault, statusFault } from '../../../src/apiserver/api-fault.ts';
import { API_TIMING } from '../../../src/apiserver/api-timing.ts';
import { FollowPlan } from '../../../src/apiserver/follow-plan.ts';
import { API_RESOURCES } from '../../../src/apiserver/resources.ts';

const REQUEST = { resource: API_RESOURCES.Service, verb: 'watch' } as const;
const unreachable = connectionFault(REQUEST, 'host', 'connect', new Error('connect ECONNREFUSED'));
const cut = connectionFault(REQUEST, 'host', 'cut', new Error('aborted'));
const silent = new ApiConnectionFault('silent', 'nothing came');

function refused(
  code: number,
  options: { reason?: string; message?: string; retry?: number; isEvent?: boolean } = {},
): ApiFault {
  const { reason = '', message = '', retry, isEvent = false } = options;
  return statusFault(REQUEST, { code, reason, message, retryAfterSeconds: retry }, isEvent);
}

/** A plan whose list is complete. */
function listed(): FollowPlan {
  const plan = new FollowPlan(API_TIMING, false);
  plan.noteListed();
  return plan;
}

test('waits double up to less than half a minute, and are never the same for two', () => {
  const plan = new FollowPlan(API_TIMING, false);
  const waits = Array.from({ length: 14 }, () => plan.noteFault(refused(503), true).waitMs);
  for (const [index, waitMs] of waits.entries()) {
    const fullMs = Math.min(30_000, 100 * 2 ** index);
    assert.ok(waitMs >= fullMs / 2 && waitMs < fullMs, `${index}: ${waitMs}`);
  }
  assert.equal(new Set(waits).size, waits.length);
});

test('a watch that settled ends the story: the next wait is short again', () => {
  const plan = listed();
  for (let i = 0; i < 10; i++) plan.noteFault(refused(503), false);
  plan.noteSettled();
  assert.ok(plan.noteFault(refused(503), false).waitMs < 100);
});

test('a list that is followed by faults again and again makes waits grow', () => {
  const plan = new FollowPlan(API_TIMING, false);
  let waitMs = 0;
  for (let i = 0; i < 10; i++) {
    plan.noteListed();
    waitMs = plan.noteFault(refused(410, { reason: 'Expired' }), false).waitMs;
    assert.equal(plan.step, 'streaming list');
  }
  assert.ok(waitMs > 15_000, String(waitMs));
});

test('while no connection comes about, waits stay below 5 s and end when somebody gets through', () => {
  const plan = listed();
  for (let i = 0; i < 20; i++) {
    const { waitMs, wakesOnContact } = plan.noteFault(unreachable, false);
    assert.ok(waitMs < 5000);
    assert.equal(wakesOnContact, true);
  }
  assert.equal(plan.step, 'watch');
});

test('a server that was away and answers with errors while it starts is asked soon again', () => {
  const plan = listed();
  for (let i = 0; i < 20; i++) plan.noteFault(unreachable, false);
  assert.ok(plan.noteFault(refused(403), false).waitMs < 100);
  assert.ok(plan.noteFault(refused(410, { reason: 'Expired' }), false).waitMs < 100);
});

test('Retry-After is kept to, with a bound, and spread', () => {
  const plan = new FollowPlan(API_TIMING, false);
  const { waitMs } = plan.noteFault(refused(429, { retry: 7 }), true);
  assert.ok(waitMs >= 7000 && waitMs <= 8750, String(waitMs));
  const longest = plan.noteFault(refused(503, { retry: 86_400 }), true).waitMs;
  assert.ok(longest >= 60_000 && longest <= 75_000, String(longest));
});

test('a streaming list that the server does not know: pages at once, and from then on', () => {
  for (const fault of [refused(400), refused(422), refused(500, { isEvent: true })]) {
    let nowMs = 0;
    const plan = new FollowPlan(API_TIMING, false, () => nowMs);
    assert.equal(plan.step, 'streaming list');
    assert.equal(plan.noteFault(fault, true).waitMs, 0);
    assert.equal(plan.step, 'paged list');
    plan.noteListed();
    plan.noteFault(refused(410), false);
    assert.equal(plan.step, 'paged list');
    nowMs += API_TIMING.streamingRetryMs;
    assert.equal(plan.step, 'streaming list');
  }
});

test('a streaming list that fails otherwise: one in pages next, then a streaming one again', () => {
  for (const fault of [refused(500), refused(403), cut, silent]) {
    const plan = new FollowPlan(API_TIMING, false);
    plan.noteFault(fault, true);
    assert.equal(plan.step, 'paged list', fault.message);
    plan.noteFault(refused(500), true);
    assert.equal(plan.step, 'streaming list', fault.message);
  }
});

test('what any request would meet changes nothing about the next', () => {
  for (const fault of [unreachable, refused(401), refused(404), refused(429), refused(503)]) {
    const plan = new FollowPlan(API_TIMING, false);
    for (let i = 0; i < 5; i++) plan.noteFault(fault, true);
    assert.equal(plan.step, 'streaming list', fault.message);
    plan.noteListed();
    for (let i = 0; i < 5; i++) plan.noteFault(fault, false);
    assert.equal(plan.step, 'watch', fault.message);
  }
});

test('a continue token that ran out: the next list is whole, and the one after that not', () => {
  const plan = new FollowPlan(API_TIMING, false);
  plan.noteFault(refused(422), true);
  plan.noteFault(refused(410, { reason: 'Expired' }), true);
  assert.equal(plan.step, 'whole list');
  plan.noteListed();
  plan.noteFault(refused(410), false);
  assert.equal(plan.step, 'paged list');
});

test('a version that the server cannot have is forgotten', () => {
  const tooNew = refused(504, {
    reason: 'Timeout',
    message: 'Timeout: Too large resource version: 9, current: 2',
    isEvent: true,
  });
  const list = new FollowPlan(API_TIMING, false);
  assert.equal(list.noteFault(tooNew, true).forgetsVersion, true);
  for (const fault of [tooNew, refused(400), refused(422)]) {
    const plan = listed();
    assert.equal(plan.noteFault(fault, false).forgetsVersion, true, fault.message);
    assert.equal(plan.step, 'streaming list', fault.message);
  }
  // What has only grown too old still says how new the next list has to be.
  assert.equal(listed().noteFault(refused(410), false).forgetsVersion, false);
});

test('a watch that was cut goes on; at the third time in a row there is a list', () => {
  const plan = listed();
  plan.noteFault(cut, false);
  plan.noteFault(cut, false);
  assert.equal(plan.step, 'watch');
  plan.noteFault(cut, false);
  assert.equal(plan.step, 'streaming list');
  assert.equal(plan.relistReason, 'cut');
});

test('two silent watches without a word: bookmarks are no longer expected, and all is listed', () => {
  const plan = listed();
  plan.noteFault(silent, false);
  plan.noteItems();
  assert.equal(plan.noteFault(silent, false).expectsNoBookmarks, false);
  assert.equal(plan.step, 'watch');
  const recovery = plan.noteFault(silent, false);
  assert.equal(recovery.expectsNoBookmarks, true);
  assert.equal(recovery.forgetsVersion, true);
  assert.equal(plan.step, 'streaming list');
});

test('a resource that need not be there is looked for once a minute', () => {
  const missing = refused(404);
  assert.ok(new FollowPlan(API_TIMING, true).noteFault(missing, true).waitMs >= 60_000);
  assert.ok(new FollowPlan(API_TIMING, false).noteFault(missing, true).waitMs < 100);
});

test('after an hour, and before an hour and a half, the end of a watch is followed by a list', () => {
  let nowMs = 0;
  const plan = new FollowPlan(API_TIMING, false, () => nowMs);
  plan.noteListed();
  nowMs = 3_599_000;
  assert.equal(plan.noteEnd(true), 0);
  assert.equal(plan.step, 'watch');
  nowMs = 5_400_000;
  assert.equal(plan.noteEnd(true), 0);
  assert.equal(plan.step, 'streaming list');
  assert.equal(plan.relistReason, 'reconcile');
  plan.noteListed();
  plan.noteEnd(true);
  assert.equal(plan.step, 'watch');
});

test('a server that ends each watch at once is asked more and more seldom', () => {
  const plan = listed();
  const waits = Array.from({ length: 12 }, () => plan.noteEnd(false));
  assert.ok(waits[0]! < 100 && waits.at(-1)! > 15_000, waits.join());
});
