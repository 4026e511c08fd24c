/** What waits in the kernel's queues and what was dropped there, as /proc says. */
import assert from 'node:assert/strict';
import dgram from 'node:dgram';
import { once } from 'node:events';
import test from 'node:test';
import { QueueTable, type WatchedAddress } from '../../../src/shard/queue-table.ts';

const HEAD =
  '   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n';
const REST = '00:00000000 00000000     0        0 7262361 2 00000000ac0e9711';

/** A line a socket. @param waiting  octets in its queue */
function linesOf(drops: readonly number[], local: string, waiting = 0): string {
  const queue = `00000000:${waiting.toString(16).toUpperCase().padStart(8, '0')}`;
  return drops
    .map((count, index) => `  ${index}: ${local} 00000000:0000 07 ${queue} ${REST} ${count}           \n`)
    .join('');
}

function dropsOf(table: QueueTable, addresses: readonly WatchedAddress[]): number {
  table.look(addresses);
  return table.drops;
}

test('drops of all sockets of an address count, once each, and no others', () => {
  let ours = [100, 7];
  const files: Record<string, () => string> = {
    '/proc/net/udp': () =>
      `${HEAD}${linesOf(ours, '0100007F:0035', 0x1f00)}${linesOf([5000], '0200007F:0035', 70_000)}${linesOf([6000], '0100007F:0036')}`,
    '/proc/net/udp6': () => `${HEAD}${linesOf([3], 'B80D0120000000000000000001000000:0035', 768)}`,
  };
  const table = new QueueTable((file) => files[file]!());
  const addresses = [
    { address: '127.0.0.1', port: 53 },
    { address: '2001:db8::1', port: 53 },
  ];
  assert.equal(dropsOf(table, addresses), 0, 'before somebody looked');
  assert.equal(dropsOf(table, addresses), 0);
  ours = [150, 8];
  assert.equal(dropsOf(table, addresses), 51);
  assert.equal(table.longest, 0x1f00);
  table.look(addresses.slice(1));
  assert.equal(table.longest, 768);
  assert.equal(dropsOf(table, addresses), 158, 'as if those had just come');
  ours = [1];
  assert.equal(dropsOf(table, addresses), 0, 'a socket that is gone');
});

test('without such files nothing is known', () => {
  const table = new QueueTable(() => assert.fail('ENOENT'));
  assert.equal(dropsOf(table, [{ address: '127.0.0.1', port: 53 }]), 0);
});

test('this kernel says so too', { skip: process.platform !== 'linux' && 'only Linux has /proc/net/udp' }, async (t) => {
  const [server, client] = [dgram.createSocket({ type: 'udp4', recvBufferSize: 2048 }), dgram.createSocket('udp4')];
  t.after(() => {
    server.close();
    client.close();
  });
  for (const socket of [server, client]) {
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
  }
  const { port } = server.address();
  const table = new QueueTable();
  const addresses = [{ address: '127.0.0.1', port }];
  assert.equal(dropsOf(table, addresses), 0);
  client.connect(port, '127.0.0.1');
  await once(client, 'connect');
  // At once, as it is connected; the server does not read before this turn of the event loop has ended.
  for (let count = 0; count < 100; count++) client.send(Buffer.alloc(1000));
  assert.ok(dropsOf(table, addresses) > 50);
  assert.ok(table.longest > 0 && table.longest <= 2 * server.getRecvBufferSize(), `${table.longest}`);
});
