/**
 * The text of one manifest file → trimmed objects, each with its place, and what is wrong with it.
 *
 * YAML is read as kubectl reads it: version 1.1 (so `yes` is true and `0777` octal) with merge keys, but without the types
 * that JSON has not (dates, binary, sets). JSON goes through JSON.parse, because a dump of a cluster's objects has tens of
 * megabytes; json-documents.ts finds the places.
 */
import { setImmediate } from 'node:timers/promises';
import type * as YamlModule from 'yaml';
import type { Document, LineCounter, Node, ScalarTag, Tags } from 'yaml';
import { SkyshardError } from '../base/skyshard-error.ts';
import type { ErrorCode, TextPlace } from '../base/skyshard-error.ts';
import { decodeObject } from '../kubernetes/decode.ts';
import type { DecodeOptions } from '../kubernetes/decode.ts';
import { ObjectError } from '../kubernetes/object-error.ts';
import type { ClusterObject } from '../kubernetes/objects.ts';
import type { JsonScan } from './json-documents.ts';
import { readPlainYaml } from './plain-yaml.ts';
import { LineIndex, findJsonFault, scanJsonDocument, skipJsonSeparator, splitJsonList } from './json-documents.ts';

/** An object of a manifest and where it starts. */
export interface ManifestObject {
  readonly object: ClusterObject;
  readonly place: TextPlace;
}

/** What one file holds. With errors, `objects` is incomplete. */
export interface ManifestFile {
  readonly objects: readonly ManifestObject[];
  /** MANIFEST_SYNTAX and MANIFEST_OBJECT, each with its place; at most ERRORS_MAX */
  readonly errors: readonly SkyshardError[];
}

/** A file that is wrong in many places is wrong in one way more often than in many. */
export const ERRORS_MAX = 20;
/** Lists in lists are allowed, as kubectl does, but not without end. */
const LIST_DEPTH_MAX = 4;
/** Aliases are bounded: ten lines of them could unfold to gigabytes. */
const ALIAS_COUNT_MAX = 1000;
/** How long the thread may be held, as far as one document allows. */
export const SLICE_MS = 10;

type Path = readonly (string | number)[];
type Yaml = typeof YamlModule;

let yamlModule: Promise<Yaml> | undefined;

/** Costs 11 MiB and 45 ms: only a process that reads YAML that is not plain, or finds a fault, spends them. */
function loadYaml(): Promise<Yaml> {
  return (yamlModule ??= import('yaml'));
}

/** @param file the name for places; JSON if it ends in `.json`, else YAML */
export async function parseManifest(file: string, text: string, options: DecodeOptions = {}): Promise<ManifestFile> {
  const reader = new ManifestReader(file, options);
  await (file.endsWith('.json') ? reader.readJson(text) : reader.readYaml(text));
  return reader;
}

/** An object that was refused: `path` from the document's root to the field at fault, as far as known. */
interface Fault {
  readonly path: Path;
  readonly message: string;
  readonly cause: unknown;
}

class ManifestReader implements ManifestFile {
  readonly objects: ManifestObject[] = [];
  readonly errors: SkyshardError[] = [];
  private readonly file: string;
  private readonly options: DecodeOptions;
  private sliceEndMs = performance.now() + SLICE_MS;

  constructor(file: string, options: DecodeOptions) {
    this.file = file;
    this.options = options;
  }

  async readYaml(text: string): Promise<void> {
    if (await this.readPlain(text)) return;
    this.objects.length = 0;
    const yaml = await loadYaml();
    const lines = new yaml.LineCounter();
    const place = (offset: number): TextPlace => {
      const { line, col } = lines.linePos(offset);
      return { file: this.file, line, column: col };
    };
    for (const document of composeYaml(yaml, text, lines)) {
      // the first: what follows in a document is mostly its consequence
      const [error] = document.errors;
      if (error === undefined) await this.readYamlDocument(yaml, document, place);
      else this.fail('MANIFEST_SYNTAX', error.message, place(error.pos[0]));
      if (performance.now() >= this.sliceEndMs) await this.pause();
    }
  }

  /** @returns whether the text is plain and nothing is wrong with it; where not, the library reads it, and knows the places */
  private async readPlain(text: string): Promise<boolean> {
    const lines = new LineIndex(text);
    const documents = readPlainYaml(text);
    for (;;) {
      const { done, value } = documents.next();
      if (done === true) return value;
      const object = value.value;
      if (String(object['kind']).endsWith('List')) return false;
      const place = { file: this.file, ...lines.lineAndColumn(value.at) };
      const faults = await this.readObjects([{ path: [], value: object }], () => place);
      if (faults.length > 0) return false;
    }
  }

  /** Everything else of the thread has its turn. */
  private async pause(): Promise<void> {
    await setImmediate();
    this.sliceEndMs = performance.now() + SLICE_MS;
  }

  private async readYamlDocument(
    yaml: Yaml,
    document: Document.Parsed,
    place: (offset: number) => TextPlace,
  ): Promise<void> {
    let raw: unknown;
    try {
      raw = document.toJS({ maxAliasCount: ALIAS_COUNT_MAX });
    } catch (error) {
      // an alias without an anchor, or aliases that would unfold to too much
      this.fail('MANIFEST_SYNTAX', messageOf(error), place(document.range[0]), error);
      return;
    }
    const faults = await this.readObjects(unfoldLists(raw, []), (path) => place(locate(yaml, document, path)));
    for (const { path, message, cause } of faults) {
      this.fail('MANIFEST_OBJECT', message, place(locate(yaml, document, path)), cause);
    }
  }

  async readJson(text: string): Promise<void> {
    const lines = new LineIndex(text);
    const place = (offset: number): TextPlace => ({ file: this.file, ...lines.lineAndColumn(offset) });
    for (let start = skipJsonSeparator(text, 0); start < text.length;) {
      const scan = scanJsonDocument(text, start);
      const itemAt = (path: Path): number => (typeof path[1] === 'number' ? scan.items[path[1]] : undefined) ?? start;
      let faults: readonly Fault[];
      try {
        faults = await this.readObjects(unfoldJson(text, start, scan), (path) => place(itemAt(path)));
      } catch (error) {
        if (!(error instanceof SyntaxError)) throw error;
        this.fail('MANIFEST_SYNTAX', error.message, place(start + findJsonFault(text.slice(start, scan.end))), error);
        return;
      }
      for (const { path, message, cause } of faults) {
        // only the item at fault goes through the parser that knows places
        const yaml = await loadYaml();
        const at = itemAt(path);
        const item = yaml.parseDocument(text.slice(at, scanJsonDocument(text, at).end), { prettyErrors: false });
        const offset = at + locate(yaml, item, at === start ? path : path.slice(2));
        this.fail('MANIFEST_OBJECT', message, place(offset), cause);
      }
      start = skipJsonSeparator(text, scan.end);
    }
  }

  /** Decode a document, or each object of a list. Throws what `values` throws. */
  private async readObjects(
    values: Iterable<{ readonly path: Path; readonly value: unknown }>,
    placeOf: (path: Path) => TextPlace,
  ): Promise<readonly Fault[]> {
    const faults: Fault[] = [];
    for (const { path, value } of values) {
      if (performance.now() >= this.sliceEndMs) await this.pause();
      try {
        const object = decodeObject(value, this.options);
        if (object !== undefined) this.objects.push({ object, place: placeOf(path) });
      } catch (error) {
        if (!(error instanceof ObjectError)) throw error;
        faults.push({ path: [...path, ...error.path], message: titleOf(value) + error.message, cause: error });
        if (faults.length >= ERRORS_MAX) break;
      }
    }
    return faults;
  }

  private fail(code: ErrorCode, message: string, place: TextPlace, cause?: unknown): void {
    if (this.errors.length < ERRORS_MAX) this.errors.push(new SkyshardError(code, message, { place, cause }));
  }
}

/** As the library has it, but with a digit before the `e`: `e3` is a name to kubectl, and to plain-yaml.ts. */
const EXPONENT = /^[-+]?(?:\d[\d_]*(?:\.[\d_]*)?|\.\d[\d_]*)[eE][-+]?\d+$/;

/** One document at a time: the trees of all together would take a hundred times the text's size. */
export function composeYaml(yaml: Yaml, text: string, lines: LineCounter): Generator<Document.Parsed> {
  const composer = new yaml.Composer({
    prettyErrors: false,
    logLevel: 'error',
    version: '1.1',
    merge: true,
    customTags: (tags) =>
      tags.flatMap((tag): Tags => {
        if (typeof tag === 'string') return [tag];
        const format = 'format' in tag ? tag.format : undefined;
        if (format === 'EXP') return [{ ...(tag as ScalarTag), test: EXPONENT }];
        return /:(?:timestamp|binary|omap|pairs|set)$/.test(tag.tag) || format === 'TIME' ? [] : [tag];
      }),
  });
  return composer.compose(new yaml.Parser(lines.addNewLine).parse(text)) as Generator<Document.Parsed>;
}

/** The objects of a document: itself, or the items of a list; nothing for an empty document. */
function* unfoldLists(raw: unknown, path: Path): Generator<{ readonly path: Path; readonly value: unknown }> {
  if (raw === null || raw === undefined) return;
  const kind = isMapping(raw) ? raw['kind'] : undefined;
  if (!isMapping(raw) || typeof kind !== 'string' || !kind.endsWith('List') || path.length >= 2 * LIST_DEPTH_MAX) {
    yield { path, value: raw };
    return;
  }
  const items = raw['items'];
  if (items === null || items === undefined) return;
  if (!Array.isArray(items)) {
    yield { path, value: raw };
    return;
  }
  for (const [index, item] of items.entries()) yield* unfoldLists(typed(item, raw), [...path, 'items', index]);
}

/** The same of JSON text, where the items of a long list are parsed as they are asked for. */
function* unfoldJson(text: string, start: number, scan: JsonScan): ReturnType<typeof unfoldLists> {
  const split = splitJsonList(text, start, scan);
  if (split === undefined || !String(split.list['kind']).endsWith('List')) {
    yield* unfoldLists(JSON.parse(text.slice(start, scan.end)), []);
    return;
  }
  let index = 0;
  for (const item of split.values) yield* unfoldLists(typed(item, split.list), ['items', index++]);
}

/** The items of a ServiceList, as the API server sends it, do not say that they are Services. */
function typed(item: unknown, list: Readonly<Record<string, unknown>>): unknown {
  const kind = String(list['kind']);
  if (kind === 'List' || !isMapping(item) || item['kind'] !== undefined) return item;
  return { ...item, apiVersion: list['apiVersion'], kind: kind.slice(0, -4) };
}

function isMapping(raw: unknown): raw is Readonly<Record<string, unknown>> {
  return typeof raw === 'object' && raw !== null && !Array.isArray(raw);
}

/** `Service shop/cart: `, as far as the object says. */
function titleOf(raw: unknown): string {
  if (!isMapping(raw) || typeof raw['kind'] !== 'string') return '';
  const metadata = isMapping(raw['metadata']) ? raw['metadata'] : {};
  const { name, namespace } = metadata;
  if (typeof name !== 'string') return `${raw['kind']}: `;
  return `${raw['kind']} ${typeof namespace === 'string' ? `${namespace}/` : ''}${name}: `;
}

/**
 * Offset of the value at `path`, or of its key if it is a mapping or list on lines below the key; where the path leads to
 * nothing, of the deepest value on it.
 */
function locate(yaml: Yaml, document: Document.Parsed, path: Path): number {
  let node: Node | null = document.contents;
  let offset = node?.range?.[0] ?? document.range[0];
  for (const step of path) {
    if (yaml.isAlias(node)) node = node.resolve(document) ?? null;
    if (yaml.isMap(node)) {
      const pair = node.items.find(({ key }) => yaml.isScalar(key) && String(key.value) === step);
      if (pair === undefined || !yaml.isScalar(pair.key)) return offset;
      node = yaml.isNode(pair.value) ? pair.value : null;
      offset =
        (yaml.isCollection(node) && node.flow !== true ? undefined : node?.range?.[0]) ?? pair.key.range?.[0] ?? offset;
    } else if (yaml.isSeq(node)) {
      const item: unknown = typeof step === 'number' ? node.items[step] : undefined;
      if (!yaml.isNode(item)) return offset;
      node = item;
      offset = node.range?.[0] ?? offset;
    } else return offset;
  }
  return offset;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
