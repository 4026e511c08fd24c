/** Metrics over TLS: the file that says so, and a listener with it. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { startMetricsServer } from '../../../../src/observability/endpoints/metrics-server.ts';
import { readWebConfig } from '../../../../src/observability/endpoints/web-config.ts';
import { CertificateAuthority, type KeyPair } from '../../../support/certificates.ts';

const authority = new CertificateAuthority();

function folder(t: TestContext, text: string): string {
  const directory = mkdtempSync(path.join(tmpdir(), 'skyshard-web-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const { certificate, key } = authority.issue('server', ['127.0.0.1']);
  const files = { 'web.yml': text, 'cert.pem': certificate, 'key.pem': key, 'ca.pem': authority.certificate };
  for (const [name, content] of Object.entries(files)) writeFileSync(path.join(directory, name), content);
  return directory;
}

interface Answer {
  readonly text: string;
  readonly subject: string;
}

function get(url: string, client: Partial<KeyPair> = {}): Promise<Answer> {
  const options = { ca: authority.certificate, cert: client.certificate, key: client.key, agent: false } as const;
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const request = https.get(url, options, (response) => {
    const name = (response.socket as TLSSocket).getPeerCertificate().subject.CN;
    let text = '';
    response.setEncoding('utf8').on('data', (piece: string) => (text += piece));
    response.on('end', () => resolve({ text, subject: String(name) }));
  });
  request.on('error', reject);
  return promise;
}

async function serve(t: TestContext, directory: string): Promise<string> {
  const server = await startMetricsServer({
    address: '127.0.0.1',
    port: 0,
    tlsFile: path.join(directory, 'web.yml'),
    page: () => Promise.resolve('page\n'),
    onError: () => undefined,
  });
  t.after(() => server.close());
  return server.url;
}

const PLAIN = 'tls_server_config:\n  cert_file: cert.pem\n  key_file: key.pem\n';

test('the page over TLS; a certificate that is renewed is the next connection’s', async (t) => {
  const directory = folder(t, PLAIN);
  const url = await serve(t, directory);
  assert.match(url, /^https:/);
  assert.deepEqual(await get(url), { text: 'page\n', subject: 'server' });
  const renewed = authority.issue('renewed', ['127.0.0.1']);
  writeFileSync(path.join(directory, 'cert.pem'), renewed.certificate);
  writeFileSync(path.join(directory, 'key.pem'), renewed.key);
  utimesSync(path.join(directory, 'key.pem'), new Date(), new Date(Date.now() + 5000));
  assert.equal((await get(url)).subject, 'renewed');
});

test('who has to show a certificate and has none gets no page', async (t) => {
  const text = `${PLAIN}  client_ca_file: ca.pem\n  client_auth_type: RequireAndVerifyClientCert\n`;
  const url = await serve(t, folder(t, text));
  await assert.rejects(get(url));
  await assert.rejects(get(url, new CertificateAuthority('another').issue('stranger')));
  assert.equal((await get(url, authority.issue('prometheus'))).text, 'page\n');
});

for (const [what, text, message] of [
  ['no key', 'tls_server_config:\n  cert_file: cert.pem\n', /needs cert_file and key_file/],
  ['a file that is not there', `${PLAIN.replace('cert.pem', 'none.pem')}`, /none\.pem: .*ENOENT/],
  ['a key that is none', PLAIN.replace('key.pem', 'cert.pem'), /web\.yml: /],
  ['passwords', `${PLAIN}basic_auth_users:\n  a: b\n`, /basic_auth_users is not supported/],
  ['an unknown word', `${PLAIN}  client_allowed_sans: [a]\n`, /client_allowed_sans is not supported/],
  ['an unknown version', `${PLAIN}  min_version: SSL3\n`, /SSL3 is no version/],
  [
    'clients that cannot be verified',
    `${PLAIN}  client_auth_type: RequireAndVerifyClientCert\n`,
    /needs client_ca_file/,
  ],
  ['no YAML', 'tls_server_config: [', /web\.yml: /],
] as const) {
  test(`a web configuration with ${what} is refused`, (t) => {
    const file = path.join(folder(t, text), 'web.yml');
    assert.throws(
      () => readWebConfig(file),
      (error: Error) => {
        assert.match(error.message, /^plugin\/prometheus: /);
        assert.match(error.message, message);
        return true;
      },
    );
  });
}

test('without a section for TLS it is plain HTTP', (t) => {
  assert.equal(readWebConfig(path.join(folder(t, '\n'), 'web.yml')), undefined);
});
