/** Connections to upstream servers over TLS (RFC 7858): whom to trust, who we are, sessions taken up again. */
import { readFileSync } from 'node:fs';
import { Socket } from 'node:net';
import type * as NodeTls from 'node:tls';
import type { ForwardGroup, UpstreamAddress, UpstreamTls } from '../forward-group.ts';

/** Tells the operator, as a warning. */
export type LogText = (text: string) => void;

/** How long files that were read are used, ms: certificates are replaced while servers run. */
const FILES_MAX_MS = 60_000;
/** What is wrong with a connection is said again so long after it was said, ms. */
const SAID_AGAIN_MS = 60_000;

/**
 * @param protocols  ALPN names of what is spoken, the preferred one first
 * @param log        told why a connection is not trusted, or what files are wrong: no response to a query says so
 * @returns what opens a connection; one that can't be opened reports it as any other does
 */
export function tlsConnectorTo(
  upstream: UpstreamAddress,
  group: ForwardGroup,
  protocols: readonly string[],
  log: LogText,
): () => Socket {
  const { address: host, port } = upstream;
  const localAddress = group.sourceAddress === '' ? {} : { localAddress: group.sourceAddress };
  const servername = upstream.serverName === undefined || upstream.serverName === '' ? undefined : upstream.serverName;
  let context: NodeTls.SecureContext | undefined;
  let contextMs = -Infinity;
  let session: Buffer | undefined;
  const complain = complaintsOf(upstream, log);
  return () => {
    // Loaded with the first connection: its memory is for who needs it.
    const tls = process.getBuiltinModule('node:tls');
    try {
      const nowMs = performance.now();
      if (context === undefined || nowMs - contextMs > FILES_MAX_MS) {
        context = tls.createSecureContext({ minVersion: 'TLSv1.2', ...readFiles(group.tls, tls) });
        contextMs = nowMs;
      }
    } catch (error) {
      return new Socket().once('error', complain).destroy(error as Error);
    }
    const socket = tls.connect({
      host,
      port,
      secureContext: context,
      ALPNProtocols: [...protocols],
      ...localAddress,
      ...(servername !== undefined && { servername }),
      ...(session !== undefined && { session }),
    });
    socket.setNoDelay(true);
    socket.on('session', (next) => (session = next));
    socket.once('error', complain);
    return socket;
  };
}

/** What the network does is in the errors of queries; what TLS finds wrong is not. */
function complaintsOf(
  { scheme, address, port }: UpstreamAddress,
  log: LogText,
): (error: NodeJS.ErrnoException) => void {
  const host = address.includes(':') ? `[${address}]` : address;
  let said = '';
  let saidMs = -Infinity;
  return (error) => {
    const isOfNetwork = error.syscall !== undefined && error.syscall !== 'open';
    if (isOfNetwork || error.code === 'ECONNRESET') return;
    const nowMs = performance.now();
    const reason = reasonOf(error);
    if (reason === said && nowMs - saidMs < SAID_AGAIN_MS) return;
    said = reason;
    saidMs = nowMs;
    log(`plugin/forward: no connection to ${scheme}://${host}:${port}: ${reason}`);
  };
}

/** Without the places in OpenSSL's code, and without advice for programs of one's own. */
function reasonOf(error: NodeJS.ErrnoException & { readonly reason?: string }): string {
  return error.reason ?? error.message.replace(/; if the root CA .*$/, '');
}

function readFiles(files: UpstreamTls | null, tls: typeof NodeTls) {
  const read = (file: string | null | undefined): Buffer | undefined =>
    typeof file === 'string' ? readFileSync(file) : undefined;
  const authorities = read(files?.authorityFile);
  const cert = read(files?.certificateFile);
  const key = read(files?.keyFile);
  return {
    // What the system trusts is what its administrator says, beside what comes with Node.
    ca: authorities ?? [...tls.getCACertificates('default'), ...tls.getCACertificates('system')],
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
  };
}
