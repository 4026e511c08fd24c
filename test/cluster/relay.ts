/**
 * A TCP relay between network namespaces, which share the file system: two of these, one beside the clients that listens
 * on an address and connects to a Unix socket, one beside the server that does the reverse.
 *
 *   node relay.ts LISTEN CONNECT      each ADDRESS:PORT or a path; writes "ready" when it listens
 */
import net from 'node:net';

type Place = { path: string } | { host: string; port: number };

function placeOf(text: string): Place {
  const match = /^([^/]*):(\d+)$/.exec(text);
  return match === null ? { path: text } : { host: match[1]!, port: Number(match[2]) };
}

const [from, to] = process.argv.slice(2);
if (from === undefined || to === undefined) throw new Error('usage: relay.ts LISTEN CONNECT');

net
  .createServer({ allowHalfOpen: true }, (client) => {
    const server = net.connect({ ...placeOf(to), allowHalfOpen: true });
    // One that breaks takes the other with it, as a broken connection would.
    client.on('error', () => server.destroy()).on('close', () => server.destroy());
    server.on('error', () => client.destroy()).on('close', () => client.destroy());
    client.pipe(server).pipe(client);
  })
  .listen(placeOf(from), () => console.log('ready'));
