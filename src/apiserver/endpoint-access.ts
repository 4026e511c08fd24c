/** `endpoint URL` with `tls CERT KEY CACERT` of a Corefile. */
import { SkyshardError } from '../base/skyshard-error.ts';
import type { ApiCredentials } from './credentials.ts';
import { checkCertificates, checkPair, checkPrivateKey, readAccessFile } from './access-file.ts';
import type { KubernetesApiOptions } from './api-options.ts';

/** @throws SkyshardError API_ACCESS */
export function readEndpoint(endpoint: string, tls: KubernetesApiOptions['tls']): ApiCredentials {
  const server = parseServer(endpoint, tls !== null);
  if (server === null) {
    throw new SkyshardError('API_ACCESS', `endpoint ${JSON.stringify(endpoint)}: expected a URL, http or https`);
  }
  if (tls === null) return { server, headers: {} };
  const { certificateFile, keyFile, authorityFile } = tls;
  const certificate = checkCertificates(readAccessFile(certificateFile, 'tls CERT'), certificateFile, 'tls CERT');
  const key = checkPrivateKey(readAccessFile(keyFile, 'tls KEY'), keyFile, 'tls KEY');
  checkPair(certificate, key, keyFile, 'tls KEY');
  const authority = checkCertificates(readAccessFile(authorityFile, 'tls CACERT'), authorityFile, 'tls CACERT');
  return { server, certificate, key, authority, headers: {} };
}

/**
 * The address of a server. Without a scheme it is `https` where certificates are given, `http` otherwise, as kubectl has it.
 *
 * @returns null if it is no URL of a server
 */
export function parseServer(text: string, hasTls: boolean): URL | null {
  const full = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `${hasTls ? 'https' : 'http'}://${text}`;
  const server = URL.parse(full);
  if (server === null || !/^https?:$/.test(server.protocol) || server.hostname === '') return null;
  if (server.search !== '' || server.hash !== '' || server.username !== '') return null;
  return server;
}
