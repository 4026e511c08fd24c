/**
 * The ConfigMap as a mounted directory: a file a key. kubelet keeps the files in a directory whose name begins with two dots,
 * and changes all of them at once by another link `..data`.
 */
import { createHash } from 'node:crypto';
import { readdir, readFile, readlink, stat } from 'node:fs/promises';
import path from 'node:path';
import { SkyshardError } from '../base/skyshard-error.ts';
import type { ConfigMapData } from './config-map.ts';

export interface DirectoryContent {
  readonly data: ConfigMapData;
  /** SHA-256 of names and contents; the same as long as all is the same */
  readonly version: string;
}

const FILE_SIZE_MAX = 4 * 1024 * 1024;
const LINK = '..data';
/** A directory that changes while it is read is read again this often. */
const TRIES = 5;

/**
 * Read a directory as it was at one moment.
 *
 * @returns undefined if there is no such directory
 * @throws SkyshardError CONFIG_READ
 */
export async function readConfigDirectory(directory: string): Promise<DirectoryContent | undefined> {
  for (let tries = 1; ; tries++) {
    const before = await linkOf(directory);
    let content: DirectoryContent | undefined;
    let fault: unknown;
    try {
      content = await readOnce(directory);
    } catch (error) {
      fault = error;
    }
    // Files of two versions, or one that was gone in between, are no state that anybody wrote.
    if (before !== (await linkOf(directory)) && tries < TRIES) continue;
    if (fault !== undefined) throw fault;
    return content;
  }
}

async function readOnce(directory: string): Promise<DirectoryContent | undefined> {
  let names: string[];
  try {
    names = await readdir(directory);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw readFault(directory, cause);
  }
  const hash = createHash('sha256');
  const data: Record<string, string> = {};
  for (const name of names.toSorted()) {
    if (name.startsWith('.')) continue;
    const file = path.join(directory, name);
    const text = await readText(file);
    if (text === undefined) continue;
    hash.update(`${name}\0${text}\0`);
    data[name] = text;
  }
  return { data, version: hash.digest('hex') };
}

/** @returns undefined for a directory */
async function readText(file: string): Promise<string | undefined> {
  try {
    const status = await stat(file);
    if (status.isDirectory()) return undefined;
    if (status.size > FILE_SIZE_MAX) throw new Error(`it is larger than ${FILE_SIZE_MAX} octets`);
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(await readFile(file));
  } catch (cause) {
    if (cause instanceof TypeError) throw readFault(file, new Error('it is not UTF-8', { cause }));
    throw readFault(file, cause);
  }
}

async function linkOf(directory: string): Promise<string> {
  return readlink(path.join(directory, LINK)).catch(() => '');
}

function readFault(file: string, cause: unknown): SkyshardError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new SkyshardError('CONFIG_READ', `cannot read ${file}: ${reason}`, { cause });
}
