import { createRequire } from 'node:module';
import type { AnswererOptions, Composer } from '../answer/answerer-options.ts';
import type { SnapshotReader } from '../snapshot/reader.ts';

/** The thread's composer. Its modules are loaded by the first query that needs it: most servers have none. */
export function loadComposer(options: AnswererOptions, reader: SnapshotReader): Composer {
  // The sources run as they are, and so does what they are compiled to.
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  const { ThreadComposer } = createRequire(import.meta.url)(`./composer.${extension}`) as ComposerModule;
  return new ThreadComposer(options, reader);
}

interface ComposerModule {
  readonly ThreadComposer: new (options: AnswererOptions, reader: SnapshotReader) => Composer;
}
