/** The source files as the architecture tests see them: path, text, imports. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');

export interface SourceFile {
  /** from the root of the repository, with slashes */
  readonly path: string;
  readonly text: string;
  readonly imports: readonly SourceImport[];
}

export interface SourceImport {
  /** a path from the root of the repository, or a package's name */
  readonly target: string;
  /** erased before the program runs */
  readonly isTypeOnly: boolean;
}

/** All files below `folder` whose names end in one of `extensions`. */
export function sourceFiles(folder: string, extensions: readonly string[] = ['.ts']): SourceFile[] {
  return readdirSync(path.join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .map((name) => path.posix.join(folder, name.split(path.sep).join('/')))
    .filter((name) => extensions.some((extension) => name.endsWith(extension)) && !name.includes('node_modules/'))
    .sort()
    .map((name) => {
      const text = readFileSync(path.join(ROOT, name), 'utf8');
      return { path: name, text, imports: findImports(name, text) };
    });
}

const IMPORT = /^\s*(?:import|export)\s+(type\s)?(?:[^'";]*?\sfrom\s+)?'([^']+)'|\bimport\(\s*'([^']+)'\s*\)/gm;

export function findImports(file: string, text: string): SourceImport[] {
  return [...text.matchAll(IMPORT)].map((match) => {
    const specifier = match[2] ?? match[3] ?? '';
    const isTypeOnly = match[1] !== undefined;
    if (!specifier.startsWith('.')) return { target: packageName(specifier), isTypeOnly };
    return { target: path.posix.join(path.posix.dirname(file), specifier), isTypeOnly };
  });
}

function packageName(specifier: string): string {
  const parts = specifier.split('/');
  return specifier.startsWith('@') ? parts.slice(0, 2).join('/') : (parts[0] ?? specifier);
}
