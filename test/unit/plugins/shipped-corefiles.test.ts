import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';
import { SYSTEM_FILES, type ConfigFiles } from '../../../src/config/corefile/config-files.ts';
import type { CorefileConfig } from '../../../src/plugins/corefile-config.ts';
import { readAtOnce, testOptions } from './corefile-fixture.ts';

const FIXTURES = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../fixtures/corefiles');

/** The fixtures as they lie there; what the machine of a cluster has besides is made up. */
const files: ConfigFiles = {
  ...SYSTEM_FILES,
  read: (file) => {
    if (file === '/etc/resolv.conf') return 'nameserver 192.0.2.53\n';
    if (path.basename(file) === 'openshift-ca.crt') return '-----BEGIN CERTIFICATE-----\n';
    return SYSTEM_FILES.read(file);
  },
};

function load(file: string, text?: string): CorefileConfig {
  const directory = path.dirname(path.join(FIXTURES, file));
  const changed: ConfigFiles = {
    ...files,
    read: (name) => (text !== undefined && name === path.join(FIXTURES, file) ? text : files.read(name)),
  };
  const found = changed.read(path.join(FIXTURES, file));
  assert.ok(found !== undefined);
  return readAtOnce(found, path.basename(file), { ...testOptions(), directory, files: changed });
}

const CORES = readdirSync(FIXTURES).map((name) =>
  statSync(path.join(FIXTURES, name)).isDirectory() ? `${name}/Corefile` : name,
);

test('there is a fixture of every distribution', () => {
  assert.deepEqual(CORES.sort(), [
    'aks-localdns',
    'aks/Corefile',
    'deployment',
    'eks',
    'gardener',
    'k3s/Corefile',
    'kubeadm-1.14',
    'kubeadm-1.31',
    'kubeadm-1.32',
    'nodelocal',
    'openshift',
  ]);
});

for (const file of CORES) {
  test(`the Corefile of ${file} loads`, () => {
    const config = load(file);
    assert.ok(config.blocks.length > 0);
    assert.ok(config.listeners.length > 0);
    for (const block of config.blocks) assert.ok(block.chain.length > 0);
  });

  test(`an unknown option anywhere in the Corefile of ${file} is named with its place`, () => {
    const lines = readFileSync(path.join(FIXTURES, file), 'utf8').split('\n');
    let tried = 0;
    for (const [index, line] of lines.entries()) {
      // Lines of hosts are what hosts takes for unknown options.
      if (!/^\s+\S.*\{$/.test(line) || /^\s+hosts\b/.test(line)) continue;
      tried++;
      const broken = [...lines.slice(0, index + 1), '      bogus_option 1', ...lines.slice(index + 1)].join('\n');
      assert.throws(
        () => load(file, broken),
        (error: Error & { readonly code?: string }) => {
          assert.equal(error.code, 'CONFIG_ARGUMENT');
          assert.ok(error.message.startsWith(`${path.basename(file)}:${index + 2}:7: plugin/`), error.message);
          assert.match(error.message, /bogus_option/);
          return true;
        },
      );
    }
    assert.ok(tried > 0);
  });

  test(`an unknown directive anywhere in the Corefile of ${file} is named with its place`, () => {
    const lines = readFileSync(path.join(FIXTURES, file), 'utf8').split('\n');
    for (const [index, line] of lines.entries()) {
      if (!/^\S.*\{$/.test(line)) continue;
      const broken = [...lines.slice(0, index + 1), '   bogus', ...lines.slice(index + 1)].join('\n');
      assert.throws(() => load(file, broken), {
        code: 'CONFIG_UNKNOWN_DIRECTIVE',
        message: new RegExp(`^${path.basename(file)}:${index + 2}:4: Unknown directive 'bogus'`),
      });
    }
  });
}

test("kubeadm's Corefile says what it always said", () => {
  const { plugins, chain } = load('kubeadm-1.32').blocks[0]!;
  assert.deepEqual(
    chain.map((link) => link.name),
    ['reload', 'ready', 'health', 'prometheus', 'errors', 'loadbalance', 'cache', 'kubernetes', 'loop', 'forward'],
  );
  assert.deepEqual(plugins.health, { listen: { host: '', port: 8080 }, lameduckMs: 5000 });
  assert.deepEqual(plugins.prometheus?.listen, { host: '', port: 9153 });
  assert.deepEqual(plugins.kubernetes?.zones, ['cluster.local.', 'in-addr.arpa.', 'ip6.arpa.']);
  assert.equal(plugins.kubernetes?.pods, 'insecure');
  assert.equal(plugins.kubernetes?.ttlSeconds, 30);
  assert.deepEqual(plugins.kubernetes?.fallthrough, ['in-addr.arpa.', 'ip6.arpa.']);
  const [stanza] = plugins.forward!.stanzas;
  assert.equal(stanza!.concurrentMax, 1000);
  assert.deepEqual(stanza!.to, [{ kind: 'address', scheme: 'dns', address: '192.0.2.53', port: 53, serverName: null }]);
  assert.equal(plugins.cache?.success.maxTtlSeconds, 30);
  assert.deepEqual(plugins.cache?.denial.disabledZones, ['cluster.local.']);
});

test('imports of k3s and AKS are spliced in, and their files are known', () => {
  const k3s = load('k3s/Corefile');
  assert.deepEqual(k3s.blocks[0]!.plugins.log?.rules.length, 1);
  assert.deepEqual(
    k3s.blocks.map((block) => block.keys[0]!.zone),
    ['.', 'example.com.'],
  );
  assert.deepEqual(
    k3s.files.map((file) => path.relative(FIXTURES, file)),
    ['k3s/Corefile', 'k3s/custom/log.override', 'k3s/custom/example.server'],
  );
  assert.deepEqual(load('aks/Corefile').blocks[0]!.plugins.hosts?.inlineLines, ['192.0.2.10 a.example.org']);
});

test('the old option upstream of kubernetes is a warning', () => {
  assert.deepEqual(
    load('kubeadm-1.14').warnings.map((warning) => warning.message),
    ["plugin/kubernetes: option 'upstream' is gone from CoreDNS and has no effect"],
  );
});

test('blocks of NodeLocal DNSCache and of OpenShift share listeners by address and port', () => {
  const show = (file: string): string[] =>
    load(file).listeners.map(
      ({ scheme, address, port, zones }) => `${scheme} ${address}:${port} ${zones.map(({ zone }) => zone).join(' ')}`,
    );
  const zones = 'cluster.local. in-addr.arpa. ip6.arpa. . acme.local.';
  assert.deepEqual(show('nodelocal'), [`dns 169.254.20.10:53 ${zones}`, `dns 10.96.0.10:53 ${zones}`]);
  assert.deepEqual(show('openshift'), ['dns :5353 example.com. foo.com. bar.com. . hostname.bind.']);
  assert.deepEqual(show('aks-localdns'), [
    'dns 169.254.10.10:53 health-check.localdns.local. . cluster.local.',
    'dns 169.254.10.11:53 health-check.localdns.local. .',
  ]);
});
