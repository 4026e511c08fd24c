/**
 * `health`: 200 at /health as long as the process runs, unsynced and in lameduck too. It asks itself once a second, so that
 * the metrics show when main is held up.
 */
import { connect } from 'node:net';
import { formatGoDuration } from '../go-duration.ts';
import { ListenerSet, formatListenAddress } from './listener-set.ts';
import type { EndpointListener, ListenAddress, OnMoved } from './listener-set.ts';
import { histogramSamples } from '../counters/metric-family.ts';
import type { MetricFamily } from '../counters/metric-family.ts';
import { NOT_FOUND_ANSWER, startProbeListener } from './probe-listener.ts';

/** `health` of one server block. */
export interface HealthBlock {
  readonly listen: ListenAddress;
  /** how long the server goes on answering after it was told to stop */
  readonly lameduckMs: number;
}

export type EndpointLog = (level: 'info' | 'warn' | 'error', text: string) => void;

/** CoreDNS's slim buckets, seconds. */
const DURATION_BOUNDS: readonly number[] = [0.00025, 0.0025, 0.025, 0.25, 2.5];
const POLL_INTERVAL_MS = 1000;
const POLL_TIMEOUT_MS = 3000;
/** A local request that takes longer says that the machine is overloaded, ms. */
const SLOW_MS = 1000;

export class HealthEndpoint {
  private readonly log: EndpointLog;
  private readonly pollIntervalMs: number;
  private readonly set: ListenerSet<HealthListener>;
  private readonly durations = new Float64Array(DURATION_BOUNDS.length + 1);
  private durationSumSeconds = 0;
  private failures = 0;
  private lameduckMs = 0;

  /** @param pollIntervalMs  how often it asks itself */
  constructor(log: EndpointLog, pollIntervalMs: number = POLL_INTERVAL_MS, onMoved?: OnMoved) {
    this.log = log;
    this.set = new ListenerSet((address) => this.open(address), onMoved);
    this.pollIntervalMs = pollIntervalMs;
  }

  /** Listen as these blocks say; @throws SkyshardError BIND_FAILED, and all is as before */
  async configure(blocks: readonly HealthBlock[]): Promise<void> {
    await this.set.update(blocks.map(({ listen }) => listen));
    this.lameduckMs = Math.max(0, ...blocks.map(({ lameduckMs }) => lameduckMs));
  }

  /** Port of an address that is listened on: what the system chose where 0 was asked. */
  port(address: ListenAddress): number | undefined {
    return this.set.get(address)?.port;
  }

  /** Wait as long as the block with the longest `lameduck` says; all goes on being answered. @param signal ends it early */
  async lameduck(signal?: AbortSignal): Promise<void> {
    if (this.lameduckMs === 0 || signal?.aborted === true) return;
    this.log('info', `plugin/health: Going into lameduck mode for ${formatGoDuration(this.lameduckMs)}`);
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, this.lameduckMs);
      signal?.addEventListener('abort', () => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  close(): Promise<void> {
    return this.set.close();
  }

  metrics(): readonly MetricFamily[] {
    return [
      {
        name: 'coredns_health_request_duration_seconds',
        type: 'histogram',
        help: 'Time that a request to the own /health took: main is held up where it is long.',
        labels: [],
        samples: () =>
          histogramSamples({}, DURATION_BOUNDS, (index) => this.durations[index]!, this.durationSumSeconds),
      },
      {
        name: 'coredns_health_request_failures_total',
        type: 'counter',
        help: 'Requests to the own /health that failed.',
        labels: [],
        samples: () => [{ labels: {}, value: this.failures }],
      },
    ];
  }

  private async open(address: ListenAddress): Promise<HealthListener> {
    const listener = await startProbeListener({
      address,
      what: 'health',
      answer: (path) => (path === '/health' ? { status: 200, body: 'OK' } : NOT_FOUND_ANSWER),
    });
    const url = `http://${formatListenAddress({ ...address, port: listener.port })}/health`;
    const poller = new SelfPoll({ ...address, port: listener.port }, this.pollIntervalMs, (durationMs, fault) =>
      this.note(url, durationMs, fault),
    );
    return {
      port: listener.port,
      close: async () => {
        poller.stop();
        await listener.close();
      },
    };
  }

  private note(url: string, durationMs: number, fault: string | undefined): void {
    const seconds = durationMs / 1000;
    const bucket = DURATION_BOUNDS.findIndex((bound) => seconds <= bound);
    this.durations[bucket < 0 ? DURATION_BOUNDS.length : bucket]!++;
    this.durationSumSeconds += seconds;
    if (fault !== undefined) {
      this.failures++;
      this.log('warn', `plugin/health: Local health request to "${url}" failed: ${fault}`);
    } else if (durationMs > SLOW_MS) {
      const took = formatGoDuration(durationMs);
      this.log('warn', `plugin/health: Local health request to "${url}" took more than 1s: ${took}`);
    }
  }
}

type HealthListener = EndpointListener;

/** Asks one listener again and again, each time on a connection of its own. */
class SelfPoll {
  private readonly address: ListenAddress;
  private readonly intervalMs: number;
  private readonly report: (durationMs: number, fault: string | undefined) => void;
  private timer: NodeJS.Timeout | undefined;
  private isStopped = false;

  constructor(
    address: ListenAddress,
    intervalMs: number,
    report: (durationMs: number, fault: string | undefined) => void,
  ) {
    this.address = address;
    this.intervalMs = intervalMs;
    this.report = report;
    this.timer = setTimeout(() => void this.poll(), intervalMs).unref();
  }

  stop(): void {
    this.isStopped = true;
    clearTimeout(this.timer);
  }

  private async poll(): Promise<void> {
    const startMs = performance.now();
    const fault = await askHealth(this.address);
    if (this.isStopped) return;
    const durationMs = performance.now() - startMs;
    this.report(durationMs, fault);
    this.timer = setTimeout(() => void this.poll(), Math.max(0, this.intervalMs - durationMs)).unref();
  }
}

/** GET /health. @returns what went wrong; undefined: status 200 */
function askHealth({ host, port }: ListenAddress): Promise<string | undefined> {
  return new Promise((resolve) => {
    let response = '';
    const socket = connect({ port, host: host === '' ? 'localhost' : host });
    const end = (fault: string | undefined): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(fault);
    };
    const timer = setTimeout(() => end('timeout awaiting response'), POLL_TIMEOUT_MS).unref();
    socket.unref();
    socket.setEncoding('latin1');
    socket.on('connect', () => socket.write('GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'));
    socket.on('data', (octets: string) => (response += octets));
    socket.on('error', (error) => end(error.message));
    socket.on('end', () => {
      const [, status] = /^HTTP\/1\.1 (\d{3}) /.exec(response) ?? [];
      end(status === '200' ? undefined : status === undefined ? 'no response' : `status ${status}`);
    });
  });
}
