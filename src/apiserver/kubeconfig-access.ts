/**
 * kubeconfig files, read directly as long as all they ask for is files, tokens and certificates: the library that knows the
 * rest (exec plugins, OIDC, proxies) takes 80 MiB to load.
 */
import path from 'node:path';
import type { Field } from '../kubernetes/field.ts';
import { checkCertificates, checkPair, checkPrivateKey, readAccessFile, readTokenFile } from './access-file.ts';
import { type ApiCredentials, type CredentialReader, startWith } from './credentials.ts';
import { type KubeconfigContext, nameFile, readContext, readImpersonation, readServer } from './kubeconfig-context.ts';

/** Fields that need more than reading. */
const LIBRARY_FIELDS = { cluster: ['proxy-url'], user: ['exec', 'auth-provider'] } as const;

/**
 * @param contextName  null: the file's current-context
 * @throws SkyshardError API_ACCESS: the first fault of the file, with its field
 */
export async function openKubeconfig(file: string, contextName: string | null): Promise<CredentialReader> {
  const first = await readContext(file, contextName);
  let readWithLibrary: CredentialReader | undefined;
  const read: CredentialReader = async (isRefused) => {
    const context = await readContext(file, contextName);
    if (!needsLibrary(context)) return readDirectly(context);
    readWithLibrary ??= (await import('./kubeconfig-library.ts')).openWithLibrary(file, contextName);
    return readWithLibrary(isRefused);
  };
  return needsLibrary(first) ? read : startWith(readDirectly(first), read);
}

function needsLibrary({ cluster, user }: KubeconfigContext): boolean {
  return (
    LIBRARY_FIELDS.cluster.some((name) => !cluster.get(name).isAbsent) ||
    LIBRARY_FIELDS.user.some((name) => !user.get(name).isAbsent)
  );
}

function readDirectly({ file, cluster, user }: KubeconfigContext): ApiCredentials {
  return nameFile(file, () => {
    const authority = readPem(file, cluster, 'certificate-authority', checkCertificates);
    const certificate = readPem(file, user, 'client-certificate', checkCertificates);
    const key = readPem(file, user, 'client-key', checkPrivateKey);
    if ((certificate === undefined) !== (key === undefined)) {
      const [there, missing] = key === undefined ? ['certificate', 'key'] : ['key', 'certificate'];
      throw user.get(`client-${missing}`).error(`is required with client-${there}`);
    }
    if (certificate !== undefined && key !== undefined) checkPair(certificate, key, file, 'client-key');
    const isInsecure = cluster.get('insecure-skip-tls-verify').boolean() === true;
    if (isInsecure && authority !== undefined) {
      throw cluster.get('insecure-skip-tls-verify').error('cannot be true beside a certificate-authority');
    }
    const serverName = cluster.get('tls-server-name').text();
    return {
      server: readServer(cluster, certificate !== undefined || authority !== undefined),
      authority,
      certificate,
      key,
      serverName: serverName === '' ? undefined : serverName,
      isInsecure,
      headers: { ...readAuthorization(file, user), ...readImpersonation(user) },
    };
  });
}

/** The field `NAME-data`, base64, else the file that the field NAME names. */
function readPem(
  file: string,
  parent: Field,
  name: string,
  check: (text: string, file: string, what: string) => string,
): string | undefined {
  const data = parent.get(`${name}-data`);
  if (data.text() !== '') {
    const text = Buffer.from(data.text(), 'base64').toString('latin1');
    if (!text.includes('-----BEGIN ')) throw data.error('expected PEM in base64');
    return check(text, file, `${name}-data`);
  }
  const field = parent.get(name);
  if (field.text() === '') return undefined;
  const target = path.resolve(path.dirname(file), field.text());
  return check(readAccessFile(target, `${name} of ${file}`), target, `${name} of ${file}`);
}

/** A token file is read anew each time, so it counts before a token that was written down once. */
function readAuthorization(file: string, user: Field): ApiCredentials['headers'] {
  const tokenFile = user.get('tokenFile').text();
  if (tokenFile !== '') {
    const token = readTokenFile(path.resolve(path.dirname(file), tokenFile), `tokenFile of ${file}`);
    return { authorization: `Bearer ${token}` };
  }
  const token = user.get('token').text().trim();
  if (token !== '') {
    if (!/^[\x21-\x7e]+$/.test(token)) throw user.get('token').error('has spaces or signs in it');
    return { authorization: `Bearer ${token}` };
  }
  const name = user.get('username').text();
  if (name === '') return {};
  const pair = Buffer.from(`${name}:${user.get('password').text()}`).toString('base64');
  return { authorization: `Basic ${pair}` };
}
