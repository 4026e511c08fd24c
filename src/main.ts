#!/usr/bin/env node
/** Process entry: hands the arguments to cli/. */
import { createRequire } from 'node:module';
import type { runCli as RunCli } from './cli/cli.ts';

const NODE_MAJOR_MIN = 24;

if (Number.parseInt(process.versions.node, 10) < NODE_MAJOR_MIN) {
  process.stderr.write(`skyshard: Node ${NODE_MAJOR_MIN} or newer is needed, this is ${process.version}\n`);
  process.exitCode = 2;
} else {
  const { runCli } = import.meta.url.endsWith('.ts') ? await import('./cli/cli.ts') : loadBuilt();
  process.exitCode = await runCli(process.argv.slice(2));
}

/** In dist/ this file is a module, and everything else a chunk of its thread. */
function loadBuilt(): { readonly runCli: typeof RunCli } {
  return createRequire(import.meta.url)('./main/cli.js') as { readonly runCli: typeof RunCli };
}
