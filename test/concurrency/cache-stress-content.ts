/** What the threads of the cache's stress test store and expect. */

export interface CacheStressData {
  readonly buffer: SharedArrayBuffer;
  readonly snapshot: SharedArrayBuffer;
  readonly control: SharedArrayBuffer;
  readonly writer: number;
  readonly seed: number;
}

/** Words that all threads share. */
export const CACHE_CONTROL = { STOP: 0, FAULTS: 1, FOUND: 2, STORED: 3, WORDS: 4 } as const;

export const NAME_COUNT = 5000;

/** Texts of many sizes: the name, the version, both again and again. */
export function bodyOf(name: number, version: number): string {
  return `${name}/${version};`.repeat(1 + ((name * 7 + version * 13) % 90));
}

export function isBodyOf(body: string, name: number): boolean {
  const [first] = body.split(';', 1);
  const [ownName, version] = first!.split('/');
  return ownName === String(name) && body === bodyOf(name, Number(version));
}
