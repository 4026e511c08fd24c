import assert from 'node:assert/strict';
import fs, { appendFileSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import type { ObjectChange } from '../../../src/kubernetes/objects.ts';
import { findManifestFiles } from '../../../src/manifests/manifest-files.ts';
import { ManifestLoader } from '../../../src/manifests/manifest-loader.ts';
import type { ManifestLoad } from '../../../src/manifests/manifest-loader.ts';

async function temporaryDirectory(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'skyshard-manifests-'));
  t.after(() => rm(path, { recursive: true, force: true }));
  return path;
}

const NAMESPACE = (name: string) => `{ apiVersion: v1, kind: Namespace, metadata: { name: ${name} } }\n`;
const SERVICE = (name: string, address = '10.0.0.1', namespace = 'default') =>
  `{ apiVersion: v1, kind: Service, metadata: { name: ${name}, namespace: ${namespace} }, spec: { clusterIP: ${address} } }\n`;

/** `put Service default/a` … in order. */
function describeChanges(changes: readonly ObjectChange[]): string[] {
  return changes.map((change) => {
    const object = change.op === 'put' ? change.object : change;
    const namespace = object.kind === 'Namespace' ? '' : object.namespace;
    return `${change.op} ${object.kind} ${namespace}/${object.name}`;
  });
}

const messages = (load: ManifestLoad) => load.errors.map((error) => error.message);

test('the first load puts all objects, later ones only what differs, deletes first', async (t) => {
  const directory = await temporaryDirectory(t);
  const a = join(directory, 'a.yaml');
  await writeFile(a, `${NAMESPACE('default')}---\n${SERVICE('a')}---\n${SERVICE('b')}`);
  await writeFile(join(directory, 'b.yml'), SERVICE('c'));
  const loader = new ManifestLoader([directory]);
  const first = await loader.load();
  assert.deepEqual(describeChanges(first.changes), [
    'put Namespace /default',
    'put Service default/a',
    'put Service default/b',
    'put Service default/c',
  ]);
  assert.equal(first.objectCount, 4);
  assert.deepEqual((await loader.load()).changes, []);

  await writeFile(a, `# moved\n${NAMESPACE('default')}---\n${SERVICE('b', '10.0.0.2')}---\n${SERVICE('d')}`);
  const second = await loader.load();
  assert.deepEqual(describeChanges(second.changes), [
    'delete Service default/a',
    'put Service default/b',
    'put Service default/d',
  ]);
  const b = second.changes[1];
  assert.ok(b?.op === 'put' && b.object.kind === 'Service');
  assert.deepEqual(b.object.clusterIPs, ['10.0.0.2']);
});

test('an edit that leaves size and times as they were is seen: the file was fresh when it was read', async (t) => {
  const directory = await temporaryDirectory(t);
  const path = join(directory, 'a.yaml');
  await writeFile(path, SERVICE('a', '10.0.0.1'));
  // a file system whose clock ticks slowly: all times are those of the first change
  const timeNs = { mtimeNs: BigInt(Date.now()) * 1_000_000n, ctimeNs: 0n };
  const realStat = fs.promises.stat;
  t.mock.method(fs.promises, 'stat', async (...args: Parameters<typeof realStat>) =>
    Object.assign(await realStat(...args), timeNs),
  );
  syncBuiltinESMExports();
  t.after(() => {
    t.mock.restoreAll();
    syncBuiltinESMExports();
  });
  const loader = new ManifestLoader([directory]);
  await loader.load();
  await writeFile(path, SERVICE('a', '10.0.0.2'));
  assert.deepEqual(describeChanges((await loader.load()).changes), ['put Service default/a']);

  timeNs.mtimeNs -= 1_000_000_000n;
  await loader.load();
  await writeFile(path, SERVICE('a', '10.0.0.3'));
  assert.deepEqual((await loader.load()).changes, [], 'so that the times are what is looked at');
});

test('what looks different from what it was, before or after it is read, is left for later', async (t) => {
  const directory = await temporaryDirectory(t);
  const path = join(directory, 'a.yaml');
  await writeFile(path, SERVICE('a'));
  const loader = new ManifestLoader([directory]);
  const { look } = await loader.load();
  await writeFile(path, SERVICE('a', '10.0.0.22'));
  assert.equal(await loader.loadIfStill(look), undefined);
  const { look: newLook } = await findManifestFiles([directory]);
  const decode = t.mock.method(TextDecoder.prototype, 'decode', (octets: Buffer) => {
    // the file grows while it is read
    appendFileSync(path, '---\n');
    return octets.toString();
  });
  assert.equal(await loader.loadIfStill(newLook), undefined);
  decode.mock.restore();
  const { look: lastLook } = await findManifestFiles([directory]);
  const load = await loader.loadIfStill(lastLook);
  assert.deepEqual(describeChanges(load?.changes ?? []), ['put Service default/a']);
  await rm(directory, { recursive: true });
  const { look: noLook } = await findManifestFiles([directory]);
  assert.equal((await loader.loadIfStill(noLook))?.errors[0]?.code, 'MANIFEST_READ');
});

test('an object that moves to another file is no change', async (t) => {
  const directory = await temporaryDirectory(t);
  const path = (name: string) => join(directory, name);
  await writeFile(path('a.yaml'), SERVICE('a'));
  await writeFile(path('b.yaml'), NAMESPACE('default'));
  const loader = new ManifestLoader([directory]);
  await loader.load();
  await rename(path('a.yaml'), path('c.json'));
  assert.match(messages(await loader.load()).join(), /c\.json:1:3: /, 'YAML is no JSON');
  await rename(path('c.json'), path('c.yml'));
  const load = await loader.load();
  assert.deepEqual([messages(load), load.changes, load.objectCount], [[], [], 2]);
});

test('while one file is broken the last good set stays for all, then everything comes at once', async (t) => {
  const directory = await temporaryDirectory(t);
  const path = (name: string) => join(directory, name);
  await writeFile(path('a.yaml'), NAMESPACE('default') + '---\n' + SERVICE('a'));
  await writeFile(path('b.yaml'), SERVICE('b'));
  const loader = new ManifestLoader([directory]);
  await loader.load();

  await writeFile(path('a.yaml'), 'a: [');
  await writeFile(path('b.yaml'), SERVICE('b', '10.0.0.2'));
  await writeFile(path('c.yaml'), SERVICE('c', 'nonsense'));
  const broken = await loader.load();
  assert.deepEqual(broken.changes, []);
  assert.equal(broken.objectCount, 3);
  assert.deepEqual(
    broken.errors.map((error) => [error.code, error.place?.file, error.place?.line]),
    [
      ['MANIFEST_SYNTAX', path('a.yaml'), 1],
      ['MANIFEST_OBJECT', path('c.yaml'), 1],
    ],
  );
  await rm(path('c.yaml'));
  assert.equal((await loader.load()).errors.length, 1);
  await writeFile(path('a.yaml'), NAMESPACE('default'));
  const mended = await loader.load();
  assert.deepEqual(describeChanges(mended.changes), ['delete Service default/a', 'put Service default/b']);
});

test('the same object twice is an error that names both places', async (t) => {
  const directory = await temporaryDirectory(t);
  await writeFile(join(directory, 'a.yaml'), `\n\n${SERVICE('a')}`);
  await writeFile(join(directory, 'b.yaml'), `---\n${SERVICE('x')}---\n${SERVICE('A')}`);
  const load = await new ManifestLoader([directory]).load();
  assert.deepEqual(messages(load), [
    `${join(directory, 'b.yaml')}:4:1: Service default/a is there twice: also at ${join(directory, 'a.yaml')}:3:1`,
  ]);
  assert.equal(load.errors[0]?.code, 'MANIFEST_OBJECT');
});

test('what counts as a manifest: names, links, explicit files; each once', async (t) => {
  const directory = await temporaryDirectory(t);
  const path = (name: string) => join(directory, name);
  await mkdir(path('data'));
  for (const name of ['data/a.yaml', '.hidden.yaml', 'b.yaml~', '#c.yaml#', 'd.txt', 'e.yml', 'f.json.swp']) {
    await writeFile(path(name), SERVICE(name.replace(/\W/g, '')));
  }
  await writeFile(path('g.json'), '{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "default"}}');
  await mkdir(path('sub.yaml'));
  await symlink('data/a.yaml', path('a.yaml'));
  await symlink('data/a.yaml', path('again.yaml'));
  const load = await new ManifestLoader([directory, path('d.txt'), path('data/a.yaml')]).load();
  assert.deepEqual(messages(load), []);
  assert.deepEqual(
    load.files.map((file) => file.path),
    ['a.yaml', 'e.yml', 'g.json', 'd.txt'].map(path),
  );
});

test('what cannot be read is named, and the last good set stays', async (t) => {
  const directory = await temporaryDirectory(t);
  const path = join(directory, 'a.yaml');
  await writeFile(path, SERVICE('a'));
  const loader = new ManifestLoader([path]);
  await loader.load();
  await rm(path);
  const load = await loader.load();
  assert.equal(load.errors[0]?.code, 'MANIFEST_READ');
  assert.match(load.errors[0].message, new RegExp(`^${path}: ENOENT`));
  assert.equal(load.objectCount, 1);
  await symlink('nowhere', path);
  assert.equal((await new ManifestLoader([directory]).load()).errors[0]?.place?.file, path);
  assert.match(messages(await new ManifestLoader(['/dev/null']).load()).join(), /neither a regular file/);
  await rm(path);
  await writeFile(path, Buffer.from([0x61, 0xff, 0x0a]));
  assert.match(messages(await loader.load()).join(), /not valid UTF-8/);
});

test('objects without their Namespace, slices without their Service and empty directories are warned of', async (t) => {
  const directory = await temporaryDirectory(t);
  const path = join(directory, 'a.yaml');
  const slice = `{ apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: { name: s, namespace: default,
    labels: { kubernetes.io/service-name: gone } }, addressType: IPv4, endpoints: [] }\n`;
  const loader = new ManifestLoader([directory]);
  assert.match((await loader.load()).warnings[0]?.message ?? '', /no \*\.yaml/);
  await writeFile(
    path,
    [NAMESPACE('default'), SERVICE('a'), SERVICE('b', 'None', 'shop'), SERVICE('c', 'None', 'shop'), slice].join(
      '---\n',
    ),
  );
  const load = await loader.load();
  assert.deepEqual(load.warnings.map(({ place, message }) => `${place.line}: ${message}`).sort(), [
    '5: Service shop/b (and 1 more) is not served: there is no Namespace shop in the manifests',
    '9: EndpointSlice default/s is of a Service that is missing: default/gone',
  ]);
});

test('a file that did not change is not read again', async (t) => {
  const directory = await temporaryDirectory(t);
  const path = join(directory, 'a.yaml');
  await writeFile(path, SERVICE('a'));
  // long ago, but for ctime, which cannot be set: it is fresh for the first 100 ms
  await utimes(path, 1, 1);
  await new Promise((resolve) => setTimeout(resolve, 150));
  const loader = new ManifestLoader([directory]);
  await loader.load();
  const reads = t.mock.method(TextDecoder.prototype, 'decode');
  await loader.load();
  assert.equal(reads.mock.callCount(), 0);
  await writeFile(path, SERVICE('b'));
  await loader.load();
  assert.equal(reads.mock.callCount(), 1);
});
