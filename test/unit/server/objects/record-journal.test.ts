import assert from 'node:assert/strict';
import test from 'node:test';
import { SkyshardError } from '../../../../src/base/skyshard-error.ts';
import { RecordJournal } from '../../../../src/server/objects/record-journal.ts';
import { KEY_SPACE } from '../../../../src/snapshot/snapshot-layout.ts';
import { MemorySink } from '../../records/memory-sink.ts';

test('what is remembered is what was written, whatever the caller makes of the octets later', () => {
  const journal = new RecordJournal(new MemorySink(), () => false);
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

test('with plenty of room nothing is remembered: only what was written since the last publication is lost with it', () => {
  let isRoomy = true;
  const journal = new RecordJournal(new MemorySink(), () => isRoomy);
  const key = Buffer.from('\x03web\x07default\x03svc', 'latin1');
  const fault = new SkyshardError('SNAPSHOT_FULL', 'no room');
  journal.clear();
  assert.equal(journal.hasUnpublished, false, 'a change set of others that fails is none of its business');
  journal.put(key, { kind: 'ent' });
  assert.equal(journal.hasUnpublished, true);
  journal.suspend(fault);
  assert.equal(journal.isLost, true, 'all names have to be written anew');
  assert.equal(journal.hasUnpublished, true, 'until that is published');

  isRoomy = false;
  journal.replay(new MemorySink(), 'all');
  journal.clear();
  journal.put(key, { kind: 'ent' });
  journal.suspend(fault);
  assert.equal(journal.isLost, false, 'a buffer that is filling up is another matter');
  const later = new MemorySink();
  journal.replay(later, 'all');
  assert.deepEqual([...later.names], [['web.default.svc', 'ENT']]);
});
