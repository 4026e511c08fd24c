/** Corefiles of the tests: read with files and addresses that are the same on every machine. */
import path from 'node:path';
import type { ConfigFiles } from '../../../src/config/corefile/config-files.ts';
import {
  parseServerConfig,
  readServerConfig,
  type ServerConfigOptions,
} from '../../../src/config/corefile/server-config.ts';
import { PLUGIN_TABLE, type CorefileConfig } from '../../../src/plugins/corefile-config.ts';
import { loadPlugins, type PluginName, type PluginOptions } from '../../../src/plugins/order.ts';

export const DIRECTORY = '/etc/coredns';

const FILES: Readonly<Record<string, string>> = {
  '/etc/resolv.conf': 'search a.test\nnameserver 192.0.2.53\nnameserver fe80::1%eth0\noptions ndots:5\n',
  '/etc/hosts': '127.0.0.1 localhost\n',
  '/etc/coredns/cert.pem': '-----BEGIN CERTIFICATE-----\n',
  '/etc/coredns/key.pem': '-----BEGIN EC PRIVATE KEY-----\n',
  '/etc/coredns/ca.pem': '-----BEGIN CERTIFICATE-----\n',
  '/etc/coredns/config': 'apiVersion: v1\nkind: Config\n',
  '/etc/coredns/db.example.org': '$TTL 60\n@ SOA ns hostmaster 1 2 3 4 5\n@ NS ns\nns A 192.0.2.1\n',
  '/etc/coredns/Kexample.org.+013+1.key': '',
  '/etc/coredns/Kexample.org.+013+1.private': '',
};

/** The files above, and those of `more`, whose names are relative to /etc/coredns. */
export function testFiles(more: Readonly<Record<string, string>> = {}): ConfigFiles {
  const texts = new Map(Object.entries(FILES));
  for (const [name, text] of Object.entries(more)) texts.set(path.resolve(DIRECTORY, name), text);
  const isDirectory = (name: string): boolean => [...texts.keys()].some((file) => file.startsWith(`${name}/`));
  return {
    read: (file) => texts.get(file),
    exists: (file) => texts.has(file) || isDirectory(file),
    sizeOf: (file) => texts.get(file)?.length,
    list: (directory) =>
      [...texts.keys()].filter((file) => path.dirname(file) === directory).map((file) => path.basename(file)),
  };
}

export function testOptions(more: Readonly<Record<string, string>> = {}): ServerConfigOptions {
  return {
    environment: {},
    directory: DIRECTORY,
    files: testFiles(more),
    hostName: 'host-1',
    networkInterfaces: {
      lo: [{ address: '127.0.0.1' }, { address: '::1' }],
      eth0: [{ address: '192.0.2.7' }, { address: '2001:db8::7' }, { address: 'fe80::7', scopeid: 2 }],
    },
  };
}

const ALL_PLUGINS = await loadPlugins();

/** As the server reads a Corefile, with all plugins there. */
export function readAtOnce(text: string, file: string, options: ServerConfigOptions): CorefileConfig {
  const parsed = parseServerConfig(text, file, PLUGIN_TABLE, options);
  return readServerConfig(parsed, ALL_PLUGINS, options) as CorefileConfig;
}

/** A Corefile in /etc/coredns. */
export function read(text: string, more: Readonly<Record<string, string>> = {}): CorefileConfig {
  return readAtOnce(text, 'Corefile', testOptions(more));
}

/** The options of one plugin in a block `example.org:53` of its own; the directive starts at line 2, column 3. */
export function readPlugin<Name extends PluginName>(
  name: Name,
  lines: string,
  more: Readonly<Record<string, string>> = {},
): NonNullable<PluginOptions[Name]> {
  const options = read(`example.org:53 {\n  ${lines}\n}\n`, more).blocks[0]!.plugins[name];
  if (options === undefined) throw new Error(`no directive ${name} in: ${lines}`);
  return options;
}

/** What is wrong with directives in a block `example.org:53`: `CODE LINE:COL message`; `accepted` if nothing is. */
export function faultOf(lines: string, more: Readonly<Record<string, string>> = {}): string {
  try {
    read(`example.org:53 {\n  ${lines}\n}\n`, more);
    return 'accepted';
  } catch (error) {
    const fault = error as Error & { readonly code?: string };
    return `${fault.code} ${fault.message.replace(/^Corefile:/, '')}`;
  }
}

/** Warnings of a Corefile: `LINE:COL message`. */
export function warningsOf(text: string, more: Readonly<Record<string, string>> = {}): string[] {
  return read(text, more).warnings.map(({ token, message }) => `${token.line}:${token.column} ${message}`);
}
