/** A reporter for `node --test`: at the end, which files took longest. */
import path from 'node:path';
import type { TestEvent } from 'node:test/reporters';

const SHOWN_MAX = 10;
/** A run of few files has no slowest ones. */
const FILES_MIN = 3;

export default async function* slowestFiles(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const files: { readonly file: string; readonly seconds: number }[] = [];
  for await (const event of source) {
    if (event.type !== 'test:summary' || event.data.file === undefined) continue;
    files.push({ file: path.relative(process.cwd(), event.data.file), seconds: event.data.duration_ms / 1000 });
  }
  if (files.length < FILES_MIN) return;
  const slowest = files.toSorted((a, b) => b.seconds - a.seconds).slice(0, SHOWN_MAX);
  yield `slowest of ${files.length} files:\n`;
  for (const { file, seconds } of slowest) yield `${seconds.toFixed(1).padStart(7)} s  ${file}\n`;
}
