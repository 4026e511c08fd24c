/** What is served without a Corefile is kubeadm's, where the command line says. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { builtInCorefile } from '../../../../src/server/configuration/built-in-corefile.ts';
import { readAtOnce, testFiles, testOptions } from '../../plugins/corefile-fixture.ts';

function read(bindAddresses: readonly string[]) {
  const { text } = builtInCorefile(bindAddresses, testFiles());
  return readAtOnce(text, 'built-in', { ...testOptions(), dnsPort: 1053 });
}

test('it has the directives of kubeadm’s Corefile, and the port of the command line', () => {
  const { blocks, listeners } = read([]);
  const [block] = blocks;
  const names = 'reload ready health prometheus errors loadbalance cache kubernetes loop forward'.split(' ');
  assert.deepEqual(
    block?.chain.map(({ name }) => name),
    names,
  );
  assert.deepEqual(
    listeners.map(({ address, port }) => [address, port]),
    [['', 1053]],
  );
  assert.deepEqual(block?.plugins.health, { listen: { host: '', port: 8080 }, lameduckMs: 5000 });
  assert.equal(block?.plugins.kubernetes?.ttlSeconds, 30);
  assert.equal(block?.plugins.kubernetes?.pods, 'insecure');
});

test('with addresses to bind, probes and metrics are on the first of them', () => {
  const { blocks, listeners } = read(['::1', '127.0.0.1']);
  assert.deepEqual(
    listeners.map(({ address }) => address),
    ['::1', '127.0.0.1'],
  );
  const { health, ready, prometheus } = blocks[0]!.plugins;
  for (const options of [health, ready, prometheus]) assert.equal(options?.listen.host, '::1');
});

test('without a name server of the machine it forwards nothing, and says so', () => {
  const files = { ...testFiles(), read: () => undefined };
  const { text, warnings } = builtInCorefile([], files);
  assert.doesNotMatch(text, /forward/);
  assert.match(warnings.join(), /resolv\.conf names no server/);
  assert.equal(readAtOnce(text, 'built-in', testOptions()).blocks.length, 1);
});
