/**
 * Runs commands in steps: those of one step at the same time, the next step when all have ended. What the first of a step
 * writes is seen at once, what the others write when it has ended.
 *
 * Signals are passed on to all of them, and no further step begins. The exit code is the first that is not 0; the signal
 * that ended a command ends this process too.
 */
import { spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { ROOT } from './build.mjs';

const PASSED_ON = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR2'];

/**
 * @param node   path of the Node that runs them
 * @param steps  each an array of { nodeArguments, wrapper }: wrapper is a command in front of Node, if there is one
 * @param environment  variables beside those of this process
 */
export async function runSteps(node, steps, environment) {
  const running = new Set();
  let isEnding = false;
  for (const signal of PASSED_ON) {
    process.on(signal, () => {
      isEnding = true;
      for (const child of running) child.kill(signal);
    });
  }
  const ends = [];
  for (const step of steps) {
    if (isEnding) break;
    const outputs = mkdtempSync(path.join(os.tmpdir(), 'skyshard-run-'));
    process.once('exit', () => rmSync(outputs, { recursive: true, force: true }));
    const [first, ...others] = step.map((command, index) =>
      run(node, command, environment, running, index === 0 ? undefined : path.join(outputs, String(index))),
    );
    ends.push(await first);
    for (const [index, other] of others.entries()) {
      ends.push(await other);
      process.stdout.write(readFileSync(path.join(outputs, String(index + 1))));
    }
  }
  const bad = ends.find(({ code }) => code !== 0);
  if (bad === undefined) process.exit(0);
  if (bad.signal === null) process.exit(bad.code);
  process.removeAllListeners(bad.signal);
  process.kill(process.pid, bad.signal);
}

/** @param outputFile  where stdout and stderr go until the end; undefined: to those of this process */
async function run(node, { nodeArguments, wrapper = [] }, environment, running, outputFile) {
  const [program, ...args] = [...wrapper, node, ...nodeArguments];
  const output = outputFile === undefined ? 'inherit' : openSync(outputFile, 'w');
  const child = spawn(program, args, {
    cwd: ROOT,
    stdio: [outputFile === undefined ? 'inherit' : 'ignore', output, output],
    env: { ...process.env, ...environment },
  });
  running.add(child);
  const end = await new Promise((resolve) => {
    child.on('error', (error) => {
      console.error(`skyshard: ${program} cannot be started: ${error.message}`);
      resolve({ code: 1, signal: null });
    });
    child.on('exit', (code, signal) => resolve({ code, signal }));
  });
  running.delete(child);
  if (outputFile !== undefined) closeSync(output);
  return end;
}
