/** Writes events as fast as it can; each says three times which one it is. */
import { workerData } from 'node:worker_threads';
import { QueryEventWriter } from '../../../src/observability/queries/query-event-writer.ts';
import { addEvent } from './query-event-fixture.ts';

const { buffer, count } = workerData as { readonly buffer: SharedArrayBuffer; readonly count: number };
const writer = new QueryEventWriter(buffer, 0);
for (let number = 0; number < count; number++) {
  addEvent(writer, { name: `n${number}.test`, facts: { errorDetail: number } });
  // the duration of each is its number, hence a commit each
  writer.commit(number / 1e6);
}
