/**
 * Loads the chunks of dist/ in every thread: the build puts this file there as it is.
 *
 * A chunk is one script of many modules (`NAME.code.js`, CommonJS), with what V8 had compiled of it in a start at the end of the
 * build beside it (`NAME.code.cache`): functions come from there and not from the source. A cache that is not there, or that
 * another build, version or set of V8's flags made, is not used, and the chunk is only slower. That garbage is bounded (v8-flags.ts)
 * makes no other code, but V8 compares all flags: while it is not, the code that Node brings along is taken, so it begins later, and
 * what lies here is taken before and after that.
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
/** Where threads find the build of their process; processes that it starts have another id, and a build of their own. */
const BUILD_VARIABLE = 'SKYSHARD_BUILD_OF_PROCESS';
const OWN = `${process.pid} `;
/** First line of the chunks of this process; undefined: there is none yet. */
let theBuild =
  process.env[BUILD_VARIABLE]?.startsWith(OWN) === true ? process.env[BUILD_VARIABLE].slice(OWN.length) : undefined;

/** Octets before V8's: the name of the build, ends with zeros; another value of its flags under which it holds. */
const HEADER = { size: 48, otherFlagsAt: 40 };
/** Where V8 has the value of its flags. */
const FLAGS_AT = 12;
/** The process's own, which main tells the others: garbage may be bounded already when they begin. */
const flagsAtStart = isWriting ? Number((process.env.SKYSHARD_CODE_FLAGS ??= String(flagsNow()))) : 0;

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
  // Functions of one build must not meet those of another, also not in memory that threads share.
  if (theBuild === undefined) {
    theBuild = build;
    process.env[BUILD_VARIABLE] = OWN + build;
  }
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

/** What V8 makes of its flags, as it is in all that it compiles. */
function flagsNow() {
  return new Script('0').createCachedData().readUInt32LE(FLAGS_AT);
}

function readCache(file, build) {
  let octets;
  try {
    octets = readFileSync(file);
  } catch {
    return undefined;
  }
  if (octets.length < HEADER.size + FLAGS_AT + 4 || octets.toString('latin1', 0, build.length) !== build)
    return undefined;
  const data = octets.subarray(HEADER.size);
  const flags = flagsNow();
  // Other flags still are for V8 to refuse.
  if (octets.readUInt32LE(HEADER.otherFlagsAt) === flags) data.writeUInt32LE(flags, FLAGS_AT);
  return data;
}

function writeCaches() {
  for (const [file, [script, build]] of loaded) {
    const header = Buffer.alloc(HEADER.size);
    header.write(build.slice(0, HEADER.otherFlagsAt), 'latin1');
    header.writeUInt32LE(flagsAtStart, HEADER.otherFlagsAt);
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
