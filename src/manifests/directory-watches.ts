import { watch } from 'node:fs';
import type { FSWatcher } from 'node:fs';
import { stat } from 'node:fs/promises';

/**
 * Watches on a changing set of directories. What happens in them, and what does not (network file systems and a full
 * inotify table say nothing), is only a hint: who uses this looks by itself too, now and then.
 */
export class DirectoryWatches {
  private readonly onEvent: () => void;
  private readonly watches = new Map<string, { readonly identity: string; readonly watcher: FSWatcher }>();
  private isClosed = false;

  constructor(onEvent: () => void) {
    this.onEvent = onEvent;
  }

  /** Watch exactly these. A directory that is not there is left out; one that was replaced is watched anew. */
  async set(directories: Iterable<string>): Promise<void> {
    const wanted = new Set(directories);
    for (const path of this.watches.keys()) if (!wanted.has(path)) this.drop(path);
    for (const path of wanted) {
      const identity = await identityOf(path);
      if (this.isClosed) return;
      if (this.watches.get(path)?.identity === identity) continue;
      this.drop(path);
      if (identity !== undefined) this.add(path, identity);
    }
  }

  close(): void {
    this.isClosed = true;
    for (const path of this.watches.keys()) this.drop(path);
  }

  private add(path: string, identity: string): void {
    let watcher: FSWatcher;
    try {
      watcher = watch(path, { persistent: false });
    } catch {
      // gone again, not permitted or no more watches: tried again by the next set
      return;
    }
    this.watches.set(path, { identity, watcher });
    watcher.on('change', this.onEvent);
    watcher.on('error', () => {
      if (this.watches.get(path)?.watcher === watcher) this.drop(path);
      this.onEvent();
    });
  }

  private drop(path: string): void {
    this.watches.get(path)?.watcher.close();
    this.watches.delete(path);
  }
}

/** Device and inode; undefined if there is no such directory. */
async function identityOf(path: string): Promise<string | undefined> {
  try {
    const status = await stat(path, { bigint: true });
    return status.isDirectory() ? `${status.dev} ${status.ino}` : undefined;
  } catch {
    return undefined;
  }
}
