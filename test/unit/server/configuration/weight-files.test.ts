/** The files of `loadbalance weighted`, as the server reads them and looks after them. */
import assert from 'node:assert/strict';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import type { CorefileConfig } from '../../../../src/plugins/corefile-config.ts';
import { WeightFiles } from '../../../../src/server/configuration/weight-files.ts';
import { readAtOnce, testOptions } from '../../plugins/corefile-fixture.ts';
import { eventually } from '../../resolver/tcp-fixture.ts';

interface Setup {
  readonly files: WeightFiles;
  readonly file: string;
  readonly said: string[];
  configure(reload: string): CorefileConfig;
}

function setUp(t: { after(fn: () => void): void }, text: string): Setup {
  const directory = mkdtempSync(path.join(tmpdir(), 'weights-'));
  const file = path.join(directory, 'weights');
  writeFileSync(file, text);
  const said: string[] = [];
  const files = new WeightFiles((level, message) => said.push(`${level} ${message.replaceAll(file, 'FILE')}`));
  t.after(() => {
    files.close();
    rmSync(directory, { recursive: true });
  });
  const configure = (reload: string): CorefileConfig =>
    readAtOnce(
      `.:53 {\n loadbalance weighted ${file} {\n reload ${reload}\n }\n whoami\n}`,
      'Corefile',
      testOptions({ [file]: 'a.test\n' }),
    );
  return { files, file, said, configure };
}

/** In one step: nobody sees half of it. */
function replaceFile(file: string, text: string): void {
  writeFileSync(`${file}.new`, text);
  renameSync(`${file}.new`, file);
}

const weightsOf = ({ files, file }: Setup): string =>
  files
    .weightsOf(file)
    .flatMap(({ name, addresses }) => addresses.map(({ words, weight }) => `${name} ${words.join('.')} ${weight}`))
    .join(', ');

test('what a file says, and what it says later; nonsense changes nothing and is said once', async (t) => {
  const setup = setUp(t, '# a comment\n\nA.test\n0.0.0.1 255\nb.test.\n::2 1\n a.test\r\n0.0.0.3 7\r\n');
  const { files, file, said } = setup;
  await files.prepare(setup.configure('10ms'));
  const before = files.text;
  assert.equal(weightsOf(setup), 'a.test. 1 255, a.test. 3 7, b.test. 0.0.0.2 1');
  let changes = 0;
  files.start(() => changes++);
  replaceFile(file, 'a.test\n0.0.0.1 256\n');
  await eventually(() => said.length > 0, 'a complaint');
  rmSync(file);
  await eventually(() => said.length > 1, 'another complaint');
  assert.equal(changes, 0);
  assert.equal(files.text, before);
  assert.match(
    said[0]!,
    /^error plugin\/loadbalance: weight file FILE: line 2: weight '256', expected 1 to 255; its last weights/,
  );
  assert.match(said[1]!, /ENOENT/);
  replaceFile(file, 'c.test\n0.0.0.9 9\n');
  await eventually(() => changes === 1, 'a change');
  assert.equal(weightsOf(setup), 'c.test. 9 9');
  assert.notEqual(files.text, before);
  assert.equal(said.length, 3);
});

test('reload 0: read with each configuration, and not in between', async (t) => {
  const setup = setUp(t, 'a.test\n0.0.0.1 1\n');
  const { files, file } = setup;
  const config = setup.configure('0');
  await files.prepare(config);
  files.start(assert.fail);
  writeFileSync(file, 'a.test\n0.0.0.1 200\n');
  await files.prepare(config);
  assert.equal(weightsOf(setup), 'a.test. 1 1');
  await files.prepare({ ...config, hash: 'another' });
  assert.equal(weightsOf(setup), 'a.test. 1 200');
});
