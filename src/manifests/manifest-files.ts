/** Which manifest files there are, and what is in one. */
import { readFile, readdir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { SkyshardError } from '../base/skyshard-error.ts';
import type { DecodeOptions } from '../kubernetes/decode.ts';
import { parseManifest } from './manifest-text.ts';
import type { ManifestFile } from './manifest-text.ts';

/** A manifest file that is there. */
export interface FoundFile {
  /** as the operator would write it: at or below a path that was given */
  readonly path: string;
  /** where it is in the end, symbolic links resolved */
  readonly realPath: string;
  /** changes whenever the content may have changed */
  readonly signature: string;
  /** time of the last change of content or inode, milliseconds since 1970 */
  readonly changedMs: number;
}

/** What there is at some moment. */
export interface FoundFiles {
  readonly files: readonly FoundFile[];
  /** why there are none: MANIFEST_READ */
  readonly error: SkyshardError | undefined;
  /** equal as long as nothing changes, the error included */
  readonly look: string;
}

const MANIFEST_NAME = /^[^.].*\.(?:yaml|yml|json)$/;

/**
 * The manifest files at `paths`. A path that is a file is one, whatever it is called; a path that is a directory stands for
 * its *.yaml, *.yml and *.json that are not hidden, sorted by name: symbolic links followed (a mounted ConfigMap consists
 * of them), subdirectories not. A file that is reached twice counts once.
 */
export async function findManifestFiles(paths: readonly string[]): Promise<FoundFiles> {
  try {
    const files = await findFiles(paths);
    return { files, error: undefined, look: files.map(({ signature }) => signature).join('\n') };
  } catch (error) {
    if (!(error instanceof SkyshardError)) throw error;
    return { files: [], error, look: error.message };
  }
}

async function findFiles(paths: readonly string[]): Promise<readonly FoundFile[]> {
  const found = new Map<string, FoundFile>();
  for (const path of paths) {
    const isDirectory = (await reading(path, stat(path))).isDirectory();
    for (const filePath of isDirectory ? await listDirectory(path) : [path]) {
      const file = await findFile(filePath);
      // in a directory, what is called *.yaml and is a directory or a pipe is not meant
      if (file === undefined && !isDirectory) {
        throw new SkyshardError('MANIFEST_READ', 'is neither a regular file nor a directory', {
          place: { file: path },
        });
      }
      if (file !== undefined && !found.has(file.realPath)) found.set(file.realPath, file);
    }
  }
  return [...found.values()];
}

async function listDirectory(path: string): Promise<string[]> {
  const names = await reading(path, readdir(path));
  return names
    .filter((name) => MANIFEST_NAME.test(name))
    .sort()
    .map((name) => join(path, name));
}

async function findFile(path: string): Promise<FoundFile | undefined> {
  const realPath = await reading(path, realpath(path));
  const status = await reading(path, stat(realPath, { bigint: true }));
  if (!status.isFile()) return undefined;
  const { dev, ino, size, mtimeNs, ctimeNs } = status;
  return {
    path,
    realPath,
    signature: [path, realPath, dev, ino, size, mtimeNs, ctimeNs].join(' '),
    changedMs: Number((mtimeNs > ctimeNs ? mtimeNs : ctimeNs) / 1_000_000n),
  };
}

/**
 * Read and parse one file.
 *
 * @throws SkyshardError MANIFEST_READ; what is wrong inside is in the result
 */
export async function readManifestFile(file: FoundFile, options: DecodeOptions): Promise<ManifestFile> {
  const octets = await reading(file.path, readFile(file.realPath));
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(octets);
  } catch (cause) {
    const place = { file: file.path };
    return { objects: [], errors: [new SkyshardError('MANIFEST_SYNTAX', 'is not valid UTF-8', { place, cause })] };
  }
  return parseManifest(file.path, text, options);
}

async function reading<T>(path: string, result: Promise<T>): Promise<T> {
  try {
    return await result;
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new SkyshardError('MANIFEST_READ', message, { place: { file: path }, cause });
  }
}
