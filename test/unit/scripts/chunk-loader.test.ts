import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const LOADER = fileURLToPath(new URL('../../../scripts/chunk-loader.cjs', import.meta.url));

const dist = mkdtempSync(path.join(tmpdir(), 'skyshard-chunks-'));
after(() => rmSync(dist, { recursive: true, force: true }));
copyFileSync(LOADER, path.join(dist, 'chunk-loader.cjs'));
const folder = path.join(dist, 'main');
mkdirSync(folder);
writeFileSync(path.join(folder, 'package.json'), '{ "type": "commonjs" }');
writeFileSync(path.join(folder, 'entry.js'), "require('../chunk-loader.cjs').loadEntry(module);\n");
const CACHE = path.join(folder, 'entry.code.cache');

function writeChunk(build: string, answer: string, name = 'entry'): void {
  const source = `// ${build}\nexports.answer = () => ${JSON.stringify(answer)};\n`;
  writeFileSync(path.join(folder, `${name}.code.js`), source);
}

/** What a process says that loads the entry and calls it. */
function run(mode: 'read' | 'write' = 'read', code = "console.log(require('./entry.js').answer())") {
  const env = { ...process.env, SKYSHARD_CODE_CACHE: mode };
  const { stdout, stderr, status } = spawnSync(process.execPath, ['-e', code], { cwd: folder, env, encoding: 'utf8' });
  return { text: stdout.trim(), stderr, status };
}

test('what V8 has compiled is written by who is told to, and by nobody else', () => {
  writeChunk('1', 'first');
  assert.equal(run().text, 'first');
  assert.ok(!existsSync(CACHE));
  assert.equal(run('write').text, 'first');
  assert.ok(readFileSync(CACHE).length > 100);
  assert.equal(run().text, 'first');
});

test('code of another build is not run, although V8 would take it for a source of the same length', () => {
  writeChunk('1', 'first');
  run('write');
  writeChunk('2', 'other');
  assert.equal(run().text, 'other');
});

test('a cache that is broken, empty or cannot be read is none', () => {
  writeChunk('1', 'first');
  run('write');
  const octets = readFileSync(CACHE);
  for (const broken of [
    octets.subarray(0, octets.length / 2),
    Buffer.alloc(0),
    Buffer.concat([octets.subarray(0, 80), Buffer.alloc(500)]),
  ]) {
    writeFileSync(CACHE, broken);
    assert.deepEqual(run(), { text: 'first', stderr: '', status: 0 });
  }
  chmodSync(CACHE, 0);
  assert.equal(run().text, 'first');
});

test('a chunk of another build than those that run is an error', () => {
  rmSync(CACHE, { force: true });
  writeFileSync(
    path.join(folder, 'entry.code.js'),
    "// 1\nexports.answer = () => require('./later.code.js').answer();\n",
  );
  writeChunk('1', 'later', 'later');
  assert.equal(run().text, 'later');
  writeChunk('2', 'later', 'later');
  assert.match(run().stderr, /was built anew since this process started: restart it/);
});

test('a thread that starts when the code is of another build than its process runs is told what to do', () => {
  writeChunk('1', 'first');
  const thread = `new Worker("try { console.log(require('./entry.js').answer()); } catch (error) { console.log(error.message); }",
    { eval: true })`;
  const code = `const { Worker } = require('node:worker_threads');
    const { readFileSync, writeFileSync } = require('node:fs');
    console.log(require('./entry.js').answer());
    ${thread}.once('exit', () => {
      writeFileSync('entry.code.js', readFileSync('entry.code.js', 'utf8').replace('// 1', '// 2'));
      ${thread}.once('exit', () => require('node:child_process').spawnSync(process.execPath,
        ['-e', "console.log(require('./entry.js').answer())"], { stdio: 'inherit' }));
    });`;
  const lines = run('read', code).text.split('\n');
  assert.deepEqual(
    [lines[0], lines[1], lines[3]],
    ['first', 'first', 'first'],
    'and another process runs what is there',
  );
  assert.match(lines[2]!, /was built anew since this process started: restart it$/);
});

test('a chunk that fails fails again', () => {
  writeFileSync(
    path.join(folder, 'entry.code.js'),
    "// 1\nexports.answer = () => require('./later.code.js').answer();\n",
  );
  writeFileSync(
    path.join(folder, 'later.code.js'),
    "// 1\nexports.answer = () => 'half';\nrequire('not-installed');\n",
  );
  const code = `const { answer } = require('./entry.js');
    for (let turn = 0; turn < 2; turn++) try { console.log(answer()); } catch (error) { console.log(error.code); }`;
  assert.equal(run('read', code).text, 'MODULE_NOT_FOUND\nMODULE_NOT_FOUND');
});

test('modules of Node are loaded by their first use', () => {
  writeFileSync(
    path.join(folder, 'entry.code.js'),
    '// 1\nconst node_zlib = __lazyBuiltin("node:zlib");\nexports.answer = () => node_zlib().crc32("a");\n',
  );
  const isLoaded = "process.moduleLoadList.includes('NativeModule zlib')";
  const code = `const entry = require('./entry.js'); console.log(${isLoaded}, entry.answer(), ${isLoaded})`;
  assert.equal(run('read', code).text, `false ${0xe8b7be43} true`);
});

/** Whether V8 refuses what lies beside the entry, in a process that does `setUp` first. */
function refused(setUp: string): string {
  const report = `const vm = require('node:vm');
    vm.Script = class extends vm.Script {
      constructor(code, options) {
        super(code, options);
        if (options?.cachedData !== undefined) console.log(this.cachedDataRejected);
      }
    };
    require('./entry.js');`;
  return run('read', `${setUp} ${report}`).text;
}

const BOUND = "require('node:v8').setFlagsFromString('--heap-growing-percent=20');";

test('compiled code is taken as before when garbage is bounded, and not under flags of V8 that nobody has written it with', () => {
  writeChunk('1', 'first');
  assert.equal(run('write', `console.log(require('./entry.js').answer()); ${BOUND}`).text, 'first');
  assert.equal(refused(''), 'false');
  assert.equal(refused(BOUND), 'false');
  assert.equal(refused("require('node:v8').setFlagsFromString('--no-lazy');"), 'true');
});

test('what a thread has written that began after garbage was bounded is taken by one that begins before', () => {
  writeChunk('1', 'first');
  writeChunk('1', 'other', 'other');
  writeFileSync(path.join(folder, 'other.js'), "require('../chunk-loader.cjs').loadEntry(module);\n");
  rmSync(CACHE, { force: true });
  const startThread = `new (require('node:worker_threads').Worker)("require('./entry.js').answer()", { eval: true });`;
  assert.equal(run('write', `console.log(require('./other.js').answer()); ${BOUND} ${startThread}`).text, 'other');
  assert.equal(refused(''), 'false');
  assert.equal(refused(BOUND), 'false');
});
