/** Notifications: to whom, how often, how long without an answer. */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { test, type TestContext } from 'node:test';
import { OPCODE, RCODE, TYPE } from '../../../src/dns/iana.ts';
import { ZONE_KIND } from '../../../src/snapshot/snapshot-layout.ts';
import { Notifier, type NotifiedZone, type NotifierOptions } from '../../../src/transfer/notifier.ts';
import { formatName } from '../../wire/names.ts';
import { decodeStrictly, type DecodedMessage } from '../../wire/strict-message.ts';
import { eventually } from '../resolver/tcp-fixture.ts';

const DATASET = 3;
const ADDRESS = '127.0.0.1';
/** Longer than any machine takes to answer. */
const PATIENT_MS = 60_000;

class Secondary {
  readonly received: DecodedMessage[] = [];
  port = 0;
  /** notifications it does not hear before it answers */
  deafCount = 0;
  rcode: number = RCODE.NOERROR;
  /** address of the last sender */
  from = '';

  static async start(t: TestContext): Promise<Secondary> {
    const secondary = new Secondary();
    const socket = createSocket('udp4', (message, peer) => {
      secondary.received.push(decodeStrictly(message));
      secondary.from = peer.address;
      if (secondary.received.length <= secondary.deafCount) return;
      const answer = Buffer.from(message);
      answer[2]! |= 0x80;
      answer[3] = secondary.rcode;
      socket.send(answer, peer.port, peer.address);
    });
    socket.bind(0, ADDRESS);
    await once(socket, 'listening');
    secondary.port = socket.address().port;
    t.after(() => socket.close());
    return secondary;
  }

  zone(more: Partial<NotifiedZone> = {}): NotifiedZone {
    return {
      zone: 'cluster.local.',
      dataset: DATASET,
      kind: ZONE_KIND.CLUSTER,
      to: [{ address: ADDRESS, port: this.port }],
      source: null,
      ...more,
    };
  }
}

function start(t: TestContext, options: Partial<NotifierOptions> = {}) {
  const log: string[] = [];
  const state: { serial: number | undefined } = { serial: 1000 };
  const notifier = new Notifier({
    serialOf: ({ dataset }) => (dataset === DATASET ? state.serial : undefined),
    log: (_, text) => log.push(text),
    lookMs: 5,
    quietMs: 0,
    attemptWaitsMs: [PATIENT_MS],
    ...options,
  });
  t.after(() => notifier.close());
  return { notifier, state, log };
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

test('a host is told when a zone is complete, and again when its serial is another one', async (t) => {
  const secondary = await Secondary.start(t);
  const { notifier, state } = start(t);
  state.serial = undefined;
  notifier.configure([secondary.zone()]);
  await pause(30);
  assert.equal(secondary.received.length, 0);
  state.serial = 1000;
  await eventually(() => secondary.received.length === 1, 'the first notification');
  const { opcode, aa, qr, questions } = secondary.received[0]!;
  assert.deepEqual({ opcode, aa, qr }, { opcode: OPCODE.NOTIFY, aa: true, qr: false });
  assert.deepEqual(
    questions.map(({ name, type }) => [formatName(name), type]),
    [['cluster.local.', TYPE.SOA]],
  );
  await pause(60);
  assert.equal(secondary.received.length, 1, 'it was answered');
  state.serial = 1001;
  await eventually(() => secondary.received.length === 2, 'the second notification');
  assert.notEqual(secondary.received[0]!.id, secondary.received[1]!.id);
});

test('it is repeated until it is answered', async (t) => {
  const secondary = await Secondary.start(t);
  secondary.deafCount = 2;
  const { notifier, log } = start(t, { attemptWaitsMs: [20, 20, PATIENT_MS] });
  notifier.configure([secondary.zone()]);
  await eventually(() => secondary.received.length === 3, 'the third attempt');
  await pause(80);
  assert.equal(secondary.received.length, 3);
  assert.equal(new Set(secondary.received.map(({ id }) => id)).size, 1);
  assert.deepEqual(log, []);
});

test('who does not answer, or does not want it, is told of in the log', async (t) => {
  const [deaf, unwilling] = [await Secondary.start(t), await Secondary.start(t)];
  deaf.deafCount = Infinity;
  unwilling.rcode = RCODE.REFUSED;
  const [hopeful, patient] = [start(t, { attemptWaitsMs: [20, 20, 20] }), start(t)];
  hopeful.notifier.configure([deaf.zone()]);
  patient.notifier.configure([unwilling.zone()]);
  await eventually(() => hopeful.log.length + patient.log.length === 2, 'two lines');
  const line = (port: number, reason: string): string =>
    `plugin/transfer: notify for zone "cluster.local." was not accepted by "127.0.0.1:${port}": ${reason}`;
  assert.deepEqual(hopeful.log, [line(deaf.port, 'there was no answer')]);
  assert.deepEqual(patient.log, [line(unwilling.port, 'rcode was "REFUSED"')]);
  assert.deepEqual([deaf.received.length, unwilling.received.length], [3, 1]);
});

test('a zone that changes all the time is not told of all the time, but its last serial is', async (t) => {
  const secondary = await Secondary.start(t);
  const { notifier, state } = start(t, { quietMs: 1500 });
  notifier.configure([secondary.zone()]);
  await eventually(() => secondary.received.length === 1, 'the first notification');
  for (state.serial = 1001; state.serial < 1011; state.serial++) await pause(2);
  assert.equal(secondary.received.length, 1);
  await eventually(() => secondary.received.length === 2, 'the serial of the end');
  await pause(50);
  assert.equal(secondary.received.length, 2);
});

test('a serial waits until its second is over', async (t) => {
  const secondary = await Secondary.start(t);
  const { notifier, state } = start(t);
  while (Date.now() % 1000 > 600) await pause(50);
  state.serial = Math.floor(Date.now() / 1000);
  notifier.configure([secondary.zone()]);
  await pause(100);
  assert.equal(secondary.received.length, 0);
  await eventually(() => secondary.received.length === 1, 'the notification');
  assert.ok(Math.floor(Date.now() / 1000) > state.serial);
});

test('it leaves from the address that is asked for, and a new host is told at once', async (t) => {
  const [first, second] = [await Secondary.start(t), await Secondary.start(t)];
  const { notifier } = start(t, { quietMs: 60_000 });
  notifier.configure([first.zone({ source: '127.0.0.9' })]);
  await eventually(() => first.received.length === 1, 'the first is told');
  assert.equal(first.from, '127.0.0.9');
  notifier.configure([first.zone({ source: '127.0.0.9' }), second.zone()]);
  await eventually(() => second.received.length === 1, 'the second is told');
  assert.equal(first.received.length, 1);
  notifier.configure([]);
});
