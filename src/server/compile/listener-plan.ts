/** What listens at an address, by the plugins of the blocks that share it: scheme, time-outs, certificates. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { faultAt, type CorefileToken } from '../../config/corefile/corefile-token.ts';
import type { CorefileBlock } from '../../plugins/corefile-config.ts';
import type { TimeoutsOptions } from '../../plugins/timeouts/parse.ts';
import type { ProxyRules } from '../../dns/proxy-policy.ts';
import { DEFAULT_HTTP_LIMITS, DEFAULT_TCP_TIMEOUTS } from '../../resolver/resolver-options.ts';
import type { HttpLimits, TcpTimeouts, TlsEnd } from '../../resolver/resolver-options.ts';
import type { Listener } from '../../config/corefile/server-blocks.ts';
import type { ListenerSettings } from '../configuration/listener-table.ts';
import { serverLabel } from './block-compilation.ts';

/** What `max_streams 0` means: the library's own limit would be none. */
const STREAMS_UNLIMITED = 1000;

/** @param blocks  those that share the listener, in the order of the text */
export function listenerSettingsOf(
  { scheme, address, port }: Listener,
  blocks: readonly CorefileBlock[],
): ListenerSettings {
  const proxy = proxyRulesOf(blocks);
  return {
    scheme,
    timeouts: timeoutsOf(blocks.map(({ plugins }) => plugins.timeouts)),
    tls: scheme === 'dns' ? undefined : tlsEndOf(blocks),
    ...(scheme === 'https' && { http: httpLimitsOf(blocks), server: serverLabel(scheme, address, port) }),
    ...(proxy !== undefined && { proxy }),
  };
}

/** Connections are as the first block of a listener says, requests as any does: they agree. */
function httpLimitsOf(blocks: readonly CorefileBlock[]): HttpLimits {
  const { connectionsMax } = blocks[0]?.plugins.https ?? DEFAULT_HTTP_LIMITS;
  const said = blocks.find(({ settings }) => settings.httpsMaxStreams !== null)?.settings.httpsMaxStreams;
  const streamsMax = said ?? DEFAULT_HTTP_LIMITS.streamsMax;
  return { connectionsMax, streamsMax: streamsMax === 0 ? STREAMS_UNLIMITED : streamsMax };
}

/** What the last block says that says something. */
function proxyRulesOf(blocks: readonly CorefileBlock[]): ProxyRules | undefined {
  const options = blocks.findLast(({ plugins }) => plugins.proxyproto !== undefined)?.plugins.proxyproto;
  if (options === undefined) return undefined;
  const allow = options.allow.map(({ words, prefixLength }) => ({ words, prefixLength }));
  const { otherwise, udpSessionMs, udpSessionsMax, hasTlvMetadata: keepsVectors } = options;
  return { allow, otherwise, udpSessionMs, udpSessionsMax, keepsVectors };
}

/** All blocks of a listener agree on it. */
function tlsEndOf([block]: readonly CorefileBlock[]): TlsEnd | undefined {
  const options = block?.plugins.tls;
  if (options?.kind !== 'files') return undefined;
  const { certificateFile, keyFile, authorityFile, clientAuth, keyLogFile } = options;
  if (certificateFile === null || keyFile === null) return undefined;
  const { token } = block!.chain.find(({ name }) => name === 'tls')!;
  checkPair(certificateFile, keyFile, token);
  return { certificateFile, keyFile, authorityFile, clientAuth, keyLogFile };
}

/**
 * Else the first client would find it out.
 *
 * @throws SkyshardError CONFIG_ARGUMENT if the files are no certificate and its key
 */
function checkPair(certificateFile: string, keyFile: string, token: CorefileToken): void {
  let isPair: boolean;
  try {
    const key = createPrivateKey(readFileSync(keyFile));
    isPair = new X509Certificate(readFileSync(certificateFile)).checkPrivateKey(key);
  } catch (error) {
    const reason = (error as Error).message;
    const message = `plugin/tls: ${certificateFile} and ${keyFile} cannot be used: ${reason}`;
    throw faultAt(token, 'CONFIG_ARGUMENT', message, error);
  }
  if (isPair) return;
  throw faultAt(token, 'CONFIG_ARGUMENT', `plugin/tls: ${keyFile} is not the key of ${certificateFile}`);
}

/** Blocks that share a listener have one set: what the last one says that says something. */
function timeoutsOf(blocks: readonly (TimeoutsOptions | undefined)[]): TcpTimeouts {
  let found = DEFAULT_TCP_TIMEOUTS;
  for (const options of blocks) {
    found = {
      readMs: options?.readMs ?? found.readMs,
      writeMs: options?.writeMs ?? found.writeMs,
      idleMs: options?.idleMs ?? found.idleMs,
      queriesMax: queriesMaxOf(options?.tcpQueriesMax ?? null) ?? found.queriesMax,
    };
  }
  return found;
}

function queriesMaxOf(count: number | null): number | null {
  return count !== null && count < 0 ? Infinity : count;
}
