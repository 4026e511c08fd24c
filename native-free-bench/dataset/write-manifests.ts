/** Writes a generated cluster as manifest files: JSON `List`s, as `kubectl get -o json` gives them. */

import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { GeneratedCluster, RawObject } from './generate-cluster.ts';

const OBJECTS_PER_FILE = 4_000;

export interface WrittenManifests {
  readonly files: number;
  readonly objects: number;
  /** octets */
  readonly size: number;
}

/** Write `cluster-0000.json`, `cluster-0001.json` … into `directory`, which is made if missing. One object is held at a time. */
export function writeManifests(cluster: GeneratedCluster, directory: string): WrittenManifests {
  mkdirSync(directory, { recursive: true });
  let files = 0;
  let objects = 0;
  let size = 0;
  let file: ListFile | undefined;
  for (const object of cluster.objects()) {
    if (file !== undefined && file.count === OBJECTS_PER_FILE) {
      size += file.end();
      file = undefined;
    }
    if (file === undefined) {
      file = new ListFile(join(directory, `cluster-${String(files).padStart(4, '0')}.json`));
      files++;
    }
    file.add(object);
    objects++;
  }
  if (file !== undefined) size += file.end();
  return { files, objects, size };
}

const CHUNK_SIZE = 1 << 20;

class ListFile {
  count = 0;
  readonly #descriptor: number;
  #pending = '{"apiVersion":"v1","kind":"List","items":[\n';
  #size = 0;

  constructor(path: string) {
    this.#descriptor = openSync(path, 'w');
  }

  add(object: RawObject): void {
    this.#pending += (this.count === 0 ? '' : ',\n') + JSON.stringify(object);
    this.count++;
    if (this.#pending.length >= CHUNK_SIZE) this.#flush();
  }

  end(): number {
    this.#pending += '\n]}\n';
    this.#flush();
    closeSync(this.#descriptor);
    return this.#size;
  }

  #flush(): void {
    this.#size += writeSync(this.#descriptor, this.#pending);
    this.#pending = '';
  }
}
