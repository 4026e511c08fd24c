/**
 * Where the module of a thread is: in src/, or in dist/, where a folder has all scripts of one kind of thread, and this module is
 * among those of main.
 *
 * @param name  by its path in src/, without the extension
 */
export function threadModule(name: `${'shard' | 'resolver'}/${string}`): URL {
  const isSource = import.meta.url.endsWith('.ts');
  return new URL(isSource ? `../../${name}.ts` : `../${name}.js`, import.meta.url);
}
