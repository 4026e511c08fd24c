/**
 * `ready`: 200 at /ready when all that a server block waits for is there, else 503 with the names of what is missing; 503
 * from the moment on when the server is told to stop.
 */
import type { EndpointLog } from './health-endpoint.ts';
import { ListenerSet, formatListenAddress } from './listener-set.ts';
import type { EndpointListener, ListenAddress, OnMoved } from './listener-set.ts';
import { NOT_FOUND_ANSWER, startProbeListener } from './probe-listener.ts';
import type { ProbeAnswer } from './probe-listener.ts';

/** Something a block waits for: its `kubernetes`. */
export interface ReadinessSource {
  /** of the plugin */
  readonly name: string;
  isReady(): boolean;
}

/** `ready` of one server block. */
export interface ReadyBlock {
  readonly listen: ListenAddress;
  /** until-ready: what was ready once is not asked again */
  readonly monitor: 'until-ready' | 'continuously';
  readonly sources: readonly ReadinessSource[];
}

export class ReadyEndpoint {
  private readonly log: EndpointLog;
  private readonly set: ListenerSet<EndpointListener>;
  private blocks: readonly ReadyBlock[] = [];
  /** what has been ready and is not asked again */
  private wasReady = new WeakSet<ReadinessSource>();
  private isStopping = false;

  constructor(log: EndpointLog, onMoved?: OnMoved) {
    this.log = log;
    this.set = new ListenerSet((address) => this.open(address), onMoved);
  }

  /** Listen as these blocks say; @throws SkyshardError BIND_FAILED, and all is as before */
  async configure(blocks: readonly ReadyBlock[]): Promise<void> {
    const before = this.blocks;
    this.blocks = blocks;
    try {
      await this.set.update(blocks.map(({ listen }) => listen));
    } catch (error) {
      this.blocks = before;
      throw error;
    }
  }

  /** Port of an address that is listened on: what the system chose where 0 was asked. */
  port(address: ListenAddress): number | undefined {
    return this.set.get(address)?.port;
  }

  /** From now on nothing is ready: no new clients are to come. */
  stopReady(): void {
    this.isStopping = true;
  }

  close(): Promise<void> {
    return this.set.close();
  }

  private open(address: ListenAddress): Promise<EndpointListener> {
    return startProbeListener({
      address,
      what: 'ready',
      answer: (path) => (path === '/ready' ? this.answer(address) : NOT_FOUND_ANSWER),
    });
  }

  private answer(address: ListenAddress): ProbeAnswer {
    if (this.isStopping) return { status: 503, body: 'Shutting down' };
    const key = formatListenAddress(address);
    const missing = new Set<string>();
    for (const { listen, monitor, sources } of this.blocks) {
      if (formatListenAddress(listen) !== key) continue;
      for (const source of sources) if (!this.isReady(source, monitor)) missing.add(source.name);
    }
    if (missing.size === 0) return { status: 200, body: 'OK' };
    const names = [...missing].toSorted().join(',');
    this.log('info', `plugin/ready: Plugins not ready: "${names}"`);
    return { status: 503, body: names };
  }

  private isReady(source: ReadinessSource, monitor: ReadyBlock['monitor']): boolean {
    if (monitor === 'until-ready' && this.wasReady.has(source)) return true;
    const isReady = source.isReady();
    if (isReady) this.wasReady.add(source);
    return isReady;
  }
}
