/** kubeconfig files that need more than reading: plugins and proxies. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { openKubeconfig } from '../../../src/apiserver/kubeconfig-access.ts';
import { service } from '../../support/api-objects.ts';
import { CertificateAuthority } from '../../support/certificates.ts';
import { openProxy } from '../../support/connect-proxy.ts';
import { FakeApiServer } from '../../support/fake-api-server.ts';
import { follow } from './follow.ts';

/** The library is a thousand files, and the machine may be busy. */
const LOAD_MS = 60_000;

function makeFolder(t: TestContext): string {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'skyshard-kubeconfig-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

function writeConfig(folder: string, cluster: object, user: object): string {
  const file = path.join(folder, 'config');
  const config = {
    'current-context': 'x',
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    clusters: [{ name: 'c', cluster }],
    users: [{ name: 'u', user }],
  };
  writeFileSync(file, JSON.stringify(config));
  return file;
}

function following(t: TestContext, file: string): ReturnType<typeof follow> {
  return follow(t, { api: { kubeconfig: { file, context: null } } });
}

/** A server with TLS, and the cluster of a kubeconfig that leads to it. */
async function openServer(t: TestContext): Promise<{ fake: FakeApiServer; cluster: Record<string, string> }> {
  const authority = new CertificateAuthority();
  const { certificate, key } = authority.issue('kube-apiserver', ['127.0.0.1']);
  const fake = await FakeApiServer.start({ tls: { cert: certificate, key } });
  t.after(() => fake.close());
  fake.put(service('a', '10.96.0.1'));
  const data = Buffer.from(authority.certificate).toString('base64');
  return { fake, cluster: { server: fake.url, 'certificate-authority-data': data } };
}

test('a plugin is run for a token, and again when the server refuses it', async (t) => {
  const folder = makeFolder(t);
  const { fake, cluster } = await openServer(t);
  fake.authorization = 'Bearer token-1';
  const counter = path.join(folder, 'runs');
  writeFileSync(counter, '0');
  const script = `
    const fs = require('node:fs');
    const runs = Number(fs.readFileSync(process.env.COUNTER, 'utf8')) + 1;
    fs.writeFileSync(process.env.COUNTER, String(runs));
    console.log(JSON.stringify({ kind: 'ExecCredential', status: { token: 'token-' + runs } }));`;
  const exec = {
    apiVersion: 'client.authentication.k8s.io/v1',
    command: process.execPath,
    args: ['-e', script],
    env: [{ name: 'COUNTER', value: counter }],
    interactiveMode: 'Never',
  };
  const { sink, source } = await following(t, writeConfig(folder, cluster, { exec }));
  await fake.until(() => sink.names('Service').length === 1, 'an object', LOAD_MS);
  assert.equal(readFileSync(counter, 'utf8'), '1');
  await fake.until(() => source.status[0]!.isWatching, 'a watch');
  fake.authorization = 'Bearer token-2';
  fake.put(service('b', '10.96.0.2'));
  fake.endWatches();
  fake.put(service('c', '10.96.0.3'));
  await fake.until(() => sink.names('Service').length === 3, 'all objects');
  assert.equal(readFileSync(counter, 'utf8'), '2');
});

test('a plugin that fails is a fault with the file, the context and what it said', async (t) => {
  const folder = makeFolder(t);
  const exec = { apiVersion: 'client.authentication.k8s.io/v1', command: process.execPath, args: ['-e', ''] };
  const quiet = await openKubeconfig(writeConfig(folder, { server: 'https://127.0.0.1:1' }, { exec }), null);
  await assert.rejects(async () => quiet(false), { code: 'API_ACCESS', message: /config: context "x": .*JSON/ });
  const args = ['-e', 'console.error("log in first"); process.exit(3)'];
  const failing = await openKubeconfig(
    writeConfig(folder, { server: 'https://127.0.0.1:1' }, { exec: { ...exec, args } }),
    null,
  );
  await assert.rejects(async () => failing(false), { code: 'API_ACCESS', message: /context "x": log in first$/ });
});

test('a proxy stands between', async (t) => {
  const folder = makeFolder(t);
  const { fake, cluster } = await openServer(t);
  const proxy = await openProxy(t);
  const { sink } = await following(t, writeConfig(folder, { ...cluster, 'proxy-url': proxy.url }, { token: 'abc' }));
  await fake.until(() => sink.names('Service').length === 1, 'an object', LOAD_MS);
  assert.deepEqual(proxy.asked, [`127.0.0.1:${fake.port}`]);
  assert.equal(fake.requests[0]!.headers.authorization, 'Bearer abc');
});
