/** What a shard on an event loop makes of what comes in its turns. */
import assert from 'node:assert/strict';
import { setImmediate as nextTurn } from 'node:timers/promises';
import test from 'node:test';
import { Admission, ADMITTED_ALL } from '../../../src/forward/admission.ts';
import { type CrowdedSocket, DgramCrowd, TURN_MAX } from '../../../src/shard/dgram-crowd.ts';
import { QueueTable } from '../../../src/shard/queue-table.ts';

const ROOM = 10_000;
const HEAD = 'sl local_address rem_address st queue tr retrnsmt uid timeout inode ref pointer drops\n';

class Crowd {
  readonly admission: Admission = new Admission();
  readonly sockets: readonly CrowdedSocket[] = ['127.0.0.1', '127.0.0.2'].map((address) => ({
    address,
    port: 53,
    taken: 0,
  }));
  waiting = 0;
  looks = 0;
  readonly #crowd = new DgramCrowd(
    this.admission,
    new QueueTable(() => {
      this.looks++;
      return `${HEAD}0: 0100007F:0035 0:0 07 0:${this.waiting.toString(16)} 0:0 0 0 0 1 2 0 0\n`;
    }),
  );

  /** A turn of the event loop with so many queries of each socket, of which half are for upstreams. */
  async turn(...counts: readonly number[]): Promise<void> {
    for (const [index, count] of counts.entries()) {
      for (let query = 0; query < count; query++) {
        this.#crowd.note(this.sockets[index]!);
        if (query % 2 === 0) this.admission.asked++;
      }
    }
    // What the crowd asked for runs first.
    await nextTurn();
  }

  look(): void {
    this.#crowd.look(this.sockets, ROOM);
  }
}

test('turns that take all they may, and a long queue: fewer are taken up until a turn leaves nothing', async () => {
  const crowd = new Crowd();
  crowd.waiting = ROOM * 0.4;
  await crowd.turn(100);
  crowd.look();
  await crowd.turn(100);
  assert.equal(crowd.admission.admitted, ADMITTED_ALL, 'it was not known that own names are asked for');
  crowd.look();
  await crowd.turn(TURN_MAX);
  const { admitted } = crowd.admission;
  assert.ok(admitted > 1 && admitted < ADMITTED_ALL, `${admitted}`);
  await crowd.turn(TURN_MAX - 1, TURN_MAX - 1);
  assert.equal(crowd.admission.admitted, ADMITTED_ALL, 'both are empty now');
  await crowd.turn(TURN_MAX);
  assert.equal(crowd.admission.admitted, ADMITTED_ALL, 'the length is of before');
  crowd.look();
  await crowd.turn(1, TURN_MAX);
  assert.equal(crowd.admission.admitted, admitted);
});

test('nobody looks while little comes', async () => {
  const crowd = new Crowd();
  for (let window = 0; window < 10; window++) {
    await crowd.turn(20);
    crowd.look();
  }
  assert.equal(crowd.looks, 0);
});

test('what little comes after a crowd is taken up', async () => {
  const crowd = new Crowd();
  crowd.waiting = ROOM;
  for (let window = 0; window < 3; window++) {
    await crowd.turn(100);
    crowd.look();
  }
  await crowd.turn(100);
  assert.equal(crowd.admission.admitted, 1);
  crowd.look();
  crowd.look();
  assert.equal(crowd.admission.admitted, ADMITTED_ALL);
});
