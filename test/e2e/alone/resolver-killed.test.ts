/**
 * The resolver's thread ends while it has queries: of clients over TCP, and those that shards have handed over to it. UDP
 * goes on, what was handed over is answered or SERVFAIL, and its successor serves whoever comes.
 */
import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { TYPE } from '../../../src/dns/iana.ts';
import { buildQuery } from '../../wire/query.ts';
import { TcpClient } from '../../wire/tcp-client.ts';
import { type Answer, Asker } from '../asker.ts';
import { freePort, ROOT, spawnNode, temporaryFolder, TRANSPORTS } from '../skyshard-process.ts';
import { addressReply, startStreamUpstream } from '../stream-upstream.ts';

/** RESOLVER_KILLS=100: for longer runs. */
const KILLS = Number(process.env['RESOLVER_KILLS'] ?? 4);
/** A resolver that ends sooner is not started again at once. */
const KILL_AFTER_MS = 1200;
const TURN_MS = 5;
const UPSTREAM_MS = 20;
/** How long a client waits for what is forwarded, ms. */
const ANSWER_MAX_MS = 4500;
/** More frames than the ring from a shard to the resolver holds. */
const MANY = 6000;
/** Fewer than one client may have waiting. */
const WAITING = 2000;
const PIECE = 100;
const PATIENCE_MS = 15_000;
const DEADLINE_MS = 60_000;
const KILLER = path.join(ROOT, 'test/e2e/resolver-killer.ts');

/** Asks as long as it is told to: over UDP what the server knows and what it has to ask for, and both over TCP. */
class Load {
  readonly own: (Answer | undefined)[] = [];
  readonly forwarded: (Answer | undefined)[] = [];
  tcpSent = 0;
  tcpAnswered = 0;
  isEnding = false;
  readonly #port: number;
  readonly #waiting = new Set<Promise<unknown>>();
  readonly #loops: Promise<unknown>;

  constructor(port: number, ownAsker: Asker, asker: Asker) {
    this.#port = port;
    this.#loops = Promise.all([this.#askUdp(ownAsker, asker), this.#askTcp('own.test'), this.#askTcp('tcp.up.test')]);
  }

  async end(): Promise<void> {
    this.isEnding = true;
    await this.#loops;
    await Promise.all(this.#waiting);
  }

  async #askUdp(ownAsker: Asker, asker: Asker): Promise<void> {
    for (let count = 0; !this.isEnding; count++, await sleep(TURN_MS)) {
      this.#keep(ownAsker.ask('own.test').then((answer) => this.own.push(answer)));
      this.#keep(asker.ask(`n${count}.up.test`).then((answer) => this.forwarded.push(answer)));
    }
  }

  async #askTcp(name: string): Promise<void> {
    const query = buildQuery({ name, type: TYPE.A });
    while (!this.isEnding) {
      const client = await TcpClient.open({ port: this.#port }).catch(() => undefined);
      while (client !== undefined && !client.isEnded && !this.isEnding) {
        this.tcpSent++;
        if ((await client.ask(query)) !== undefined) this.tcpAnswered++;
      }
      client?.close();
      await sleep(TURN_MS);
    }
  }

  #keep(one: Promise<unknown>): void {
    this.#waiting.add(one);
    void one.finally(() => this.#waiting.delete(one));
  }
}

const rcodesOf = (answers: readonly (Answer | undefined)[]): string[] =>
  [...new Set(answers.map((answer) => answer?.rcode ?? 'none'))].toSorted();

async function until(isSo: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (const startMs = performance.now(); !(await isSo()); await sleep(20)) {
    assert.ok(performance.now() - startMs < DEADLINE_MS, what);
  }
}

async function answersOverTcp(port: number, name: string): Promise<boolean> {
  const client = await TcpClient.open({ port }).catch(() => undefined);
  const response = await client?.ask(buildQuery({ name, type: TYPE.A })).catch(() => undefined);
  client?.close();
  return response !== undefined && (response[3]! & 15) === 0 && response.readUInt16BE(6) > 0;
}

for (const transport of TRANSPORTS) {
  test(`a resolver that is killed under load, transport ${transport}`, async (t) => {
    const held: (() => void)[] = [];
    let isHolding = false;
    const upstream = await startStreamUpstream({
      answer: (query, _, send) => {
        const reply = (): void => send(addressReply(query, 1));
        if (isHolding) held.push(reply);
        else setTimeout(reply, UPSTREAM_MS);
        return undefined;
      },
    });
    const [port, metricsPort] = [await freePort(), await freePort()];
    const corefile = `.:${port} {
  bind 127.0.0.1
  prometheus 127.0.0.1:${metricsPort}
  hosts {
    192.0.2.1 own.test
    fallthrough
  }
  forward . 127.0.0.1:${upstream.port} {
    force_tcp
  }
}
`;
    const file = path.join(temporaryFolder({ Corefile: corefile }), 'Corefile');
    const args = ['dist/main.js', 'serve', '--conf', file, '--transport', transport, '--shards', '1'];
    const server = spawnNode(['--import', KILLER, ...args]);
    await server.waitForOutput(/ listens on /);
    const sumOf = async (name: string): Promise<number> => {
      const page = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
      return [...page.matchAll(new RegExp(`^${name} (\\S+)$`, 'gm'))].reduce(
        (sum, [, value]) => sum + Number(value),
        0,
      );
    };
    const [ownAsker, asker] = [await Asker.open(port, PATIENCE_MS), await Asker.open(port, PATIENCE_MS)];
    const load = new Load(port, ownAsker, asker);
    const whileGoneCounts: number[] = [];
    for (let kill = 1; kill <= KILLS; kill++) {
      await sleep(KILL_AFTER_MS);
      const before = load.own.length;
      server.child.kill('SIGUSR2');
      await server.waitForOutput(new RegExp(`(?:resolver 0 ended [^]*){${kill}}`));
      await until(() => answersOverTcp(port, 'own.test'), 'no answer over TCP');
      whileGoneCounts.push(load.own.length - before);
      await until(() => answersOverTcp(port, `k${kill}.up.test`), 'nothing is forwarded over TCP');
      await until(async () => (await asker.ask(`u${kill}.up.test`))?.rcode === 'NOERROR', 'nothing is forwarded');
    }
    await load.end();
    assert.deepEqual(rcodesOf(load.own), ['NOERROR']);
    assert.ok(
      whileGoneCounts.every((count) => count > 0),
      `answers over UDP while it was gone: ${whileGoneCounts.join()}`,
    );
    const [slowestMs, slowestOwnMs] = [Math.max(...asker.tookMs), Math.max(...ownAsker.tookMs)];
    const failedCount = load.forwarded.filter((answer) => answer?.rcode === 'SERVFAIL').length;
    t.diagnostic(
      `${KILLS} kills: ${load.own.length} own answers, the slowest after ${Math.round(slowestOwnMs)} ms; ` +
        `${load.forwarded.length} forwarded, ${failedCount} SERVFAIL, the slowest after ${Math.round(slowestMs)} ms`,
    );
    assert.ok(rcodesOf(load.forwarded).every((rcode) => ['NOERROR', 'SERVFAIL'].includes(rcode)));
    // Its shard has connections of its own; a machine that stands still for seconds may cost some.
    if (transport === 'dgram') assert.ok(failedCount < load.forwarded.length / 10, `${failedCount} SERVFAIL`);
    // What a busy machine adds, own answers have as well.
    assert.ok(slowestMs < ANSWER_MAX_MS + slowestOwnMs + 500, `${slowestMs} ms`);

    const udpCount = load.own.length + asker.tookMs.length;
    assert.equal(await sumOf('coredns_dns_requests_total\\{[^}]*proto="udp"[^}]*\\}'), udpCount);
    const tcpCount = await sumOf('coredns_dns_requests_total\\{[^}]*proto="tcp"[^}]*\\}');
    assert.ok(load.tcpAnswered > 0 && tcpCount >= load.tcpAnswered, `${tcpCount} of ${load.tcpAnswered} over TCP`);

    // Nothing of what was in flight is left in the rings: more than they hold goes through, nothing of it finds them full.
    for (let asked = 0; asked < MANY; asked += PIECE) {
      const names = Array.from({ length: PIECE }, (_, index) => `m${asked + index}.up.test`);
      const rcodes = rcodesOf(await Promise.all(names.map((name) => asker.ask(name))));
      assert.ok(
        rcodes.every((rcode) => ['NOERROR', 'SERVFAIL'].includes(rcode)),
        rcodes.join(),
      );
    }
    assert.equal(await sumOf('skyshard_handoff_overflows_total'), 0);
    // Nor among what waits: a client has room for as many as ever.
    isHolding = true;
    const waiting: Promise<Answer | undefined>[] = [];
    for (; waiting.length < WAITING; await sleep(TURN_MS)) {
      for (let index = 0; index < PIECE; index++) waiting.push(asker.ask(`w${waiting.length}.up.test`));
    }
    isHolding = false;
    for (const reply of held) reply();
    assert.ok(!rcodesOf(await Promise.all(waiting)).includes('REFUSED'));
    assert.equal(await sumOf('skyshard_forward_client_overflows_total'), 0);
    await until(async () => (await asker.ask('last.up.test'))?.rcode === 'NOERROR', 'nothing is forwarded');

    assert.equal(await sumOf('skyshard_resolver_restarts_total'), KILLS);
    await until(async () => (await sumOf('skyshard_tcp_connections')) === 0, 'connections that are gone are counted');
    ownAsker.close();
    asker.close();
    assert.equal((await server.end()).code, 0);
  });
}
