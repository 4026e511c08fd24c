/** The service account that a kubelet puts into every pod. */
import { isIPv6 } from 'node:net';
import path from 'node:path';
import { SkyshardError } from '../base/skyshard-error.ts';
import type { ApiCredentials } from './credentials.ts';
import { checkCertificates, readAccessFile, readTokenFile } from './access-file.ts';

const ACCOUNT_FOLDER = '/var/run/secrets/kubernetes.io/serviceaccount';

/**
 * @param folder  where `token` and `ca.crt` lie
 * @throws SkyshardError API_ACCESS outside of a cluster, or if the files are not good
 */
export function readInCluster(environment: NodeJS.ProcessEnv, folder = ACCOUNT_FOLDER): ApiCredentials {
  const host = environment['KUBERNETES_SERVICE_HOST'] ?? '';
  const port = environment['KUBERNETES_SERVICE_PORT'] ?? '';
  if (host === '' || port === '') {
    const missing = host === '' ? 'KUBERNETES_SERVICE_HOST' : 'KUBERNETES_SERVICE_PORT';
    throw new SkyshardError(
      'API_ACCESS',
      `not in a cluster: the environment has no ${missing}; name the API server with endpoint or kubeconfig, or give --manifests`,
    );
  }
  const server = URL.parse(`https://${isIPv6(host) ? `[${host}]` : host}:${port}`);
  if (server === null) {
    throw new SkyshardError('API_ACCESS', `KUBERNETES_SERVICE_HOST and _PORT are no address: ${host}, ${port}`);
  }
  const authorityFile = path.join(folder, 'ca.crt');
  const token = readTokenFile(path.join(folder, 'token'), 'the service account');
  const authority = checkCertificates(
    readAccessFile(authorityFile, 'the service account'),
    authorityFile,
    'the service account',
  );
  return { server, authority, headers: { authorization: `Bearer ${token}` } };
}
