/** Zones of a real primary, Knot DNS, on both transports: transferred in, notified, differences, catalogs, expired. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import dgram from 'node:dgram';
import { after, before, describe, test } from 'node:test';
import path from 'node:path';
import { buildQuery, type QuerySpec } from '../wire/query.ts';
import { clientKey, ResponseVerifier, signQuery } from '../wire/tsig-client.ts';
import { startKnotPrimary, type KnotPrimary } from './knot.ts';
import {
  answersOf,
  ask,
  freePort,
  missingPrograms,
  spawnNode,
  temporaryFolder,
  TRANSPORTS,
  waitForAnswers,
} from './skyshard-process.ts';

const ADDRESS = '127.0.0.1';
const SOA = 6;
const NOTIFY = 4;
const [NOERROR, NOTIMP, REFUSED, NOTAUTH] = [0, 4, 5, 9];
const SECRET = 'NoTCJU+DMqFWywaPyxSijrDEA/eC3nK0xi3AMEZuPVk=';
const AA = 0x0400;

function zoneText(origin: string, refresh = 3600, expire = 7200): string {
  return `$ORIGIN ${origin}.
$TTL 300
@ SOA ns1 host 1 ${refresh} 1 ${expire} 60
@ NS ns1
ns1 A 192.0.2.53
www A 192.0.2.1
alias CNAME www
*.wild TXT "stands for all"
sub NS ns.sub
ns.sub A 192.0.2.54
`;
}

const CATALOG = `$ORIGIN catalog.test.
$TTL 0
@ SOA . . 1 5 1 3600 60
@ NS invalid.
version TXT 2
a.zones PTR one.test.
b.zones PTR outside.net.
`;

async function startSecondary(
  port: number,
  primary: number,
  notified: number,
  transport: string,
): Promise<() => string> {
  const corefile = `test:${port} example.org:${port} {
    bind ${ADDRESS}
    errors
    secondary example.org {
        transfer from ${ADDRESS}:${primary}
    }
    transfer {
        to ${ADDRESS}:${notified}
    }
    secondary catalog.test {
        transfer from ${ADDRESS}:${primary}
        catalog test
    }
}
guarded.org:${port} {
    bind ${ADDRESS}
    tsig {
        secret key.example ${SECRET}
        require_opcode NOTIFY
    }
    secondary {
        transfer from ${ADDRESS}:${primary}
    }
}
plain.org:${port} {
    bind ${ADDRESS}
    whoami
}
`;
  const file = path.join(temporaryFolder({ Corefile: corefile }), 'Corefile');
  const running = spawnNode(['dist/main.js', 'serve', '--conf', file, '--transport', transport]);
  await running.waitForOutput(/ listens on /);
  return running.output;
}

for (const transport of TRANSPORTS) {
  describe(`zones of Knot DNS, transport ${transport}`, { skip: missingPrograms('knotd', 'knsupdate') }, () => {
    let port: number;
    let knot: KnotPrimary;
    let output: () => string;
    let downstream: dgram.Socket;

    before(async () => {
      port = await freePort();
      const zones = {
        'example.org': zoneText('example.org'),
        'one.test': zoneText('one.test', 1, 5),
        'two.test': zoneText('two.test'),
        'catalog.test': CATALOG,
      };
      knot = await startKnotPrimary(zones, port);
      downstream = dgram.createSocket('udp4');
      await new Promise<void>((resolve) => downstream.bind(0, ADDRESS, resolve));
      output = await startSecondary(port, knot.port, downstream.address().port, transport);
      await waitForAnswers(port, 'www.example.org', ['192.0.2.1']);
    });

    after(() => downstream.close());

    test('answers as the primary does', async () => {
      for (const [name, type] of [
        ['www.example.org', 'A'],
        ['www.example.org', 'AAAA'],
        ['alias.example.org', 'A'],
        ['a.b.wild.example.org', 'TXT'],
        ['nothing.example.org', 'A'],
        ['x.sub.example.org', 'A'],
        ['example.org', 'SOA'],
      ] as const) {
        const [own, its] = [await ask(port, name, type), await ask(knot.port, name, type)];
        const texts = ({ answers, authorities }: typeof own): unknown =>
          [answers, authorities].map((records) =>
            // Behind an answer we have the zone's servers, as CoreDNS.
            records
              ?.filter((record) => record.type !== 'NS' || name.includes('sub'))
              .map((record) => JSON.stringify(record)),
          );
        const rcodes = [own, its].map((answer) => (answer as { rcode?: string }).rcode);
        assert.deepEqual([texts(own), rcodes[0]], [texts(its), rcodes[1]], `${name} ${type}`);
      }
    });

    test('has a change as soon as the primary tells of it, as differences', async () => {
      knot.update('example.org', 'update add new.example.org 60 A 192.0.2.77', 'update delete alias.example.org');
      await waitForAnswers(port, 'new.example.org', ['192.0.2.77']);
      assert.deepEqual(await answersOf(port, 'alias.example.org'), ['NXDOMAIN']);
      assert.deepEqual(await answersOf(port, 'www.example.org'), ['192.0.2.1']);
      assert.match(output(), /Notify from 127\.0\.0\.1 for example\.org\./);
      assert.match(knot.output(), /example\.org\.\] IXFR, outgoing/);
    });

    test(
      'hands its zones on as it has them, and tells others of a change',
      { skip: missingPrograms('kdig') },
      async () => {
        const transfer = (from: number): string[] => {
          const args = [`@${ADDRESS}`, '-p', String(from), '+noall', '+answer', '+onesoa', 'example.org', 'AXFR'];
          const { stdout } = spawnSync('kdig', args, { encoding: 'utf8' });
          return stdout
            .split('\n')
            .filter((line) => line !== '' && !line.startsWith(';'))
            .map((line) => line.replace(/\s+/g, ' '))
            .sort();
        };
        assert.ok(transfer(port).length > 5, transfer(port).join('\n'));
        assert.deepEqual(transfer(port), transfer(knot.port));
        const told = new Promise<Buffer>((resolve) => {
          downstream.on('message', (message) => {
            if (message.includes('example')) resolve(message);
          });
        });
        knot.update('example.org', 'update add later.example.org 60 A 192.0.2.78');
        assert.equal((await told)[2]! & 0x78, NOTIFY << 3);
        await waitForAnswers(port, 'later.example.org', ['192.0.2.78']);
        assert.deepEqual(transfer(port), transfer(knot.port));
      },
    );

    test('only primaries are heard, and only of zones that are transferred in', async () => {
      const zone: QuerySpec = { name: 'example.org', type: SOA, opcode: NOTIFY, flags: AA };
      const own = await send(port, zone);
      assert.deepEqual(own && [own[3]! & 15, own.readUInt16BE(2) & 0xfc00, own.readUInt16BE(6)], [NOERROR, 0xa400, 0]);
      assert.deepEqual(own?.subarray(12), Buffer.from(buildQuery(zone)).subarray(12));
      for (const name of ['www.example.org', 'plain.org', 'elsewhere.net', 'two.test']) {
        const answer = await send(port, { ...zone, name });
        assert.equal(answer && answer[3]! & 15, NOTAUTH, name);
      }
      assert.equal(await send(port, zone, '127.0.0.9'), undefined);
      const update = await send(port, { ...zone, opcode: 5 });
      assert.equal(update && update[3]! & 15, NOTIMP);
    });

    test('where notifications have to be signed, only those that are count', async () => {
      const zone: QuerySpec = { name: 'guarded.org', type: SOA, opcode: NOTIFY, flags: AA };
      const plain = await send(port, zone);
      assert.equal(plain && plain[3]! & 15, REFUSED);
      const key = clientKey('key.example', 'sha256', SECRET);
      const { message, mac } = signQuery(Buffer.from(buildQuery(zone)), key);
      const answer = await send(port, message);
      assert.deepEqual([answer && answer[3]! & 15, answer?.readUInt16BE(2)], [NOERROR, 0xa400]);
      assert.equal(new ResponseVerifier(key, mac).verify(answer!)?.isRight, true);
    });

    test('serves the zones that a catalog lists, and no longer than it does', async () => {
      await waitForAnswers(port, 'www.one.test', ['192.0.2.1']);
      assert.match(output(), /1 member zones of catalog catalog\.test\. are left out/);
      knot.update('catalog.test', 'update add c.zones.catalog.test 0 PTR two.test.');
      await waitForAnswers(port, 'www.two.test', ['192.0.2.1']);
      assert.deepEqual(await answersOf(port, 'www.one.test'), ['192.0.2.1']);
      knot.update('catalog.test', 'update delete c.zones.catalog.test');
      await waitForRcode(port, 'www.two.test', 'REFUSED');
      assert.deepEqual(await answersOf(port, 'www.one.test'), ['192.0.2.1']);
    });

    test('a zone whose primary is gone is served until it expires', async () => {
      await knot.end();
      assert.deepEqual(await answersOf(port, 'www.one.test'), ['192.0.2.1']);
      await waitForRcode(port, 'www.one.test', 'SERVFAIL');
      assert.deepEqual(await answersOf(port, 'www.example.org'), ['192.0.2.1']);
    });
  });
}

async function waitForRcode(port: number, name: string, rcode: string): Promise<void> {
  const deadlineMs = performance.now() + 30_000;
  for (;;) {
    const { rcode: found } = (await ask(port, name)) as { rcode?: string };
    if (found === rcode) return;
    assert.ok(performance.now() < deadlineMs, `${name} is ${found}, not ${rcode}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** @returns undefined if there is no answer within a second */
async function send(port: number, spec: QuerySpec | Buffer, from = ADDRESS): Promise<Buffer | undefined> {
  const socket = dgram.createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind(0, from, resolve));
  try {
    return await new Promise<Buffer | undefined>((resolve) => {
      const timer = setTimeout(() => resolve(undefined), 1000);
      socket.once('message', (message) => {
        clearTimeout(timer);
        resolve(message);
      });
      socket.send(Buffer.isBuffer(spec) ? spec : buildQuery(spec), port, ADDRESS);
    });
  } finally {
    socket.close();
  }
}
