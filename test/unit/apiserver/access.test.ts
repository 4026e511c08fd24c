/** How the API server is found and opened: endpoint, service account, kubeconfig; and what a fault in them reads like. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test, type TestContext } from 'node:test';
import { ApiAccess, openAccess } from '../../../src/apiserver/access.ts';
import type { KubernetesApiOptions } from '../../../src/apiserver/api-options.ts';
import { readEndpoint } from '../../../src/apiserver/endpoint-access.ts';
import { readInCluster } from '../../../src/apiserver/in-cluster-access.ts';
import { openKubeconfig } from '../../../src/apiserver/kubeconfig-access.ts';
import { service } from '../../support/api-objects.ts';
import { CertificateAuthority } from '../../support/certificates.ts';
import { FakeApiServer } from '../../support/fake-api-server.ts';
import { openProxy } from '../../support/connect-proxy.ts';
import { follow } from './follow.ts';

let folder = '';
before(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'skyshard-access-'));
});
after(() => rmSync(folder, { recursive: true }));

const authority = new CertificateAuthority();
const server = authority.issue('kube-apiserver', ['127.0.0.1', 'kubernetes.default']);
const client = authority.issue('dns');

function write(name: string, text: string): string {
  const file = path.join(folder, name);
  writeFileSync(file, text);
  return file;
}

function writeFiles(): { certificateFile: string; keyFile: string; authorityFile: string } {
  return {
    certificateFile: write('client.crt', client.certificate),
    keyFile: write('client.key', client.key),
    authorityFile: write('ca.crt', authority.certificate),
  };
}

const base64 = (text: string): string => Buffer.from(text).toString('base64');

/** A kubeconfig with one context; `cluster` and `user` are lines of YAML. */
function kubeconfig(name: string, cluster: readonly string[], user: readonly string[]): string {
  const indent = (lines: readonly string[]): string => lines.map((line) => `    ${line}\n`).join('');
  return write(
    name,
    `apiVersion: v1\nkind: Config\ncurrent-context: here\ncontexts:\n- name: here\n  context: {cluster: c, user: u}\n` +
      `clusters:\n- name: c\n  cluster:\n${indent(cluster)}users:\n- name: u\n  user:\n${indent(user)}`,
  );
}

/** A server that asks for a client certificate of the authority's. */
async function tlsServer(t: TestContext, requestCert = true): Promise<FakeApiServer> {
  const fake = await FakeApiServer.start({
    tls: {
      cert: server.certificate,
      key: server.key,
      ca: authority.certificate,
      requestCert,
      rejectUnauthorized: requestCert,
    },
  });
  fake.put(service('a', '10.96.0.1'));
  t.after(() => fake.close());
  return fake;
}

/** Wait until objects arrive through `api`. */
async function reach(t: TestContext, fake: FakeApiServer, api: Partial<KubernetesApiOptions>): Promise<void> {
  const { sink } = await follow(t, { api });
  await fake.until(() => sink.names('Service').length === 1, 'an object');
}

const codeOf = (pattern: RegExp) => (error: { code?: unknown; message: string }) => {
  assert.equal(error.code, 'API_ACCESS');
  assert.match(error.message, pattern);
  return true;
};

test('endpoint with tls: the server is checked, the client shows its certificate', async (t) => {
  const fake = await tlsServer(t);
  await reach(t, fake, { endpoint: fake.url, tls: writeFiles() });
});

test('an endpoint without scheme is http, with tls https; a path is kept', () => {
  assert.equal(readEndpoint('127.0.0.1:8080', null).server.href, 'http://127.0.0.1:8080/');
  assert.equal(readEndpoint('127.0.0.1:6443', writeFiles()).server.href, 'https://127.0.0.1:6443/');
  assert.equal(readEndpoint('https://proxy/k8s/clusters/c-1', null).server.pathname, '/k8s/clusters/c-1');
  for (const text of ['', 'ftp://host', 'http://', 'https://user:secret@host', 'https://host/?a=b']) {
    assert.throws(() => readEndpoint(text, null), codeOf(/^endpoint ".*": expected a URL, http or https$/));
  }
});

test('faults of tls name the file and the word', () => {
  const files = writeFiles();
  const other = write('other.key', authority.issue('other').key);
  const missing = path.join(folder, 'missing.crt');
  const refused: [Partial<typeof files>, RegExp][] = [
    [{ certificateFile: missing }, /missing\.crt: cannot read the file that tls CERT names: ENOENT/],
    [{ keyFile: files.certificateFile }, /client\.crt: tls KEY: no private key in PEM/],
    [{ keyFile: other }, /other\.key: tls KEY: the key is not that of the certificate/],
    [{ authorityFile: files.keyFile }, /client\.key: tls CACERT: no certificate in PEM/],
  ];
  for (const [change, pattern] of refused) {
    assert.throws(() => readEndpoint('https://127.0.0.1', { ...files, ...change }), codeOf(pattern));
  }
  const broken = write('broken.crt', authority.certificate.replace(/\n(.{8})/, '\nAAAAAAAA'));
  assert.throws(
    () => readEndpoint('https://127.0.0.1', { ...files, authorityFile: broken }),
    codeOf(/broken\.crt: tls CACERT: certificate 1 cannot be read/),
  );
});

test('the service account of a pod', () => {
  write('token', 'abc.def\n');
  writeFiles();
  const environment = { KUBERNETES_SERVICE_HOST: '10.96.0.1', KUBERNETES_SERVICE_PORT: '443' };
  const credentials = readInCluster(environment, folder);
  assert.equal(credentials.server.href, 'https://10.96.0.1/');
  assert.deepEqual(credentials.headers, { authorization: 'Bearer abc.def' });
  assert.equal(credentials.authority, authority.certificate);
  const six = readInCluster({ ...environment, KUBERNETES_SERVICE_HOST: 'fd00::1' }, folder);
  assert.equal(six.server.host, '[fd00::1]');
  assert.throws(() => readInCluster({}, folder), codeOf(/^not in a cluster: .* KUBERNETES_SERVICE_HOST; .*endpoint/));
  assert.throws(() => readInCluster(environment, path.join(folder, 'none')), codeOf(/none\/token: cannot read/));
  write('token', '\n');
  assert.throws(() => readInCluster(environment, folder), codeOf(/token: the service account: the file is empty/));
});

test('kubeconfig: files beside it, data in it, tokens, a server name', async (t) => {
  const fake = await tlsServer(t);
  writeFiles();
  const files = ['client-certificate: client.crt', 'client-key: client.key'];
  const data = [`client-certificate-data: ${base64(client.certificate)}`, `client-key-data: ${base64(client.key)}`];
  const authorityData = `certificate-authority-data: ${base64(authority.certificate)}`;
  await t.test('files, relative to it', async (t) => {
    const file = kubeconfig('files', [`server: ${fake.url}`, 'certificate-authority: ca.crt'], files);
    await reach(t, fake, { kubeconfig: { file, context: null } });
  });
  await t.test('data', async (t) => {
    const file = kubeconfig('data', [`server: ${fake.url}`, authorityData], data);
    await reach(t, fake, { kubeconfig: { file, context: 'here' } });
  });
  await t.test('a server name', async (t) => {
    const file = kubeconfig(
      'name',
      [`server: ${fake.url}`, authorityData, 'tls-server-name: kubernetes.default'],
      data,
    );
    await reach(t, fake, { kubeconfig: { file, context: null } });
  });
  await t.test('no check of the server', async (t) => {
    const file = kubeconfig('insecure', [`server: ${fake.url}`, 'insecure-skip-tls-verify: true'], data);
    await reach(t, fake, { kubeconfig: { file, context: null } });
  });
});

test('a server that is not trusted is not spoken to, and the message says what to check', async (t) => {
  const fake = await tlsServer(t, false);
  const foreign = new CertificateAuthority('another');
  const file = kubeconfig(
    'foreign',
    [`server: ${fake.url}`, `certificate-authority-data: ${base64(foreign.certificate)}`],
    ['token: secret'],
  );
  const { source } = await follow(t, {
    api: { kubeconfig: { file, context: null } },
  });
  await fake.until(() => source.status[0]!.error !== undefined, 'a fault');
  assert.match(source.status[0]!.error!.message, /check the CA, the client certificate and the name in the address/);
  assert.equal(fake.requests.length, 0);
});

test('kubeconfig: how a user is known', async () => {
  write('token', 'from-file\n');
  const read = async (name: string, user: readonly string[]): Promise<unknown> =>
    (await (await openKubeconfig(kubeconfig(name, ['server: http://127.0.0.1:1'], user), null))(false)).headers;
  assert.deepEqual(await read('u1', ['token: abc']), { authorization: 'Bearer abc' });
  assert.deepEqual(await read('u2', ['token: abc', 'tokenFile: token']), { authorization: 'Bearer from-file' });
  assert.deepEqual(await read('u3', ['username: me', 'password: "p:w"']), {
    authorization: `Basic ${base64('me:p:w')}`,
  });
  assert.deepEqual(await read('u4', ['as: jane', 'as-uid: "7"', 'as-groups: [a, b]', 'as-user-extra: {Scope: [x]}']), {
    'impersonate-user': 'jane',
    'impersonate-uid': '7',
    'impersonate-group': ['a', 'b'],
    'impersonate-extra-scope': ['x'],
  });
});

test('faults of a kubeconfig name file and field', async () => {
  const server = 'server: https://127.0.0.1:6443';
  const refused: [string, readonly string[], readonly string[], RegExp][] = [
    ['f1', ['x: y'], ['token: a'], /f1: clusters\[0\]\.cluster\.server: is required/],
    ['f2', ['server: "ftp://h"'], ['token: a'], /f2: clusters\[0\]\.cluster\.server: expected a URL/],
    [
      'f3',
      [server],
      ['client-certificate: none.crt'],
      /none\.crt: cannot read the file that client-certificate of .*f3/,
    ],
    ['f4', [server], ['client-key-data: "!!"'], /f4: users\[0\]\.user\.client-key-data: expected PEM in base64/],
    [
      'f5',
      [server],
      [`client-key-data: ${base64(client.key)}`],
      /f5: users\[0\]\.user\.client-certificate: is required/,
    ],
    ['f6', [server], ['token: 7'], /f6: users\[0\]\.user\.token: must be a string, not 7/],
    [
      'f7',
      [server, 'insecure-skip-tls-verify: "yes"'],
      ['token: a'],
      /insecure-skip-tls-verify: must be true or false/,
    ],
    ['f8', [server], ['tokenFile: none'], /none: cannot read the file that tokenFile of .*f8/],
  ];
  for (const [name, cluster, user, pattern] of refused) {
    await assert.rejects(openKubeconfig(kubeconfig(name, cluster, user), null), codeOf(pattern));
  }
  const good = kubeconfig('good', [server], ['token: a']);
  await assert.rejects(openKubeconfig(good, 'there'), codeOf(/good: no context "there"; contexts in the file: "here"/));
  await assert.rejects(
    openKubeconfig(path.join(folder, 'no'), null),
    codeOf(/no: cannot read the file that kubeconfig/),
  );
  await assert.rejects(openKubeconfig(write('y', 'a: [b'), null), codeOf(/y: not YAML: .*line 1, column/s));
  await assert.rejects(
    openKubeconfig(write('e', '{}'), null),
    codeOf(/e: no context is given .*the file has no contexts/),
  );
  const lost = write('l', '{"current-context":"a","contexts":[{"name":"a","context":{"cluster":"x","user":"u"}}]}');
  await assert.rejects(
    openKubeconfig(lost, null),
    codeOf(/contexts\[0\]\.context\.cluster: names "x"; the file has no clusters/),
  );
});

test('a token that was rotated is read again after 401', async (t) => {
  const tokenFile = write('rotated', 'first');
  const fake = await FakeApiServer.start();
  t.after(() => fake.close());
  fake.authorization = 'Bearer first';
  fake.put(service('a', '10.96.0.1'));
  const file = kubeconfig('rotating', [`server: ${fake.url}`], [`tokenFile: ${tokenFile}`]);
  const { source, sink } = await follow(t, { api: { kubeconfig: { file, context: null } } });
  const agree = async (): Promise<void> =>
    fake.until(() => sink.names('Service').length === fake.list('services').length, 'the same objects');
  await agree();
  await fake.until(() => fake.openWatches() === 1, 'a watch');
  fake.authorization = 'Bearer second';
  fake.put(service('b', '10.96.0.2'));
  fake.endWatches();
  await fake.until(() => source.status[0]!.error?.code === 'API_UNAUTHORIZED', '401');
  write('rotated', 'second');
  fake.put(service('c', '10.96.0.3'));
  await agree();
});

test('credentials are read again each minute, and what was read last holds while that fails', async () => {
  let nowMs = 0;
  let token = 'a';
  const warnings: string[] = [];
  const reads: boolean[] = [];
  const tokenFile = write('minute', 'a');
  const file = kubeconfig('m', ['server: http://127.0.0.1:1'], [`tokenFile: ${tokenFile}`]);
  const read = await openKubeconfig(file, null);
  const access = new ApiAccess(
    (isRefused) => {
      reads.push(isRefused);
      return read(isRefused);
    },
    (error) => warnings.push(error.message),
    () => nowMs,
  );
  const authorization = async (): Promise<unknown> => (await access.connect()).headers['authorization'];
  assert.equal(await authorization(), 'Bearer a');
  write('minute', (token = 'b'));
  nowMs += 59_000;
  assert.equal(await authorization(), 'Bearer a');
  nowMs += 1000;
  assert.equal(await authorization(), `Bearer ${token}`);
  write('minute', '');
  nowMs += 60_000;
  assert.equal(await authorization(), 'Bearer b');
  assert.match(warnings.join(), /minute: tokenFile of .*: the file is empty/);
  write('minute', 'c');
  access.invalidate();
  assert.equal(await authorization(), 'Bearer c');
  assert.deepEqual(reads, [false, false, false, true]);
});

test('a certificate that was rotated opens new connections; running ones stay', async (t) => {
  const fake = await tlsServer(t);
  const files = writeFiles();
  let nowMs = 0;
  const access = new ApiAccess(
    () => readEndpoint(fake.url, files),
    () => assert.fail('a warning'),
    () => nowMs,
  );
  t.after(() => access.close());
  const first = await access.connect();
  nowMs += 60_000;
  assert.equal((await access.connect()).agent, first.agent, 'nothing changed');
  const renewed = authority.issue('dns');
  write('client.crt', renewed.certificate);
  write('client.key', renewed.key);
  nowMs += 60_000;
  assert.notEqual((await access.connect()).agent, first.agent);
});

test('a proxy that the environment names is asked for a way to the server', async (t) => {
  const fake = await tlsServer(t);
  const proxy = await openProxy(t);
  process.env['HTTPS_PROXY'] = proxy.url;
  t.after(() => delete process.env['HTTPS_PROXY']);
  // Only the proxy knows where that is.
  await reach(t, fake, { endpoint: `https://kubernetes.default:${fake.port}`, tls: writeFiles() });
  assert.deepEqual(proxy.asked, [`kubernetes.default:${fake.port}`]);
});

test('what is wrong is known before anything starts', async () => {
  const options = { endpoint: 'ftp://x', tls: null, kubeconfig: null, queriesPerSecond: 0, burst: 0, inflightMax: 0 };
  await assert.rejects(
    openAccess(options, () => undefined),
    codeOf(/^endpoint/),
  );
  const kubeconfig = { file: path.join(folder, 'gone'), context: null };
  await assert.rejects(
    openAccess({ ...options, kubeconfig }, () => undefined),
    codeOf(/gone: cannot read/),
  );
});
