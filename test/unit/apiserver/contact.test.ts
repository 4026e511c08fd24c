/** Waiting for a server. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Contact } from '../../../src/apiserver/contact.ts';

test('who waits for a connection goes on when somebody else has one; who waits for its turn does not', async () => {
  const contact = new Contact();
  const { signal } = new AbortController();
  const woken: string[] = [];
  const connection = contact.wait(60_000, true, signal).then(() => woken.push('connection'));
  const turn = contact.wait(50, false, signal).then(() => woken.push('turn'));
  contact.signal();
  await connection;
  assert.deepEqual(woken, ['connection']);
  await turn;
});

test('a wait ends when all ends', async () => {
  const contact = new Contact();
  const abort = new AbortController();
  const waits = [contact.wait(60_000, true, abort.signal), contact.wait(60_000, false, abort.signal)];
  abort.abort();
  await Promise.all(waits);
  await contact.wait(60_000, false, abort.signal);
});
