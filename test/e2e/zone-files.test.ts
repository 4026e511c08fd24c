/** Zone files of `file` and `auto`, in a real process: what is asked over UDP and TCP, files that change, secondaries. */
import assert from 'node:assert/strict';
import dgram from 'node:dgram';
import { once } from 'node:events';
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { before, describe, test } from 'node:test';
import { TYPE } from '../../src/dns/iana.ts';
import { parseType } from '../../src/dns/records/record-words.ts';
import { linesOf, parseLookups } from '../cases/zone-lookup-format.ts';
import { LOOKUPS, ZONE_FILES, ZONES } from '../cases/zone-lookups.ts';
import { buildQuery } from '../wire/query.ts';
import { decodeStrictly } from '../wire/strict-message.ts';
import { TcpClient } from '../wire/tcp-client.ts';
import { startKnotSecondary } from './knot.ts';
import {
  answersOf,
  freePort,
  missingPrograms,
  spawnNode,
  temporaryFolder,
  TRANSPORTS,
  waitForAnswers,
} from './skyshard-process.ts';

const ADDRESS = '127.0.0.1';
const EDNS = { edns: { udpSize: 4096 } };

interface ZoneServer {
  readonly port: number;
  readonly folder: string;
  readonly running: ReturnType<typeof spawnNode>;
}

/** @param plugins  lines of the server block; FOLDER is where the files are */
async function start(
  files: Readonly<Record<string, string>>,
  plugins: string,
  transport: string = TRANSPORTS[0],
): Promise<ZoneServer> {
  const port = await freePort();
  const folder = temporaryFolder(files);
  const corefile = `.:${port} {\n    bind ${ADDRESS}\n    bufsize 4096\n${plugins.replaceAll('FOLDER', folder)}\n}\n`;
  writeFileSync(path.join(folder, 'Corefile'), corefile);
  const running = spawnNode([
    'dist/main.js',
    'serve',
    '--conf',
    path.join(folder, 'Corefile'),
    '--transport',
    transport,
  ]);
  await running.waitForOutput(/ listens on /);
  return { port, folder, running };
}

function zoneText(serial: number, address: string): string {
  return `$TTL 5\n@ SOA ns host ${serial} 7200 3600 86400 30\n@ NS ns\nns A 192.0.2.53\nwww A ${address}\n`;
}

/** Put a file in its place at once, as who edits one does. */
function replaceFile(folder: string, name: string, text: string): void {
  writeFileSync(path.join(folder, `${name}.new`), text);
  renameSync(path.join(folder, `${name}.new`), path.join(folder, name));
}

describe('the table of lookups, over UDP and TCP', () => {
  const lookups = parseLookups(LOOKUPS);
  for (const transport of TRANSPORTS) {
    test(`transport ${transport}`, async (context) => {
      const plugins = Object.entries(ZONES).map(([zone, file]) => `    file FOLDER/${file} ${zone}`);
      const { port, running } = await start(ZONE_FILES, plugins.join('\n'), transport);
      const socket = dgram.createSocket('udp4');
      const client = await TcpClient.open({ port });
      context.after(() => {
        socket.close();
        client.close();
      });
      for (const { question, lines } of lookups) {
        const [name, type] = question.split(' ');
        const query = buildQuery({ name: name!, type: parseType(type!)!, ...EDNS });
        socket.send(query, port, ADDRESS);
        const [datagram] = (await once(socket, 'message', { signal: AbortSignal.timeout(10_000) })) as [Buffer];
        assert.deepEqual(linesOf(decodeStrictly(datagram)), lines, question);
        assert.deepEqual(linesOf(decodeStrictly((await client.ask(query))!)), lines, `${question} over TCP`);
      }
      assert.equal((await running.end()).code, 0);
    });
  }
});

describe('a zone file that changes', () => {
  test('by serial: another one is taken over, the same one not; what is broken keeps the zone', async () => {
    const { port, folder, running } = await start(
      { db: zoneText(1, '192.0.2.1') },
      '    file FOLDER/db example.org {\n        reload 200ms\n    }',
    );
    const www = 'www.example.org';
    assert.deepEqual(await answersOf(port, www), ['192.0.2.1']);
    replaceFile(folder, 'db', zoneText(2, '192.0.2.2'));
    await waitForAnswers(port, www, ['192.0.2.2']);
    await running.waitForOutput(/Successfully reloaded zone \\"example\.org\.\\" in .* with 2 SOA serial/);
    replaceFile(folder, 'db', zoneText(2, '192.0.2.3'));
    await running.waitForOutput(/the SOA serial of zone .* is 2 as before: what else changed is not taken over/);
    assert.deepEqual(await answersOf(port, www), ['192.0.2.2']);
    replaceFile(folder, 'db', `${zoneText(3, '192.0.2.4')}bad A 192.0.2\n`);
    await running.waitForOutput(/Parsing zone \\"example\.org\.\\": [^ ]*db:6:7: A: '192\.0\.2' is no IPv4 address/);
    assert.deepEqual(await answersOf(port, www), ['192.0.2.2']);
    rmSync(path.join(folder, 'db'));
    await running.waitForOutput(/Failed to open zone .*: no such file/);
    assert.deepEqual(await answersOf(port, www), ['192.0.2.2']);
    replaceFile(folder, 'db', zoneText(4, '192.0.2.5'));
    await waitForAnswers(port, www, ['192.0.2.5']);
  });

  test('by time, with included files; a file that is not there yet', async () => {
    const { port, folder } = await start(
      { hosts: 'www A 192.0.2.1\n' },
      '    file FOLDER/db example.org {\n        reload 200ms\n        reload_by_mtime\n    }',
    );
    assert.deepEqual(await answersOf(port, 'www.example.org'), ['SERVFAIL']);
    const text = `$TTL 5\n@ SOA ns host 1 2 3 4 5\n$INCLUDE hosts\n`;
    replaceFile(folder, 'db', text);
    await waitForAnswers(port, 'www.example.org', ['192.0.2.1']);
    replaceFile(folder, 'hosts', 'www A 192.0.2.9\n');
    await new Promise((resolve) => setTimeout(resolve, 20));
    replaceFile(folder, 'db', text);
    await waitForAnswers(port, 'www.example.org', ['192.0.2.9']);
  });

  test('no answer is lost or wrong while zones change', async (context) => {
    const { port, folder } = await start(
      { a: zoneText(1, '192.0.2.1'), b: zoneText(1, '192.0.2.99') },
      '    file FOLDER/a a.test {\n        reload 100ms\n    }\n    file FOLDER/b b.test',
    );
    const socket = dgram.createSocket({ type: 'udp4', recvBufferSize: 4 << 20 });
    context.after(() => socket.close());
    socket.bind(0, ADDRESS);
    await once(socket, 'listening');
    const found = { sent: 0, answered: 0, wrong: 0 };
    socket.on('message', (message) => {
      found.answered++;
      if ((message[3]! & 0x0f) !== 0 || message.readUInt16BE(6) !== 1) found.wrong++;
    });
    const queries = ['www.a.test', 'www.b.test'].map((name) => buildQuery({ name, type: TYPE.A }));
    let serial = 1;
    for (let round = 0; round < 8; round++) {
      serial++;
      const more = Array.from({ length: 2000 }, (_, index) => `h${round}-${index} A 192.0.2.7\n`).join('');
      replaceFile(folder, 'a', zoneText(serial, `192.0.2.${serial}`) + more);
      for (let burst = 0; burst < 40; burst++) {
        for (let index = 0; index < 10; index++) {
          socket.send(queries[index % 2]!, port, ADDRESS);
          found.sent++;
        }
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    }
    await waitForAnswers(port, 'www.a.test', [`192.0.2.${serial}`]);
    const deadlineMs = performance.now() + 5000;
    while (found.answered < found.sent && performance.now() < deadlineMs) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    assert.deepEqual(found, { sent: 3200, answered: 3200, wrong: 0 });
  });
});

describe('auto', () => {
  test('zones come and go with their files, each by itself', async () => {
    const { port, folder, running } = await start(
      { 'db.a.test': zoneText(1, '192.0.2.1'), 'db.outside.example': zoneText(1, '192.0.2.8') },
      '    auto test {\n        directory FOLDER\n        reload 200ms\n    }\n    whoami',
    );
    assert.deepEqual(await answersOf(port, 'www.a.test'), ['192.0.2.1']);
    assert.deepEqual(await answersOf(port, 'www.outside.example'), [], 'not below its zones: the next plugin answers');
    replaceFile(folder, 'db.b.test', zoneText(1, '192.0.2.2'));
    await waitForAnswers(port, 'www.b.test', ['192.0.2.2']);
    replaceFile(folder, 'db.a.test', zoneText(2, '192.0.2.3'));
    await waitForAnswers(port, 'www.a.test', ['192.0.2.3']);
    rmSync(path.join(folder, 'db.a.test'));
    await waitForAnswers(port, 'www.a.test', []);
    assert.deepEqual(await answersOf(port, 'www.b.test'), ['192.0.2.2']);
    await running.waitForOutput(/Inserting zone `b\.test\.' from: /);
    await running.waitForOutput(/Deleting zone `a\.test\.'/);
    assert.equal((await running.end()).code, 0);
  });
});

describe('Knot DNS as a secondary of a zone file', { skip: missingPrograms('knotd') }, () => {
  let server: ZoneServer;
  let port: number;
  before(async () => {
    port = await freePort();
    const transfer = `    transfer {\n        to ${ADDRESS}:${port} 127.0.0.0/8\n    }\n`;
    server = await start(
      { 'db.example.org': ZONE_FILES['db.example.org']!, 'db.a.test': zoneText(1, '192.0.2.1') },
      `${transfer}    file FOLDER/db.example.org example.org\n    auto test {\n        directory FOLDER\n        reload 500ms\n    }`,
    );
    await startKnotSecondary(port, server.port, ['example.org', 'a.test']);
  });

  test('has all of it, and hears of a change long before its refresh time', async () => {
    await waitForAnswers(port, 'www.a.test', ['192.0.2.1']);
    await waitForAnswers(port, 'x.w.example.org', ['192.0.2.21']);
    for (const [name, type] of [
      ['example.org', 'MX'],
      ['ns1.example.org', 'AAAA'],
      ['_sip._tcp.example.org', 'SRV'],
      ['foo.w.example.org', 'A'],
    ] as const) {
      assert.deepEqual(await answersOf(port, name, type), await answersOf(server.port, name, type), name);
    }
    replaceFile(server.folder, 'db.a.test', zoneText(2, '192.0.2.2'));
    await waitForAnswers(port, 'www.a.test', ['192.0.2.2']);
    assert.doesNotMatch(server.running.output(), /was not accepted/);
  });
});
