import type { BlockContext } from '../../config/corefile/block-context.ts';
import { faultAt, quoteText, type CorefileToken } from '../../config/corefile/corefile-token.ts';
import type { CorefileLine } from '../../config/corefile/corefile-tree.ts';
import { argumentFault, countFault, readOptions } from '../../config/corefile/line-reader.ts';
import { definePlugin } from '../../config/corefile/plugin-definition.ts';
import { parseResolvConf } from '../../config/resolv-conf.ts';
import { isHostName, parseAddressAndPort, parsePort, splitHostPort } from '../../config/upstream-address.ts';
import { parseZones, splitScheme, type Scheme } from '../../config/zone-name.ts';
import { forwardReaders } from './options.ts';
import type { ForwardStanza, ForwardUpstream, UpstreamScheme } from './stanza.ts';

export interface ForwardOptions {
  /** in the order of the text: the first whose zone holds the name is asked */
  readonly stanzas: readonly ForwardStanza[];
}

const UPSTREAMS_MAX = 15;
const DEFAULT_PORTS: Readonly<Record<UpstreamScheme, number>> = { dns: 53, tls: 853, https: 443 };

/** `forward FROM TO… { … }`; several stanzas are tried in the order of the text. */
export default definePlugin('forward', (lines, block): ForwardOptions => ({
  stanzas: lines.map((line) => readStanza(line, block)),
}));

function readStanza(line: CorefileLine, block: BlockContext): ForwardStanza {
  const [from, ...to] = line.arguments;
  if (from === undefined || to.length === 0) throw countFault(from ?? line.name, 'forward FROM TO…');
  const zones = parseZones(from.text);
  if (typeof zones === 'string') throw argumentFault(from, `unable to normalize ${quoteText(from.text)}: ${zones}`);
  if (zones.length > 1) {
    block.warn(
      from,
      `${quoteText(from.text)} is several zones, of which only '${zones[0]}' is forwarded, as in CoreDNS`,
    );
  }
  const { draft, readers } = forwardReaders(block);
  readOptions(line, readers);
  if (draft.maxAgeMs > 0 && draft.maxAgeMs < draft.expireMs) {
    throw argumentFault(line.name, `max_age (${draft.maxAgeMs}ms) must not be less than expire (${draft.expireMs}ms)`);
  }
  if (to.length > UPSTREAMS_MAX) {
    throw argumentFault(to[UPSTREAMS_MAX]!, `more than ${UPSTREAMS_MAX} TOs configured: ${to.length}`);
  }
  return { from: zones[0]!, to: readUpstreams(to, draft.tlsServerName, block), ...draft };
}

function readUpstreams(
  tokens: readonly CorefileToken[],
  tlsServerName: string | null,
  block: BlockContext,
): readonly ForwardUpstream[] {
  const upstreams = new Map<string, ForwardUpstream>();
  for (const token of tokens) {
    for (const upstream of readUpstream(token, block)) {
      if (upstream.serverName !== null && tlsServerName !== null && upstream.scheme === 'tls') {
        const message = `both forward ('${tlsServerName}') and proxy level ('${upstream.serverName}') TLS servernames are set`;
        throw argumentFault(token, message);
      }
      const identity = JSON.stringify(upstream);
      if (!upstreams.has(identity)) upstreams.set(identity, upstream);
    }
  }
  if (upstreams.size === 0) throw argumentFault(tokens[0]!, 'no valid upstream addresses found');
  return [...upstreams.values()];
}

function readUpstream(token: CorefileToken, block: BlockContext): readonly ForwardUpstream[] {
  const { scheme: anyScheme, rest } = splitScheme(token.text);
  const scheme = checkScheme(anyScheme, token);
  if (rest === '')
    throw argumentFault(token, `invalid address: ${quoteText(token.text)}, expected an address or a file`);
  if (scheme === 'https' && rest.includes('/')) {
    const message = `paths are not allowed in HTTPS upstream addresses (the /dns-query path is used by default): ${quoteText(token.text)}`;
    throw argumentFault(token, message);
  }
  const plain = scheme === 'dns' ? parseAddressAndPort(rest, 53) : undefined;
  if (plain !== undefined) return [{ kind: 'address', scheme, ...plain, serverName: null }];
  const { address: text, serverName } = splitServerName(rest);
  const address = parseAddressAndPort(text, DEFAULT_PORTS[scheme]);
  const ownName = scheme === 'tls' ? serverName : null;
  if (address !== undefined) return [{ kind: 'address', scheme, ...address, serverName: ownName }];
  const file = scheme === 'dns' ? readNameserverFile(rest, block) : undefined;
  if (file !== undefined) return file;
  const split = splitHostPort(text);
  const port = split?.port === undefined ? DEFAULT_PORTS[scheme] : parsePort(split.port);
  if (split === undefined || port === undefined || !isHostName(split.host)) {
    throw argumentFault(token, `not an IP address, file, or valid domain: ${quoteText(token.text)}`);
  }
  return [{ kind: 'host', scheme, host: split.host.toLowerCase(), port, serverName: ownName }];
}

function checkScheme(scheme: Scheme, token: CorefileToken): UpstreamScheme {
  if (scheme === 'dns' || scheme === 'tls' || scheme === 'https') return scheme;
  const message = `'${scheme}' is not supported as a destination protocol in forward: ${quoteText(token.text)}, expected dns, tls or https`;
  throw faultAt(token, scheme === 'quic' ? 'CONFIG_UNSUPPORTED' : 'CONFIG_ARGUMENT', message);
}

/** `IP%NAME:PORT`: what stands between the last `%` and the port. */
function splitServerName(text: string): { readonly address: string; readonly serverName: string | null } {
  const [, host, name, port] = /^(.*)%([^%:\]]*)\]?(:\d+)?$/s.exec(text) ?? [];
  if (host === undefined || name === undefined) return { address: text, serverName: null };
  const closed = host.startsWith('[') && !host.endsWith(']') ? `${host}]` : host;
  return { address: closed + (port ?? ''), serverName: name === '' ? null : name };
}

/** The name servers of a file in resolv.conf's format; undefined if there is no such file. */
function readNameserverFile(text: string, block: BlockContext): readonly ForwardUpstream[] | undefined {
  const file = block.resolvePath(text);
  let content: string | undefined;
  try {
    content = block.files.read(file);
  } catch {
    // A directory or an unreadable file: what follows says that it is neither an address nor a file.
    return undefined;
  }
  if (content === undefined) return undefined;
  return parseResolvConf(content).nameservers.map((server) => ({
    kind: 'address',
    scheme: 'dns',
    ...server,
    serverName: null,
  }));
}
