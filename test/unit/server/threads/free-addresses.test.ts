import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { createServer, type AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { loadLibc, nativeUnavailableReason } from '../../../../src/native/libc.ts';
import { assertAddressFree } from '../../../../src/server/threads/free-addresses.ts';

const ADDRESS = '127.0.0.1';

async function occupy(t: TestContext, protocol: 'udp' | 'tcp'): Promise<number> {
  if (protocol === 'tcp') {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, ADDRESS, resolve));
    t.after(() => server.close());
    return (server.address() as AddressInfo).port;
  }
  // A server that would share its port, as this one does.
  const socket = createSocket({ type: 'udp4', reusePort: true });
  await new Promise<void>((resolve) => socket.bind(0, ADDRESS, resolve));
  t.after(() => socket.close());
  return socket.address().port;
}

for (const way of ['native', 'node'] as const) {
  const skip = way === 'native' ? nativeUnavailableReason() : undefined;
  for (const protocol of ['udp', 'tcp'] as const) {
    test(`${way}, ${protocol}: an address is taken, or free, or none of this machine`, { skip }, async (t) => {
      const libc = way === 'native' ? loadLibc() : undefined;
      const probe = (address: string, port: number): Promise<void> =>
        assertAddressFree(protocol, { address, port, isV6Only: false }, libc);
      const name = protocol === 'tcp' ? 'TCP ' : '';
      const port = await occupy(t, protocol);
      await assert.rejects(probe(ADDRESS, port), {
        code: 'BIND_FAILED',
        message: `${name}${ADDRESS}:${port}: another server listens there (EADDRINUSE)`,
      });
      await assert.rejects(probe('0.0.0.0', port), { code: 'BIND_FAILED' });
      await probe('127.0.0.2', port);
      await assert.rejects(probe('192.0.2.1', port), {
        code: 'BIND_FAILED',
        message: `${name}192.0.2.1:${port}: no interface of this machine has that address (EADDRNOTAVAIL)`,
      });
      // Twice: a probe leaves nothing behind.
      await probe('127.0.0.2', port);
    });
  }
}
