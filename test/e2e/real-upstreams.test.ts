/** Knot, NSD, Unbound and dnsmasq as upstreams: what they know comes through, also past a network that loses, doubles and lies. */
import assert from 'node:assert/strict';
import path from 'node:path';
import { describe, test } from 'node:test';
import { CertificateAuthority } from '../support/certificates.ts';
import { Asker, textOf } from './asker.ts';
import { ATTACKS, DnsFaultProxy, type Faults, FORGED_ADDRESS, withForeignRecord } from './dns-fault-proxy.ts';
import {
  addressOf,
  REAL_SERVERS,
  type RealServer,
  startDnsmasq,
  startKnot,
  startNsd,
  startUnbound,
  ZONE,
} from './real-servers.ts';
import { freePort, missingPrograms, spawnNode, temporaryFolder, TRANSPORTS } from './skyshard-process.ts';

const skip = missingPrograms(...Object.values(REAL_SERVERS));
/** Questions whose answers are compared with the server's own. */
const QUESTIONS = [
  ['h7', 'A'],
  ['H7', 'A'],
  ['h7', 'AAAA'],
  ['alias', 'A'],
  ['alias', 'CNAME'],
  ['mail', 'MX'],
  ['text', 'TXT'],
  ['x.wild', 'A'],
  ['six', 'AAAA'],
  ['zero', 'A'],
  ['none', 'A'],
  ['none', 'TXT'],
] as const;

interface Blocks {
  /** by the order of the upstreams */
  readonly ports: readonly number[];
  readonly end: () => Promise<unknown>;
  metric(name: string): Promise<number>;
}

/** One process with a server block for each upstream. @param forwards  what stands behind `forward .` of each */
async function startBlocks(forwards: readonly string[], transport: string): Promise<Blocks> {
  const metrics = await freePort();
  const ports: number[] = [];
  let corefile = '';
  for (const forward of forwards) {
    const port = await freePort();
    ports.push(port);
    corefile += `.:${port} {\n  bind 127.0.0.1\n  prometheus 127.0.0.1:${metrics}\n  cache\n  forward . ${forward}\n}\n`;
  }
  const folder = temporaryFolder({ Corefile: corefile });
  const running = spawnNode([
    'dist/main.js',
    'serve',
    '--conf',
    path.join(folder, 'Corefile'),
    '--transport',
    transport,
  ]);
  await running.waitForOutput(new RegExp(` listens on .*${ports.at(-1)}`));
  return {
    ports,
    end: () => running.end(),
    metric: async (name) => {
      const page = await (await fetch(`http://127.0.0.1:${metrics}/metrics`)).text();
      return Number(new RegExp(`^${name}(?:\\{.*\\})? (\\S+)$`, 'm').exec(page)?.[1] ?? Number.NaN);
    },
  };
}

for (const transport of TRANSPORTS) {
  describe(`real upstreams, transport ${transport}`, { skip }, () => {
    test('what each of them says is what clients get, twice, also over TCP after TC and over TLS', async () => {
      const knot = await startKnot();
      const nsd = await startNsd();
      const authority = new CertificateAuthority();
      const unbound = await startUnbound(knot, authority.issue('unbound', ['dns.unbound.test']));
      const dnsmasq = await startDnsmasq(knot);
      const caFile = path.join(temporaryFolder({ 'ca.crt': authority.certificate }), 'ca.crt');
      const overTls = `{\n    tls ${caFile}\n    tls_servername dns.unbound.test\n  }`;
      const servers: readonly (readonly [string, RealServer, string])[] = [
        ['knot', knot, `127.0.0.1:${knot.port}`],
        ['nsd', nsd, `127.0.0.1:${nsd.port}`],
        ['unbound', unbound, `127.0.0.1:${unbound.port}`],
        ['dnsmasq', dnsmasq, `127.0.0.1:${dnsmasq.port}`],
        ['nsd over TCP', nsd, `127.0.0.1:${nsd.port} {\n    force_tcp\n  }`],
        ['unbound over TLS', unbound, `tls://127.0.0.1:${unbound.tlsPort} ${overTls}`],
      ];
      const blocks = await startBlocks(
        servers.map(([, , forward]) => forward),
        transport,
      );
      for (const [index, [name, server]] of servers.entries()) {
        const direct = await Asker.open(server.port);
        const asker = await Asker.open(blocks.ports[index]!);
        for (const [host, type] of QUESTIONS) {
          const expected = textOf(await direct.ask(`${host}.${ZONE}`, { type }));
          assert.notEqual(expected, 'no answer');
          for (const time of ['first', 'second']) {
            assert.equal(
              textOf(await asker.ask(`${host}.${ZONE}`, { type })),
              expected,
              `${name}: ${host} ${type}, ${time}`,
            );
          }
        }
        const many = await asker.ask(`many.${ZONE}`);
        assert.equal(many!.flag_tc, true, `${name}: 120 addresses have no room`);
        direct.close();
        asker.close();
      }
      await blocks.end();
    });

    test('signatures, AD and CD come through, and with DO alone; the cache keeps them apart', async () => {
      const knot = await startKnot();
      const blocks = await startBlocks([`127.0.0.1:${knot.port}`], transport);
      const asker = await Asker.open(blocks.ports[0]!);
      for (const time of ['first', 'second']) {
        const signed = await asker.ask(`h9.${ZONE}`, { isDnssec: true });
        assert.deepEqual(signed!.answers!.map(({ type }) => type).sort(), ['A', 'RRSIG'], time);
        const plain = await asker.ask(`h9.${ZONE}`);
        assert.deepEqual(
          plain!.answers!.map(({ type }) => type),
          ['A'],
          time,
        );
        const denied = await asker.ask(`none.${ZONE}`, { isDnssec: true });
        assert.equal(denied!.rcode, 'NXDOMAIN');
        const types = denied!.authorities!.map(({ type }) => type);
        assert.ok(
          ['SOA', 'NSEC', 'RRSIG'].every((type) => types.includes(type as never)),
          `${time}: ${types.join(' ')}`,
        );
        const deniedPlain = await asker.ask(`none.${ZONE}`);
        assert.deepEqual(
          deniedPlain!.authorities!.map(({ type }) => type),
          ['SOA'],
          time,
        );
        const unchecked = await asker.ask(`h9.${ZONE}`, { flags: 0x10 });
        assert.equal(unchecked!.flag_cd, true, time);
        assert.equal(textOf(unchecked), textOf(plain));
        // A wildcard comes with what proves that there is no closer name.
        const wildcard = await asker.ask(`y.wild.${ZONE}`, { isDnssec: true });
        assert.ok(
          wildcard!.authorities!.some(({ type }) => type === 'NSEC'),
          time,
        );
      }
      asker.close();
      await blocks.end();
    });

    test('a network that loses, delays, doubles and truncates costs no wrong answer, and few at all', async (t) => {
      const knot = await startKnot();
      const nsd = await startNsd();
      const cases: readonly (readonly [string, Faults, number])[] = [
        // Of each direction: of three attempts at random one in seven is left without an answer.
        ['loss of 30 %', { lossShare: 0.3 }, 0.75],
        ['loss of 15 %', { lossShare: 0.15 }, 0.9],
        ['delay of 300 ms', { delayMs: 300 }, 1],
        ['all doubled', { isDoubled: true }, 1],
        // Clients ask for what is cut themselves, where a busy machine was too late with the whole.
        ['all truncated', { isTruncated: true }, 0.8],
      ];
      const forwards: string[] = [];
      for (const [index, [, faults]] of cases.entries()) {
        const proxies = [
          await DnsFaultProxy.start(knot.port, faults, index),
          await DnsFaultProxy.start(nsd.port, faults, index + 50),
        ];
        forwards.push(proxies.map(({ port }) => `127.0.0.1:${port}`).join(' '));
      }
      const blocks = await startBlocks(forwards, transport);
      for (const [index, [name, , share]] of cases.entries()) {
        // More than clients have: a busy machine is late with its SERVFAIL.
        const asker = await Asker.open(blocks.ports[index]!, 15_000);
        const count = 200;
        const answers = await Promise.all(
          Array.from({ length: count }, async (_, host) => {
            const answer = await asker.ask(`h${host}.${ZONE}`);
            return answer?.flag_tc === true ? 'cut' : textOf(answer);
          }),
        );
        const right = answers.filter((answer, host) => answer === `NOERROR, h${host}.${ZONE} A ${addressOf(host)}`);
        const failed = answers.filter((answer) => answer === 'SERVFAIL' || answer === 'cut').length;
        t.diagnostic(
          `${name}: ${right.length} of ${count} right, ${failed} SERVFAIL or cut, slowest ${Math.max(...asker.tookMs).toFixed(0)} ms`,
        );
        assert.equal(right.length + failed, count, name);
        assert.ok(right.length >= share * count, `${name}: ${right.length}`);
        asker.close();
      }
      await blocks.end();
    });

    test('who sees every query and is faster than the upstream changes no answer', async (t) => {
      const knot = await startKnot();
      const forwards: string[] = [];
      for (const attack of Object.values(ATTACKS)) {
        forwards.push(`127.0.0.1:${(await DnsFaultProxy.start(knot.port, { attacks: [attack, attack] })).port}`);
      }
      const foreign = await DnsFaultProxy.start(knot.port);
      foreign.change = withForeignRecord;
      forwards.push(`127.0.0.1:${foreign.port}`);
      const blocks = await startBlocks(forwards, transport);
      for (const [index, name] of [...Object.keys(ATTACKS), 'a foreign record'].entries()) {
        const asker = await Asker.open(blocks.ports[index]!);
        for (const time of ['first', 'second']) {
          const answers = await Promise.all(
            Array.from({ length: 40 }, async (_, host) => asker.ask(`h${host}.${ZONE}`)),
          );
          for (const [host, answer] of answers.entries()) {
            assert.equal(textOf(answer), `NOERROR, h${host}.${ZONE} A ${addressOf(host)}`, `${name}, ${time}`);
            const isForged = JSON.stringify([answer!.additionals, answer!.authorities]).includes(FORGED_ADDRESS);
            // The first who asks gets what the upstream sent; it is not kept.
            if (time === 'second') assert.equal(isForged, false, name);
          }
        }
        assert.notEqual(textOf(await asker.ask('evil.test')), `NOERROR, evil.test A ${FORGED_ADDRESS}`, name);
        asker.close();
      }
      const mismatched = await blocks.metric('skyshard_forward_mismatched_total');
      const malformed = await blocks.metric('skyshard_forward_malformed_total');
      t.diagnostic(`${mismatched} mismatched, ${malformed} malformed`);
      assert.ok(mismatched >= 4 * 40, `${mismatched}`);
      assert.ok(malformed >= 40, `${malformed}`);
      await blocks.end();
    });
  });
}
