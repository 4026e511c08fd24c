/** Signed messages of a real process on both transports: own and forwarded answers, UDP and TCP, transfers, refusals, new secrets. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import dgram from 'node:dgram';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { buildIxfr, buildQuery, type QuerySpec } from '../wire/query.ts';
import { TcpClient } from '../wire/tcp-client.ts';
import { clientKey, ResponseVerifier, signQuery, type ClientKey, type ResponseSignature } from '../wire/tsig-client.ts';
import {
  freePort,
  missingPrograms,
  serviceManifest,
  spawnNode,
  temporaryFolder,
  TRANSPORTS,
} from './skyshard-process.ts';

const ADDRESS = '127.0.0.1';
const SECRET = 'NoTCJU+DMqFWywaPyxSijrDEA/eC3nK0xi3AMEZuPVk=';
const OTHER_SECRET = 'AAAAJU+DMqFWywaPyxSijrDEA/eC3nK0xi3AMEZuPVk=';
const KEY = clientKey('key.example', 'sha256', SECRET);
const KEYS = `key "Key.Example." {
    algorithm hmac-sha256;
    secret "${SECRET}";
};
`;
const SERVICES = 260;
const A = 1;
const TXT = 16;
const AXFR = 252;
const [NOERROR, FORMERR, REFUSED, NOTAUTH] = [0, 1, 5, 9];
const [BADSIG, BADKEY, BADTIME] = [16, 17, 18];
const TC = 0x0200;
const AD = 0x0020;

const upstream = dgram.createSocket('udp4');

before(async () => {
  upstream.on('message', (query, peer) => {
    // Its OPT record, if it has one, is the rest.
    const questionEnd = query.indexOf(0, 12) + 5;
    const isLarge = query.includes('large');
    const record = Buffer.from('c00c00010001000003e80004c0000207', 'hex');
    const count = isLarge ? 60 : 1;
    const response = Buffer.concat([query.subarray(0, questionEnd), ...Array.from({ length: count }, () => record)]);
    response.writeUInt16BE(0x81a0, 2);
    response.writeUInt16BE(count, 6);
    response.writeUInt32BE(0, 8);
    for (let index = 0; index < count; index++) response[questionEnd + 16 * index + 15] = index;
    upstream.send(response, peer.port, peer.address);
  });
  await new Promise<void>((resolve) => upstream.bind(0, ADDRESS, resolve));
});

after(() => upstream.close());

interface Answer {
  readonly message: Buffer;
  readonly rcode: number;
  readonly flags: number;
  readonly answers: number;
  readonly signature: ResponseSignature | undefined;
}

class Server {
  readonly port: number;
  readonly keyFile: string;
  readonly output: () => string;

  private constructor(port: number, keyFile: string, output: () => string) {
    this.port = port;
    this.keyFile = keyFile;
    this.output = output;
  }

  static async start(transport: string): Promise<Server> {
    const port = await freePort();
    const services = Array.from({ length: SERVICES }, (_, index) =>
      serviceManifest(`service-${index}`, `10.96.${index >> 8}.${index & 255}`),
    );
    // Each brings its namespace along, which may be there once.
    const text = [services[0]!, ...services.slice(1).map((service) => service.slice(service.indexOf('---')))].join(
      '\n',
    );
    const manifests = temporaryFolder({ 'services.yaml': text });
    const corefile = `.:${port} {
    bind ${ADDRESS}
    reload 2s 1s
    tsig {
        secrets keys.conf
        require AXFR IXFR TXT
    }
    transfer {
        to *
    }
    kubernetes cluster.local 10.96.0.0/16
    cache
    forward . ${ADDRESS}:${upstream.address().port} {
        prefer_udp
    }
}
other.test:${port} {
    bind ${ADDRESS}
    tsig signed.other.test {
        secret other.example. ${OTHER_SECRET}
        require all
    }
    whoami
}
plain.test:${port} {
    bind ${ADDRESS}
    whoami
}
`;
    const folder = temporaryFolder({ Corefile: corefile, 'keys.conf': KEYS });
    const file = path.join(folder, 'Corefile');
    const main = path.resolve('dist/main.js');
    const args = [main, 'serve', '--conf', file, '--manifests', manifests, '--transport', transport];
    const running = spawnNode(args, { workingDirectory: folder });
    await running.waitForOutput(/ listens on /);
    return new Server(port, path.join(folder, 'keys.conf'), running.output);
  }

  async ask(query: Uint8Array, key?: ClientKey, mac: Buffer = Buffer.alloc(0), isStream = false): Promise<Answer> {
    const message = isStream ? await this.#askStream(query) : await this.#askDatagram(query);
    return {
      message,
      rcode: message[3]! & 15,
      flags: message.readUInt16BE(2),
      answers: message.readUInt16BE(6),
      signature: key === undefined ? undefined : new ResponseVerifier(key, mac).verify(message),
    };
  }

  async askSigned(spec: QuerySpec, key = KEY, isStream = false): Promise<Answer> {
    const { message, mac } = signQuery(Buffer.from(buildQuery(spec)), key);
    return this.ask(message, key, mac, isStream);
  }

  async #askStream(query: Uint8Array): Promise<Buffer> {
    const client = await TcpClient.open({ port: this.port });
    const message = await client.ask(query);
    client.close();
    return message ?? assert.fail('the server has closed the connection');
  }

  async #askDatagram(query: Uint8Array): Promise<Buffer> {
    const socket = dgram.createSocket('udp4');
    try {
      return await new Promise<Buffer>((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error('no answer within 10 s')), 10_000);
        socket.once('message', (message) => {
          clearTimeout(timer);
          resolve(message);
        });
        socket.send(query, this.port, ADDRESS);
      });
    } finally {
      socket.close();
    }
  }
}

for (const transport of TRANSPORTS) {
  describe(`signed messages, transport ${transport}`, () => {
    let server: Server;
    before(async () => {
      server = await Server.start(transport);
    });

    for (const isStream of [false, true]) {
      const over = isStream ? 'TCP' : 'UDP';
      test(`own, forwarded and cached answers over ${over} are signed, with OPT and without`, async () => {
        for (const [name, rcode, answers] of [
          ['service-1.default.svc.cluster.local', 0, 1],
          ['nothing.default.svc.cluster.local', 3, 0],
          [`${transport}-${over}.forwarded.test`, 0, 1],
          [`${transport}-${over}.forwarded.test`, 0, 1],
        ] as const) {
          for (const edns of [{}, { edns: { udpSize: 1232 } }]) {
            const answer = await server.askSigned({ name, type: A, ...edns }, KEY, isStream);
            assert.deepEqual([answer.rcode, answer.answers], [rcode, answers], name);
            assert.deepEqual(
              [answer.signature?.isRight, answer.signature?.error, answer.signature?.macSize],
              [true, 0, 32],
              name,
            );
          }
        }
      });

      test(`each algorithm is known over ${over}, and the client's letter case of the key does not count`, async () => {
        for (const hash of ['md5', 'sha1', 'sha224', 'sha256', 'sha384', 'sha512']) {
          const key = clientKey('key.example', hash, SECRET);
          const answer = await server.askSigned(
            { name: 'service-1.default.svc.cluster.local', type: A },
            key,
            isStream,
          );
          assert.deepEqual([answer.rcode, answer.signature?.isRight], [NOERROR, true], hash);
        }
      });

      test(`what is not signed right is refused over ${over}, as RFC 8945 says`, async () => {
        const spec = { name: 'service-1.default.svc.cluster.local', type: A };
        const wrong = await server.askSigned(spec, { ...KEY, secret: Buffer.from('x') }, isStream);
        assert.deepEqual([wrong.rcode, wrong.signature?.error, wrong.signature?.macSize], [NOTAUTH, BADSIG, 0]);
        const unknown = await server.askSigned(spec, clientKey('no.example', 'sha256', SECRET), isStream);
        assert.deepEqual([unknown.rcode, unknown.signature?.error, unknown.signature?.macSize], [NOTAUTH, BADKEY, 0]);
        const signedAt = Math.floor(Date.now() / 1000) - 1000;
        const late = signQuery(Buffer.from(buildQuery(spec)), KEY, signedAt);
        const answer = await server.ask(late.message, KEY, late.mac, isStream);
        assert.deepEqual([answer.rcode, answer.answers], [NOTAUTH, 0]);
        assert.deepEqual([answer.signature?.error, answer.signature?.isRight], [BADTIME, true]);
        assert.equal(answer.signature?.timeSigned, signedAt);
        assert.ok(Math.abs(answer.signature!.other.readUIntBE(0, 6) - Date.now() / 1000) < 300);
        const twice = signQuery(signQuery(Buffer.from(buildQuery(spec)), KEY).message, KEY);
        const misplaced = await server.ask(twice.message, KEY, twice.mac, isStream);
        assert.deepEqual([misplaced.rcode, misplaced.signature], [FORMERR, undefined]);
      });
    }

    test('a truncated answer is a signed question that fits', async () => {
      for (const [type, name, edns] of [
        [A, `${transport}.large.test`, {}],
        [A, `${transport}.large.test`, { edns: { udpSize: 700 } }],
      ] as const) {
        const answer = await server.askSigned({ name, type, ...edns });
        assert.deepEqual([answer.rcode, answer.answers, answer.flags & TC], [NOERROR, 0, TC]);
        assert.equal(answer.signature?.isRight, true);
        assert.ok(answer.message.length <= 700);
      }
      const whole = await server.askSigned({ name: `${transport}.large.test`, type: A }, KEY, true);
      assert.deepEqual([whole.answers, whole.flags & TC, whole.signature?.isRight], [60, 0, true]);
    });

    test('what an upstream says of its signatures is nobody’s word: AD is not set', async () => {
      const flags = 0x0120;
      const plain = await server.ask(buildQuery({ name: `${transport}.ad.test`, type: A, flags }));
      assert.equal(plain.flags & AD, AD);
      const signed = await server.askSigned({ name: `${transport}.ad.test`, type: A, flags });
      assert.deepEqual([signed.flags & AD, signed.signature?.isRight], [0, true]);
      const missed = await server.askSigned({ name: `${transport}.missed.test`, type: A, flags });
      assert.deepEqual([missed.flags & AD, missed.signature?.isRight], [0, true]);
    });

    test('only types that are named need a signature, in the zones that are named', async () => {
      const ask = async (name: string, type: number): Promise<number> =>
        (await server.ask(buildQuery({ name, type }))).rcode;
      assert.equal(await ask('service-1.default.svc.cluster.local', TXT), REFUSED);
      assert.equal(await ask('service-1.default.svc.cluster.local', A), NOERROR);
      assert.equal(await ask('signed.other.test', A), REFUSED);
      assert.equal(await ask('a.signed.other.test', A), REFUSED);
      assert.equal(await ask('unsigned.other.test', A), NOERROR);
      const signed = await server.askSigned({ name: 'service-1.default.svc.cluster.local', type: TXT });
      assert.deepEqual([signed.rcode, signed.signature?.isRight], [NOERROR, true]);
    });

    test('blocks of a listener share their keys, and a block without the plugin does not look at signatures', async () => {
      const other = await server.askSigned({ name: 'a.signed.other.test', type: A });
      assert.deepEqual([other.rcode, other.signature?.isRight], [NOERROR, true]);
      const key = clientKey('other.example', 'sha512', OTHER_SECRET);
      const own = await server.askSigned({ name: 'service-1.default.svc.cluster.local', type: A }, key);
      assert.deepEqual([own.rcode, own.signature?.isRight], [NOERROR, true]);
      for (const name of ['plain.test', 'unsigned.other.test']) {
        const plain = await server.askSigned({ name, type: A }, clientKey('no.example', 'sha256', SECRET));
        assert.deepEqual([plain.rcode, plain.signature], [NOERROR, undefined], name);
      }
      const twice = signQuery(signQuery(Buffer.from(buildQuery({ name: 'plain.test', type: A })), KEY).message, KEY);
      assert.equal((await server.ask(twice.message)).rcode, NOERROR);
    });

    test('each message of a transfer is signed with the one before, and there is none without a signature', async () => {
      const plain = await server.ask(buildQuery({ name: 'cluster.local', type: AXFR }), undefined, undefined, true);
      assert.deepEqual([plain.rcode, plain.answers], [REFUSED, 0]);
      for (const query of [
        Buffer.from(buildQuery({ name: 'cluster.local', type: AXFR, edns: { udpSize: 1232 } })),
        Buffer.from(buildIxfr('cluster.local', 1)),
      ]) {
        const { message, mac } = signQuery(query, KEY);
        const client = await TcpClient.open({ port: server.port });
        client.send(message);
        // SOA twice, NS and its address, and for each Service an address and two SRV records.
        await client.until(() => recordsOf(client.messages) >= SERVICES * 3 + 3, 'the zone');
        client.close();
        const verifier = new ResponseVerifier(KEY, mac);
        const signatures = client.messages.map((part) => verifier.verify(part));
        assert.ok(signatures.length > 1, `${signatures.length} messages`);
        assert.ok(signatures.every((signature) => signature?.isRight === true && signature.error === 0));
      }
    });

    for (const [program, right] of [
      ['dig', /XFR size: \d+ records \(messages [2-9]/],
      ['kdig', /Received \d+ B \([2-9] messages/],
    ] as const) {
      test(`${program} takes the transfer, and its answers`, { skip: missingPrograms(program) }, () => {
        const run = (name: string, type: string): string => {
          const args = [`@${ADDRESS}`, '-p', String(server.port), '-y', `hmac-sha512:key.example:${SECRET}`];
          const { stdout, stderr } = spawnSync(program, [...args, name, type], { encoding: 'utf8' });
          assert.doesNotMatch(
            `${stdout}${stderr}`,
            /could not be validated|BADSIG|failed|WARNING.*TSIG|expected a TSIG/i,
          );
          return stdout;
        };
        assert.match(run('cluster.local', 'AXFR'), right);
        assert.match(run('service-1.default.svc.cluster.local', 'A'), /status: NOERROR[^]*10\.96\.0\.1[^]*NOERROR/);
      });
    }

    test('another secret in the file is another secret', async () => {
      const spec = { name: 'service-1.default.svc.cluster.local', type: A };
      writeFileSync(server.keyFile, KEYS.replace(SECRET, OTHER_SECRET));
      const key = clientKey('key.example', 'sha256', OTHER_SECRET);
      const deadlineMs = performance.now() + 20_000;
      let answer = await server.askSigned(spec, key);
      while (answer.rcode !== NOERROR && performance.now() < deadlineMs) {
        await new Promise((resolve) => setTimeout(resolve, 100));
        answer = await server.askSigned(spec, key);
      }
      assert.deepEqual([answer.rcode, answer.signature?.isRight], [NOERROR, true]);
      const former = await server.askSigned(spec);
      assert.deepEqual([former.rcode, former.signature?.error], [NOTAUTH, BADSIG]);
    });
  });
}

function recordsOf(messages: readonly Buffer[]): number {
  return messages.reduce((sum, message) => sum + message.readUInt16BE(6), 0);
}
