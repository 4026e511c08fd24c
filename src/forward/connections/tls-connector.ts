/** Connections to upstream servers over TLS (RFC 7858): whom to trust, who we are, sessions taken up again. */
import { readFileSync } from 'node:fs';
import { Socket } from 'node:net';
import type * as NodeTls from 'node:tls';
import type { ForwardGroup, UpstreamAddress, UpstreamTls } from '../forward-group.ts';

/** How long files that were read are used, ms: certificates are replaced while servers run. */
const FILES_MAX_MS = 60_000;

/**
 * @param protocols  ALPN names of what is spoken, the preferred one first
 * @returns what opens a connection; one that can't be opened reports it as any other does
 */
export function tlsConnectorTo(
  upstream: UpstreamAddress,
  group: ForwardGroup,
  protocols: readonly string[],
): () => Socket {
  const { address: host, port } = upstream;
  const localAddress = group.sourceAddress === '' ? {} : { localAddress: group.sourceAddress };
  const servername = upstream.serverName === undefined || upstream.serverName === '' ? undefined : upstream.serverName;
  let context: NodeTls.SecureContext | undefined;
  let contextMs = -Infinity;
  let session: Buffer | undefined;
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
      return new Socket().destroy(error as Error);
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
    return socket;
  };
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
