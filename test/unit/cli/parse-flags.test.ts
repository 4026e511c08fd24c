import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type FlagSpec, formatFlagHelp, parseFlags } from '../../../src/cli/parse-flags.ts';

const SPECS: readonly FlagSpec[] = [
  { name: 'bind', value: 'ADDR', isRepeatable: true, help: 'where' },
  { name: 'dns.port', value: 'N', help: 'which' },
  { name: 'quiet', value: undefined, help: 'say less' },
];

function parse(...args: string[]): Record<string, readonly string[]> {
  return Object.fromEntries(parseFlags('serve', SPECS, args));
}

function faultOf(...args: string[]): string {
  try {
    parse(...args);
  } catch (error) {
    assert.equal((error as { code?: string }).code, 'CLI_USAGE');
    return (error as Error).message;
  }
  return assert.fail('accepted');
}

describe('parseFlags', () => {
  test('takes one dash or two, a blank or an equals sign', () => {
    for (const args of [['--dns.port', '53'], ['-dns.port', '53'], ['--dns.port=53'], ['-dns.port=53']]) {
      assert.deepEqual(parse(...args), { 'dns.port': ['53'] });
    }
  });

  test('collects a repeatable flag and lets the last value of another win', () => {
    assert.deepEqual(parse('--bind', '::1', '--dns.port=1', '--bind=127.0.0.1', '--dns.port=2'), {
      bind: ['::1', '127.0.0.1'],
      'dns.port': ['2'],
    });
  });

  test('a value may start with a dash or hold an equals sign', () => {
    assert.deepEqual(parse('--dns.port=-1', '--bind=a=b'), { 'dns.port': ['-1'], bind: ['a=b'] });
    assert.deepEqual(parse('--dns.port', '-1'), { 'dns.port': ['-1'] });
  });

  test('a flag without a value may be set to true or false, as with Go', () => {
    for (const yes of ['--quiet', '-quiet=true', '--quiet=1', '--quiet=T'])
      assert.deepEqual(parse(yes), { quiet: [''] });
    for (const no of ['--quiet=false', '-quiet=0', '--quiet=F']) assert.deepEqual(parse('--quiet', no), {});
  });

  test('says what is accepted where a flag is unknown', () => {
    assert.equal(
      faultOf('--prot=53'),
      'unknown flag "--prot"; skyshard serve accepts [--bind ADDR]... [--dns.port N] [--quiet]',
    );
  });

  test('refuses a missing value, a value too much and what is no flag', () => {
    assert.match(faultOf('--bind'), /^--bind needs a value: --bind ADDR;/);
    assert.match(faultOf('--bind='), /^--bind needs a value/);
    assert.match(faultOf('--quiet=maybe'), /^--quiet takes no value but true or false/);
    for (const argument of ['deploy', '--', '-', '---bind', '--=x', '']) {
      assert.match(faultOf(argument), /^unexpected argument/, argument);
    }
  });

  test('the help has a line for each flag', () => {
    assert.equal(formatFlagHelp(SPECS), '  --bind ADDR   where\n  --dns.port N  which\n  --quiet       say less\n');
  });
});
