/** The target of an ExternalName is looked up through the whole server, and whoever asked gets all of it in one response. */
import assert from 'node:assert/strict';
import path from 'node:path';
import { describe, test } from 'node:test';
import type dnsPacket from 'dns-packet';
import { TYPE } from '../../src/dns/iana.ts';
import { formatName } from '../wire/names.ts';
import { buildQuery } from '../wire/query.ts';
import { type DecodedMessage, decodeStrictly } from '../wire/strict-message.ts';
import { TcpClient } from '../wire/tcp-client.ts';
import { addressReply, startStreamUpstream, type StreamAnswer, truncating } from './stream-upstream.ts';
import { ask, freePort, spawnNode, temporaryFolder, TRANSPORTS } from './skyshard-process.ts';

/** Service, target, and the records behind the CNAME: owner and count; the rcode. */
const CASES: readonly [service: string, target: string, records: readonly string[], rcode: string][] = [
  ['to-hosts', 'box.hosts.test', ['box.hosts.test 192.0.2.200'], 'NOERROR'],
  ['to-template', 'x.template.test', ['x.template.test 192.0.2.201'], 'NOERROR'],
  ['to-forward', 'one.test', ['one.test 192.0.0.0'], 'NOERROR'],
  ['to-large', 'large.test', ['large.test 192.0.0.0', 'large.test 192.0.0.1', 'large.test 192.0.0.2'], 'NOERROR'],
  ['to-stub', 'a.stub.test', ['a.stub.test 192.0.0.0', 'a.stub.test 192.0.0.1'], 'NOERROR'],
  ['to-own', 'web.default.svc.cluster.local', ['web.default.svc.cluster.local 10.96.1.1'], 'NOERROR'],
  ['to-chain', 'to-large.default.svc.cluster.local', ['large.test 192.0.0.0'], 'NOERROR'],
  ['to-nothing', 'none.test', [], 'NXDOMAIN'],
];
const NXDOMAIN = 3;

const answer: StreamAnswer = (query, over, send) => {
  const { name } = query.questions![0]!;
  if (name === 'none.test') return addressReply(query, 0, NXDOMAIN);
  if (name === 'large.test') return truncating(0, 3)(query, over, send);
  return addressReply(query, 1);
};

function manifests(): string {
  const services = CASES.map(
    ([name, target]) => `---
{ apiVersion: v1, kind: Service, metadata: { name: ${name}, namespace: default },
  spec: { type: ExternalName, externalName: ${target} } }`,
  );
  return `{ apiVersion: v1, kind: Namespace, metadata: { name: default } }
---
{ apiVersion: v1, kind: Service, metadata: { name: web, namespace: default },
  spec: { clusterIP: 10.96.1.1, ports: [{ name: http, port: 80 }] } }
${services.join('\n')}
`;
}

for (const transport of TRANSPORTS) {
  describe(`targets of ExternalName, transport ${transport}`, () => {
    test('hosts, template, forward, other blocks, chains: over UDP and over TCP', async () => {
      const upstream = await startStreamUpstream({ answer });
      const stub = await startStreamUpstream({ answer: (query) => addressReply(query, 2) });
      const port = await freePort();
      const corefile = `.:${port} {
  bind 127.0.0.1
  hosts {
    192.0.2.200 box.hosts.test
    fallthrough
  }
  template IN A template.test {
    answer "{{ .Name }} 60 IN A 192.0.2.201"
  }
  kubernetes cluster.local
  forward . 127.0.0.1:${upstream.port}
}
stub.test:${port} {
  bind 127.0.0.1
  forward . 127.0.0.1:${stub.port} {
    force_tcp
  }
}
`;
      const folder = temporaryFolder({ Corefile: corefile, 'objects.yaml': manifests() });
      const conf = ['--conf', path.join(folder, 'Corefile'), '--manifests', path.join(folder, 'objects.yaml')];
      const running = spawnNode(['dist/main.js', 'serve', ...conf, '--transport', transport]);
      await running.waitForOutput(/ listens on /);
      const client = await TcpClient.open({ port });
      for (const [service, target, records, rcode] of CASES) {
        const name = `${service}.default.svc.cluster.local`;
        const overUdp = (await ask(port, name)) as dnsPacket.DecodedPacket & { rcode: string };
        assert.equal(overUdp.rcode, rcode, name);
        const [alias, ...rest] = overUdp.answers as { name: string; type: string; data: string }[];
        assert.deepEqual([alias!.name, alias!.type, alias!.data], [name, 'CNAME', target]);
        const found = rest.filter(({ type }) => type === 'A').map((record) => `${record.name} ${record.data}`);
        assert.deepEqual(found.slice(0, records.length), records, name);
        assert.ok(overUdp.flag_aa, 'the CNAME record is ours');
        const overTcp = decodeStrictly((await client.ask(buildQuery({ name, type: TYPE.A, id: 9 })))!);
        assert.deepEqual(linesOf(overTcp), [`${name}. ${target}.`, ...rest.map(lineOf)], name);
      }
      client.close();
      assert.ok(upstream.asked.some(({ name, over }) => name === 'large.test' && over === 'tcp'));
      assert.ok(stub.asked.every(({ over }) => over === 'tcp'));
      await running.end();
    });
  });
}

const lineOf = ({ name, type, data }: { name: string; type: string; data: string }): string =>
  `${name}. ${data}${type === 'CNAME' ? '.' : ''}`;

function linesOf({ answer: records }: DecodedMessage): string[] {
  return records.map(({ owner, rdata }) => `${formatName(owner)} ${rdata}`);
}
