import os from 'node:os';
import path from 'node:path';
import { SkyshardError, formatPlace } from '../../base/skyshard-error.ts';
import {
  BlockContext,
  ConfigReport,
  readNetworkInterfaces,
  type BlockSettings,
  type ConfigCheck,
  type Machine,
  type NetworkInterfaces,
} from './block-context.ts';
import { SYSTEM_FILES, type ConfigFiles } from './config-files.ts';
import { hashCorefile } from './corefile-format.ts';
import { parseCorefile } from './corefile-parser.ts';
import { faultAt, quoteText, type CorefileToken } from './corefile-token.ts';
import type { ConfigWarning, CorefileLine, CorefileTree, ServerBlock } from './corefile-tree.ts';
import type { Environment } from './corefile-lexer.ts';
import type { PluginDefinition } from './plugin-definition.ts';
import { groupListeners, readServerKeys, type Listener } from './server-blocks.ts';
import type { ServerKey } from './server-key.ts';

/** A whole configuration, read and checked; what the server is built from. */
export interface ServerConfig<Plugins> {
  readonly blocks: readonly ConfiguredBlock<Plugins>[];
  readonly listeners: readonly Listener[];
  /** in the order in which they were found */
  readonly warnings: readonly ConfigWarning[];
  /** every file that was read for the text, absolute */
  readonly files: readonly string[];
  /** every import pattern, absolute */
  readonly patterns: readonly string[];
  /** SHA-512 of what the text says */
  readonly hash: string;
  /** what is left to be checked: none where everything was checked at once */
  readonly checks: readonly ConfigCheck[];
}

export interface ConfiguredBlock<Plugins> {
  readonly keys: readonly ServerKey[];
  /** options of each plugin that the block names */
  readonly plugins: Plugins;
  /** the plugins of the block in the fixed order, each with its first directive */
  readonly chain: readonly { readonly name: string; readonly token: CorefileToken }[];
  readonly settings: Readonly<BlockSettings>;
}

export interface ServerConfigOptions {
  readonly environment?: Environment;
  /** absolute: relative paths start there; the process's working directory if not given */
  readonly directory?: string;
  /** for keys without port; 53 if not given */
  readonly dnsPort?: number;
  readonly files?: ConfigFiles;
  readonly networkInterfaces?: NetworkInterfaces;
  readonly hostName?: string;
  /** leave what may take long to ServerConfig.checks */
  readonly checksLater?: boolean;
}

/** The plugins there are, and what is said of names that were plugins once. */
export interface PluginTable {
  /** of all plugins */
  readonly names: readonly string[];
  /** a sentence for each name */
  readonly strangers: Readonly<Record<string, string>>;
}

/** A Corefile whose words are in order and whose directives all exist; what they say is not looked at yet. */
export interface ParsedCorefile {
  readonly tree: CorefileTree;
  /** every plugin that it names */
  readonly pluginNames: ReadonlySet<string>;
  readonly machine: Machine;
}

/**
 * Read a Corefile as far as that goes without its plugins.
 *
 * @param file  its name as the operator knows it
 * @throws SkyshardError CONFIG_*, with the place
 */
export function parseServerConfig(
  text: string,
  file: string,
  table: PluginTable,
  options: ServerConfigOptions = {},
): ParsedCorefile {
  const machine: Machine = {
    files: options.files ?? SYSTEM_FILES,
    directory: path.resolve(options.directory ?? '.'),
    networkInterfaces: options.networkInterfaces ?? readNetworkInterfaces(),
    hostName: options.hostName ?? os.hostname(),
  };
  const tree = parseCorefile(text, file, {
    environment: options.environment ?? process.env,
    directory: machine.directory,
    files: machine.files,
  });
  refuseUnknownDirectives(tree, table);
  const names = tree.blocks.flatMap(({ directives }) => directives.map(({ name }) => name.text));
  return { tree, pluginNames: new Set(names), machine };
}

/**
 * Check what the directives of a Corefile say.
 *
 * @param plugins  at least those that it names, in the fixed order
 * @throws SkyshardError CONFIG_*, with the place
 */
export function readServerConfig(
  { tree, machine }: ParsedCorefile,
  plugins: readonly PluginDefinition[],
  options: ServerConfigOptions = {},
): ServerConfig<Readonly<Record<string, unknown>>> {
  const report = new ConfigReport(tree.warnings, options.checksLater === true);
  const blocks = tree.blocks.map((block) => configureBlock(block, plugins, machine, options.dnsPort ?? 53, report));
  return {
    blocks,
    listeners: groupListeners(blocks),
    warnings: report.warnings,
    files: tree.files,
    patterns: tree.patterns,
    hash: hashCorefile(tree),
    checks: report.laterChecks ?? [],
  };
}

/** `FILE:LINE:COL: warning: message` */
export function formatWarning({ token, message }: ConfigWarning): string {
  return `${formatPlace({ file: token.file, line: token.line, column: token.column })}: warning: ${message}`;
}

function refuseUnknownDirectives(tree: CorefileTree, table: PluginTable): void {
  const known = new Set(table.names);
  for (const { directives } of tree.blocks) {
    for (const { name } of directives) {
      if (known.has(name.text)) continue;
      const stranger = Object.hasOwn(table.strangers, name.text) ? table.strangers[name.text] : undefined;
      const similar = stranger === undefined ? findSimilar(name.text, known) : undefined;
      const hint = stranger ?? (similar === undefined ? 'expected the name of a plugin' : `expected '${similar}'?`);
      throw faultAt(name, 'CONFIG_UNKNOWN_DIRECTIVE', `Unknown directive ${quoteText(name.text)}, ${hint}`);
    }
  }
}

function configureBlock(
  block: ServerBlock,
  definitions: readonly PluginDefinition[],
  machine: Machine,
  dnsPort: number,
  report: ConfigReport,
): ConfiguredBlock<Readonly<Record<string, unknown>>> {
  const keys = readServerKeys(block, dnsPort, report);
  const linesOf = new Map<string, CorefileLine[]>();
  for (const line of block.directives) {
    const lines = linesOf.get(line.name.text);
    if (lines === undefined) linesOf.set(line.name.text, [line]);
    else lines.push(line);
  }
  const context = new BlockContext(keys, new Set(linesOf.keys()), machine, report);
  const plugins: Record<string, unknown> = {};
  const chain: { readonly name: string; readonly token: CorefileToken }[] = [];
  for (const definition of definitions) {
    const [first, ...more] = linesOf.get(definition.name) ?? [];
    if (first === undefined) continue;
    plugins[definition.name] = readPlugin(definition, [first, ...more], context, report);
    chain.push({ name: definition.name, token: first.name });
  }
  return { keys, plugins, chain, settings: context.settings };
}

function readPlugin(
  definition: PluginDefinition,
  lines: readonly [CorefileLine, ...CorefileLine[]],
  context: BlockContext,
  report: ConfigReport,
): unknown {
  const prefix = `plugin/${definition.name}: `;
  try {
    const second = lines[1];
    if (definition.isOncePerBlock && second !== undefined) {
      const place = formatPlace({ file: lines[0].name.file, line: lines[0].name.line, column: lines[0].name.column });
      const message = `this plugin can only be used once per Server Block, it stands at ${place} already`;
      throw faultAt(second.name, 'CONFIG_CONFLICT', message);
    }
    const options = definition.parse(lines, context);
    for (const check of context.checks.splice(0)) {
      if (report.laterChecks === undefined) for (const _ of check) void _;
      else report.laterChecks.push(prefixed(check, prefix));
    }
    return options;
  } catch (error) {
    throw withPrefix(error, prefix);
  }
}

function* prefixed(check: ConfigCheck, prefix: string): ConfigCheck {
  try {
    yield* check;
  } catch (error) {
    throw withPrefix(error, prefix);
  }
}

/** The same fault, the prefix between its place and its sentence. */
function withPrefix(error: unknown, prefix: string): unknown {
  if (!(error instanceof SkyshardError) || error.place === undefined) return error;
  const sentence = error.message.slice(formatPlace(error.place).length + 2);
  return new SkyshardError(error.code, prefix + sentence, { place: error.place, cause: error.cause });
}

/** The known name with the fewest changed letters, if two at most are. */
function findSimilar(name: string, known: ReadonlySet<string>): string | undefined {
  let best: string | undefined;
  let bestDistance = 3;
  if (name.length > 40) return undefined;
  for (const candidate of known) {
    const distance = editDistance(name, candidate);
    if (distance < bestDistance && distance < candidate.length) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

function editDistance(a: string, b: string): number {
  let above = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const change = above[column - 1]! + (a[row - 1] === b[column - 1] ? 0 : 1);
      current.push(Math.min(change, above[column]! + 1, current[column - 1]! + 1));
    }
    above = current;
  }
  return above[b.length]!;
}
