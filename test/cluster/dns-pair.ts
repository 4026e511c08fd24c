/** skyshard and CoreDNS side by side: the same Corefile, the same objects, the same questions. */
import assert from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RecordOptions } from '../../src/records/record-options.ts';
import { differences, formatRecord, type Expected } from '../oracle/expected.ts';
import { endsWith, parseName, type Labels } from '../wire/names.ts';
import { buildQuery } from '../wire/query.ts';
import { decodeStrictly, type DecodedMessage, type DecodedRecord } from '../wire/strict-message.ts';
import { corefileOf, DnsServer, type DnsProgram } from './dns-server.ts';
import type { DnsSite } from './dns-site.ts';
import type { TestCluster } from './use-cluster.ts';

const PORTS: Readonly<Record<DnsProgram, number>> = { coredns: 5301, skyshard: 5302 };
const ADDRESS = '127.0.0.1';
const UDP_SIZE = 4096;
const SETTLE_DEADLINE_MS = 20_000;
const RETRY_MS = 50;

export interface Question {
  /** presentation form with trailing dot */
  readonly qname: string;
  readonly qtype: number;
  /** for messages */
  readonly line: string;
  /** why CoreDNS's answer is another */
  readonly kept?: string | undefined;
}

/** What an answer is owed by both, or by skyshard alone where the difference is kept. */
export interface OwedAnswer {
  readonly question: Question;
  readonly expected: Expected;
}

export class DnsPair {
  readonly servers: readonly DnsServer[];
  readonly #site: DnsSite;
  readonly #zones: readonly Labels[];

  private constructor(site: DnsSite, servers: readonly DnsServer[], zones: readonly string[]) {
    this.#site = site;
    this.servers = servers;
    this.#zones = zones.map(parseName);
  }

  /** Start both and wait until both have all lists. */
  static async start(cluster: TestCluster, site: DnsSite, options: RecordOptions): Promise<DnsPair> {
    site.setAddresses(options.localAddresses);
    const servers = (['coredns', 'skyshard'] as const).map(
      (program) =>
        new DnsServer({
          program,
          coredns: cluster.tools.coredns,
          corefile: corefileOf(options, PORTS[program], cluster.dnsKubeconfig),
          at: { address: ADDRESS, port: PORTS[program] },
          wrapper: site.namespace.wrapper,
        }),
    );
    const pair = new DnsPair(site, servers, options.zones);
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

  async #faultsOf({ question, expected }: OwedAnswer): Promise<string[]> {
    const query = buildQuery({ name: question.qname, type: question.qtype, edns: { udpSize: UDP_SIZE } });
    const [coredns, skyshard] = await Promise.all(this.servers.map((server) => server.ask(this.#site.client, query)));
    const say = (who: string, what: readonly string[]): string[] =>
      what.length === 0 ? [] : [[`${who}: ${question.line}`, ...what].join('\n    ')];
    const owedBySkyshard = say('skyshard', this.#compare(skyshard, question, expected));
    if (question.kept !== undefined) return owedBySkyshard;
    const faults = [...owedBySkyshard, ...say('coredns', this.#compare(coredns, question, expected))];
    return faults.length > 0 ? faults : say('both', contrasts(skyshard!, coredns!));
  }

  /** Whether CoreDNS gives what is owed: a difference that is kept on purpose, and is none, is out of date. */
  async isAsOwedByCoreDns({ question, expected }: OwedAnswer): Promise<boolean> {
    const query = buildQuery({ name: question.qname, type: question.qtype, edns: { udpSize: UDP_SIZE } });
    return this.#compare(await this.servers[0]!.ask(this.#site.client, query), question, expected).length === 0;
  }

  #compare(response: Uint8Array | undefined, { qname, qtype }: Question, expected: Expected): string[] {
    if (response === undefined) return ['no response'];
    const name = parseName(qname);
    const zone = this.#zones.filter((one) => endsWith(name, one)).toSorted((a, b) => b.length - a.length)[0];
    const written = zone === undefined ? undefined : name.slice(name.length - zone.length);
    try {
      return differences(decodeStrictly(response), expected, { name: qname, type: qtype }, written);
    } catch (error) {
      return [`${(error as Error).message}: ${Buffer.from(response).toString('hex')}`];
    }
  }
}

/** Where two responses that give the same records are not the same: flags, OPT, how names are written. */
function contrasts(skyshard: Uint8Array, coredns: Uint8Array): string[] {
  const [ours, theirs] = [aspects(decodeStrictly(skyshard)), aspects(decodeStrictly(coredns))];
  return Object.keys(ours)
    .filter((key) => !isDeepStrictEqual(ours[key], theirs[key]))
    .map((key) => `${key}: skyshard ${JSON.stringify(ours[key])}, CoreDNS ${JSON.stringify(theirs[key])}`);
}

/**
 * All but what the two give in their own way: order in a section (load balancing), the size of the message (compression),
 * the UDP size and the options in OPT (theirs echoes the client's size).
 */
function aspects({ opt, size: _, ...message }: DecodedMessage): Record<string, unknown> {
  const lines = (section: readonly DecodedRecord[]): string[] => section.map(formatRecord).sort();
  return {
    ...message,
    answer: lines(message.answer),
    authority: lines(message.authority),
    additional: lines(message.additional),
    opt: opt === undefined ? undefined : { version: opt.version, dnssecOk: opt.dnssecOk, z: opt.z },
  };
}
