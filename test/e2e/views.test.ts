/** `view`, metadata and what `rewrite` tells upstreams, through the real process: over UDP and TCP, with a cache. */
import assert from 'node:assert/strict';
import dgram from 'node:dgram';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import dnsPacket from 'dns-packet';
import { TYPE } from '../../src/dns/iana.ts';
import { buildQuery } from '../wire/query.ts';
import { decodeStrictly } from '../wire/strict-message.ts';
import { TcpClient } from '../wire/tcp-client.ts';
import { freePort, ROOT, spawnNode, temporaryFolder, TRANSPORTS } from './skyshard-process.ts';
import { startStreamUpstream, type StreamAnswer } from './stream-upstream.ts';

const PODS = `{ apiVersion: v1, kind: Namespace, metadata: { name: team-a } }
---
{ apiVersion: v1, kind: Pod, metadata: { name: p1, namespace: team-a },
  status: { phase: Running, podIP: 127.0.5.1, podIPs: [{ ip: 127.0.5.1 }] } }
`;

/** Ask once from an address. @returns what the first answer says, or the rcode */
async function ask(port: number, from: string, name: string, type: number = TYPE.A): Promise<string> {
  const socket = dgram.createSocket('udp4');
  socket.bind(0, from);
  await once(socket, 'listening');
  try {
    for (let attempt = 0; attempt < 5; attempt++) {
      const reply = once(socket, 'message');
      socket.send(buildQuery({ name, type }), port, '127.0.0.1');
      const timeout = new Promise<undefined>((resolve) => setTimeout(() => resolve(undefined), 1000).unref());
      const message = (await Promise.race([reply, timeout])) as [Buffer] | undefined;
      if (message !== undefined) return textOf(message[0]);
    }
    return 'no reply';
  } finally {
    socket.close();
  }
}

async function askTcp(port: number, from: string, name: string): Promise<string> {
  const client = await TcpClient.open({ port, localAddress: from });
  const reply = await client.ask(buildQuery({ name, type: TYPE.A }));
  client.close();
  return textOf(Buffer.from(reply!));
}

function textOf(message: Buffer): string {
  const { rcode, answer } = decodeStrictly(message);
  return answer[0]?.rdata ?? String(rcode);
}

/** Answers with the third octet of the client's network, as the query says it. */
const answerNetwork: StreamAnswer = (query) => {
  const opt = query.additionals?.find((record) => record.type === 'OPT') as {
    options?: { code: number; ip?: string }[];
  };
  const network = opt?.options?.find(({ code }) => code === 8)?.ip ?? '0.0.0.0';
  return dnsPacket.encode({
    type: 'response',
    id: query.id!,
    flags: dnsPacket.RECURSION_DESIRED,
    questions: query.questions!,
    answers: [{ type: 'A', name: query.questions![0]!.name, ttl: 60, data: `192.0.2.${network.split('.')[2]}` }],
  });
};

const answerWith =
  (data: string): StreamAnswer =>
  (query) =>
    dnsPacket.encode({
      type: 'response',
      id: query.id!,
      flags: dnsPacket.RECURSION_DESIRED,
      questions: query.questions!,
      answers: [{ type: 'A', name: query.questions![0]!.name, ttl: 60, data }],
    });

for (const transport of TRANSPORTS) {
  describe(`views, transport ${transport}`, () => {
    test('each view has its upstream and its cache; what upstreams are told separates answers', async () => {
      const inner = await startStreamUpstream({ answer: answerWith('192.0.2.101') });
      const outer = await startStreamUpstream({ answer: answerWith('192.0.2.102') });
      const networks = await startStreamUpstream({ answer: answerNetwork });
      const [port, metrics] = [await freePort(), await freePort()];
      const block = (view: string, expr: string, upstream: number): string => `a.test:${port} {
  bind 127.0.0.1
  metadata
  prometheus 127.0.0.1:${metrics}
  log . "{remote} {name} {/view/name} {/kubernetes/client-pod-name} {/forward/upstream}"
  view ${view} {
    expr ${expr}
  }
  kubernetes cluster.local {
    pods verified
  }
  cache
  forward . 127.0.0.1:${upstream}
}
`;
      const corefile = `${block('inner', `metadata('kubernetes/client-namespace') == 'team-a'`, inner.port)}
${block('outer', `not incidr(client_ip(), '127.0.9.0/24')`, outer.port)}
b.test:${port} {
  bind 127.0.0.1
  rewrite edns0 subnet set 24 56
  cache
  forward . 127.0.0.1:${networks.port}
}
`;
      const folder = temporaryFolder({ Corefile: corefile, 'objects.yaml': PODS });
      const args = ['--conf', path.join(folder, 'Corefile'), '--manifests', path.join(folder, 'objects.yaml')];
      const running = spawnNode(['dist/main.js', 'serve', ...args, '--transport', transport]);
      await running.waitForOutput(/ listens on /);

      for (let round = 0; round < 2; round++) {
        assert.equal(await ask(port, '127.0.5.1', 'www.a.test'), '192.0.2.101');
        assert.equal(await ask(port, '127.0.5.2', 'www.a.test'), '192.0.2.102');
        assert.equal(await askTcp(port, '127.0.5.1', 'www.a.test'), '192.0.2.101');
        assert.equal(await askTcp(port, '127.0.5.2', 'www.a.test'), '192.0.2.102');
        assert.equal(await ask(port, '127.0.9.1', 'www.a.test'), '5');
        assert.equal(await ask(port, '127.0.7.1', 'www.b.test'), '192.0.2.7');
        assert.equal(await ask(port, '127.0.8.1', 'www.b.test'), '192.0.2.8');
        assert.equal(await askTcp(port, '127.0.8.99', 'WWW.b.test'), '192.0.2.8');
      }
      const askedOf = (upstream: typeof inner): number => upstream.asked.filter(({ type }) => type === 'A').length;
      assert.deepEqual([inner, outer, networks].map(askedOf), [1, 1, 2], 'the rest came out of the caches');

      await running.waitForOutput(new RegExp(`127.0.5.1 www.a.test. inner p1 127.0.0.1:${inner.port}\\n`));
      await running.waitForOutput(/127.0.5.1 www.a.test. inner p1 -\n/);
      await running.waitForOutput(new RegExp(`127.0.5.2 www.a.test. outer - 127.0.0.1:${outer.port}\\n`));
      const page = await (await fetch(`http://127.0.0.1:${metrics}/metrics`)).text();
      assert.match(page, /coredns_dns_requests_total\{[^}]*view="inner"[^}]*\} \d/);
      assert.match(page, /coredns_cache_hits_total\{[^}]*view="outer"[^}]*\} [1-9]/);
      await running.end();
    });
  });
}

describe('two views of one name', () => {
  test('stay two across reloads: what they answer, keep and log; their metrics are one', async () => {
    const [left, right] = [
      await startStreamUpstream({ answer: answerWith('192.0.2.1') }),
      await startStreamUpstream({ answer: answerWith('192.0.2.2') }),
    ];
    const [port, metrics] = [await freePort(), await freePort()];
    const zoneFile = '$TTL 60\n@ SOA ns host 1 3600 600 86400 60\n@ NS ns\nns A 127.0.0.1\n';
    const block = (network: string, upstream: number, word: string, ttl: number): string => `a.test:${port} {
  bind 127.0.0.1
  prometheus 127.0.0.1:${metrics}
  log . "${word} {name}"
  view same {
    expr incidr(client_ip(), '${network}')
  }
  file db.zone zone.a.test
  cache ${ttl}
  forward . 127.0.0.1:${upstream}
}
`;
    const corefile = (words: readonly string[], ttl: number): string =>
      `.:${port} {\n  bind 127.0.0.1\n  reload 2s 1s\n}\n` +
      block('127.0.5.0/24', left.port, words[0]!, ttl) +
      block('127.0.6.0/24', right.port, words[1]!, ttl);
    const folder = temporaryFolder({ Corefile: corefile(['left', 'right'], 30), 'db.zone': zoneFile });
    const running = spawnNode([path.join(ROOT, 'dist/main.js'), 'serve', '--conf', 'Corefile'], {
      workingDirectory: folder,
    });
    await running.waitForOutput(/ listens on /);
    const words = [['left', 'right'], ...['x', 'y'].map((letter) => [`left${letter}`, `right${letter}`])];
    for (const [round, [leftWord, rightWord]] of words.entries()) {
      if (round > 0) {
        writeFileSync(path.join(folder, 'Corefile'), corefile([leftWord!, rightWord!], 30 + round));
        running.child.kill('SIGUSR1');
        await running.waitForOutput(new RegExp(`(?:Reloading complete[^]*){${round}}`));
      }
      assert.equal(await ask(port, '127.0.5.1', 'www.a.test'), '192.0.2.1');
      assert.equal(await ask(port, '127.0.6.1', 'www.a.test'), '192.0.2.2');
      assert.equal(await ask(port, '127.0.6.1', 'ns.zone.a.test'), '127.0.0.1');
      await running.waitForOutput(new RegExp(`${leftWord} www.a.test.\n`));
      await running.waitForOutput(new RegExp(`${rightWord} www.a.test.\n`));
      const page = await (await fetch(`http://127.0.0.1:${metrics}/metrics`)).text();
      const series = page.split('\n').flatMap((line) => (line.includes('view="same"') ? [line.split('} ')[0]!] : []));
      assert.deepEqual(
        series.filter((name, index) => series.indexOf(name) !== index),
        [],
        'a series stands once',
      );
      const requests = /^coredns_dns_requests_total\{[^}]*view="same"[^}]*type="A"\} (\d+)/m.exec(page);
      assert.equal(Number(requests?.[1]), 3 * (round + 1));
    }
    const askedOf = (upstream: typeof left): number => upstream.asked.filter(({ type }) => type === 'A').length;
    assert.deepEqual([left, right].map(askedOf), [1, 1], 'the rest came out of the caches');
    await running.end();
  });
});
