/** `bind` of interfaces, in a network namespace: listeners at exactly the addresses they have. */
import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { NetworkNamespace, whyNoVeth } from '../cluster/network-namespace.ts';
import { missingPrograms, ROOT, spawnNode, temporaryFolder, TRANSPORTS } from './skyshard-process.ts';

const PORT = 5300;
const LINK_LOCAL = 'fe80::5';
const ADDRESSES: Readonly<Record<string, readonly string[]>> = {
  east: ['192.0.2.1/24', '192.0.2.2/24', '2001:db8:1::1/64', `${LINK_LOCAL}/64`],
  west: ['198.51.100.1/24', '2001:db8:2::1/64', `${LINK_LOCAL}/64`],
};

interface Case {
  readonly name: string;
  readonly bind: string;
  /** as `ss` writes them */
  readonly listeners: readonly string[];
}

const EAST = ['192.0.2.1', '192.0.2.2', '[2001:db8:1::1]', `[${LINK_LOCAL}]%east`];
const CASES: readonly Case[] = [
  { name: 'an interface', bind: 'bind east', listeners: EAST },
  {
    name: 'an interface but for addresses of both families',
    bind: 'bind east {\n except 192.0.2.2 2001:db8:1::1\n }',
    listeners: ['192.0.2.1', `[${LINK_LOCAL}]%east`],
  },
  {
    name: 'interfaces with the same link-local address, and an address',
    bind: 'bind west east 127.0.0.7 {\n except 198.51.100.1 192.0.2.1\n }',
    listeners: ['127.0.0.7', '[2001:db8:2::1]', `[${LINK_LOCAL}]%west`, ...EAST.slice(1)],
  },
  {
    name: 'an interface but for another one',
    bind: 'bind west 192.0.2.1 {\n except west\n }',
    listeners: ['192.0.2.1'],
  },
];

const skip = whyNoVeth() || missingPrograms('ss', 'dig');

describe('bind of interfaces', { skip }, () => {
  let site: NetworkNamespace;

  before(async () => {
    site = await NetworkNamespace.create();
    // Who asks has the other ends, and reaches every address through the loopback interface.
    for (const [link, addresses] of Object.entries(ADDRESSES)) {
      site.run('ip', 'link', 'add', link, 'type', 'veth', 'peer', 'name', `${link}-peer`);
      for (const end of [link, `${link}-peer`]) site.run('ip', 'link', 'set', end, 'addrgenmode', 'none', 'up');
      for (const address of addresses) site.addAddress(link, address);
    }
  });
  after(() => site?.close());

  const corefile = (bind: string): string => `.:${PORT} {\n ${bind}\n hosts {\n 192.0.2.80 a.test\n }\n}\n`;

  async function start(bind: string, transport: string) {
    const file = path.join(temporaryFolder({ Corefile: corefile(bind) }), 'Corefile');
    const args = [path.join(ROOT, 'dist/main.js'), 'serve', '--conf', file, '--transport', transport, '--shards', '1'];
    const server = spawnNode(args, { wrapper: site.wrapper });
    await server.waitForOutput(/ listens on /);
    return server;
  }

  /** Local addresses of sockets at the port; `*` or `0.0.0.0` would be among them. */
  function listenersOf(kind: 'udp' | 'tcp'): string[] {
    const lines = site.run('ss', '-Hln', kind === 'udp' ? '-u' : '-t', `sport = :${PORT}`).split('\n');
    const places = lines.filter((line) => line !== '').map((line) => line.trim().split(/\s+/)[3]!);
    return [...new Set(places.map((place) => place.slice(0, -`:${PORT}`.length)))].toSorted();
  }

  async function untilListens(expected: readonly string[]): Promise<void> {
    const endMs = Date.now() + 20_000;
    while (listenersOf('udp').join() !== expected.toSorted().join() && Date.now() < endMs) await sleep(100);
    assert.deepEqual(listenersOf('udp'), expected.toSorted());
  }

  function assertListens(expected: readonly string[]): void {
    for (const kind of ['udp', 'tcp'] as const) assert.deepEqual(listenersOf(kind), expected.toSorted(), kind);
    for (const listener of expected) {
      const address = listener.replace(/[[\]]/g, '');
      for (const how of ['+notcp', '+tcp']) {
        const args = ['+short', '+time=5', '+tries=3', how, '-p', String(PORT), `@${address}`, 'a.test'];
        assert.equal(site.run('dig', ...args).trim(), '192.0.2.80', `${listener} ${how}`);
      }
    }
  }

  for (const transport of TRANSPORTS) {
    for (const { name, bind, listeners } of CASES) {
      test(`${name}, ${transport}`, async () => {
        const server = await start(bind, transport);
        assertListens(listeners);
        assert.equal((await server.end()).code, 0);
      });
    }

    test(`an address that comes and goes is served after a reload, ${transport}`, async () => {
      const server = await start('bind west', transport);
      const listeners = ['198.51.100.1', '[2001:db8:2::1]', `[${LINK_LOCAL}]%west`];
      assertListens(listeners);
      site.addAddress('west', '198.51.100.9/24');
      server.child.kill('SIGUSR1');
      await untilListens([...listeners, '198.51.100.9']);
      assertListens([...listeners, '198.51.100.9']);
      site.run('ip', 'address', 'del', '198.51.100.9/24', 'dev', 'west');
      server.child.kill('SIGUSR1');
      await untilListens(listeners);
      assert.equal((await server.end()).code, 0);
    });
  }
});
