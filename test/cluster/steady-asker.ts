/** Asks the same questions again and again while other things happen, and keeps what was answered wrongly. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { DnsServer } from './dns-server.ts';
import { answerFaults, queryOf, type OwedAnswer } from './owed-answers.ts';
import type { WireClient } from './wire-client.ts';

const PAUSE_MS = 10;
const FAULTS_MAX = 10;

export class SteadyAsker {
  /** questions asked so far */
  askedCount = 0;
  readonly #faults: string[] = [];
  #isStopped = false;
  readonly #loop: Promise<void>;

  constructor(server: DnsServer, client: WireClient, owed: readonly OwedAnswer[], zones: readonly string[]) {
    this.#loop = this.#run(server, client, owed, zones);
  }

  /** @returns what was wrong, the first of it */
  async stop(): Promise<readonly string[]> {
    this.#isStopped = true;
    await this.#loop;
    return this.#faults;
  }

  async #run(
    server: DnsServer,
    client: WireClient,
    owed: readonly OwedAnswer[],
    zones: readonly string[],
  ): Promise<void> {
    const startedAt = performance.now();
    for (; !this.#isStopped; await sleep(PAUSE_MS)) {
      const one = owed[this.askedCount++ % owed.length]!;
      const found = answerFaults(await server.ask(client, queryOf(one.question)), one, zones);
      if (found.length === 0 || this.#faults.length >= FAULTS_MAX) continue;
      this.#faults.push(
        `after ${Math.round(performance.now() - startedAt)} ms: ${one.question.line}: ${found.join('; ')}`,
      );
    }
  }
}
