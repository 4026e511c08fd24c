import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import type { SkyshardError } from '../../../src/base/skyshard-error.ts';
import type { ManifestLoad } from '../../../src/manifests/manifest-loader.ts';
import { ManifestSource } from '../../../src/manifests/manifest-source.ts';

async function temporaryDirectory(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'skyshard-source-'));
  t.after(() => rm(path, { recursive: true, force: true }));
  return path;
}

const SERVICE = (name: string, address = '10.0.0.1') =>
  `{ apiVersion: v1, kind: Service, metadata: { name: ${name} }, spec: { clusterIP: ${address} } }\n`;

/** A source and the addresses its changes lead to, by name of the Service. */
async function openSource(t: TestContext, paths: readonly string[]) {
  const addresses = new Map<string, string>();
  const loads: ManifestLoad[] = [];
  const errors: (readonly SkyshardError[])[] = [];
  const waiting: (() => void)[] = [];
  const wake = () => {
    for (const resume of waiting.splice(0)) resume();
  };
  const apply = (load: ManifestLoad) => {
    for (const change of load.changes) {
      if (change.op === 'delete') addresses.delete(change.name);
      else if (change.object.kind === 'Service') addresses.set(change.object.name, change.object.clusterIPs.join());
    }
  };
  const source = new ManifestSource({
    paths,
    onLoad: (load) => {
      loads.push(load);
      apply(load);
      wake();
    },
    onErrors: (found) => {
      errors.push(found);
      wake();
    },
  });
  t.after(() => source.close());
  apply(await source.start());
  /** Waits, as long as the test may take, until `isDone`. */
  const until = async (isDone: () => boolean) => {
    // the source's own timers do not keep the process
    const keepAlive = setInterval(() => {}, 1000);
    while (!isDone()) await new Promise<void>((resolve) => void waiting.push(resolve));
    clearInterval(keepAlive);
  };
  return { addresses, loads, errors, until };
}

const TIMEOUT = { timeout: 20_000 };

test('edits in place, by rename and by a second file arrive as changes', TIMEOUT, async (t) => {
  const directory = await temporaryDirectory(t);
  const path = join(directory, 'a.yaml');
  await writeFile(path, SERVICE('a'));
  const { addresses, errors, until } = await openSource(t, [directory]);
  assert.deepEqual([...addresses], [['a', '10.0.0.1']]);

  await writeFile(path, SERVICE('a', '10.0.0.2'));
  await until(() => addresses.get('a') === '10.0.0.2');

  await writeFile(join(directory, '.a.yaml.swp'), SERVICE('a', '10.0.0.3'));
  await rename(join(directory, '.a.yaml.swp'), path);
  await until(() => addresses.get('a') === '10.0.0.3');

  await writeFile(join(directory, 'b.json'), JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [] }));
  await writeFile(join(directory, 'c.yaml'), SERVICE('c'));
  await until(() => addresses.has('c'));

  await rm(path);
  await until(() => !addresses.has('a'));
  assert.deepEqual(errors, []);
});

test('a single file that editors replace stays watched, and so does what a link leads to', TIMEOUT, async (t) => {
  const directory = await temporaryDirectory(t);
  const path = (name: string) => join(directory, name);
  await mkdir(path('elsewhere'));
  await writeFile(path('elsewhere/real'), SERVICE('linked'));
  await symlink('elsewhere/real', path('link.yaml'));
  await writeFile(path('a.manifest'), SERVICE('a'));
  const { addresses, until } = await openSource(t, [path('a.manifest'), path('link.yaml')]);
  for (const n of [2, 3]) {
    await rename(path('a.manifest'), path('a.manifest~'));
    await writeFile(path('a.manifest'), SERVICE('a', `10.0.0.${n}`));
    await until(() => addresses.get('a') === `10.0.0.${n}`);
  }
  await writeFile(path('elsewhere/real'), SERVICE('linked', '10.0.0.9'));
  await until(() => addresses.get('linked') === '10.0.0.9');
});

test('the swap of a mounted ConfigMap is one change', TIMEOUT, async (t) => {
  const directory = await temporaryDirectory(t);
  const path = (name: string) => join(directory, name);
  await mkdir(path('..v1'));
  await writeFile(path('..v1/a.yaml'), SERVICE('a'));
  await writeFile(path('..v1/b.yaml'), SERVICE('b'));
  await symlink('..v1', path('..data'));
  await symlink('..data/a.yaml', path('a.yaml'));
  await symlink('..data/b.yaml', path('b.yaml'));
  const { addresses, loads, errors, until } = await openSource(t, [directory]);
  for (const n of [2, 3]) {
    await mkdir(path(`..v${n}`));
    await writeFile(path(`..v${n}/a.yaml`), SERVICE('a', `10.0.0.${n}`));
    await writeFile(path(`..v${n}/b.yaml`), SERVICE('b', `10.0.1.${n}`));
    await symlink(`..v${n}`, path('..data_tmp'));
    await rename(path('..data_tmp'), path('..data'));
    await rm(path(`..v${n - 1}`), { recursive: true });
    await until(() => addresses.get('a') === `10.0.0.${n}`);
    assert.equal(addresses.get('b'), `10.0.1.${n}`);
  }
  assert.equal(loads.length, 2);
  assert.deepEqual(errors, []);
});

test('a broken manifest is reported once for a change, and the last good state stays', TIMEOUT, async (t) => {
  const directory = await temporaryDirectory(t);
  const path = join(directory, 'a.yaml');
  await writeFile(path, SERVICE('a'));
  const { addresses, loads, errors, until } = await openSource(t, [directory]);
  await writeFile(path, 'a: b: c\n');
  await until(() => errors.length === 1);
  assert.equal(errors[0]?.[0]?.code, 'MANIFEST_SYNTAX');
  assert.equal(errors[0][0].place?.line, 1);
  await writeFile(path, `\n\n${SERVICE('a', 'x')}`);
  await until(() => errors.length === 2);
  assert.match(errors[1]?.[0]?.message ?? '', /a\.yaml:3:\d+: Service a: spec\.clusterIP/);
  // longer than two looks without being told
  await new Promise((resolve) => setTimeout(resolve, 1200));
  assert.equal(errors.length, 2);
  assert.deepEqual([...addresses], [['a', '10.0.0.1']]);
  assert.equal(loads.length, 0);

  await writeFile(path, SERVICE('a'));
  await until(() => loads.length === 1);
  assert.deepEqual(loads[0]?.changes, [], 'good again, and nothing to change');
});

test('a directory may go and come back', TIMEOUT, async (t) => {
  const parent = await temporaryDirectory(t);
  const directory = join(parent, 'manifests');
  await mkdir(directory);
  await writeFile(join(directory, 'a.yaml'), SERVICE('a'));
  const { addresses, errors, until } = await openSource(t, [directory]);
  await rm(directory, { recursive: true });
  await until(() => errors.length === 1);
  assert.equal(errors[0]?.[0]?.code, 'MANIFEST_READ');
  assert.deepEqual([...addresses], [['a', '10.0.0.1']]);
  await mkdir(directory);
  await writeFile(join(directory, 'a.yaml'), SERVICE('a', '10.0.0.2'));
  await until(() => addresses.get('a') === '10.0.0.2');
  await writeFile(join(directory, 'a.yaml'), SERVICE('a', '10.0.0.3'));
  await until(() => addresses.get('a') === '10.0.0.3');
});

test('a file that is written slowly is not read half-way', TIMEOUT, async (t) => {
  const directory = await temporaryDirectory(t);
  const path = join(directory, 'a.yaml');
  await writeFile(path, SERVICE('a') + '---\n' + SERVICE('b'));
  const { addresses, loads, errors, until } = await openSource(t, [directory]);
  let longestGapMs = Infinity;
  const isHalf = (): boolean =>
    loads.some(({ changes }) => changes.some(({ op }) => op !== 'put')) || errors.length > 0;
  // A machine that holds this writer for as long as the source waits proves nothing: then once more. A source that does not
  // wait reads half-way each time.
  for (let n = 2; n < 7 && (longestGapMs > 40 || isHalf()); n++) {
    loads.length = errors.length = longestGapMs = 0;
    let lastMs = performance.now();
    for (const text of [
      '',
      'half: [',
      SERVICE('a', `10.0.0.${n}`),
      SERVICE('a', `10.0.0.${n}`) + '---\n' + SERVICE('b'),
    ]) {
      await writeFile(path, text);
      longestGapMs = Math.max(longestGapMs, performance.now() - lastMs);
      lastMs = performance.now();
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    await until(() => addresses.get('a') === `10.0.0.${n}` && addresses.has('b'));
  }
  assert.deepEqual(errors, []);
  assert.ok(!isHalf());
});

test('what is wrong at the start stops the start, with every fault', async (t) => {
  const directory = await temporaryDirectory(t);
  await writeFile(join(directory, 'a.yaml'), SERVICE('a', 'x'));
  await writeFile(join(directory, 'b.yaml'), 'a: b: c');
  const source = new ManifestSource({ paths: [directory], onLoad: () => assert.fail(), onErrors: () => assert.fail() });
  await assert.rejects(source.start(), (error: SkyshardError) => {
    assert.equal(error.code, 'MANIFEST_OBJECT');
    assert.match(error.message, /a\.yaml:1:\d+: Service a: .*\n.*b\.yaml:1:\d+: /);
    return true;
  });
  source.close();
});
