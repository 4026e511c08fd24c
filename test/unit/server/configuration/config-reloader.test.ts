/** What a reload does with the groups of upstreams that its configuration holds, however it ends. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { ConfigReloader, type ConfigReloaderOptions } from '../../../../src/server/configuration/config-reloader.ts';
import { loadPlan } from '../../../../src/server/configuration/load-plan.ts';
import type { ServerPlan } from '../../../../src/server/configuration/server-plan.ts';

/** A plan whose groups note what is done with them. */
async function planOf(text: string, name: string, done: string[]): Promise<ServerPlan> {
  const makeCorefile = async () => ({ name, text, warnings: [] });
  const options = { corefile: undefined, makeCorefile, bindAddresses: undefined, dnsPort: undefined };
  const plan = await loadPlan(
    options as unknown as Parameters<typeof loadPlan>[0],
    () => 0,
    () => 0,
  );
  const forwardGroups = {
    numbers: [],
    release: () => void done.push(`${name} released`),
    keep: () => void done.push(`${name} kept`),
  };
  return { ...plan, forwardGroups };
}

/** Parts of a server that agree to everything, but for the publications, which `reconfigure` decides on. */
function reloaderOf(
  plan: ServerPlan,
  load: () => Promise<ServerPlan>,
  reconfigure: () => Promise<void>,
  logged: string[],
): ConfigReloader {
  const nothing = async (): Promise<void> => undefined;
  const prepare = async () => ({
    write: () => undefined,
    revert: nothing,
    commit: nothing,
  });
  let listenerCount = plan.addresses.length;
  let ids = plan.addresses.map(({ listener }) => listener);
  const prepareListeners = async (addresses: ServerPlan['addresses']) => {
    const leaving = ids;
    ids = addresses.map(() => listenerCount++);
    return { ids, leaving, commit: nothing, close: nothing, abort: nothing };
  };
  const options = {
    load,
    plan,
    scopes: [...plan.scopes],
    scopeMax: 100,
    publisher: { reconfigure, takeDataset: () => 0 },
    feeds: { prepare, stopWaiting: () => undefined },
    hosts: { prepare },
    zones: { prepare },
    secondaries: { prepare },
    services: { plan: plan.services, configure: nothing },
    threads: { prepareListeners },
    log: (level: string, text: string) => void (level === 'error' && logged.push(text)),
  };
  return new ConfigReloader(options as unknown as ConfigReloaderOptions);
}

const corefile = (port: number): string => `.:${port} {\n  bind 127.0.0.1\n  forward . 192.0.2.1\n}\n`;

test('a text that is empty for a moment holds nothing, and neither does one that says the same', async () => {
  const done: string[] = [];
  const logged: string[] = [];
  const plan = await planOf(corefile(1053), 'served', done);
  const loads = [await planOf('', 'empty', done), await planOf(corefile(1053), 'same', done)];
  const reloader = reloaderOf(
    plan,
    async () => loads.shift()!,
    async () => undefined,
    logged,
  );
  await reloader.reload();
  assert.match(logged[0]!, /it is empty/);
  await reloader.reload();
  assert.deepEqual(done, ['empty released', 'same released']);
  await reloader.close();
});

test('groups of former listeners that cannot be done without are known to stay, until a later publication', async () => {
  const done: string[] = [];
  const logged: string[] = [];
  const plan = await planOf(corefile(1053), 'first', done);
  const loads = [await planOf(corefile(2053), 'second', done), await planOf(corefile(3053), 'third', done)];
  const outcomes = ['done', 'no memory', 'done', 'done'];
  const reconfigure = async (): Promise<void> => {
    const outcome = outcomes.shift();
    if (outcome !== 'done') throw new Error(outcome);
  };
  const reloader = reloaderOf(plan, async () => loads.shift()!, reconfigure, logged);
  await reloader.reload();
  await setImmediate();
  assert.deepEqual(logged, ['plugin/reload: former listeners: Error: no memory']);
  assert.deepEqual(done, ['first kept']);
  await reloader.reload();
  await reloader.close();
  assert.deepEqual(done, ['first kept', 'first released', 'second released']);
});
