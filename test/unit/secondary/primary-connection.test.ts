/** The stream of a primary: as fast as it may be cut, and as slow as it may not be. */
import assert from 'node:assert/strict';
import { createServer, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { askPrimary } from '../../../src/secondary/primary-connection.ts';
import { SendingPace } from '../../../src/secondary/sending-pace.ts';

function framed(...sizes: readonly number[]): Buffer {
  return Buffer.concat(
    sizes.map((size, index) => Buffer.concat([Buffer.of(size >> 8, size & 255), Buffer.alloc(size, index)])),
  );
}

const LIMITS = { messageMs: 1000, windowSize: 100, windowMs: 3000 };

test('a message has its time from the one before, and a stream its octets in each window', () => {
  const pace = new SendingPace(LIMITS);
  assert.equal(pace.came(10, 600), undefined);
  assert.equal(pace.leftMs, 400);
  assert.match(pace.came(1, 400) ?? '', /^a message takes longer than 1 s$/);
  const dripping = new SendingPace(LIMITS);
  for (let message = 0; message < 3; message++) {
    assert.equal(dripping.came(30, 900), undefined);
    dripping.completed();
  }
  assert.match(dripping.came(9, 300) ?? '', /^it sends less than 100 octets in 3 s$/);
  const steady = new SendingPace(LIMITS);
  for (let message = 0; message < 100; message++) {
    assert.equal(steady.came(30, 500), undefined);
    steady.completed();
  }
});

async function dripping(t: TestContext, drip: (socket: Socket) => void): Promise<{ address: string; port: number }> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    drip(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  return { address: '127.0.0.1', port: (server.address() as { port: number }).port };
}

async function faultOf(primary: { address: string; port: number }, limits: typeof LIMITS): Promise<string> {
  try {
    for await (const _ of askPrimary(primary, Buffer.alloc(12), new AbortController().signal, 60_000, limits)) void _;
  } catch (error) {
    return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  }
  return 'none';
}

test('a primary that lets octets drip is left, whether its messages end or not', async (t) => {
  const octets = await dripping(t, (socket) => {
    const timer = setInterval(() => socket.write(Buffer.of(1)), 20);
    socket.on('close', () => clearInterval(timer));
  });
  const fault = await faultOf(octets, { ...LIMITS, messageMs: 300 });
  assert.match(fault, /^TransferFault: (a message takes longer than 0\.3 s|it does not answer)$/);
  const messages = await dripping(t, (socket) => {
    const timer = setInterval(() => socket.write(framed(1)), 20);
    socket.on('close', () => clearInterval(timer));
  });
  assert.equal(
    await faultOf(messages, { messageMs: 10_000, windowSize: 1_000_000, windowMs: 200 }),
    'TransferFault: it sends less than 1000000 octets in 0.2 s',
  );
});
