/** What the kernel dropped, as /proc says. */
import assert from 'node:assert/strict';
import dgram from 'node:dgram';
import { once } from 'node:events';
import test from 'node:test';
import { DroppedDatagrams } from '../../../src/shard/dropped-datagrams.ts';

const HEAD =
  '   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n';
const REST = '00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 7262361 2 00000000ac0e9711';

function linesOf(drops: readonly number[], local: string): string {
  return drops.map((count, index) => `  ${index}: ${local} ${REST} ${count}           \n`).join('');
}

test('drops of all sockets of an address count, once each, and no others', () => {
  let ours = [100, 7];
  const files: Record<string, () => string> = {
    '/proc/net/udp': () =>
      `${HEAD}${linesOf(ours, '0100007F:0035')}${linesOf([5000], '0200007F:0035')}${linesOf([6000], '0100007F:0036')}`,
    '/proc/net/udp6': () => `${HEAD}${linesOf([3], 'B80D0120000000000000000001000000:0035')}`,
  };
  const drops = new DroppedDatagrams((file) => files[file]!());
  const addresses = [
    { address: '127.0.0.1', port: 53 },
    { address: '2001:db8::1', port: 53 },
  ];
  assert.equal(drops.more(addresses), 0, 'before somebody looked');
  assert.equal(drops.more(addresses), 0);
  ours = [150, 8];
  assert.equal(drops.more(addresses), 51);
  ours = [1];
  assert.equal(drops.more(addresses), 0, 'a socket that is gone');
});

test('without such files nothing is known', () => {
  const drops = new DroppedDatagrams(() => assert.fail('ENOENT'));
  assert.equal(drops.more([{ address: '127.0.0.1', port: 53 }]), 0);
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
  const drops = new DroppedDatagrams();
  const addresses = [{ address: '127.0.0.1', port }];
  assert.equal(drops.more(addresses), 0);
  client.connect(port, '127.0.0.1');
  await once(client, 'connect');
  // At once, as it is connected; the server does not read before this turn of the event loop has ended.
  for (let count = 0; count < 100; count++) client.send(Buffer.alloc(1000));
  assert.ok(drops.more(addresses) > 50);
});
