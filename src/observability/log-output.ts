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
/** Octets of a UTF-16 unit of a line, at most. */
const UTF8_UNIT_MAX = 3;
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

/** Whole lines that wait, or are being written. */
interface Chunk {
  readonly octets: Buffer;
  size: number;
  lines: number;
}

export class LogOutput {
  private readonly writer: Writer;
  private readonly reportDrop: (count: number) => string;
  /** what waits: `filling` behind the full ones. Octets, because strings that wait cost more to collect than to write */
  private readonly full: Chunk[] = [];
  private filling: Chunk = { octets: Buffer.alloc(0), size: 0, lines: 0 };
  private queueSize = 0;
  /** what was written and can be filled again */
  private spare: Buffer | undefined;
  private writing: Chunk | undefined;
  /** how many dropped lines the chunk that is being written tells of */
  private writingReports = 0;
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

  /** @param line with its newline; octets are copied */
  write(line: string | Buffer): void {
    if (this.isBroken || this.queueSize + line.length > QUEUE_SIZE_MAX) {
      this.droppedCount++;
      return;
    }
    const sizeMax = line.length * UTF8_UNIT_MAX;
    if (this.filling.size + sizeMax > this.filling.octets.length) this.beginChunk(sizeMax);
    const chunk = this.filling;
    const isText = typeof line === 'string';
    const size = isText ? chunk.octets.write(line, chunk.size) : line.copy(chunk.octets, chunk.size);
    chunk.size += size;
    chunk.lines++;
    this.queueSize += size;
    if (this.writing === undefined) this.writeNext();
  }

  /** Resolves when all lines are written, or after `timeoutMs`. */
  async flush(timeoutMs: number): Promise<void> {
    if (this.writing === undefined) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      this.waiting.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  private beginChunk(sizeMax: number): void {
    if (this.filling.lines > 0) this.full.push(this.filling);
    else this.spare ??= this.filling.octets.length === CHUNK_SIZE ? this.filling.octets : undefined;
    let octets = sizeMax <= CHUNK_SIZE ? this.spare : undefined;
    if (octets === undefined) octets = Buffer.allocUnsafeSlow(Math.max(CHUNK_SIZE, sizeMax));
    else this.spare = undefined;
    this.filling = { octets, size: 0, lines: 0 };
  }

  private writeNext(): void {
    let next = this.full.shift();
    this.writingReports = 0;
    if (next === undefined && this.filling.lines > 0) {
      next = this.filling;
      this.filling = { octets: Buffer.alloc(0), size: 0, lines: 0 };
      this.queueSize -= next.size;
      // behind the last line that waits: there is room again. Never alone, or a full disk would be told of itself for ever
      if (this.droppedCount > this.reportedCount) next = this.withReport(next);
    } else if (next !== undefined) this.queueSize -= next.size;
    this.writing = next;
    if (next === undefined) for (const resolve of this.waiting.splice(0)) resolve();
    else this.writeChunk(next, 0);
  }

  private withReport({ octets, size, lines }: Chunk): Chunk {
    this.writingReports = this.droppedCount - this.reportedCount;
    const report = Buffer.from(this.reportDrop(this.writingReports));
    return { octets: Buffer.concat([octets.subarray(0, size), report]), size: size + report.length, lines };
  }

  private writeChunk(chunk: Chunk, from: number): void {
    this.writer(chunk.octets.subarray(from, chunk.size), (error, written) => {
      if (error === null) {
        this.retryMs = RETRY_MIN_MS;
        if (from + written < chunk.size) return this.writeChunk(chunk, from + written);
        this.reportedCount += this.writingReports;
        if (chunk.octets.length === CHUNK_SIZE) this.spare = chunk.octets;
        this.writeNext();
      } else if (error.code === 'EAGAIN') {
        setTimeout(() => this.writeChunk(chunk, from), this.retryMs).unref();
        this.retryMs = Math.min(this.retryMs * 2, RETRY_MAX_MS);
      } else {
        this.droppedCount += chunk.lines;
        // a full disk may have room again; a reader that is gone stays gone
        if (error.code !== 'ENOSPC') this.giveUp();
        this.writeNext();
      }
    });
  }

  private giveUp(): void {
    this.isBroken = true;
    for (const { lines } of [...this.full.splice(0), this.filling]) this.droppedCount += lines;
    this.filling = { octets: Buffer.alloc(0), size: 0, lines: 0 };
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
