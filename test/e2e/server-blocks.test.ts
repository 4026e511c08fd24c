/** Corefiles of many blocks, as NodeLocal DNSCache and OpenShift ship them, on addresses of this machine. */
import assert from 'node:assert/strict';
import dgram from 'node:dgram';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import dnsPacket from 'dns-packet';
import {
  answersOf,
  freePort,
  ROOT,
  serviceManifest,
  spawnNode,
  temporaryFolder,
  TRANSPORTS,
} from './skyshard-process.ts';

const sockets: dgram.Socket[] = [];
after(() => {
  for (const socket of sockets) socket.close();
});

/** An upstream that answers every A question with one address. @returns its port */
async function startUpstream(address: string): Promise<number> {
  const socket = dgram.createSocket('udp4');
  sockets.push(socket);
  socket.on('message', (message, peer) => {
    const { id, questions = [] } = dnsPacket.decode(message);
    const [question] = questions;
    const answers = question?.type === 'A' ? [{ type: 'A' as const, name: question.name, ttl: 60, data: address }] : [];
    const response = dnsPacket.encode({
      type: 'response',
      id: id!,
      flags: dnsPacket.RECURSION_DESIRED,
      questions,
      answers,
    });
    socket.send(response, peer.port, peer.address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return socket.address().port;
}

function fixture(name: string, replacements: readonly (readonly [RegExp, string])[]): string {
  let text = readFileSync(path.join(ROOT, 'test/fixtures/corefiles', name), 'utf8');
  for (const [found, put] of replacements) text = text.replaceAll(found, put);
  return text;
}

async function start(text: string, transport: string) {
  const folder = temporaryFolder({ 'web.yaml': serviceManifest('web', '10.96.1.1') });
  const file = path.join(temporaryFolder({ Corefile: text }), 'Corefile');
  const running = spawnNode(['dist/main.js', 'serve', '--conf', file, '--manifests', folder, '--transport', transport]);
  await running.waitForOutput(/ listens on /);
  return { file, running };
}

async function statusOf(url: string): Promise<number | string> {
  try {
    return (await fetch(url)).status;
  } catch (error) {
    return ((error as Error).cause as NodeJS.ErrnoException).code ?? 'failed';
  }
}

for (const transport of TRANSPORTS) {
  describe(`many server blocks, transport ${transport}`, () => {
    test('NodeLocal DNSCache: each zone has its upstream, on every address that is bound', async () => {
      const [port, metrics, health] = [await freePort('127.0.0.2'), await freePort(), await freePort('127.0.0.2')];
      const [cluster, acme, others] = [
        await startUpstream('192.0.2.1'),
        await startUpstream('192.0.2.2'),
        await startUpstream('192.0.2.3'),
      ];
      const text = fixture('nodelocal', [
        [/:53 \{/g, `:${port} {`],
        [/bind .*/g, 'bind 127.0.0.2 127.0.0.3'],
        [/10\.96\.12\.34 \{[^}]*\}/g, `127.0.0.1:${cluster}`],
        [/1\.2\.3\.4 10\.0\.0\.1:5353/g, `127.0.0.1:${acme}`],
        [/\/etc\/resolv\.conf/g, `127.0.0.1:${others}`],
        [/prometheus .*/g, `prometheus 127.0.0.1:${metrics}`],
        [/health .*/g, `health 127.0.0.2:${health}`],
      ]);
      const { running } = await start(text, transport);
      for (const address of ['127.0.0.2', '127.0.0.3']) {
        for (const [name, expected] of [
          ['web.default.svc.cluster.local', '192.0.2.1'],
          ['db.acme.local', '192.0.2.2'],
          ['acme.local.example.org', '192.0.2.3'],
        ] as const) {
          assert.deepEqual(await answersOf(port, name, 'A', address), [expected], `${name} at ${address}`);
        }
      }
      assert.equal(await statusOf(`http://127.0.0.2:${health}/health`), 200);
      const page = await (await fetch(`http://127.0.0.1:${metrics}/metrics`)).text();
      const queries = (address: string, zone: string): RegExp =>
        new RegExp(
          `^coredns_dns_requests_total\\{server="dns://${address}:${port}",zone="${zone}",.*type="A"\\} 1$`,
          'm',
        );
      assert.match(page, queries('127.0.0.2', 'acme.local.'));
      assert.match(page, queries('127.0.0.3', '.'));
      assert.equal((await running.end()).code, 0);
    });

    test('OpenShift: zones of their own upstreams beside the cluster, and a block for class CH', async () => {
      const [port, metrics, health] = [await freePort(), await freePort(), await freePort()];
      const [own, others] = [await startUpstream('192.0.2.1'), await startUpstream('192.0.2.3')];
      const text = fixture('openshift', [
        [/1\.1\.1\.1 2\.2\.2\.2:5353/g, `127.0.0.1:${own}`],
        [/:5353 \{/g, `:${port} {\n    bind 127.0.0.1`],
        [/foo\.com:5353 /g, `foo.com:${port} `],
        [/tls:\/\/3\.3\.3\.3 \{[^}]*\}/g, `127.0.0.1:${own}`],
        [/\/etc\/resolv\.conf/g, `127.0.0.1:${others}`],
        [/prometheus .*/g, `prometheus 127.0.0.1:${metrics}`],
        [/health \{[^}]*\}/g, `health 127.0.0.1:${health}`],
        [/ready/g, 'ready 127.0.0.1:0'],
      ]);
      const { running } = await start(text, transport);
      for (const [name, expected] of [
        ['www.example.com', ['192.0.2.1']],
        ['www.foo.com', ['192.0.2.1']],
        ['www.bar.com', ['192.0.2.1']],
        ['www.example.org', ['192.0.2.3']],
        ['web.default.svc.cluster.local', ['10.96.1.1']],
        ['nosuch.default.svc.cluster.local', ['NXDOMAIN']],
      ] as const) {
        assert.deepEqual(await answersOf(port, name), expected, name);
      }
      assert.equal((await running.end()).code, 0);
    });

    test('a reload moves probes and metrics, and takes them away', async () => {
      const [port, ...ports] = [
        await freePort(),
        await freePort(),
        await freePort(),
        await freePort(),
        await freePort(),
      ];
      const block = (lines: readonly string[]): string =>
        `.:${port} {\n    bind 127.0.0.1\n${lines.map((line) => `    ${line}\n`).join('')}    kubernetes cluster.local\n}\n`;
      const { file, running } = await start(
        block([`health 127.0.0.1:${ports[0]}`, `ready 127.0.0.1:${ports[1]}`, `prometheus 127.0.0.1:${ports[2]}`]),
        transport,
      );
      const statuses = (): Promise<(number | string)[]> =>
        Promise.all(
          ports.flatMap((one) =>
            ['health', 'ready', 'metrics'].map((name) => statusOf(`http://127.0.0.1:${one}/${name}`)),
          ),
        );
      const none = ['ECONNREFUSED', 'ECONNREFUSED', 'ECONNREFUSED'];
      assert.deepEqual(await statuses(), [200, 404, 404, 404, 200, 404, 404, 404, 200, ...none]);
      const change = async (lines: readonly string[]): Promise<void> => {
        const before = running.output().length;
        writeFileSync(file, block(lines));
        running.child.kill('SIGUSR1');
        await running.waitForOutput(new RegExp(`^[^]{${before}}[^]*Reloading complete`));
      };
      // Ports change their owners, and one is new.
      await change([`health 127.0.0.1:${ports[1]}`, `ready 127.0.0.1:${ports[3]}`, `prometheus 127.0.0.1:${ports[0]}`]);
      assert.deepEqual(await statuses(), [404, 404, 200, 200, 404, 404, ...none, 404, 200, 404]);
      await change([]);
      assert.deepEqual(await statuses(), [...none, ...none, ...none, ...none]);
      assert.equal((await running.end()).code, 0);
    });
  });
}
