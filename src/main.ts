#!/usr/bin/env node
/** Process entry: hands the arguments to cli/. */

const NODE_MAJOR_MIN = 24;

if (Number.parseInt(process.versions.node, 10) < NODE_MAJOR_MIN) {
  process.stderr.write(`skyshard: Node ${NODE_MAJOR_MIN} or newer is needed, this is ${process.version}\n`);
  process.exitCode = 2;
} else {
  const { runCli } = await import('./cli/cli.ts');
  process.exitCode = await runCli(process.argv.slice(2));
}
