/** skyshard and CoreDNS side by side: the same Corefile, the same objects, the same questions. */
import assert from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RecordOptions } from '../../src/records/record-options.ts';
import { formatRecord } from '../oracle/expected.ts';
import { formatName, lowerAscii } from '../wire/names.ts';
import { decodeStrictly, type DecodedMessage, type DecodedRecord } from '../wire/strict-message.ts';
import { corefileOf, DnsServer, type DnsProgram } from './dns-server.ts';
import type { DnsSite } from './dns-site.ts';
import { answerFaults, queryOf, type OwedAnswer } from './owed-answers.ts';
import type { TestCluster } from './use-cluster.ts';

const PORTS: Readonly<Record<DnsProgram, number>> = { coredns: 5301, skyshard: 5302 };
const ADDRESS = '127.0.0.1';
const SETTLE_DEADLINE_MS = 20_000;
const RETRY_MS = 50;

export class DnsPair {
  readonly servers: readonly DnsServer[];
  readonly #site: DnsSite;
  readonly #zones: readonly string[];

  private constructor(site: DnsSite, servers: readonly DnsServer[], zones: readonly string[]) {
    this.#site = site;
    this.servers = servers;
    this.#zones = zones;
  }

  /** Start both and wait until both have all lists. */
  static async start(cluster: TestCluster, site: DnsSite, options: RecordOptions): Promise<DnsPair> {
    site.setAddresses(options.localAddresses);
    const servers = (['coredns', 'skyshard'] as const).map(
      (program) =>
        new DnsServer({
          program,
          coredns: cluster.tools.coredns,
          corefile: corefileOf(options, { port: PORTS[program], access: `kubeconfig ${cluster.dnsKubeconfig}` }),
          at: { address: ADDRESS, port: PORTS[program] },
          wrapper: site.namespace.wrapper,
        }),
    );
    const pair = new DnsPair(site, servers, [...options.zones, ...(options.external?.zones ?? [])]);
    try {
      const zone = options.zones.find((name) => !name.endsWith('.arpa'));
      const names = [`kubernetes.default.svc.${zone}`, `192-0-2-99.default.pod.${zone}`];
      await Promise.all(servers.map((server) => server.waitUntilSynced(site.client, names)));
    } catch (error) {
      await pair.stop();
      throw error;
    }
    return pair;
  }

  async stop(): Promise<void> {
    await Promise.all(this.servers.map((server) => server.stop()));
  }

  /** Ask both; what differs is asked again for `settleMs`. @returns a paragraph for each difference */
  async faults(owed: readonly OwedAnswer[], settleMs = 0): Promise<string[]> {
    const deadline = performance.now() + settleMs;
    for (let open = owed; ; await sleep(RETRY_MS)) {
      const found = await Promise.all(open.map((one) => this.#faultsOf(one)));
      open = open.filter((_, index) => found[index]!.length > 0);
      if (open.length === 0 || performance.now() > deadline) return found.flat();
    }
  }

  /** Both answer as is owed, now or as soon as they have seen what changed. */
  async assertSettles(owed: readonly OwedAnswer[]): Promise<void> {
    const faults = await this.faults(owed, SETTLE_DEADLINE_MS);
    assert.equal(faults.length, 0, `${faults.length} of ${owed.length}:\n${faults.join('\n')}`);
  }

  async #faultsOf(owed: OwedAnswer): Promise<string[]> {
    const { question } = owed;
    const query = queryOf(question);
    const [coredns, skyshard] = await Promise.all(this.servers.map((server) => server.ask(this.#site.client, query)));
    const say = (who: string, what: readonly string[]): string[] =>
      what.length === 0 ? [] : [[`${who}: ${question.line}`, ...what].join('\n    ')];
    const owedBySkyshard = say('skyshard', answerFaults(skyshard, owed, this.#zones));
    if (question.kept !== undefined) return owedBySkyshard;
    const faults = [...owedBySkyshard, ...say('coredns', answerFaults(coredns, owed, this.#zones))];
    return faults.length > 0 ? faults : say('both', contrasts(skyshard!, coredns!));
  }

  /** Whether CoreDNS gives what is owed: a difference that is kept on purpose, and is none, is out of date. */
  async isAsOwedByCoreDns(owed: OwedAnswer): Promise<boolean> {
    const response = await this.servers[0]!.ask(this.#site.client, queryOf(owed.question));
    return answerFaults(response, owed, this.#zones).length === 0;
  }
}

/** Where two responses that give the same records are not the same: flags, OPT, the question. */
function contrasts(skyshard: Uint8Array, coredns: Uint8Array): string[] {
  const [ours, theirs] = [aspects(decodeStrictly(skyshard)), aspects(decodeStrictly(coredns))];
  return Object.keys(ours)
    .filter((key) => !isDeepStrictEqual(ours[key], theirs[key]))
    .map((key) => `${key}: skyshard ${JSON.stringify(ours[key])}, CoreDNS ${JSON.stringify(theirs[key])}`);
}

/**
 * All but what the two give in their own way: order in a section (load balancing), the size of the message (compression),
 * the UDP size and the options in OPT (theirs echoes the client's size), letter case of owners (ours are pointers to the
 * question, which is written as the client has it; `differences` looks at the zone's).
 */
function aspects({ opt, size: _, ...message }: DecodedMessage): Record<string, unknown> {
  const lines = (section: readonly DecodedRecord[]): string[] => section.map(formatRecord).map(lowerAscii).sort();
  return {
    ...message,
    questions: message.questions.map(({ name, ...question }) => [formatName(name), question]),
    answer: lines(message.answer),
    authority: lines(message.authority),
    additional: lines(message.additional),
    opt: opt === undefined ? undefined : { version: opt.version, dnssecOk: opt.dnssecOk, z: opt.z },
  };
}
