/** Asks a primary over TCP: one question a connection, responses of any number of messages. */
import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { framed, MessageFrames } from '../dns/message-frames.ts';
import { PACE_LIMITS, SendingPace, type PaceLimits } from './sending-pace.ts';
import { TransferFault } from './transfer-fault.ts';

/** How long a connection may take, ms. */
const CONNECT_MS = 5000;

export interface Primary {
  readonly address: string;
  readonly port: number;
}

export function formatPrimary({ address, port }: Primary): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

/**
 * Send a query, and give the messages that come. The connection is closed when nobody takes them any more.
 *
 * @param query   the message
 * @param signal  ends it
 * @param wholeMs  how long all of it may take
 * @param limits  how slowly the primary may send; for tests
 * @throws TransferFault  there is no connection, or none any more, or a message does not come in time
 */
export async function* askPrimary(
  primary: Primary,
  query: Uint8Array,
  signal: AbortSignal,
  wholeMs: number,
  limits: PaceLimits = PACE_LIMITS,
): AsyncGenerator<Buffer, void> {
  const endMs = performance.now() + wholeMs;
  const socket = createConnection({ host: primary.address, port: primary.port, noDelay: true, signal });
  // Whatever is wrong, who waits is told by the events below.
  let fault: Error | undefined;
  socket.on('error', (error) => (fault = error));
  socket.setTimeout(CONNECT_MS, () => socket.destroy(new Error('it does not answer')));
  const clock = setTimeout(
    () => socket.destroy(new Error(`it takes longer than ${wholeMs / 1000} s`)),
    wholeMs,
  ).unref();
  try {
    await once(socket, 'connect');
    socket.setTimeout(0);
    socket.write(framed(query));
    yield* messagesOf(socket, limits);
  } catch (error) {
    if (error instanceof TransferFault) throw error;
    const reason = fault ?? error;
    throw new TransferFault(reason instanceof Error ? reason.message : String(reason), { cause: reason });
  } finally {
    clearTimeout(clock);
    socket.destroy();
  }
  const isLate = performance.now() >= endMs;
  throw new TransferFault(isLate ? 'it takes too long' : 'the primary has closed the connection');
}

async function* messagesOf(socket: Socket, limits: PaceLimits): AsyncGenerator<Buffer, void> {
  const frames = new MessageFrames();
  const pace = new SendingPace(limits);
  const pieces = (socket as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
  for (;;) {
    const startMs = performance.now();
    const timer = setTimeout(() => socket.destroy(new Error('it does not answer')), pace.leftMs);
    const { done, value: piece } = await pieces.next().finally(() => clearTimeout(timer));
    if (done === true) return;
    const fault = pace.came(piece.length, performance.now() - startMs);
    if (fault !== undefined) throw new TransferFault(fault);
    for (const message of frames.take(piece)) {
      pace.completed();
      yield message;
    }
  }
}
