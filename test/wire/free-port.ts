/** Ports nobody uses, for tests. */
import { createServer } from 'node:net';

export async function freeTcpPort(address: string): Promise<number> {
  const server = createServer();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen(0, address, resolve);
  await promise;
  const port = (server.address() as { port: number }).port;
  await new Promise((done) => server.close(done));
  return port;
}
