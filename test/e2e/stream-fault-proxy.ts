/**
 * Between skyshard and an upstream server over TCP, TLS or HTTPS: a network that swallows everything, and says nothing about it.
 *
 * A connection that was open meanwhile stays dead when the network is back: TCP sends again what was lost after ever longer pauses,
 * which after half a minute are as long as the outage was.
 */
import { once } from 'node:events';
import net from 'node:net';
import { after } from 'node:test';

interface Relayed {
  readonly client: net.Socket;
  readonly upstream: net.Socket;
  isDead: boolean;
}

export class StreamFaultProxy {
  readonly port: number;
  /** connections that were opened */
  opened = 0;
  readonly #open = new Set<Relayed>();
  #isBlackHole = false;

  private constructor(port: number) {
    this.port = port;
  }

  static async start(upstreamPort: number): Promise<StreamFaultProxy> {
    const server = net.createServer((client) => proxy.#relay(client, upstreamPort));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const proxy = new StreamFaultProxy((server.address() as net.AddressInfo).port);
    after(() => {
      server.close();
      for (const { client, upstream } of proxy.#open) {
        client.destroy();
        upstream.destroy();
      }
    });
    return proxy;
  }

  /** nothing comes through, in either direction */
  get isBlackHole(): boolean {
    return this.#isBlackHole;
  }

  set isBlackHole(isBlackHole: boolean) {
    this.#isBlackHole = isBlackHole;
    if (isBlackHole) for (const relayed of this.#open) relayed.isDead = true;
  }

  #relay(client: net.Socket, upstreamPort: number): void {
    this.opened++;
    const upstream = net.connect(upstreamPort, '127.0.0.1');
    const relayed: Relayed = { client, upstream, isDead: this.#isBlackHole };
    this.#open.add(relayed);
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      from.on('error', () => undefined);
      from.on('data', (piece) => relayed.isDead || to.write(piece));
      from.on('close', () => {
        // Nor does the end of one side come through.
        if (from === client || !relayed.isDead) to.destroy();
        if (from === client) this.#open.delete(relayed);
      });
    }
  }
}
