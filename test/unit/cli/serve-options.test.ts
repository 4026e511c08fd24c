import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import { parseServeOptions } from '../../../src/cli/serve-options.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'skyshard-serve-options-'));
after(() => rmSync(folder, { recursive: true }));

function faultOf(...args: string[]): string {
  try {
    parseServeOptions(args);
  } catch (error) {
    assert.equal((error as { code?: string }).code, 'CLI_USAGE');
    return (error as Error).message;
  }
  return assert.fail(`accepted: ${args.join(' ')}`);
}

function secretFile(content: string): string {
  const file = path.join(folder, 'secret');
  writeFileSync(file, content);
  return file;
}

describe('parseServeOptions', () => {
  test('has CoreDNS’s defaults: every address, port 53', () => {
    assert.deepEqual(parseServeOptions(['--manifests', 'a']), {
      corefile: undefined,
      isQuiet: false,
      lineFormat: 'text',
      pidFile: undefined,
      manifests: ['a'],
      kubeconfig: undefined,
      bindAddresses: [],
      dnsPort: 53,
      shards: 'auto',
      transport: 'auto',
      cookieSecret: undefined,
    });
  });

  test('reads every flag', () => {
    const args = ['--manifests=a', '--manifests=b', '--bind=127.0.0.1', '--bind=::1', '--bind=::1', '--dns.port=1053'];
    const options = parseServeOptions([
      ...args,
      '--shards=2',
      '--transport=dgram',
      `--cookie-secret-file=${secretFile('000102030405060708090A0b0c0d0e0f\n')}`,
    ]);
    assert.deepEqual(options, {
      corefile: undefined,
      isQuiet: false,
      lineFormat: 'text',
      pidFile: undefined,
      manifests: ['a', 'b'],
      kubeconfig: undefined,
      bindAddresses: ['127.0.0.1', '::1'],
      dnsPort: 1053,
      shards: 2,
      transport: 'dgram',
      cookieSecret: Uint8Array.from({ length: 16 }, (_, index) => index),
    });
  });

  test('a Corefile needs no manifests and says itself where to listen', () => {
    const options = parseServeOptions(['-conf', 'Corefile']);
    assert.equal(options.corefile, 'Corefile');
    assert.deepEqual(options.manifests, []);
    assert.match(faultOf('--conf=Corefile', '--bind=127.0.0.1'), /in a Corefile write bind ADDRESS/);
  });

  test('takes CoreDNS’s flags, with one dash', () => {
    const options = parseServeOptions(['-conf', '/etc/Corefile', '-p', '1053', '-quiet', '-pidfile', '/run/pid']);
    assert.deepEqual([options.corefile, options.dnsPort], ['/etc/Corefile', 1053]);
    assert.deepEqual([options.isQuiet, options.pidFile], [true, '/run/pid']);
    assert.equal(parseServeOptions(['-conf', 'a', '-log-format', 'json']).lineFormat, 'json');
    assert.match(faultOf('-conf', 'a', '-log-format', 'xml'), /unknown log format "xml": expected text or json/);
  });

  test('a Corefile in the working directory is taken, unless addresses are given', () => {
    const before = process.cwd();
    writeFileSync(path.join(folder, 'Corefile'), '.:53 {\n    whoami\n}\n');
    process.chdir(folder);
    try {
      assert.equal(parseServeOptions([]).corefile, 'Corefile');
      assert.equal(parseServeOptions(['--manifests', 'a', '--bind', '127.0.0.1']).corefile, undefined);
    } finally {
      process.chdir(before);
    }
  });

  test('without a Corefile something has to say where the objects are: a file, manifests, or the cluster around', () => {
    const { KUBERNETES_SERVICE_HOST: before } = process.env;
    delete process.env['KUBERNETES_SERVICE_HOST'];
    try {
      assert.match(faultOf(), /nothing to serve: .*--kubeconfig .*--manifests deploy\/demo/);
      const { kubeconfig, manifests } = parseServeOptions(['--kubeconfig', 'admin.conf', '--context', 'kind']);
      assert.deepEqual([kubeconfig, manifests], [{ file: path.resolve('admin.conf'), context: 'kind' }, []]);
      assert.equal(parseServeOptions(['--kubeconfig=a']).kubeconfig?.context, null);
      process.env['KUBERNETES_SERVICE_HOST'] = '10.96.0.1';
      assert.deepEqual(parseServeOptions([]).manifests, []);
    } finally {
      delete process.env['KUBERNETES_SERVICE_HOST'];
      if (before !== undefined) process.env['KUBERNETES_SERVICE_HOST'] = before;
    }
  });

  test('flags that contradict each other are refused', () => {
    assert.match(faultOf('--manifests=a', '--kubeconfig=b'), /--manifests takes the place of the API server/);
    assert.match(faultOf('--manifests=a', '--context=b'), /give --kubeconfig FILE too/);
  });

  test('refuses values by naming what is expected', () => {
    const manifests = '--manifests=a';
    for (const port of ['0', '65536', '-1', '53x', '1e3', '99999999999999999999']) {
      assert.match(faultOf(manifests, `--dns.port=${port}`), /expected a port, 1 to 65535/, port);
    }
    for (const count of ['0', '65', '1.5', 'all']) {
      assert.match(faultOf(manifests, `--shards=${count}`), /expected auto, or a number of threads/, count);
    }
    assert.match(faultOf(manifests, '--transport=udp'), /"udp": expected auto, mmsg or dgram/);
    for (const address of ['localhost', '127.0.0.1:53', '[::1]', '127.1']) {
      assert.match(faultOf(manifests, `--bind=${address}`), /expected an IPv4 or IPv6 address/, address);
    }
  });

  test('a cookie secret that is none is refused and not repeated', () => {
    const message = faultOf('--manifests=a', `--cookie-secret-file=${secretFile('hunter2')}`);
    assert.match(message, /expected 32 hexadecimal digits/);
    assert.doesNotMatch(message, /hunter2/);
    assert.match(faultOf('--manifests=a', '--cookie-secret-file', path.join(folder, 'none')), /cannot be read/);
  });
});
