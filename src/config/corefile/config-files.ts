import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';

/** What reading a configuration may ask of the file system; a test gives its own. Paths are absolute. */
export interface ConfigFiles {
  /**
   * @param sizeMax  octets; default: CONFIG_FILE_SIZE_MAX
   * @returns undefined if there is no such file
   * @throws Error with the reason if it cannot be read
   */
  read(file: string, sizeMax?: number): string | undefined;
  /** The names in a directory, in any order; empty if there is no such directory. */
  list(directory: string): readonly string[];
  /** Whether something of that name exists, a directory too. */
  exists(file: string): boolean;
  /** Octets of a file; undefined if there is none, or it is not known. */
  sizeOf?(file: string): number | undefined;
}

/** Larger than what a ConfigMap can hold (1 MiB), many times over. */
export const CONFIG_FILE_SIZE_MAX = 16 * 1024 * 1024;

export const SYSTEM_FILES: ConfigFiles = {
  read(file, sizeMax = CONFIG_FILE_SIZE_MAX) {
    const status = statSync(file, { throwIfNoEntry: false });
    if (status === undefined) return undefined;
    if (status.isDirectory()) throw new Error('it is a directory');
    if (status.size > sizeMax) throw new Error(`it is larger than ${sizeMax} octets`);
    return readFileSync(file, 'utf8');
  },
  list(directory) {
    const status = statSync(directory, { throwIfNoEntry: false });
    return status?.isDirectory() === true ? readdirSync(directory) : [];
  },
  exists(file) {
    return statSync(file, { throwIfNoEntry: false }) !== undefined;
  },
  sizeOf(file) {
    return statSync(file, { throwIfNoEntry: false })?.size;
  },
};

/**
 * The files that a pattern matches: `*` and `?` stand for anything but `/`, a leading dot included. Sorted.
 *
 * @param pattern  absolute, with at most one `*` and one `?`
 */
export function matchFiles(pattern: string, files: ConfigFiles): string[] {
  const root = path.parse(pattern).root;
  let found = [root];
  const parts = pattern.slice(root.length).split(path.sep);
  for (const [index, part] of parts.entries()) {
    const isLast = index === parts.length - 1;
    found = found.flatMap((directory) => {
      if (!hasWildcard(part)) return [path.join(directory, part)];
      const names = files.list(directory).filter((name) => matchesPattern(name, part));
      return names.sort().map((name) => path.join(directory, name));
    });
    if (isLast) found = found.filter((file) => files.exists(file));
  }
  return found;
}

export function hasWildcard(text: string): boolean {
  return /[*?]/.test(text);
}

/** With one `*` at most there is nothing to try twice: what stands before it is a prefix, what stands behind a suffix. */
function matchesPattern(name: string, pattern: string): boolean {
  const starAt = pattern.indexOf('*');
  if (starAt < 0) return matchesExactly(name, pattern);
  const tail = pattern.length - starAt - 1;
  return (
    name.length >= pattern.length - 1 &&
    matchesExactly(name.slice(0, starAt), pattern.slice(0, starAt)) &&
    matchesExactly(name.slice(name.length - tail), pattern.slice(starAt + 1))
  );
}

function matchesExactly(text: string, pattern: string): boolean {
  return text.length === pattern.length && [...pattern].every((sign, at) => sign === '?' || sign === text[at]);
}
