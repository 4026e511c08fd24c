import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, test } from 'node:test';
import { parseDnsmasqFlags } from '../../../src/kubedns/dnsmasq-flags.ts';
import { missingPrograms } from '../../e2e/skyshard-process.ts';

const parse = (...args: string[]) => parseDnsmasqFlags(args);

function faultOf(...args: string[]): string {
  try {
    parse(...args);
  } catch (error) {
    assert.equal((error as { code?: string }).code, 'CLI_USAGE', String(error));
    return (error as Error).message;
  }
  return assert.fail(`accepted: ${args.join(' ')}`);
}

describe('options of dnsmasq', () => {
  test('are none at first', () => {
    assert.deepEqual(parse(), {
      port: 53,
      listenAddresses: [],
      cacheSize: undefined,
      hasNegativeCache: true,
      maxTtlSeconds: undefined,
      maxCacheTtlSeconds: undefined,
      minCacheTtlSeconds: undefined,
      forwardMax: undefined,
      zones: [],
      servers: [],
      readsResolvConf: true,
      resolvConf: '/etc/resolv.conf',
      isStrictOrder: false,
      addresses: [],
      logsQueries: false,
      hostsFile: '/etc/hosts',
      hostsTtlSeconds: 0,
      detectsLoops: false,
      udpSizeMax: undefined,
      notes: [],
    });
  });

  test('are written as getopt has them', () => {
    for (const args of [['--cache-size=1000'], ['--cache-size', '1000'], ['-c', '1000'], ['-c1000'], ['-kNc1000']]) {
      assert.equal(parse(...args).cacheSize, 1000, args.join(' '));
    }
    assert.equal(parse('-kNc1000').hasNegativeCache, false);
    assert.equal(parse('--no-neg').hasNegativeCache, false, 'long names may be cut short');
    assert.equal(parse('--log-queries').logsQueries, true);
    assert.equal(parse('--log-queries=extra').logsQueries, true);
    assert.match(faultOf('--no-negcache=1'), /takes no value/);
    assert.match(faultOf('--cache-size'), /needs a value/);
    assert.match(faultOf('--cache-size=many'), /expected a number/);
  });

  test('bound TTLs and numbers', () => {
    const options = parse(
      '--max-ttl=60',
      '--max-cache-ttl=120',
      '--min-cache-ttl=5',
      '--dns-forward-max=99',
      '-P',
      '1400',
    );
    assert.equal(options.maxTtlSeconds, 60);
    assert.equal(options.maxCacheTtlSeconds, 120);
    assert.equal(options.minCacheTtlSeconds, 5);
    assert.equal(options.forwardMax, 99);
    assert.equal(options.udpSizeMax, 1400);
    const capped = parse('--min-cache-ttl=7200');
    assert.equal(capped.minCacheTtlSeconds, 3600);
    assert.match(capped.notes[0]!, /--min-cache-ttl: .*3600/);
  });

  test('name servers, for all or for zones', () => {
    const options = parse(
      '--server=/cluster.local/in-addr.arpa/127.0.0.1#10053',
      '--server=/Corp/10.0.0.1',
      '-S/corp/10.0.0.2#5353',
      '--server=/.dotted.test/10.0.0.3',
      '--server=8.8.8.8',
      '--server=2001:db8::1#5353@eth0',
      '--server=/local.test/',
      '--local=/only.test/',
      '--server=/plain.test/#',
      '--no-resolv',
      '--strict-order',
    );
    assert.deepEqual(options.zones, [
      { zone: 'cluster.local.', servers: [{ address: '127.0.0.1', port: 10053 }] },
      { zone: 'in-addr.arpa.', servers: [{ address: '127.0.0.1', port: 10053 }] },
      {
        zone: 'corp.',
        servers: [
          { address: '10.0.0.1', port: 53 },
          { address: '10.0.0.2', port: 5353 },
        ],
      },
      { zone: 'dotted.test.', servers: [{ address: '10.0.0.3', port: 53 }] },
      { zone: 'local.test.', servers: null },
      { zone: 'only.test.', servers: null },
      { zone: 'plain.test.', servers: [] },
    ]);
    assert.deepEqual(options.servers, [
      { address: '8.8.8.8', port: 53 },
      { address: '2001:db8::1', port: 5353 },
    ]);
    assert.equal(options.readsResolvConf, false);
    assert.equal(options.isStrictOrder, true);
    assert.match(options.notes[0]!, /--server: the source/);
    for (const text of [
      'dns.google',
      '/corp/host',
      '8.8.8.8#0',
      '8.8.8.8#x',
      '',
      '//8.8.8.8',
      '/#/8.8.8.8',
      '/a#b/8.8.8.8',
      '/#x/8.8.8.8',
    ]) {
      assert.match(faultOf('--server', text), /--server/, text);
    }
  });

  test('give names addresses', () => {
    assert.deepEqual(
      parse('--address=/a.test/b.test/10.1.2.3', '-A/a.test/fd00::1', '--address=/no.test/', '--address=/null.test/#')
        .addresses,
      [
        { zone: 'a.test.', addresses: ['10.1.2.3', 'fd00::1'] },
        { zone: 'b.test.', addresses: ['10.1.2.3'] },
        { zone: 'no.test.', addresses: null },
        { zone: 'null.test.', addresses: ['0.0.0.0', '::'] },
      ],
    );
    assert.match(faultOf('--address=10.1.2.3'), /--address/);
  });

  test('name a file of hosts', () => {
    assert.equal(parse('--no-hosts').hostsFile, undefined);
    assert.equal(parse('-h', '-h', '-H', '/x').hostsFile, '/x');
    assert.match(faultOf('--addn-hosts=/x'), /--no-hosts/);
  });

  test('without meaning are accepted with a line, or none where nothing is missing', () => {
    const { notes } = parse('-k', '--log-facility=-', '--all-servers', '--neg-ttl=10', '-uroot');
    assert.deepEqual(
      notes.map((note) => note.slice(0, note.indexOf(':'))),
      ["dnsmasq's --all-servers", "dnsmasq's --neg-ttl", "dnsmasq's --user"],
    );
  });

  test('that are unknown are faults', () => {
    assert.match(faultOf('--dhcp-range=10.0.0.1,10.0.0.9'), /unknown option "--dhcp-range"/);
    assert.match(faultOf('-F', 'x'), /unknown option "-F"/);
    assert.match(faultOf('--no-'), /unknown option "--no-"/);
    assert.match(faultOf('x'), /unexpected argument "x"/);
  });

  test('have dnsmasq’s letters and names', { skip: missingPrograms('dnsmasq') }, () => {
    const help = spawnSync('dnsmasq', ['--help'], { encoding: 'utf8' }).stdout;
    const real = new Map(
      [...help.matchAll(/^(?:-(.), |    )--([\w-]+)(\[?=)?/gm)].map(([, letter = '', name, value]) => [
        name!,
        { letter, value },
      ]),
    );
    assert.ok(real.size > 100);
    const known = /skyshard knows (.*)$/.exec(faultOf('--xyzzy'))![1]!.split(', ');
    for (const name of known.filter((one) => one !== 'no-ident' || real.has(one))) {
      const option = real.get(name);
      assert.ok(option !== undefined, `dnsmasq has no --${name}`);
      if (option.letter === '') continue;
      // The short form means the same: with a value it takes one, without it none.
      const value = option.value === undefined ? [] : ['1'];
      const outcome = (...args: string[]): unknown => {
        try {
          return parse(...args);
        } catch (error) {
          return (error as Error).message;
        }
      };
      assert.deepEqual(
        outcome(`-${option.letter}${value.join('')}`),
        outcome(`--${name}${value.map((text) => `=${text}`).join('')}`),
        name,
      );
    }
  });
});
