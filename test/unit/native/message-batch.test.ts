/** Batches over real sockets, with a kernel that takes less than it is given. */
import assert from 'node:assert/strict';
import test from 'node:test';
import type { TestContext } from 'node:test';
import { loadLibc, nativeUnavailableReason } from '../../../src/native/libc.ts';
import type { Libc } from '../../../src/native/libc.ts';
import { BATCH_ARENA_SIZE, BATCH_MAX, MessageBatch } from '../../../src/native/message-batch.ts';
import { closeUdpSocket, openUdpSocket } from '../../../src/native/udp-socket.ts';
import { EchoClient, echoQuery, eventually } from '../shard/shard-fixture.ts';

const skip = nativeUnavailableReason() ?? false;

/** The C library, but sendmmsg takes at most `sendMax` messages a call and every `interruptEvery`-th call is interrupted. */
function reluctantLibc(sendMax: number): { libc: Libc; sends: number[] } {
  const real = loadLibc();
  const sends: number[] = [];
  let isInterrupted = false;
  const libc: Libc = {
    ...real,
    errno: () => (isInterrupted ? 4 : real.errno()),
    messageCall: (call, fd, vector, count, flags, timeout) => {
      if (call !== real.sendmmsgCall) return real.messageCall(call, fd, vector, count, flags, timeout);
      isInterrupted = !isInterrupted;
      if (isInterrupted) return -1;
      sends.push(count);
      return real.messageCall(call, fd, vector, Math.min(count, sendMax), flags, timeout);
    },
  };
  return { libc, sends };
}

function openSocket(t: TestContext): { fd: number; port: number } {
  const socket = openUdpSocket({
    address: '127.0.0.1',
    port: 0,
    isV6Only: false,
    receiveBufferSize: 1 << 20,
    timeoutMs: 100,
  });
  t.after(() => closeUdpSocket(socket.fd));
  return socket;
}

/** Receive until `count` datagrams are there, at most a batch. */
async function receive(batch: MessageBatch, fd: number, count: number): Promise<void> {
  await eventually(() => batch.receive(fd, 0, false) === count, `${count} datagrams in one batch`);
}

test(
  'a short send is continued and an interrupted one repeated; refused datagrams are stepped over',
  { skip },
  async (t) => {
    const { fd, port } = openSocket(t);
    const client = await EchoClient.open(t);
    const { libc, sends } = reluctantLibc(4);
    const batch = new MessageBatch(libc, new ArrayBuffer(BATCH_ARENA_SIZE));
    for (let number = 0; number < 20; number++) client.send(echoQuery(0, number), port, '127.0.0.1');
    await new Promise((resolve) => void setTimeout(resolve, 50));
    await receive(batch, fd, 20);
    for (let i = 0; i < 20; i++) {
      assert.ok(batch.select(i));
      // Port 0: the kernel refuses it. Message 3 gets no response at all.
      if (i === 0 || i === 9) batch.octets.fill(0, batch.peerOffset - 2, batch.peerOffset);
      if (i !== 3) batch.queueResponse(i, batch.messageSize, false);
    }
    assert.equal(batch.send(fd), 2);
    assert.equal(sends[0], 19);
    assert.ok(sends.length >= 5);
    const responses = await client.receive(17);
    const numbers = responses.map(({ message }) => message.readUInt32BE(16)).toSorted((a, b) => a - b);
    assert.deepEqual(
      numbers,
      Array.from({ length: 20 }, (_, i) => i).filter((i) => i !== 0 && i !== 3 && i !== 9),
    );
  },
);

test('a batch holds BATCH_MAX datagrams, and is ready for the next when done', { skip }, async (t) => {
  const { fd, port } = openSocket(t);
  const client = await EchoClient.open(t);
  const batch = new MessageBatch(loadLibc(), new ArrayBuffer(BATCH_ARENA_SIZE));
  for (let number = 0; number < BATCH_MAX + 10; number++) client.send(echoQuery(0, number), port, '127.0.0.1');
  await new Promise((resolve) => void setTimeout(resolve, 50));
  for (const expected of [BATCH_MAX, 10]) {
    assert.equal(batch.receive(fd, 0, true), expected);
    for (let i = 0; i < expected; i++) {
      assert.ok(batch.select(i));
      batch.queueResponse(i, batch.messageSize, false);
    }
    assert.equal(batch.send(fd), 0);
    batch.rearm();
  }
  assert.equal(batch.receive(fd, 0, false), 0, 'nothing is left');
  await client.receive(BATCH_MAX + 10);
});

for (const stage of ['received', 'answered in part', 'sent in part', 'sent'] as const) {
  test(`a successor goes on where a batch was left: ${stage}`, { skip }, async (t) => {
    const { fd, port } = openSocket(t);
    const client = await EchoClient.open(t);
    const arena = new ArrayBuffer(BATCH_ARENA_SIZE);
    // Sends two and then dies.
    const dying: Libc = {
      ...loadLibc(),
      messageCall: (call, ...rest) => {
        const libc = loadLibc();
        if (call !== libc.sendmmsgCall) return libc.messageCall(call, ...rest);
        const [socket, vector, count, flags, timeout] = rest;
        if (count < 5) throw new Error('the thread dies');
        return libc.messageCall(call, socket, vector, 2, flags, timeout);
      },
    };
    const first = new MessageBatch(dying, arena);
    for (let number = 0; number < 5; number++) client.send(echoQuery(0, number), port, '127.0.0.1');
    await new Promise((resolve) => void setTimeout(resolve, 50));
    assert.equal(first.receive(fd, 7, true), 5);
    const answer = (batch: MessageBatch, from: number, to: number) => {
      for (let i = from; i < to; i++) {
        assert.ok(batch.select(i));
        batch.octets[batch.messageOffset + 2]! |= 0x80;
        batch.queueResponse(i, batch.messageSize, false);
      }
    };
    if (stage === 'answered in part') {
      answer(first, 0, 2);
      assert.ok(first.select(2));
      first.octets.fill(0xff, first.messageOffset, first.messageOffset + first.messageSize);
    } else if (stage !== 'received') {
      answer(first, 0, 5);
      if (stage === 'sent') new MessageBatch(loadLibc(), arena).send(fd);
      else assert.throws(() => first.send(fd), /dies/);
    }
    const successor = new MessageBatch(loadLibc(), arena);
    const from = successor.resume();
    assert.equal(from, { received: 0, 'answered in part': 2, 'sent in part': 5, sent: 5 }[stage]);
    assert.equal(successor.socketIndex, 7);
    assert.equal(successor.retries, stage === 'answered in part' ? 1 : 0);
    answer(successor, from, successor.received);
    assert.equal(successor.send(fd), 0);
    successor.rearm();
    const responses = await client.receive(5);
    assert.deepEqual(
      responses.map(({ message }) => [message.readUInt32BE(16), message[2]]),
      [0, 1, 2, 3, 4].map((number) => [number, 0x81]),
    );
    assert.equal(new MessageBatch(loadLibc(), arena).resume(), -1, 'nothing is left for the next');
  });
}
