/**
 * Where the API server is and what opens it: an endpoint, a kubeconfig file, or the pod's service account. Files are read
 * at the start, so that a fault in them is known at once, and again when they may have been rotated.
 */
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { connect as connectPlain, isIP, type OnReadOpts, type Socket } from 'node:net';
import { connect as connectSecurely, type ConnectionOptions } from 'node:tls';
import { SkyshardError } from '../base/skyshard-error.ts';
import type { KubernetesApiOptions } from './api-options.ts';
import { type ApiCredentials, type CredentialReader, startWith } from './credentials.ts';
import { readEndpoint } from './endpoint-access.ts';
import { readInCluster } from './in-cluster-access.ts';
import { openKubeconfig } from './kubeconfig-access.ts';
import { findProxy } from './proxy-environment.ts';

export interface ApiConnection {
  readonly server: URL;
  readonly agent: HttpAgent;
  readonly headers: ApiCredentials['headers'];
  /** Open a connection that nothing else uses; undefined where a proxy is in between. */
  readonly connectDirectly: ((onread: OnReadOpts) => Socket) | undefined;
}

/** Tokens and certificates are valid for hours and replaced long before; kubelet and client-go look once a minute too. */
const REREAD_MS = 60_000;
/** The first probe of an idle connection; the system sends ten more, a second apart. */
const KEEP_ALIVE_PROBE_MS = 15_000;

export class ApiAccess {
  readonly #read: CredentialReader;
  readonly #warn: (error: SkyshardError) => void;
  readonly #nowMs: () => number;
  #connection: ApiConnection | undefined;
  /** what of the connection lies in the agent, to tell when a new one is needed */
  #agentKey = '';
  #readAtMs = -Infinity;
  #isRefused = false;
  #reading: Promise<void> | undefined;

  /** @param warn  told of a rotation that cannot be read: what was read last is used on */
  constructor(read: CredentialReader, warn: (error: SkyshardError) => void, nowMs = () => performance.now()) {
    this.#read = read;
    this.#warn = warn;
    this.#nowMs = nowMs;
  }

  /** What the next request needs. @throws SkyshardError API_ACCESS if it could never be read */
  async connect(): Promise<ApiConnection> {
    if (this.#connection === undefined || this.#nowMs() - this.#readAtMs >= REREAD_MS) {
      this.#reading ??= this.#readAgain().finally(() => {
        this.#reading = undefined;
      });
      await this.#reading;
    }
    return this.#connection!;
  }

  /** The server did not accept what it got: read again before the next request. */
  invalidate(): void {
    this.#isRefused = true;
    this.#readAtMs = -Infinity;
  }

  close(): void {
    this.#connection?.agent.destroy();
  }

  async #readAgain(): Promise<void> {
    try {
      this.#take(await this.#read(this.#isRefused));
      this.#isRefused = false;
    } catch (error) {
      if (this.#connection === undefined || !(error instanceof SkyshardError)) throw error;
      this.#warn(error);
    }
    this.#readAtMs = this.#nowMs();
  }

  #take(credentials: ApiCredentials): void {
    const { server, headers, authority, certificate, key, serverName, isInsecure, agent } = credentials;
    const agentKey = JSON.stringify([server.origin, authority, certificate, key, serverName, isInsecure]);
    const former = this.#connection;
    if (former !== undefined && agentKey === this.#agentKey) {
      this.#connection = { ...former, server, headers };
      return;
    }
    const connectDirectly = agent === undefined ? directConnector(credentials) : undefined;
    this.#connection = { server, headers, agent: agent ?? createAgent(credentials), connectDirectly };
    this.#agentKey = agentKey;
    if (former !== undefined) dropIdle(former.agent);
  }
}

/** @throws SkyshardError API_ACCESS if a file or a field of it is missing or wrong */
export async function openAccess(
  options: KubernetesApiOptions,
  warn: (error: SkyshardError) => void,
): Promise<ApiAccess> {
  return new ApiAccess(await chooseReader(options), warn);
}

async function chooseReader({ kubeconfig, endpoint, tls }: KubernetesApiOptions): Promise<CredentialReader> {
  if (kubeconfig !== null) return openKubeconfig(kubeconfig.file, kubeconfig.context);
  const read = endpoint === null ? () => readInCluster(process.env) : () => readEndpoint(endpoint, tls);
  return startWith(read(), read);
}

/** As the agent connects. */
function directConnector(credentials: ApiCredentials): ApiConnection['connectDirectly'] {
  const { server, authority, certificate, key, serverName, isInsecure } = credentials;
  if (findProxy(server, process.env) !== undefined) return undefined;
  const host = server.hostname.replace(/^\[|\]$/g, '');
  const isSecure = server.protocol === 'https:';
  const place = { host, port: Number(server.port) || (isSecure ? 443 : 80) };
  const options: ConnectionOptions = {
    ...place,
    ALPNProtocols: ['http/1.1'],
    // An address is no name to ask for; it is checked against the certificate all the same.
    servername: serverName ?? (isIP(host) === 0 ? host : ''),
    ...(authority !== undefined && { ca: authority }),
    ...(certificate !== undefined && { cert: certificate }),
    ...(key !== undefined && { key }),
    ...(isInsecure === true && { rejectUnauthorized: false }),
  };
  return (onread) => {
    // TLS hands these options of net on.
    const secure: ConnectionOptions & { readonly onread: OnReadOpts } = { ...options, onread };
    const socket = isSecure ? connectSecurely(secure) : connectPlain({ ...place, onread });
    return socket.setNoDelay(true).setKeepAlive(true, KEEP_ALIVE_PROBE_MS);
  };
}

function createAgent({ server, authority, certificate, key, serverName, isInsecure }: ApiCredentials): HttpAgent {
  const proxy = findProxy(server, process.env)?.href;
  const common = {
    keepAlive: true,
    keepAliveMsecs: KEEP_ALIVE_PROBE_MS,
    ...(proxy !== undefined && { proxyEnv: { HTTP_PROXY: proxy, HTTPS_PROXY: proxy } }),
  };
  if (server.protocol === 'http:') return new HttpAgent(common);
  return new HttpsAgent({
    ...common,
    ...(authority !== undefined && { ca: authority }),
    ...(certificate !== undefined && { cert: certificate }),
    ...(key !== undefined && { key }),
    ...(serverName !== undefined && { servername: serverName }),
    ...(isInsecure === true && { rejectUnauthorized: false }),
  });
}

/** Watches that run go on with the certificate they began with; no new request shall meet their connections. */
function dropIdle(agent: HttpAgent): void {
  agent.maxFreeSockets = 0;
  for (const sockets of Object.values(agent.freeSockets)) {
    for (const socket of sockets ?? []) socket.destroy();
  }
}
