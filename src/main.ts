#!/usr/bin/env node
/** Process entry: hands the arguments to cli/. */
import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';

const NODE_MAJOR_MIN = 24;

if (Number.parseInt(process.versions.node, 10) < NODE_MAJOR_MIN) {
  process.stderr.write(`skyshard: Node ${NODE_MAJOR_MIN} or newer is needed, this is ${process.version}\n`);
  process.exitCode = 2;
} else {
  if (import.meta.url.endsWith('.js')) rememberCompiledCode();
  const { runCli } = await import('./cli/cli.ts');
  process.exitCode = await runCli(process.argv.slice(2));
}

/**
 * From the second start on, a fifth of the time to the first answer is saved: V8 keeps compiled code beside dist/. Where
 * that cannot be written, everything is compiled each time.
 */
function rememberCompiledCode(): void {
  process.env['NODE_COMPILE_CACHE'] ??= fileURLToPath(new URL('./.compile-cache', import.meta.url));
  // The variable is for the shards' threads: it is read when a thread starts.
  enableCompileCache(process.env['NODE_COMPILE_CACHE']);
}
