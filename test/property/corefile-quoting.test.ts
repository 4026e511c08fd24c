/** Any text that flags of kube-dns give is what the Corefile made of them says, or is refused with the flag's name. */
import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { SkyshardError } from '../../src/base/skyshard-error.ts';
import { CorefileLexer, replaceEnvironment } from '../../src/config/corefile/corefile-lexer.ts';
import { formatWord } from '../../src/config/corefile/corefile-quoting.ts';
import { canonicalName } from '../../src/config/zone-name.ts';
import { DEFAULT_CONFIG } from '../../src/kubedns/config-map.ts';
import { readKubeDnsPlan } from '../../src/kubedns/kube-dns-plan.ts';
import { makeCorefile } from '../../src/kubedns/made-corefile.ts';
import { readCorefile } from '../../src/plugins/corefile-config.ts';
import { budget, SEED } from './budget.ts';

const files = { read: () => 'nameserver 192.0.2.53\n', list: () => [], exists: () => true };
/** Signs that mean something to the lexer, and others. */
const sign = fc.constantFrom(...'\\\\\\""" #\n\r\t{}$%,.:/ab', '{$HOME}', '{%A%}', '\u00a0', '\u3000', '\ufeff', 'é');
const text = fc.array(sign, { maxLength: 8 }).map((signs) => signs.join(''));

test('a word says the text, and there is one wherever one can be', () => {
  fc.assert(
    fc.property(text, (value) => {
      const word = formatWord(value);
      if (word === undefined) {
        const needsQuotes = /[\s\u0085#]|^"|^[{}]?$/.test(value);
        const endsQuotes = /(?<!\\)(?:\\\\)*\\(?:"|$)/.test(value);
        return replaceEnvironment(value, {}) !== value || (needsQuotes && endsQuotes);
      }
      const lexer = new CorefileLexer(`first ${word} next`, '', { HOME: '/root', A: 'b' });
      const [, found, next] = [lexer.next(), lexer.next(), lexer.next()];
      return found?.text === value && next?.text === 'next';
    }),
    budget(),
  );
});

test('a value of a flag is what is served, or is refused with its flag', async () => {
  const flags = {
    kubeconfig: (value: string) => ['--domain=cluster.local.', `--kubecfg-file=/${value}`],
    hosts: (value: string) => ['--', '--no-hosts', `--addn-hosts=/${value}`],
    zone: (value: string) => ['--', `--server=/a${value}/192.0.2.1`],
    name: (value: string) => ['--', `--address=/a${value}/192.0.2.1`],
  };
  const kinds = Object.keys(flags) as (keyof typeof flags)[];
  let servedCount = 0;
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...kinds), text, async (kind, value) => {
      let corefile: string;
      try {
        corefile = makeCorefile(readKubeDnsPlan(flags[kind](value), {}), DEFAULT_CONFIG, {
          addressesOf: () => [],
          files,
        }).text;
      } catch (error) {
        assert.ok(error instanceof SkyshardError && error.code === 'CLI_USAGE', String(error));
        assert.match(error.message, /--(kubecfg-file|addn-hosts|server|address)\b/);
        return;
      }
      const { blocks } = await readCorefile(corefile, 'made', { files, environment: { HOME: '/root', A: 'b' } });
      const { kubernetes, hosts, template } = blocks[0]!.plugins;
      const zones = (): string[] => `a${value}`.split('/').map((one) => canonicalName(one.replace(/^(?:\*?\.)+/, ''))!);
      switch (kind) {
        case 'kubeconfig':
          assert.equal(kubernetes?.api.kubeconfig?.file, path.resolve(`/${value}`));
          break;
        case 'hosts':
          assert.equal(hosts?.file, path.resolve(`/${value}`));
          break;
        case 'zone':
          assert.deepEqual(
            blocks.slice(1).map(({ keys }) => keys[0]!.zone),
            [...new Set(zones())],
          );
          break;
        case 'name':
          assert.ok(zones().every((zone) => template?.templates.some(({ zones: own }) => own.includes(zone))));
      }
      servedCount++;
    }),
    { seed: SEED, numRuns: 400 },
  );
  assert.ok(servedCount > 50, `${servedCount} served`);
});
