/** exec-healthz: asks what its command would have asked, and says at /healthz whether that was answered lately. */
import { rcodeName, TYPE } from '../dns/iana.ts';
import { askQuestion } from './dns-question.ts';
import type { ExecHealthOptions } from './kube-dns-plan.ts';
import { type StatusAnswer, type StatusServer, startStatusServer } from './status-server.ts';

const TIMEOUT_MS = 5000;

export class ExecHealth {
  readonly #options: ExecHealthOptions;
  readonly #onQuit: () => void;
  /** by performance.now; -Infinity: never */
  #goodAtMs = -Infinity;
  #error = 'waiting for the first run';
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;
  #server: StatusServer | undefined;

  /** @param onQuit  somebody asked for /quit */
  constructor(options: ExecHealthOptions, onQuit: () => void) {
    this.#options = options;
    this.#onQuit = onQuit;
  }

  /** @returns where it listens @throws SkyshardError BIND_FAILED */
  async start(address: string, onError: (error: unknown) => void): Promise<string> {
    const { port } = this.#options;
    this.#server = await startStatusServer(
      { host: address, port },
      'exec-healthz',
      (path) => this.#answer(path),
      onError,
    );
    return this.#server.url;
  }

  probe(): void {
    void this.#run();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.#server?.close();
  }

  #answer(path: string): StatusAnswer | undefined {
    if (path === '/quit') return { status: 200, body: 'ok', onSent: this.#onQuit };
    if (path !== '/healthz') return undefined;
    const ageMs = performance.now() - this.#goodAtMs;
    if (this.#error === '' && ageMs <= this.#options.latencyMs) return { status: 200, body: 'ok' };
    const late = `the last good run was ${Math.round(ageMs / 1000)} s ago`;
    return { status: 503, body: `${this.#error === '' ? late : this.#error}\n` };
  }

  async #run(): Promise<void> {
    try {
      for (const lookup of this.#options.command) await lookUp(lookup);
      this.#goodAtMs = performance.now();
      this.#error = '';
    } catch (error) {
      this.#error = error instanceof Error ? error.message : String(error);
    }
    if (this.#isClosed) return;
    this.#timer = setTimeout(() => void this.#run(), this.#options.periodMs).unref();
  }
}

/** nslookup takes a name with an address of either family. @throws Error */
async function lookUp({ name, server }: ExecHealthOptions['command'][number]): Promise<void> {
  for (const qtype of [TYPE.A, TYPE.AAAA]) {
    const { rcode, answerCount } = await askQuestion({ server, name, qtype, timeoutMs: TIMEOUT_MS });
    if (answerCount > 0) return;
    if (rcode !== 0) throw new Error(`can't find ${name}: ${rcodeName(rcode)}`);
  }
  throw new Error(`can't find ${name}: no address`);
}
