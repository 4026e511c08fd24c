/**
 * Manifest files → what changed since the last good set of objects, or what is wrong and where.
 *
 * All files count together: while one of them is broken, the last good set stays for all. Only files that changed are
 * parsed again, and of objects that were handed out only a digest is kept.
 */
import { hash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { SkyshardError, formatPlace } from '../base/skyshard-error.ts';
import type { TextPlace } from '../base/skyshard-error.ts';
import type { DecodeOptions } from '../kubernetes/decode.ts';
import type { ClusterObject, ObjectChange } from '../kubernetes/objects.ts';
import { findManifestFiles, readManifestFile } from './manifest-files.ts';
import type { FoundFile, FoundFiles } from './manifest-files.ts';
import { ERRORS_MAX, SLICE_MS } from './manifest-text.ts';
import type { ManifestFile } from './manifest-text.ts';

/** Something that is allowed but hardly meant. */
export interface ManifestWarning {
  readonly place: TextPlace;
  readonly message: string;
}

export interface ManifestLoad {
  /** from the last good set to this one: deletes, then puts; empty with errors */
  readonly changes: readonly ObjectChange[];
  readonly warnings: readonly ManifestWarning[];
  /** MANIFEST_READ, MANIFEST_SYNTAX, MANIFEST_OBJECT; at most ERRORS_MAX */
  readonly errors: readonly SkyshardError[];
  readonly files: readonly FoundFile[];
  /** what `files` looked like, FoundFiles.look */
  readonly look: string;
  readonly objectCount: number;
}

/** What is kept of an object. */
interface Entry {
  readonly kind: ClusterObject['kind'];
  /** '' for a Namespace */
  readonly namespace: string;
  readonly name: string;
  /** the Service of an EndpointSlice, else '' */
  readonly service: string;
  readonly digest: string;
  readonly place: TextPlace;
}

interface LoadedFile {
  readonly signature: string;
  readonly entries: readonly Entry[];
  /** of the entries, in their order, until they were handed out: then `good` has all of them */
  objects: readonly ClusterObject[];
  readonly errors: readonly SkyshardError[];
}

/**
 * A file written twice within one tick of the file system's clock looks unchanged the second time. So what was read less
 * than this after its last change is read again.
 */
export const SETTLE_MS = 100;

export class ManifestLoader {
  private readonly paths: readonly string[];
  private readonly options: DecodeOptions;
  private files = new Map<string, LoadedFile>();
  private good = new Map<string, Entry>();

  /** @param paths files and directories */
  constructor(paths: readonly string[], options: DecodeOptions = {}) {
    this.paths = paths;
    this.options = options;
  }

  /** Read what changed. Calls may not overlap. Never throws a SkyshardError: faults are in the result. */
  async load(): Promise<ManifestLoad> {
    const found = await findManifestFiles(this.paths);
    return this.accept(found, await this.readFiles(found));
  }

  /**
   * The same, but only if the files look so (FoundFiles.look) both before and after they are read: what is being written is
   * not met half-way.
   *
   * @returns undefined if they do not
   */
  async loadIfStill(look: string): Promise<ManifestLoad | undefined> {
    const found = await findManifestFiles(this.paths);
    if (found.look !== look) return undefined;
    const files = await this.readFiles(found);
    if ((await findManifestFiles(this.paths)).look !== look) return undefined;
    return this.accept(found, files);
  }

  private async readFiles(found: FoundFiles): Promise<Map<string, LoadedFile> | SkyshardError> {
    if (found.error !== undefined) return found.error;
    const files = new Map<string, LoadedFile>();
    for (const file of found.files) {
      const known = this.files.get(file.path);
      if (known?.signature === file.signature) {
        files.set(file.path, known);
        continue;
      }
      const isSettled = !isFresh(file);
      let content: ManifestFile;
      try {
        content = await readManifestFile(file, this.options);
      } catch (error) {
        if (!(error instanceof SkyshardError)) throw error;
        return error;
      }
      files.set(file.path, {
        signature: isSettled ? file.signature : '',
        entries: await entriesOf(content),
        objects: content.objects.map(({ object }) => object),
        errors: content.errors,
      });
    }
    return files;
  }

  private accept(found: FoundFiles, files: Map<string, LoadedFile> | SkyshardError): ManifestLoad {
    const bad = (errors: readonly SkyshardError[]): ManifestLoad => ({
      changes: [],
      warnings: [],
      errors: errors.slice(0, ERRORS_MAX),
      files: found.files,
      look: found.look,
      objectCount: this.good.size,
    });
    if (files instanceof SkyshardError) return bad([files]);
    this.files = files;
    const { entries, duplicates } = mergeEntries(files.values());
    const errors = [...[...files.values()].flatMap((file) => file.errors), ...duplicates];
    if (errors.length > 0) return bad(errors);
    const changes = this.changesTo(entries);
    this.good = entries;
    for (const file of files.values()) file.objects = [];
    const warnings = files.size === 0 ? this.paths.map(warnOfEmptiness) : findWarnings(entries);
    return { changes, warnings, errors, files: found.files, look: found.look, objectCount: entries.size };
  }

  private changesTo(entries: ReadonlyMap<string, Entry>): ObjectChange[] {
    const changes: ObjectChange[] = [];
    for (const [key, { kind, namespace, name }] of this.good) {
      if (!entries.has(key)) changes.push({ op: 'delete', kind, namespace, name });
    }
    for (const file of this.files.values()) {
      for (const [index, object] of file.objects.entries()) {
        const entry = file.entries[index]!;
        if (this.good.get(keyOf(entry))?.digest !== entry.digest) changes.push({ op: 'put', object });
      }
    }
    return changes;
  }
}

/** Whether a file changed so lately that its next change may not show. */
export function isFresh(file: FoundFile): boolean {
  // a clock of another machine may be ahead, and stay so
  return Math.abs(Date.now() - file.changedMs) < SETTLE_MS;
}

/** In slices: the digests of a large cluster take a second. */
async function entriesOf({ objects }: ManifestFile): Promise<Entry[]> {
  const entries: Entry[] = [];
  let sliceEndMs = performance.now() + SLICE_MS;
  for (const { object, place } of objects) {
    entries.push(entryOf(object, place));
    if (performance.now() < sliceEndMs) continue;
    await setImmediate();
    sliceEndMs = performance.now() + SLICE_MS;
  }
  return entries;
}

function entryOf(object: ClusterObject, place: TextPlace): Entry {
  return {
    kind: object.kind,
    namespace: object.kind === 'Namespace' ? '' : object.namespace,
    name: object.name,
    service: object.kind === 'EndpointSlice' ? object.service : '',
    digest: hash('sha1', JSON.stringify(object), 'base64'),
    place,
  };
}

function keyOf(entry: Entry): string {
  return `${entry.kind} ${entry.namespace}/${entry.name}`;
}

function titleOf({ kind, namespace, name }: Entry): string {
  return namespace === '' ? `${kind} ${name}` : `${kind} ${namespace}/${name}`;
}

function mergeEntries(files: Iterable<LoadedFile>): { entries: Map<string, Entry>; duplicates: SkyshardError[] } {
  const entries = new Map<string, Entry>();
  const duplicates: SkyshardError[] = [];
  for (const file of files) {
    for (const entry of file.entries) {
      const key = keyOf(entry);
      const first = entries.get(key);
      if (first === undefined) entries.set(key, entry);
      else {
        const message = `${titleOf(entry)} is there twice: also at ${formatPlace(first.place)}`;
        duplicates.push(new SkyshardError('MANIFEST_OBJECT', message, { place: entry.place }));
      }
    }
  }
  return { entries, duplicates };
}

function warnOfEmptiness(path: string): ManifestWarning {
  return { place: { file: path }, message: 'no *.yaml, *.yml or *.json file is there' };
}

/** One warning for each Namespace that is missing, and for each EndpointSlice that belongs to nothing. */
function findWarnings(entries: ReadonlyMap<string, Entry>): ManifestWarning[] {
  const warnings: ManifestWarning[] = [];
  const orphans = new Map<string, Entry[]>();
  for (const entry of entries.values()) {
    const { kind, namespace, service, place } = entry;
    if (kind !== 'Namespace' && !entries.has(`Namespace /${namespace}`)) {
      const others = orphans.get(namespace);
      if (others === undefined) orphans.set(namespace, [entry]);
      else others.push(entry);
    } else if (service !== '' && !entries.has(`Service ${namespace}/${service}`)) {
      warnings.push({ place, message: `${titleOf(entry)} is of a Service that is missing: ${namespace}/${service}` });
    }
  }
  for (const [namespace, [first, ...others]] of orphans) {
    if (first === undefined) continue;
    const rest = others.length === 0 ? '' : ` (and ${others.length} more)`;
    const message = `${titleOf(first)}${rest} is not served: there is no Namespace ${namespace} in the manifests`;
    warnings.push({ place: first.place, message });
  }
  return warnings;
}
