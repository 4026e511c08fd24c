/**
 * As in a pod, of a cluster whose API server has no streaming lists: the API server is found by the environment, token and CA
 * lie where a kubelet mounts them, and the token is replaced as a kubelet does it.
 */
import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { TYPE } from '../../../src/dns/iana.ts';
import { DEFAULT_RECORD_OPTIONS } from '../../../src/records/record-options.ts';
import { ControlPlane } from '../../cluster/control-plane.ts';
import { corefileOf, DnsServer } from '../../cluster/dns-server.ts';
import { fillCluster, lastHeadless, moveEndpoint } from '../../cluster/large-cluster.ts';
import { queryOf } from '../../cluster/owed-answers.ts';
import { useClusterTools } from '../../cluster/use-cluster.ts';
import { WireClient } from '../../cluster/wire-client.ts';
import { decodeStrictly } from '../../wire/strict-message.ts';
import { freePort } from '../skyshard-process.ts';

const ADDRESS = '127.0.0.1';
const NAMESPACE = 'kube-system';
/** More than a page of a list. */
const SIZE = { services: 600, endpoints: 3 };
const SEEN_DEADLINE_MS = 60_000;
const MOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

const { tools, skip } = await useClusterTools();
const isRoot = process.getuid?.() === 0;

describe('in a pod', { skip: skip || (isRoot ? false : 'only root can mount what a kubelet mounts') }, () => {
  let plane: ControlPlane;
  let client: WireClient;
  let changes = 0;
  /** what is mounted */
  const account = mkdtempSync(path.join(os.tmpdir(), 'skyshard-account-'));
  let tokens = 0;

  before(async () => {
    client = new WireClient([]);
    plane = await ControlPlane.start({ tools: tools!, apiServerArgs: ['--feature-gates=WatchList=false'] });
    await fillCluster(plane.client, SIZE);
  });

  after(async () => {
    client?.close();
    await plane?.stop();
    rmSync(account, { recursive: true, force: true });
  });

  /** A token that is good as long as a Secret is there. @returns removes that */
  async function writeToken(): Promise<() => Promise<unknown>> {
    const name = `life-of-token-${(tokens += 1)}`;
    const secrets = `/api/v1/namespaces/${NAMESPACE}/secrets`;
    const { metadata } = await plane.client.request<{ metadata: { uid: string } }>('POST', secrets, {
      metadata: { name },
    });
    const { status } = await plane.client.request<{ status: { token: string } }>(
      'POST',
      `/api/v1/namespaces/${NAMESPACE}/serviceaccounts/skyshard/token`,
      { spec: { boundObjectRef: { apiVersion: 'v1', kind: 'Secret', name, uid: metadata.uid } } },
    );
    // Another folder, then the link to it: no reader ever sees half of it.
    const folder = `..${tokens}`;
    mkdirSync(path.join(account, folder));
    copyFileSync(plane.certificate('ca.crt'), path.join(account, folder, 'ca.crt'));
    writeFileSync(path.join(account, folder, 'token'), status.token);
    symlinkSync(folder, path.join(account, '..new'));
    renameSync(path.join(account, '..new'), path.join(account, '..data'));
    if (tokens === 1) for (const file of ['ca.crt', 'token']) symlinkSync(`..data/${file}`, path.join(account, file));
    return () => plane.client.request('DELETE', `${secrets}/${name}`);
  }

  /** In a mount namespace of its own, with the folder where a pod has it. */
  async function startServer(): Promise<DnsServer> {
    const at = { address: ADDRESS, port: await freePort(ADDRESS) };
    const { hostname, port } = new URL(plane.server);
    const mount = `mount -t tmpfs none /var/run && mkdir -p ${MOUNT} && mount --bind ${account} ${MOUNT}`;
    const environment = `KUBERNETES_SERVICE_HOST=${hostname} KUBERNETES_SERVICE_PORT=${port}`;
    return new DnsServer({
      program: 'skyshard',
      coredns: '',
      corefile: corefileOf(DEFAULT_RECORD_OPTIONS, {
        port: at.port,
        access: '# as the environment says',
        extra: [`bind ${ADDRESS}`],
      }),
      at,
      wrapper: ['unshare', '--mount', 'sh', '-c', `${mount} && exec env ${environment} "$@"`, 'sh'],
    });
  }

  /** Move an endpoint, and wait until its new name is answered; what is there all the time has to be, too. */
  async function assertSeesChange(server: DnsServer): Promise<void> {
    const { index, name } = lastHeadless(SIZE);
    const address = `10.99.0.${(changes += 1)}`;
    await moveEndpoint(plane.client, index, SIZE, address);
    const startedAtMs = performance.now();
    for (;;) {
      const { rcode, answer } = await ask(server, `${address.replaceAll('.', '-')}.${name}`);
      if (rcode === 0 && answer.length === 1) return;
      assert.equal((await ask(server, name)).answer.length, SIZE.endpoints);
      const isLate = performance.now() - startedAtMs > SEEN_DEADLINE_MS;
      assert.ok(!isLate, `${address} does not show:\n${server.program.lastWords(20)}`);
      await sleep(50);
    }
  }

  async function ask(server: DnsServer, name: string) {
    const response = await server.ask(client, queryOf({ qname: `${name}.`, qtype: TYPE.A, line: name }));
    assert.ok(response !== undefined, `no answer for ${name}:\n${server.program.lastWords(20)}`);
    return decodeStrictly(response);
  }

  /** Connections are cut, and whoever had a good token is looked at anew. */
  async function restartApiServer(): Promise<void> {
    await plane.stopApiServer();
    await plane.startApiServer();
  }

  test('without streaming lists: lists in pages, a watch, a list again; tokens that are replaced, in time and late', async (t) => {
    await assert.rejects(
      plane.client.get('/api/v1/services?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan'),
      /sendInitialEvents/,
      'the API server has streaming lists after all',
    );
    let revoke = await writeToken();
    const server = await startServer();
    t.after(() => server.stop());
    await server.waitUntilSynced(client, [lastHeadless(SIZE).name]);
    await assertSeesChange(server);

    const revokeFirst = revoke;
    revoke = await writeToken();
    await revokeFirst();
    await restartApiServer();
    await assertSeesChange(server);
    assert.doesNotMatch(server.program.log(), /Unauthorized|401/);

    await revoke();
    await restartApiServer();
    for (const startedAtMs = performance.now(); !/Unauthorized|401/.test(server.program.log()); await sleep(50)) {
      assert.ok(performance.now() - startedAtMs < SEEN_DEADLINE_MS, server.program.lastWords(20));
    }
    await writeToken();
    await assertSeesChange(server);
  });
});
