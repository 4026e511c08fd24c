/**
 * Where log lines go: a bounded queue in front of a descriptor that may be slow, full or closed. Writing a line never blocks
 * and never fails; lines that do not fit are counted.
 *
 * A write to a full pipe would sit in a thread of libuv's pool, and the process could not end before somebody reads
 * (measured: it does not). So a pipe or terminal is opened again as /proc/self/fd/N without blocking: that is a descriptor of
 * our own, and whoever shares the old one notices nothing. A socket (journald's) cannot be opened again; libuv has it.
 */
import { constants, fstatSync, openSync, write } from 'node:fs';
import { Socket } from 'node:net';

/** Octets, about, that may wait: as many lines as a start or a bad minute has. */
const QUEUE_SIZE_MAX = 1 << 20;
/** One write: larger ones would only come back cut where a pipe is short. */
const CHUNK_SIZE = 1 << 16;
/** How soon a full descriptor is tried again, doubling. */
const RETRY_MIN_MS = 5;
const RETRY_MAX_MS = 200;

const STDOUT = 1;

/** Writes a part of `octets`; tells how many, or what went wrong. */
type Writer = (octets: Buffer, done: (error: NodeJS.ErrnoException | null, written: number) => void) => void;

/** The output of the process, which tells of lines that are missing in the log's own form. One for each descriptor. */
export function openLogOutput(descriptor: number = STDOUT): LogOutput {
  return new LogOutput(
    descriptor,
    (count) =>
      `${JSON.stringify({ level: 'WARN', time: new Date().toISOString(), dropped: count, msg: 'log lines were dropped' })}\n`,
  );
}

export class LogOutput {
  private readonly writer: Writer;
  private readonly reportDrop: (count: number) => string;
  private queue: string[] = [];
  private queueSize = 0;
  /** what is left of the chunk that is being written; it begins and ends with whole lines */
  private chunk: Buffer | undefined;
  private chunkLines = 0;
  /** how many dropped lines it tells of */
  private chunkReports = 0;
  private retryMs = RETRY_MIN_MS;
  private droppedCount = 0;
  private reportedCount = 0;
  private isBroken = false;
  private waiting: (() => void)[] = [];

  /** @param reportDrop makes the line that says how many lines are missing before it, with a newline */
  constructor(descriptor: number, reportDrop: (count: number) => string) {
    this.writer = openWriter(descriptor);
    this.reportDrop = reportDrop;
  }

  /** Lines that were thrown away since the start. */
  get droppedLines(): number {
    return this.droppedCount;
  }

  /** @param line with its newline */
  write(line: string): void {
    if (this.isBroken || this.queueSize + line.length > QUEUE_SIZE_MAX) {
      this.droppedCount++;
      return;
    }
    this.queue.push(line);
    this.queueSize += line.length;
    if (this.chunk === undefined) this.writeNext();
  }

  /** Resolves when all lines are written, or after `timeoutMs`. */
  async flush(timeoutMs: number): Promise<void> {
    if (this.chunk === undefined) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      this.waiting.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  private writeNext(): void {
    const lines: string[] = [];
    let size = 0;
    while (lines.length < this.queue.length && size < CHUNK_SIZE) {
      const line = this.queue[lines.length]!;
      lines.push(line);
      size += line.length;
    }
    this.queue = this.queue.slice(lines.length);
    this.queueSize -= size;
    this.chunkLines = lines.length;
    this.chunkReports = 0;
    // behind the last line that waits: there is room again. Never alone, or a full disk would be told of itself for ever
    if (lines.length > 0 && this.queue.length === 0 && this.droppedCount > this.reportedCount) {
      this.chunkReports = this.droppedCount - this.reportedCount;
      lines.push(this.reportDrop(this.chunkReports));
    }
    if (lines.length === 0) {
      this.chunk = undefined;
      for (const resolve of this.waiting.splice(0)) resolve();
    } else {
      this.chunk = Buffer.from(lines.join(''));
      this.writeChunk(this.chunk);
    }
  }

  private writeChunk(chunk: Buffer): void {
    this.writer(chunk, (error, written) => {
      if (error === null) {
        this.retryMs = RETRY_MIN_MS;
        if (written < chunk.length) return this.writeChunk((this.chunk = chunk.subarray(written)));
        this.reportedCount += this.chunkReports;
        this.writeNext();
      } else if (error.code === 'EAGAIN') {
        setTimeout(() => this.writeChunk(chunk), this.retryMs).unref();
        this.retryMs = Math.min(this.retryMs * 2, RETRY_MAX_MS);
      } else {
        this.droppedCount += this.chunkLines;
        // a full disk may have room again; a reader that is gone stays gone
        if (error.code !== 'ENOSPC') this.giveUp();
        this.writeNext();
      }
    });
  }

  private giveUp(): void {
    this.isBroken = true;
    this.droppedCount += this.queue.length;
    this.queue = [];
    this.queueSize = 0;
  }
}

function openWriter(descriptor: number): Writer {
  const status = fstatSync(descriptor);
  let own = descriptor;
  if (status.isFIFO() || status.isCharacterDevice()) {
    try {
      own = openSync(`/proc/self/fd/${descriptor}`, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
    } catch {
      // another user's, or a system without /proc
      return openSocketWriter(descriptor);
    }
  } else if (status.isSocket()) return openSocketWriter(descriptor);
  return (octets, done) => write(own, octets, 0, octets.length, null, done);
}

function openSocketWriter(descriptor: number): Writer {
  const socket = new Socket({ fd: descriptor, readable: false, writable: true }).unref();
  let failure: NodeJS.ErrnoException | undefined;
  socket.on('error', (error) => {
    failure = error;
  });
  return (octets, done) => {
    socket.write(octets, (error) => {
      const fault = error ?? failure;
      if (fault === undefined || fault === null) done(null, octets.length);
      else done(fault, 0);
    });
  };
}
