/** Answers made of others, of a real process with upstream servers: autopath, dns64, siit, rewrite cname. */
import assert from 'node:assert/strict';
import dgram from 'node:dgram';
import path from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import dnsPacket from 'dns-packet';
import { TYPE } from '../../src/dns/iana.ts';
import { buildQuery } from '../wire/query.ts';
import { decodeStrictly } from '../wire/strict-message.ts';
import { TcpClient } from '../wire/tcp-client.ts';
import { type StreamAnswer, startStreamUpstream } from './stream-upstream.ts';
import { answersOf, ask, freePort, spawnNode, temporaryFolder, TRANSPORTS } from './skyshard-process.ts';

const OBJECTS = `{ apiVersion: v1, kind: Namespace, metadata: { name: team } }
---
{ apiVersion: v1, kind: Service, metadata: { name: web, namespace: team },
  spec: { clusterIP: 10.96.0.1, ports: [{ name: http, port: 80 }] } }
---
{ apiVersion: v1, kind: Pod, metadata: { name: client, namespace: team },
  status: { phase: Running, podIP: 127.0.0.1, podIPs: [{ ip: 127.0.0.1 }] } }
`;

const DATA: Readonly<Record<string, readonly [type: 'A' | 'AAAA' | 'CNAME', data: string][]>> = {
  'www.example.com A': [['A', '198.51.100.80']],
  'www.example.com AAAA': [],
  'six.test A': [],
  'six.test AAAA': [['AAAA', '64:ff9b::c633:6405']],
  'alias.test A': [['CNAME', 'old.test']],
  'new.test A': [['A', '198.51.100.7']],
  'many.test A': Array.from({ length: 40 }, (_, index) => ['A', `198.51.100.${index}`]),
  'many.test AAAA': [],
};

/** What is not in DATA does not exist. Over UDP only what fits into 512 octets. */
const answer: StreamAnswer = (query, over) => {
  const [{ name, type }] = query.questions as [{ name: string; type: string }];
  const found = DATA[`${name.toLowerCase()} ${type}`];
  const isTooLarge = over === 'udp' && (found?.length ?? 0) > 20;
  return dnsPacket.encode({
    type: 'response',
    id: query.id!,
    flags:
      dnsPacket.RECURSION_AVAILABLE | (isTooLarge ? dnsPacket.TRUNCATED_RESPONSE : 0) | (found === undefined ? 3 : 0),
    questions: query.questions!,
    answers: isTooLarge ? [] : (found ?? []).map(([of, data]) => ({ type: of, name, ttl: 60, data })),
    authorities: [],
  });
};

async function start(transport: string, port: number, lines: string): Promise<ReturnType<typeof spawnNode>> {
  const corefile = `.:${port} {\n bind 127.0.0.1\n errors\n${lines}\n}\n`;
  const folder = temporaryFolder({ Corefile: corefile, 'objects.yaml': OBJECTS });
  const args = [
    '--conf',
    path.join(folder, 'Corefile'),
    '--manifests',
    path.join(folder, 'objects.yaml'),
    '--shards',
    '1',
  ];
  const running = spawnNode(['dist/main.js', 'serve', ...args, '--transport', transport]);
  await running.waitForOutput(/ listens on /);
  return running;
}

async function overTcp(port: number, name: string, type: number): Promise<string[]> {
  const client = await TcpClient.open({ port });
  const message = decodeStrictly((await client.ask(buildQuery({ name, type, id: 9 })))!);
  client.close();
  return message.answer.map(({ rdata }) => rdata);
}

for (const transport of TRANSPORTS) {
  describe(`answers made of others, transport ${transport}`, () => {
    test('autopath: over UDP and TCP, counted and logged once, and the cache has what was found', async () => {
      const upstream = await startStreamUpstream({ answer });
      const port = await freePort();
      const metrics = await freePort();
      const running = await start(
        transport,
        port,
        ` log\n prometheus 127.0.0.1:${metrics}\n cache\n autopath @kubernetes\n kubernetes cluster.local {\n pods verified\n }\n forward . 127.0.0.1:${upstream.port}`,
      );
      const name = 'www.example.com.team.svc.cluster.local';
      const expected = ['198.51.100.80', 'www.example.com'];
      const askedCount = (): number => upstream.asked.filter((question) => question.name === 'www.example.com').length;
      assert.deepEqual(await answersOf(port, name), expected);
      const count = askedCount();
      assert.deepEqual(await answersOf(port, name), expected);
      assert.deepEqual(await overTcp(port, name, TYPE.A), ['www.example.com.', '198.51.100.80']);
      assert.equal(askedCount(), count);
      const web = 'web.team.svc.cluster.local';
      assert.deepEqual(await answersOf(port, `web.team.team.svc.cluster.local`), ['10.96.0.1', web]);
      assert.deepEqual(await answersOf(port, 'nowhere.test.team.svc.cluster.local'), ['NXDOMAIN']);
      await running.waitForOutput(/nowhere\.test\.team\.svc\.cluster\.local\. .* NXDOMAIN/);
      const page = await (await fetch(`http://127.0.0.1:${metrics}/metrics`)).text();
      const sumOf = (series: string): number =>
        [...page.matchAll(new RegExp(`^${series}\\{.*\\} (\\d+)$`, 'gm'))].reduce(
          (sum, [, value]) => sum + Number(value),
          0,
        );
      // A client that heard nothing for a second has asked again.
      const lines = running.output().match(/"A IN .*/g) ?? [];
      assert.ok(lines.length >= 5);
      assert.equal(sumOf('coredns_dns_requests_total'), lines.length);
      assert.equal(sumOf('coredns_dns_responses_total'), lines.length);
      const found = lines.filter((line) => line.includes(' NOERROR ')).length;
      assert.equal(sumOf('coredns_autopath_success_total'), found);
      await running.end();
    });

    test('dns64, siit, rewrite cname; what is too large for a datagram is asked for over TCP', async () => {
      const upstream = await startStreamUpstream({ answer });
      const port = await freePort();
      const running = await start(
        transport,
        port,
        ` bufsize 4096\n dns64 {\n allow_ipv4\n }\n siit\n rewrite cname exact old.test. new.test.\n forward . 127.0.0.1:${upstream.port}`,
      );
      assert.deepEqual(await answersOf(port, 'www.example.com', 'AAAA'), ['64:ff9b::c633:6450']);
      assert.deepEqual(await answersOf(port, 'six.test', 'A'), ['198.51.100.5']);
      assert.deepEqual(await answersOf(port, 'alias.test', 'A'), ['198.51.100.7', 'new.test']);
      assert.equal((await ask(port, 'many.test', 'AAAA')).flag_tc, true);
      assert.deepEqual(
        upstream.asked.filter(({ name, type }) => name === 'many.test' && type === 'A').map(({ over }) => over),
        ['udp', 'tcp'],
      );
      assert.equal((await overTcp(port, 'many.test', TYPE.AAAA)).length, 40);
      assert.deepEqual(await overTcp(port, 'six.test', TYPE.A), ['198.51.100.5']);
      await running.end();
    });

    test('a client that is gone meanwhile harms nobody; who still waits at the end has the answer', async () => {
      let isSlow = true;
      const upstream = await startStreamUpstream({
        answer: (query, over, send) => {
          const reply = answer(query, over, send)!;
          if (!isSlow) return reply;
          setTimeout(() => send(reply), 300);
          return undefined;
        },
      });
      const port = await freePort();
      const running = await start(transport, port, ` dns64 {\n allow_ipv4\n }\n forward . 127.0.0.1:${upstream.port}`);
      const query = buildQuery({ name: 'www.example.com', type: TYPE.AAAA });
      const tcp = await TcpClient.open({ port });
      tcp.socket.write(Buffer.concat([Buffer.from([0, query.length]), query]));
      const udp = dgram.createSocket('udp4');
      udp.send(query, port, '127.0.0.1');
      await delay(100);
      tcp.socket.destroy();
      udp.close();
      await delay(800);
      const waiting = ask(port, 'www.example.com', 'AAAA');
      await delay(100);
      const ended = running.end();
      assert.deepEqual(
        (await waiting).answers!.map((record) => 'data' in record && record.data),
        ['64:ff9b::c633:6450'],
      );
      isSlow = false;
      assert.equal((await ended).code, 0);
    });
  });
}
