/**
 * Ends the process of a test file whose tests are done and which something keeps alive: a socket that a failed test left
 * open would hold up the run for as long as a file may take. It says what that is, and the file counts as failed.
 *
 * Imported for its effect, by what end-to-end tests start things with.
 */
import { after, beforeEach } from 'node:test';

/** Much longer than anything takes to close by itself. */
const GRACE_MS = Number(process.env['SKYSHARD_TEST_GRACE_MS'] ?? 30_000);

let timer: NodeJS.Timeout | undefined;

after(() => {
  // A program that is no test file but uses the same helpers ends when it has done its work.
  if (process.env['NODE_TEST_CONTEXT'] === undefined) return;
  timer = setTimeout(() => {
    const open = process.getActiveResourcesInfo().join(', ');
    process.stderr.write(`${process.argv[1]}: all tests are done, and this keeps it running: ${open}\n`);
    process.exit(1);
  }, GRACE_MS).unref();
});

// Tests that were not known yet, in a file that waits for something between them.
beforeEach(() => clearTimeout(timer));
