/**
 * The product's answers are the oracle's, in random clusters, before and after random changes; and what changes lead to
 * is what is built whole.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { typeName } from '../../src/dns/iana.ts';
import type { RecordOptions } from '../../src/records/record-options.ts';
import { dumpSnapshot } from '../../src/snapshot/dump.ts';
import { verifySnapshot } from '../../src/snapshot/verify.ts';
import { InProcessSubject } from '../cases/in-process-subject.ts';
import type { RawChange } from '../cases/subject.ts';
import { differences } from '../oracle/expected.ts';
import type { RawObject } from '../oracle/kubernetes-objects.ts';
import { RecordModel } from '../oracle/record-model.ts';
import { parseName } from '../wire/names.ts';
import { buildQuery } from '../wire/query.ts';
import { decodeStrictly } from '../wire/strict-message.ts';
import { budget, randomFrom, SEED } from './budget.ts';
import { ASKED_TYPES, interestingNames } from './interesting-names.ts';
import { changeSets, initialObjects, ObjectStore, recordOptions } from './random-cluster.ts';

/** The largest a route may have. */
const UDP_SIZE = 4096;
/** An additional record or two may have been left out of a response of this size. */
const UDP_SIZE_FULL = UDP_SIZE - 200;
const HASH_SEED = 1;
/** Questions asked of each state of a cluster. */
const QUESTIONS = 150;

/** What the questions met: a run that meets one outcome only shows nothing. */
class Outcomes {
  readonly counts: Record<string, number> = {};

  count(outcome: string): void {
    this.counts[outcome] = (this.counts[outcome] ?? 0) + 1;
  }
}

function storeOf(objects: readonly RawObject[], changes: readonly RawChange[] = []): ObjectStore {
  const store = new ObjectStore();
  for (const object of objects) store.apply({ op: 'put', object });
  for (const change of changes) store.apply(change);
  return store;
}

function subjectOf(objects: readonly RawObject[], options: RecordOptions): InProcessSubject {
  const subject = new InProcessSubject({ udpSizeMax: UDP_SIZE, hashSeed: HASH_SEED });
  subject.load(objects, options);
  return subject;
}

function assertSameAnswers(
  subject: InProcessSubject,
  objects: readonly RawObject[],
  options: RecordOptions,
  seed: number,
  outcomes: Outcomes,
): void {
  const model = new RecordModel(objects, options);
  const random = randomFrom(seed);
  const groups = interestingNames(objects, options);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
  for (let i = 0; i < QUESTIONS; i++) {
    const plain = pick(pick(groups));
    const name = random() < 0.1 ? withRandomCase(plain, random) : plain;
    const type = pick(ASKED_TYPES);
    const expected = model.ask(name, type);
    if (expected.unclear !== undefined) {
      outcomes.count('unclear');
      continue;
    }
    outcomes.count(expected.answer.length > 0 ? 'answered' : expected.rcode);
    const response = decodeStrictly(subject.ask(buildQuery({ name, type, edns: { udpSize: UDP_SIZE } }))!);
    const found = differences(response, expected, { name, type }, model.zoneOf(parseName(name)));
    const isFull = response.tc || response.size > UDP_SIZE_FULL;
    const serious = isFull ? found.filter((difference) => !isOfSize(difference)) : found;
    assert.deepEqual(serious, [], `${typeName(type)} ${name}`);
  }
}

/** What a lack of room explains: records that are not there, and TC. */
function isOfSize(difference: string): boolean {
  return /^TC:|^(answer|additional) lacks|^(answer|additional): \d+ records/.test(difference);
}

function withRandomCase(name: string, random: () => number): string {
  return name.replace(/[a-z]/g, (letter) => (random() < 0.5 ? letter.toUpperCase() : letter));
}

/** Without the first line, the generation. */
function dumpOf(subject: InProcessSubject): string[] {
  return [...dumpSnapshot(subject.buffer)].slice(1);
}

test('answers are those of the record model, before and after changes', (t) => {
  t.diagnostic(`PROPERTY_SEED=${SEED}`);
  let runs = 0;
  const outcomes = new Outcomes();
  fc.assert(
    fc.property(initialObjects, changeSets, recordOptions, fc.nat(), (initial, sets, options, seed) => {
      runs++;
      const store = storeOf(initial);
      const subject = subjectOf(store.objects, options);
      assertSameAnswers(subject, store.objects, options, seed, outcomes);
      for (const changes of sets) {
        for (const change of changes) store.apply(change);
        subject.change(changes);
        assertSameAnswers(subject, store.objects, options, seed, outcomes);
      }
    }),
    budget(),
  );
  t.diagnostic(`${runs} clusters; ${JSON.stringify(outcomes.counts)}`);
});

test('a snapshot after changes is the one built whole', (t) => {
  t.diagnostic(`PROPERTY_SEED=${SEED}`);
  let runs = 0;
  fc.assert(
    fc.property(initialObjects, changeSets, recordOptions, (initial, sets, options) => {
      runs++;
      const subject = subjectOf(initial, options);
      for (const changes of sets) subject.change(changes);
      verifySnapshot(subject.buffer);
      const whole = subjectOf(storeOf(initial, sets.flat()).objects, options);
      assert.deepEqual(dumpOf(subject), dumpOf(whole));
    }),
    budget(),
  );
  t.diagnostic(`${runs} clusters`);
});
