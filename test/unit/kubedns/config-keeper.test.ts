import assert from 'node:assert/strict';
import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import { SkyshardError } from '../../../src/base/skyshard-error.ts';
import { readConfigDirectory } from '../../../src/kubedns/config-directory.ts';
import { ConfigKeeper } from '../../../src/kubedns/config-keeper.ts';

const root = mkdtempSync(path.join(tmpdir(), 'skyshard-kube-dns-'));
after(() => rmSync(root, { recursive: true }));
let folders = 0;

/** A directory as kubelet makes it: the keys are links to files of `..data`, which is a link itself. */
async function mountConfigMap(data: Readonly<Record<string, string>>): Promise<string> {
  const directory = path.join(root, `mount-${folders++}`);
  await mkdir(directory);
  await swap(directory, data);
  for (const key of Object.keys(data)) await symlink(path.join('..data', key), path.join(directory, key));
  return directory;
}

async function swap(directory: string, data: Readonly<Record<string, string | Uint8Array>>): Promise<void> {
  const version = `..version-${folders++}`;
  await mkdir(path.join(directory, version));
  for (const [key, text] of Object.entries(data)) await writeFile(path.join(directory, version, key), text);
  await symlink(version, path.join(directory, '..data_tmp'));
  await rename(path.join(directory, '..data_tmp'), path.join(directory, '..data'));
}

describe('a mounted ConfigMap', () => {
  test('is a file a key, through links; directories and names that begin with a dot are none', async () => {
    const directory = await mountConfigMap({ stubDomains: '{}', other: 'x' });
    await mkdir(path.join(directory, 'folder'));
    await writeFile(path.join(directory, '.hidden'), 'x');
    const content = await readConfigDirectory(directory);
    assert.deepEqual(content?.data, { stubDomains: '{}', other: 'x' });
    assert.match(content.version, /^[0-9a-f]{64}$/);
  });

  test('has another version when names or contents are other ones, and the same when they are not', async () => {
    const versions = new Set<string>();
    for (const data of [{ a: 'b' }, { a: 'c' }, { b: 'b' }, { a: 'b', c: '' }, {}]) {
      const directory = await mountConfigMap(data);
      const { version } = (await readConfigDirectory(directory))!;
      await swap(directory, data);
      assert.equal((await readConfigDirectory(directory))!.version, version);
      versions.add(version);
    }
    assert.equal(versions.size, 5);
  });

  test('that is no UTF-8 is a fault, as is a file that cannot be read', async () => {
    const directory = await mountConfigMap({ stubDomains: '{}' });
    await swap(directory, { stubDomains: Uint8Array.of(0x7b, 0xff, 0x7d) });
    await assert.rejects(readConfigDirectory(directory), {
      code: 'CONFIG_READ',
      message: /stubDomains: it is not UTF-8/,
    });
    await rm(path.join(directory, '..data'));
    await assert.rejects(readConfigDirectory(directory), { code: 'CONFIG_READ' });
  });

  test('that is not there is none', async () => {
    assert.equal(await readConfigDirectory(path.join(root, 'missing')), undefined);
  });
});

describe('the configuration that holds', () => {
  function createKeeper() {
    const lines: string[] = [];
    let changes = 0;
    const keeper = new ConfigKeeper((level, text) => lines.push(`${level} ${text}`));
    keeper.start(() => changes++);
    const failures = (): Record<string, number> =>
      Object.fromEntries(
        [
          ...keeper
            .families()
            .find(({ name }) => name.endsWith('failures_total'))!
            .samples(),
        ].map(({ labels, value }) => [labels['key'], value]),
      );
    const isValid = (): number => [...keeper.families()[0]!.samples()][0]!.value;
    return { keeper, lines, failures, isValid, changes: () => changes };
  }

  test('stays when a value is bad, whatever else is in order, and it is said with the key, once', () => {
    const { keeper, lines, failures, isValid, changes } = createKeeper();
    keeper.take({ stubDomains: '{"corp":["1.2.3.4"]}' }, '1');
    assert.equal(changes(), 1);
    const bad = { stubDomains: '{}', upstreamNameservers: '["nowhere"]' };
    keeper.take(bad, '2');
    keeper.take(bad, '2');
    assert.deepEqual(
      keeper.config.stubDomains.map(({ zone }) => zone),
      ['corp.'],
    );
    assert.equal(changes(), 1);
    assert.equal(isValid(), 0);
    assert.deepEqual(failures(), { stubDomains: 0, upstreamNameservers: 1, federations: 0, '': 0 });
    const said = lines.filter((line) => line.startsWith('error'));
    assert.equal(said.length, 1);
    assert.match(said[0]!, /upstreamNameservers: invalid name server 'nowhere'.* stub domains corp\./);
    keeper.take({ upstreamNameservers: '["9.9.9.9"]' }, '3');
    assert.equal(isValid(), 1);
    assert.equal(changes(), 2);
    assert.deepEqual(keeper.config.stubDomains, []);
  });

  test('is the default where there is no ConfigMap any more', () => {
    const { keeper, changes } = createKeeper();
    keeper.take({ upstreamNameservers: '["9.9.9.9"]' }, '1');
    keeper.take(undefined, '');
    assert.deepEqual(keeper.config, { stubDomains: [], upstreams: [], federations: [] });
    assert.equal(changes(), 2);
  });

  test('does not change with what says the same', () => {
    const { keeper, changes } = createKeeper();
    keeper.take({ stubDomains: '{"corp":["1.2.3.4"]}' }, '1');
    keeper.take({ stubDomains: '{ "corp": ["1.2.3.4:53"] }', note: 'x' }, '2');
    assert.equal(changes(), 1);
  });

  test('stays when the ConfigMap cannot be read, which is said once', () => {
    const { keeper, lines, failures } = createKeeper();
    keeper.take({ stubDomains: '{"corp":["1.2.3.4"]}' }, '1');
    const fault = new SkyshardError('CONFIG_READ', 'cannot read /x');
    keeper.takeFault(fault);
    keeper.takeFault(fault);
    assert.equal(keeper.config.stubDomains.length, 1);
    assert.equal(lines.filter((line) => line.includes('cannot read /x')).length, 1);
    assert.equal(failures()[''], 1);
  });
});
