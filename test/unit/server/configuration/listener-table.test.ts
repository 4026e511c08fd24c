/** What a reload changes about listeners: who keeps a socket, and under which id. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_TCP_TIMEOUTS } from '../../../../src/resolver/resolver-options.ts';
import {
  compareListeners,
  datagramListeners,
  type PlannedListener,
} from '../../../../src/server/configuration/listener-table.ts';

function planned(...names: readonly string[]): PlannedListener[] {
  return names.map((name, listener) => {
    const [address = '', port] = name.split(' ');
    return { listener, address, port: Number(port), scheme: 'dns', timeouts: DEFAULT_TCP_TIMEOUTS, tls: undefined };
  });
}

const idsOf = (listeners: readonly { readonly listener: number }[]): number[] =>
  listeners.map(({ listener }) => listener);

test('listeners that stay keep their ids, whatever their order; new ones get ids that nobody has', () => {
  const { wanted: running } = compareListeners([], planned('192.0.2.1 53', '192.0.2.2 53', '192.0.2.3 53'));
  assert.deepEqual(idsOf(running), [0, 1, 2]);
  const change = compareListeners(running, planned('192.0.2.9 53', '192.0.2.3 53', '192.0.2.1 53', '192.0.2.1 54'));
  assert.deepEqual(idsOf(change.wanted), [3, 2, 0, 4]);
  assert.deepEqual(idsOf(change.fresh), [3, 4]);
  assert.deepEqual(idsOf(change.gone), [1]);
});

test('an id is given again when its listener is closed', () => {
  const { wanted: running } = compareListeners([], planned('192.0.2.1 53', '192.0.2.2 53'));
  const { wanted } = compareListeners(running.slice(1), planned('192.0.2.2 53', '192.0.2.3 53'));
  assert.deepEqual(idsOf(wanted), [1, 0]);
});

test('new time-outs are no reason for a new socket', () => {
  const { wanted: running } = compareListeners([], planned('192.0.2.1 53'));
  const timeouts = { ...DEFAULT_TCP_TIMEOUTS, idleMs: 1000 };
  const { wanted, fresh, gone } = compareListeners(running, [{ ...planned('192.0.2.1 53')[0]!, timeouts }]);
  assert.deepEqual([fresh, gone], [[], []]);
  assert.equal(wanted[0]!.timeouts.idleMs, 1000);
});

test('a listener of another scheme is another listener', () => {
  const { wanted: running } = compareListeners([], planned('192.0.2.1 853'));
  const { wanted, gone } = compareListeners(running, [{ ...planned('192.0.2.1 853')[0]!, scheme: 'tls' }]);
  assert.deepEqual([idsOf(wanted), idsOf(gone)], [[1], [0]]);
  assert.deepEqual(datagramListeners([...running, ...wanted]), running);
});
