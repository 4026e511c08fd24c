/**
 * The file of `prometheus { tls FILE }`: Prometheus's web configuration, of which the certificates are read. What it says
 * beside them is refused by name, because metrics that are less protected than somebody wrote are worse than none.
 */
import { readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { createSecureContext, type SecureContextOptions, type TlsOptions } from 'node:tls';
import type * as YamlModule from 'yaml';
import { SkyshardError } from '../../base/skyshard-error.ts';

/** What clients have to show, by Go's names for it. */
const CLIENT_AUTH: Readonly<Record<string, Pick<TlsOptions, 'requestCert' | 'rejectUnauthorized'>>> = {
  NoClientCert: { requestCert: false },
  RequestClientCert: { requestCert: true, rejectUnauthorized: false },
  RequireAndVerifyClientCert: { requestCert: true, rejectUnauthorized: true },
};
const VERSIONS: Readonly<Record<string, SecureContextOptions['minVersion']>> = {
  TLS10: 'TLSv1',
  TLS11: 'TLSv1.1',
  TLS12: 'TLSv1.2',
  TLS13: 'TLSv1.3',
};
const KNOWN = new Set(['cert_file', 'key_file', 'client_ca_file', 'client_auth_type', 'min_version', 'max_version']);
/** It changes nothing about who may read the metrics. */
const WITHOUT_EFFECT = new Set(['prefer_server_cipher_suites', 'cipher_suites', 'curve_preferences']);

export interface WebConfig {
  readonly options: TlsOptions;
  /** The certificates, if their files have changed since the last look; those of before go on where they cannot be read. */
  renewed(): SecureContextOptions | undefined;
}

/**
 * @param file  absolute
 * @returns undefined: it asks for no TLS
 * @throws SkyshardError CONFIG_ARGUMENT, CONFIG_READ
 */
export function readWebConfig(file: string): WebConfig | undefined {
  const server = readTlsSection(file);
  if (server === undefined) return undefined;
  const resolve = (name: string): string => path.resolve(path.dirname(file), name);
  const { cert_file: cert, key_file: key, client_ca_file: ca, client_auth_type: auth = 'NoClientCert' } = server;
  if (cert === undefined || key === undefined) throw fault(file, 'tls_server_config needs cert_file and key_file');
  const files = { cert: resolve(cert), key: resolve(key), ...(ca !== undefined && { ca: resolve(ca) }) };
  const clients = CLIENT_AUTH[auth];
  if (clients === undefined) {
    throw fault(file, `client_auth_type ${auth}, expected one of ${Object.keys(CLIENT_AUTH).join(', ')}`);
  }
  if (clients.rejectUnauthorized === true && ca === undefined) throw fault(file, `${auth} needs client_ca_file`);
  const versions = {
    minVersion: versionOf(file, server['min_version']) ?? 'TLSv1.2',
    maxVersion: versionOf(file, server['max_version']) ?? 'TLSv1.3',
  } as const;
  const read = (): SecureContextOptions => {
    const texts = Object.fromEntries(Object.entries(files).map(([name, where]) => [name, readPem(where)]));
    createSecureContext({ ...texts, ...versions });
    return { ...texts, ...versions };
  };
  let context: SecureContextOptions;
  let changedMs: number;
  try {
    context = read();
    changedMs = newestOf(files);
  } catch (error) {
    throw error instanceof SkyshardError ? error : fault(file, String(error), error);
  }
  return {
    options: { ...context, ...clients },
    renewed: () => {
      try {
        const nowMs = newestOf(files);
        if (nowMs === changedMs) return undefined;
        const renewed = read();
        changedMs = nowMs;
        return renewed;
      } catch {
        // Half of a pair is written, most likely: the next look finds the other.
        return undefined;
      }
    },
  };
}

function readTlsSection(file: string): Readonly<Record<string, string>> | undefined {
  const yaml = createRequire(import.meta.url)('yaml') as typeof YamlModule;
  let document: unknown;
  try {
    document = yaml.parse(readPem(file), { maxAliasCount: 10 });
  } catch (error) {
    throw error instanceof SkyshardError ? error : fault(file, (error as Error).message, error);
  }
  if (document === null || document === undefined) return undefined;
  if (!isRecord(document)) throw fault(file, 'expected a mapping with tls_server_config');
  for (const [name, value] of Object.entries(document)) {
    const isEmpty = value === null || (isRecord(value) && Object.keys(value).length === 0);
    if (name !== 'tls_server_config' && !isEmpty) throw fault(file, `${name} is not supported, only tls_server_config`);
  }
  const section = document['tls_server_config'];
  if (section === null || section === undefined) return undefined;
  if (!isRecord(section)) throw fault(file, 'tls_server_config: expected a mapping');
  const found: Record<string, string> = {};
  for (const [name, value] of Object.entries(section)) {
    if (WITHOUT_EFFECT.has(name)) continue;
    if (!KNOWN.has(name)) throw fault(file, `tls_server_config: ${name} is not supported`);
    if (typeof value !== 'string') throw fault(file, `tls_server_config: ${name}: expected a text`);
    if (value !== '') found[name] = value;
  }
  return found;
}

function versionOf(file: string, name: string | undefined): SecureContextOptions['minVersion'] {
  if (name === undefined) return undefined;
  const version = VERSIONS[name];
  if (version === undefined) throw fault(file, `${name} is no version, expected ${Object.keys(VERSIONS).join(', ')}`);
  return version;
}

function newestOf(files: Readonly<Record<string, string>>): number {
  return Math.max(...Object.values(files).map((file) => statSync(file).mtimeMs));
}

function readPem(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new SkyshardError('CONFIG_READ', `plugin/prometheus: ${file}: ${reason}`, { cause });
  }
}

function fault(file: string, what: string, cause?: unknown): SkyshardError {
  return new SkyshardError('CONFIG_ARGUMENT', `plugin/prometheus: ${file}: ${what}`, { cause });
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
