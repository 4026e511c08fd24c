/** Expressions through the real process, and through CoreDNS where it is in PATH: one Corefile, one answer. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { describe, test } from 'node:test';
import { readFileSync } from 'node:fs';
import { EXPRESSIONS, FAILS, REFUSED_EXPRESSIONS } from '../unit/expr/expression-table.ts';
import { ask, freePort, runSkyshard, spawnNode, startProgram, temporaryFolder } from './skyshard-process.ts';

const COREDNS_VERSION = '1.15.0';
const ASKED_AT_ONCE = 40;

function findCoreDns(): string | undefined {
  const { stdout } = spawnSync('coredns', ['-version'], { encoding: 'utf8' });
  return typeof stdout === 'string' && stdout.includes(COREDNS_VERSION) ? 'coredns' : undefined;
}

/** A template for each expression that prints what it gives: zone `e0.test`, `e1.test`, … */
function corefileOf(port: number): string {
  const templates = EXPRESSIONS.map(
    ([text], index) => `  template IN TXT e${index}.test {
    var printed "${text}"
    answer "{{ .Name }} 60 IN TXT \\"{{ .Var.printed }}\\""
  }`,
  );
  return `.:${port} {\n  bind 127.0.0.1\n${templates.join('\n')}\n}\n`;
}

const refusedCorefile = (text: string, port: number): string => `.:${port} {
  bind 127.0.0.1
  template IN TXT {
    var printed "${text}"
    answer "{{ .Name }} 60 IN TXT \\"{{ .Var.printed }}\\""
  }
}
`;

async function printedBy(port: number, index: number): Promise<string | typeof FAILS> {
  const { answers, flags } = await ask(port, `e${index}.test`, 'TXT');
  if (answers?.length === 0) return (flags! & 15) === 2 ? FAILS : `rcode ${flags! & 15}`;
  return [(answers![0] as { data: Buffer | Buffer[] }).data].flat().join('');
}

async function checkAnswers(port: number): Promise<void> {
  const found: (readonly [text: string, printed: string | typeof FAILS])[] = [];
  for (let start = 0; start < EXPRESSIONS.length; start += ASKED_AT_ONCE) {
    const some = EXPRESSIONS.slice(start, start + ASKED_AT_ONCE);
    const printed = await Promise.all(some.map((_, index) => printedBy(port, start + index)));
    found.push(...some.map(([text], index) => [text, printed[index]!] as const));
  }
  assert.deepEqual(found, EXPRESSIONS);
}

describe('expressions', () => {
  test('skyshard prints what the table says', async () => {
    const port = await freePort();
    const folder = temporaryFolder({ Corefile: corefileOf(port) });
    const running = spawnNode(['dist/main.js', 'serve', '--conf', path.join(folder, 'Corefile')]);
    await running.waitForOutput(/ listens on /);
    await checkAnswers(port);
    await running.end();
  });

  test('skyshard names the place of what it refuses', () => {
    const folder = temporaryFolder({ Corefile: refusedCorefile(`1 + map([1], # + 'a')`, 1053) });
    const file = path.join(folder, 'Corefile');
    const { code, stderr } = runSkyshard(['check', '--conf', file]);
    assert.notEqual(code, 0);
    assert.match(stderr, new RegExp(`${file}:4:17: .*operator \\+ between int and string cannot be`));
    assert.ok(readFileSync(file, 'utf8').split('\n')[3]!.startsWith('    var printed "'));
  });

  const isMissing = findCoreDns() === undefined && `coredns ${COREDNS_VERSION} is not in PATH`;
  test('CoreDNS prints the same', { skip: isMissing }, async () => {
    const port = await freePort();
    const folder = temporaryFolder({ Corefile: corefileOf(port) });
    const running = startProgram('coredns', ['-conf', path.join(folder, 'Corefile')]);
    await running.waitForOutput(/CoreDNS-1/);
    await checkAnswers(port);
    await running.end();
  });

  // It ends at the first one, so each takes a start: a sixth of them does here. All of them have been tried.
  test('CoreDNS refuses the same', { skip: isMissing }, async () => {
    const port = await freePort();
    const taken: string[] = [];
    for (const text of REFUSED_EXPRESSIONS.filter((_, index) => index % 6 === 0)) {
      const folder = temporaryFolder({ Corefile: refusedCorefile(text, port) });
      const running = startProgram('coredns', ['-conf', path.join(folder, 'Corefile')]);
      const found = await running.waitForOutput(/could not compile expression|CoreDNS-1/);
      if (found[0] === 'CoreDNS-1') taken.push(text);
      await running.end();
    }
    assert.deepEqual(taken, []);
  });
});
