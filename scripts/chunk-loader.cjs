/**
 * Loads the chunks of dist/ in every thread: the build puts this file there as it is.
 *
 * A chunk is one script of many modules (`NAME.code.js`, CommonJS), with what V8 had compiled of it in a start at the end of the
 * build beside it (`NAME.code.cache`): functions come from there and not from the source. A cache that is not there, or that
 * another build, version or set of V8's flags made, is not used, and the chunk is only slower.
 *
 * Modules of Node itself are loaded by the first use: a thread uses few of those that its modules name.
 *
 * With SKYSHARD_CODE_CACHE=write each thread that ends writes what it has compiled; that is for the build.
 */
'use strict';
const { readFileSync, renameSync, writeFileSync } = require('node:fs');
const { Module, createRequire } = require('node:module');
const path = require('node:path');
const { pathToFileURL } = require('node:url');
const { Script } = require('node:vm');

const PARAMETERS = 'exports, require, module, __chunkUrl, __lazyBuiltin, __import';
const isWriting = process.env.SKYSHARD_CODE_CACHE === 'write';
/** Scripts of this thread, by the path of their cache: [script, build]. */
const loaded = new Map();
/** First line of the chunks of this thread. */
let theBuild;

/**
 * The exports of a chunk, which is run once a thread.
 *
 * @param {string} file  absolute path of NAME.code.js
 */
function load(file) {
  const known = require.cache[file];
  if (known !== undefined) return known.exports;
  const source = readFileSync(file, 'latin1');
  const cacheFile = `${file.slice(0, -'.js'.length)}.cache`;
  // The first line names the build: V8 compares no more than the length of a source.
  const build = source.slice(0, source.indexOf('\n'));
  // Functions of one build must not meet those of another.
  theBuild ??= build;
  if (build !== theBuild)
    throw new Error(`${path.dirname(file)} was built anew since this process started: restart it`);
  const cachedData = readCache(cacheFile, build);
  const script = new Script(`(function (${PARAMETERS}) {${source}\n})`, {
    filename: file,
    ...(cachedData !== undefined && { cachedData }),
  });
  if (isWriting) loaded.set(cacheFile, [script, build]);
  const chunk = new Module(file, null);
  chunk.filename = file;
  require.cache[file] = chunk;
  const nodeRequire = createRequire(file);
  const folder = path.dirname(file);
  const chunkRequire = (id) => (id.startsWith('./') ? load(path.join(folder, id)) : nodeRequire(id));
  // An import of a module of Node makes all it exports, also what is loaded for who asks: half of node:http is that.
  const importLater = async (id) => nodeRequire(id);
  const url = pathToFileURL(file).href;
  try {
    script.runInThisContext().call(chunk.exports, chunk.exports, chunkRequire, chunk, url, lazyBuiltin, importLater);
  } catch (error) {
    // Who asks again is told the same, as with modules of Node.
    delete require.cache[file];
    throw error;
  }
  chunk.loaded = true;
  return chunk.exports;
}

function lazyBuiltin(id) {
  let found;
  return () => (found ??= process.getBuiltinModule(id));
}

function readCache(file, build) {
  let octets;
  try {
    octets = readFileSync(file);
  } catch {
    return undefined;
  }
  const size = octets[0] ?? 0;
  return octets.toString('latin1', 1, 1 + size) === build ? octets.subarray(1 + size) : undefined;
}

function writeCaches() {
  for (const [file, [script, build]] of loaded) {
    const header = Buffer.from(`\0${build}`, 'latin1');
    header[0] = build.length;
    // Another thread may write the same.
    const half = `${file}.${process.pid}-${require('node:worker_threads').threadId}`;
    writeFileSync(half, Buffer.concat([header, script.createCachedData()]));
    renameSync(half, file);
  }
}

/** @param {NodeJS.Module} stub  NAME.js, which stands for NAME.code.js */
exports.loadEntry = (stub) => {
  const found = load(`${stub.filename.slice(0, -'.js'.length)}.code.js`);
  stub.exports = found;
  if (!isWriting) return;
  process.once('exit', writeCaches);
  // A thread of a pool is ended from outside: what it does there is over before.
  if (typeof found.default !== 'function') return;
  const run = found.default;
  found.default = async (...values) => {
    try {
      return await run(...values);
    } finally {
      writeCaches();
    }
  };
};
