import assert from 'node:assert/strict';
import test from 'node:test';
import { RecordJournal } from '../../../src/server/record-journal.ts';
import { KEY_SPACE } from '../../../src/snapshot/snapshot-layout.ts';
import { MemorySink } from '../records/memory-sink.ts';

test('what is remembered is what was written, whatever the caller makes of the octets later', () => {
  const journal = new RecordJournal(new MemorySink());
  journal.clear();
  const key = Buffer.from('\x03web\x07default\x03svc', 'latin1');
  const address = Buffer.from('\x011\x010\x010\x0210', 'latin1');
  const label = Buffer.from('a', 'latin1');
  const labels = [label];
  journal.put(key, { kind: 'ent' });
  journal.point(KEY_SPACE.REVERSE4, address, key, labels, false);
  for (const octets of [key, address, label]) octets.fill(1);
  labels.length = 0;
  const later = new MemorySink();
  journal.replay(later, 'all');
  assert.deepEqual([...later.names], [['web.default.svc', 'ENT']]);
  assert.deepEqual([...later.pointers], [['10.0.0.1 web.default.svc', 'a']]);
});
