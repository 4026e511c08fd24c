/**
 * Manifest files → what changed since the last good set of objects, or what is wrong and where.
 *
 * All files count together: while one of them is broken, the last good set stays for all. Only files that changed are
 * parsed again, and of objects that were handed out only a digest is kept.
 */
import { hash } from 'node:crypto';
import { SkyshardError, formatPlace } from '../base/skyshard-error.ts';
import type { TextPlace } from '../base/skyshard-error.ts';
import type { DecodeOptions } from '../kubernetes/decode.ts';
import type { ClusterObject, ObjectChange } from '../kubernetes/objects.ts';
import { findManifestFiles, readManifestFile } from './manifest-files.ts';
import type { FoundFile } from './manifest-files.ts';
import { ERRORS_MAX } from './manifest-text.ts';

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
    let found: readonly FoundFile[] = [];
    try {
      found = await findManifestFiles(this.paths);
      await this.readFiles(found);
    } catch (error) {
      if (!(error instanceof SkyshardError)) throw error;
      return { changes: [], warnings: [], errors: [error], files: found, objectCount: this.good.size };
    }
    const errors = [...this.files.values()].flatMap((file) => file.errors);
    const { entries, duplicates } = mergeEntries(this.files.values());
    errors.push(...duplicates);
    if (errors.length > 0) {
      const first = errors.slice(0, ERRORS_MAX);
      return { changes: [], warnings: [], errors: first, files: found, objectCount: this.good.size };
    }
    const changes = this.changesTo(entries);
    this.good = entries;
    for (const file of this.files.values()) file.objects = [];
    const warnings = found.length === 0 ? this.paths.map(warnOfEmptiness) : findWarnings(entries);
    return { changes, warnings, errors, files: found, objectCount: entries.size };
  }

  private async readFiles(found: readonly FoundFile[]): Promise<void> {
    const files = new Map<string, LoadedFile>();
    for (const file of found) {
      const known = this.files.get(file.path);
      if (known?.signature === file.signature) {
        files.set(file.path, known);
        continue;
      }
      const isSettled = !isFresh(file);
      const { objects, errors } = await readManifestFile(file, this.options);
      files.set(file.path, {
        signature: isSettled ? file.signature : '',
        entries: objects.map(({ object, place }) => entryOf(object, place)),
        objects: objects.map(({ object }) => object),
        errors,
      });
    }
    this.files = files;
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
    } else if (kind === 'EndpointSlice' && !entries.has(`Service ${namespace}/${service}`)) {
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
