/**
 * Makes dist/ out of src/ with Rolldown: one script for each kind of thread, and others for what only some servers load. A thread that
 * finds, reads and links its modules one by one takes longer for that than for all it does with them.
 *
 *   dist/main.js                   the process's entry, a module as it is
 *   dist/{main,shard,resolver}/    chunks (CommonJS, `NAME.code.js`), entries that load them (`NAME.js`), source maps
 *   dist/chunk-loader.cjs          runs chunks
 */
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import path from 'node:path';

/** Packages that stay what they are: native, with threads of their own, or hardly ever loaded. */
const EXTERNAL = /^(?:node:|koffi$|@napi-rs\/|re2js$|prom-client|@kubernetes\/)/;

/** Those of the built-in Corefile. */
const USUAL_PLUGINS = 'bind errors health ready kubernetes prometheus forward cache loop reload loadbalance'
  .split(' ')
  .map((name) => `plugins/${name}/parse`);

/**
 * What each kind of thread loads: entries, by their path in src/, and groups of modules that become one chunk with all they
 * import. A group of a higher priority has the modules that several import.
 */
const THREADS = {
  main: {
    entries: ['cli/cli'],
    groups: [
      // The first thread is made before more is loaded than these.
      ['base', ['base/skyshard-error', 'base/version', 'cli/exit-codes', 'server/threads/thread-module']],
      ['pool', ['server/threads/shard-pool', /node_modules\/piscina\//]],
      ['serve', ['cli/serve', 'server/server', 'server/configuration/built-in-corefile', ...USUAL_PLUGINS]],
      ['cluster', ['server/objects/cluster-feeds']],
      ['manifests', ['server/objects/manifest-feed']],
      ['yaml', [/node_modules\/yaml\//]],
      [
        'log',
        [
          'observability/log',
          /node_modules\/(?:pino|@pinojs|sonic-boom|thread-stream|safe-stable-stringify|quick-format-unescaped|on-exit-leak-free|atomic-sleep|process-warning|real-require)/,
        ],
      ],
    ],
  },
  shard: {
    entries: ['shard/shard-thread', 'shard/answer-work', 'compose/composer', 'forward/counts/dnsmasq-counters'],
    // What a thread of piscina's runs first.
    packageEntries: { 'pool-worker': 'piscina/dist/worker.js' },
    groups: [['shard', ['shard/shard-thread', 'shard/answer-work']]],
  },
  resolver: {
    entries: ['resolver/resolver-thread', 'compose/composer', 'forward/counts/dnsmasq-counters'],
    // Not the entry itself: it loads others while it runs, which import from the group.
    groups: [
      [
        'resolver',
        [
          ...['handoff-service', 'stream-answerer', 'stream-forwarder', 'tcp-service'].map(
            (name) => `resolver/${name}`,
          ),
          'transfer/transfer-report',
          'transfer/zone-sender',
        ],
      ],
    ],
  },
};

/** What of main's is loaded before the first thread is made. */
const FIRST_CHUNKS = new Set(['cli', 'pool', 'base']);

/**
 * @param {string} root  the project's folder
 * @param {string} dist  an empty folder
 */
export async function bundle(root, dist) {
  const { rolldown } = await import('rolldown');
  const src = path.join(root, 'src');
  const build = buildName(src);
  for (const [thread, { entries, packageEntries = {}, groups }] of Object.entries(THREADS)) {
    const ofPackages = Object.entries(packageEntries).map(([name, file]) => [
      name,
      path.join(root, 'node_modules', file),
    ]);
    const ofSource = entries.map((name) => [path.basename(name), path.join(src, `${name}.ts`)]);
    const bundled = await rolldown({
      input: Object.fromEntries([...ofSource, ...ofPackages]),
      plugins: [POOL_WORKER],
      platform: 'node',
      external: EXTERNAL,
      transform: { define: { 'import.meta.url': '__chunkUrl' } },
      checks: { ineffectiveDynamicImport: false },
    });
    const folder = path.join(dist, thread);
    const { output } = await bundled.write({
      dir: folder,
      format: 'cjs',
      exports: 'named',
      banner: `// ${build}`,
      entryFileNames: '[name].code.js',
      chunkFileNames: '[name].code.js',
      sourcemap: true,
      comments: false,
      codeSplitting: {
        groups: groups.map(([name, modules], i) => ({
          name,
          test: moduleTest(src, modules),
          priority: groups.length - i,
        })),
      },
    });
    await bundled.close();
    writeFileSync(path.join(folder, 'package.json'), '{ "type": "commonjs" }\n');
    for (const chunk of output) {
      if (chunk.type !== 'chunk') continue;
      if (FIRST_CHUNKS.has(chunk.name) && chunk.imports.includes('serve.code.js'))
        throw new Error(`the chunk ${chunk.name} is there to start a thread first, and loads all that a server loads`);
      const code = asciiOnly(lazyBuiltins(chunk.code)).replaceAll(/\bimport\(/g, '__import(');
      writeFileSync(path.join(folder, chunk.fileName), code);
      if (chunk.isEntry) writeFileSync(path.join(folder, `${chunk.name}.js`), STUB);
    }
  }
  const main = await rolldown({ input: path.join(src, 'main.ts'), platform: 'node', external: /^node:|cli\/cli/ });
  await main.write({ file: path.join(dist, 'main.js'), format: 'esm' });
  await main.close();
  copyFileSync(path.join(root, 'scripts', 'chunk-loader.cjs'), path.join(dist, 'chunk-loader.cjs'));
}

/** Piscina looks for the script of its threads beside its own. */
const POOL_WORKER = {
  name: 'pool-worker',
  transform(code, id) {
    if (!id.endsWith('node_modules/piscina/dist/index.js')) return undefined;
    const beside = "__dirname, 'worker.js'";
    if (!code.includes(beside)) throw new Error(`${id} does not name the script of its threads as expected`);
    const built = "require('node:url').fileURLToPath(__chunkUrl), '../../shard/pool-worker.js'";
    return { code: code.replace(beside, built), map: null };
  },
};

const STUB = `require('../chunk-loader.cjs').loadEntry(module);\n`;

function moduleTest(src, modules) {
  const files = new Set(modules.filter((name) => typeof name === 'string').map((name) => path.join(src, `${name}.ts`)));
  const patterns = modules.filter((name) => typeof name !== 'string');
  // A file that was moved would be left to other chunks without a word.
  for (const file of files)
    if (!existsSync(file)) throw new Error(`scripts/bundle.mjs names ${file}, which does not exist`);
  return (id) => files.has(id) || patterns.some((pattern) => pattern.test(id));
}

/** Names what dist/ is made of: its first octets are the first line of each chunk. */
function buildName(src) {
  const hash = createHash('sha256');
  for (const name of readdirSync(src, { recursive: true }).sort()) {
    if (name.endsWith('.ts')) hash.update(name).update(readFileSync(path.join(src, name)));
  }
  return hash.digest('hex').slice(0, 32);
}

/** `let node_net = require("node:net")` becomes a function that loads it, where every use is that of one of its exports. */
function lazyBuiltins(code) {
  let text = code;
  for (const [line, name, id] of code.matchAll(/^let (\w+) = require\("node:([\w/]+)"\);$/gm)) {
    const uses = text.match(new RegExp(`\\b${name}\\b`, 'g')).length - 1;
    const exported = text.match(new RegExp(`\\b${name}\\.`, 'g'))?.length ?? 0;
    if (uses !== exported || !builtinModules.includes(id)) continue;
    text = text
      .replaceAll(new RegExp(`\\bnew ${name}((?:\\.\\w+)+)`, 'g'), `new (${name}()$1)`)
      .replaceAll(new RegExp(`\\b${name}\\.`, 'g'), `${name}().`)
      .replace(line, `const ${name} = __lazyBuiltin("node:${id}");`);
  }
  return text;
}

/** One octet a character: V8 would keep the source with two. */
function asciiOnly(code) {
  return code.replaceAll(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
