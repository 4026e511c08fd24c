/** Contexts of kubeconfig files: what a context names, and the fields that are read alike with the library and without. */
import { SkyshardError } from '../base/skyshard-error.ts';
import { Field } from '../kubernetes/field.ts';
import { ObjectError } from '../kubernetes/object-error.ts';
import { accessFault, readAccessFile } from './access-file.ts';
import type { ApiCredentials } from './credentials.ts';
import { parseServer } from './endpoint-access.ts';

/** A context of a kubeconfig file, and the cluster and user it names. */
export interface KubeconfigContext {
  readonly file: string;
  readonly name: string;
  readonly cluster: Field;
  readonly user: Field;
}

/** Find the context, its cluster and its user. @throws SkyshardError API_ACCESS */
export async function readContext(file: string, contextName: string | null): Promise<KubeconfigContext> {
  const parsed = await parseText(readAccessFile(file, 'kubeconfig'), file);
  return nameFile(file, () => {
    const config = new Field(parsed);
    const name = contextName ?? config.get('current-context').text();
    if (name === '') {
      throw accessFault(
        file,
        `no context is given and the file has no current-context; ${namesIn(config, 'contexts')}`,
      );
    }
    const context = findNamed(config, 'contexts', 'context', name);
    if (context === undefined)
      throw accessFault(file, `no context ${JSON.stringify(name)}; ${namesIn(config, 'contexts')}`);
    const cluster = named(config, 'clusters', 'cluster', context.get('cluster'));
    // kubectl takes a context without a user as one without credentials.
    const user =
      context.get('user').text() === '' ? new Field({}) : named(config, 'users', 'user', context.get('user'));
    return { file, name, cluster, user };
  });
}

/** @throws ObjectError */
export function readServer(cluster: Field, hasTls: boolean): URL {
  const field = cluster.get('server');
  const server = parseServer(field.requiredText(), hasTls);
  if (server === null) throw field.error(`expected a URL, http or https, not ${JSON.stringify(field.value)}`);
  return server;
}

export function readImpersonation(user: Field): ApiCredentials['headers'] {
  const headers: Record<string, string | readonly string[]> = {};
  const as = user.get('as').text();
  if (as !== '') headers['impersonate-user'] = as;
  const uid = user.get('as-uid').text();
  if (uid !== '') headers['impersonate-uid'] = uid;
  const groups = user
    .get('as-groups')
    .items()
    .map((group) => group.requiredText());
  if (groups.length > 0) headers['impersonate-group'] = groups;
  const extra = user.get('as-user-extra');
  for (const name of Object.keys(extra.mapping())) {
    const values = extra
      .get(name)
      .items()
      .map((value) => value.text());
    headers[`impersonate-extra-${encodeURIComponent(name.toLowerCase())}`] = values;
  }
  return headers;
}

/** @throws SkyshardError API_ACCESS if nothing in the list has the name that `reference` holds */
function named(config: Field, list: string, item: string, reference: Field): Field {
  const name = reference.requiredText();
  const found = findNamed(config, list, item, name);
  if (found === undefined) throw reference.error(`names ${JSON.stringify(name)}; ${namesIn(config, list)}`);
  return found;
}

function findNamed(config: Field, list: string, item: string, name: string): Field | undefined {
  return config
    .get(list)
    .items()
    .find((entry) => entry.get('name').text() === name)
    ?.get(item);
}

function namesIn(config: Field, list: string): string {
  const names = config
    .get(list)
    .items()
    .map((entry) => JSON.stringify(entry.get('name').text()));
  return names.length === 0 ? `the file has no ${list}` : `${list} in the file: ${names.join(', ')}`;
}

async function parseText(text: string, file: string): Promise<unknown> {
  try {
    // JSON is YAML, and needs no parser to be loaded.
    if (/^\s*\{/.test(text)) return JSON.parse(text);
  } catch {
    // Braces may also be YAML's.
  }
  const { parse } = await import('yaml');
  try {
    return parse(text, { logLevel: 'error' });
  } catch (error) {
    throw accessFault(file, `not YAML: ${(error as Error).message}`, error);
  }
}

/** Run `read`, and say of which file a faulty field is. */
export function nameFile<Result>(file: string, read: () => Result): Result {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof ObjectError)) throw error;
    throw new SkyshardError('API_ACCESS', error.message, { place: { file }, cause: error });
  }
}
