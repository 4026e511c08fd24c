/** Manifests change under a running server. */
import assert from 'node:assert/strict';
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import {
  answersOf,
  serviceManifest,
  type SkyshardProcess,
  startSkyshard,
  temporaryFolder,
  TRANSPORTS,
  waitForAnswers,
} from './skyshard-process.ts';

const NAME = 'web.default.svc.cluster.local';

for (const transport of TRANSPORTS) {
  describe(`manifests over ${transport}`, () => {
    const folder = temporaryFolder({ 'web.yaml': serviceManifest('web', '10.96.1.1') });
    const file = path.join(folder, 'web.yaml');
    let server: SkyshardProcess;
    before(async () => {
      server = await startSkyshard({ manifests: folder, args: ['--transport', transport] });
    });
    after(() => server.end());

    test('an edit is served within a second', async () => {
      assert.deepEqual(await answersOf(server.port, NAME), ['10.96.1.1']);
      const tookMs: number[] = [];
      for (const last of [2, 3, 4]) {
        writeFileSync(file, serviceManifest('web', `10.96.1.${last}`));
        tookMs.push(await waitForAnswers(server.port, NAME, [`10.96.1.${last}`]));
      }
      // The best of three: a machine that is busy for a moment is no fault of the server.
      assert.ok(Math.min(...tookMs) < 1_000, `took ${tookMs.map(Math.round).join(', ')} ms`);
    });

    test('an editor that writes another file and renames it is seen', async () => {
      writeFileSync(`${file}.tmp`, serviceManifest('web', '10.96.1.5'));
      renameSync(`${file}.tmp`, file);
      await waitForAnswers(server.port, NAME, ['10.96.1.5']);
    });

    test('a broken manifest is reported with file and line, and what was served stays', async () => {
      writeFileSync(file, serviceManifest('web', '10.96.1.6').replace('spec:', 'spec: ['));
      await server.waitForOutput(/MANIFEST_SYNTAX[^\n]*web\.yaml:\d+|web\.yaml:\d+[^\n]*MANIFEST_SYNTAX/);
      assert.deepEqual(await answersOf(server.port, NAME), ['10.96.1.5']);
      writeFileSync(file, serviceManifest('web', '10.96.1.7'));
      await waitForAnswers(server.port, NAME, ['10.96.1.7']);
    });

    test('an object Kubernetes would refuse is reported, and what was served stays', async () => {
      writeFileSync(file, serviceManifest('web', '10.96.1.777'));
      await server.waitForOutput(/MANIFEST_OBJECT[^\n]*web\.yaml:\d+|web\.yaml:\d+[^\n]*MANIFEST_OBJECT/);
      assert.deepEqual(await answersOf(server.port, NAME), ['10.96.1.7']);
      writeFileSync(file, serviceManifest('web', '10.96.1.8'));
      await waitForAnswers(server.port, NAME, ['10.96.1.8']);
    });

    test('a new file adds names, a deleted one takes them away', async () => {
      const [, service] = serviceManifest('more', '10.96.2.1').split('---\n');
      writeFileSync(path.join(folder, 'more.yaml'), service!);
      await waitForAnswers(server.port, 'more.default.svc.cluster.local', ['10.96.2.1']);
      rmSync(path.join(folder, 'more.yaml'));
      await waitForAnswers(server.port, 'more.default.svc.cluster.local', ['NXDOMAIN']);
      assert.deepEqual(await answersOf(server.port, NAME), ['10.96.1.8']);
    });
  });
}
