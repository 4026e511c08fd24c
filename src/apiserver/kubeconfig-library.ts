/**
 * kubeconfig files that ask for more than reading (exec plugins, OIDC, cloud providers, proxies), by @kubernetes/client-node.
 * Loaded only for such a file: it takes some 80 MiB and half a second.
 */
import type { Agent } from 'node:http';
import type { RequestOptions } from 'node:https';
import { SkyshardError } from '../base/skyshard-error.ts';
import { accessFault, readAccessFile } from './access-file.ts';
import type { ApiCredentials, CredentialReader } from './credentials.ts';
import { readContext, readImpersonation, readServer } from './kubeconfig-context.ts';

/** What of the package is used. */
interface KubeConfig {
  loadFromFile(file: string): void;
  setCurrentContext(name: string): void;
  /** Runs what has to be run, and sets ca, cert, key, servername, rejectUnauthorized, headers, auth and agent. */
  applyToHTTPSOptions(options: RequestOptions): Promise<void>;
}

/** The module of the class alone: the package's index is another 40 MiB of API types. */
const MODULE = '@kubernetes/client-node/dist/config.js';

/** Reads again when the file has changed or what it gave was refused; a plugin is asked again when its token runs out. */
export function openWithLibrary(file: string, contextName: string | null): CredentialReader {
  let config: KubeConfig | undefined;
  let configText = '';
  return async (isRefused) => {
    const context = await readContext(file, contextName);
    const text = readAccessFile(file, 'kubeconfig');
    try {
      if (config === undefined || isRefused || text !== configText) {
        config = await createConfig();
        config.loadFromFile(file);
        config.setCurrentContext(context.name);
        configText = text;
      }
      const options: RequestOptions = {};
      await config.applyToHTTPSOptions(options);
      return toCredentials(options, {
        server: readServer(context.cluster, true),
        hasProxy: !context.cluster.get('proxy-url').isAbsent,
        impersonation: readImpersonation(context.user),
      });
    } catch (error) {
      if (error instanceof SkyshardError) throw error;
      throw accessFault(file, `context ${JSON.stringify(context.name)}: ${(error as Error).message.trim()}`, error);
    }
  };
}

async function createConfig(): Promise<KubeConfig> {
  const library = (await import(MODULE)) as { readonly KubeConfig: new () => KubeConfig };
  return new library.KubeConfig();
}

interface ContextParts {
  readonly server: URL;
  readonly hasProxy: boolean;
  readonly impersonation: ApiCredentials['headers'];
}

function toCredentials(options: RequestOptions, { server, hasProxy, impersonation }: ContextParts): ApiCredentials {
  const headers: Record<string, string | readonly string[]> = { ...impersonation };
  for (const [name, value] of Object.entries(options.headers ?? {})) {
    if (typeof value === 'string' || Array.isArray(value)) headers[name.toLowerCase()] = value;
  }
  if (typeof options.auth === 'string') {
    headers['authorization'] = `Basic ${Buffer.from(options.auth).toString('base64')}`;
  }
  return {
    server,
    authority: toText(options.ca),
    certificate: toText(options.cert),
    key: toText(options.key),
    serverName: options.servername,
    isInsecure: options.rejectUnauthorized === false,
    headers,
    ...(hasProxy && options.agent instanceof Object && { agent: options.agent as Agent }),
  };
}

function toText(pem: unknown): string | undefined {
  if (typeof pem === 'string' && pem !== '') return pem;
  return Buffer.isBuffer(pem) ? pem.toString('latin1') : undefined;
}
