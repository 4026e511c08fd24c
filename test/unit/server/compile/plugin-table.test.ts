/** docs/reference/plugins.md says what the code does: every plugin and option is there, and is taken or refused as the page says. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { PLUGIN_NAMES } from '../../../../src/plugins/order.ts';
import { compileCorefile } from '../../../../src/server/compile/compile-corefile.ts';
import { ROOT } from '../../../architecture/source-files.ts';
import { faultOf, readAtOnce, testOptions } from '../../plugins/corefile-fixture.ts';

const FILES = {
  weights: 'a.test\n192.0.2.1 9\n',
  keys: 'key "a." {\n  algorithm hmac-sha256;\n  secret "AQID";\n};\n',
};
/** Directives whose block cannot be read without arguments. */
const HEADS: Readonly<Record<string, string>> = {
  auto: 'auto',
  bind: 'bind lo',
  file: 'file db.example.org',
  forward: 'forward . 192.0.2.1',
  template: 'template IN A',
  tls: 'tls cert.pem key.pem',
  view: 'view v',
};
/** What has to stand beside them. */
const COMPANIONS: Readonly<Record<string, string>> = {
  autopath: 'kubernetes cluster.local {\npods verified\n}\n',
  k8s_external: 'kubernetes cluster.local\n',
};
/** Where a directive says something only on some listeners. */
const KEYS: Readonly<Record<string, string>> = { 'tls acme': 'tls://example.org:853' };
/** Plugins whose blocks hold rules, hosts, or nothing. */
const WITHOUT_OPTIONS = new Set(['acl', 'bind', 'header', 'hosts', 'rewrite']);

interface Row {
  readonly plugin: string;
  /** what follows the plugin's name; '' for the plugin itself */
  readonly option: string;
  readonly state: string;
  readonly example: string;
}

const ROWS: readonly Row[] = readFileSync(path.join(ROOT, 'docs/reference/plugins.md'), 'utf8')
  .split('\n')
  .flatMap((line) => {
    const [, what, state, example] = /^\| `([^`]+)` \| ([^|]+) \| `(.+?)` \|/.exec(line) ?? [];
    if (what === undefined) return [];
    const [plugin, ...rest] = what.split(' ');
    return [{ plugin: plugin!, option: rest.join(' '), state: state!, example: example! }];
  });

/** `a { b; c }` as the lines of a Corefile. */
function linesOf(example: string): string {
  const [, head, body] = /^(.*?) \{ (.*) \}$/.exec(example) ?? [];
  return body === undefined ? example : `${head} {\n${body.split('; ').join('\n')}\n}`;
}

/** The options that the code reads in the block of a plugin. */
function optionsOf(plugin: string): readonly string[] {
  const fault = faultOf(`${HEADS[plugin] ?? plugin} {\nno-such-option\n}`);
  return / expected one of ([\w, -]+)$/.exec(fault)?.[1]?.split(', ') ?? [];
}

test('the page has a row for every plugin, and for no other', () => {
  const named = [...new Set(ROWS.map(({ plugin }) => plugin))];
  assert.deepEqual(named, [...PLUGIN_NAMES]);
});

describe('the page has a row for every option that is read, and for no other', () => {
  for (const plugin of PLUGIN_NAMES.filter((name) => !WITHOUT_OPTIONS.has(name))) {
    const known = optionsOf(plugin);
    const rows = ROWS.filter(
      (row) => row.plugin === plugin && row.state !== 'no' && linesOf(row.example).includes(`\n${row.option}`),
    );
    test(plugin, () => {
      const named = rows.map(({ option }) => option).filter((option) => option !== '');
      assert.deepEqual(new Set(named), new Set(known));
    });
  }
});

describe('what the page says is what a Corefile gets', () => {
  for (const { plugin, option, state, example } of ROWS) {
    test(`${plugin} ${option}: ${state}`, () => {
      const block = `${KEYS[`${plugin} ${option}`] ?? 'example.org:53'} {\n${COMPANIONS[plugin] ?? ''}${linesOf(example)}\n}\n`;
      const read = () => readAtOnce(block, 'Corefile', testOptions(FILES));
      if (state === 'no') {
        assert.throws(read, ({ code, message }: Error & { readonly code?: string }) => {
          assert.equal(code, 'CONFIG_UNSUPPORTED');
          assert.match(message, new RegExp(`^Corefile:\\d+:\\d+: plugin/${plugin}: `));
          return true;
        });
        return;
      }
      assert.ok(['yes', 'different', 'no answer yet'].includes(state), state);
      const plan = compileCorefile(read(), {
        version: '',
        hostName: '',
        numberOfGroup: () => 0,
        indexOfCacheProfile: () => 0,
        addressesOf: () => ['192.0.2.9'],
      });
      const steps = plan.config.listeners.flatMap(({ routes }) => routes.flatMap((route) => route.steps));
      const isUnbuilt =
        steps.some(({ kind }) => kind === 'unbuilt') || plan.warnings.some((text) => /not built/.test(text));
      assert.equal(isUnbuilt, state === 'no answer yet');
    });
  }
});
