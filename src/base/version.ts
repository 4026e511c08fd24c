import { readFileSync } from 'node:fs';

/** The version of package.json, which lies two levels above this file in src/ as in dist/. */
export function readVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  return (manifest as { version: string }).version;
}
