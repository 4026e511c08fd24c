import { fstatSync } from 'node:fs';
import path from 'node:path';
import { SkyshardError } from '../base/skyshard-error.ts';
import { SYSTEM_FILES } from '../config/corefile/config-files.ts';
import {
  parseServerConfig,
  readServerConfig,
  type ConfiguredBlock,
  type PluginTable,
  type ServerConfig,
  type ServerConfigOptions,
} from '../config/corefile/server-config.ts';
import { loadPlugins, PLUGIN_NAMES, STRANGERS, type PluginOptions } from './order.ts';

export type CorefileConfig = ServerConfig<PluginOptions>;
export type CorefileBlock = ConfiguredBlock<PluginOptions>;

export const PLUGIN_TABLE: PluginTable = { names: PLUGIN_NAMES, strangers: STRANGERS };

/** A file of this name is the text on standard input. */
export const STDIN = 'stdin';

/** There is nothing more to read of it later: each reload checks this text again, with what hosts, files and zones say then. */
let standardInput: Promise<string> | undefined;

export interface ReadCorefileOptions extends Omit<ServerConfigOptions, 'checksLater'> {
  /** steps through what may take long, with pauses; without it everything is checked at once, and more of it */
  readonly runSteps?: (steps: Generator<void, void>) => Promise<void>;
}

/**
 * Read and check a Corefile with all its plugins.
 *
 * @param file  its path, or `stdin`
 * @throws SkyshardError CONFIG_*, all but CONFIG_READ with the place
 */
export async function loadCorefile(file: string, options: ReadCorefileOptions = {}): Promise<CorefileConfig> {
  const text = file === STDIN ? await (standardInput ??= readStandardInput()) : readText(file, options);
  return readCorefile(text, file, options);
}

/** As loadCorefile, of a text that is already there. */
export async function readCorefile(
  text: string,
  file: string,
  options: ReadCorefileOptions = {},
): Promise<CorefileConfig> {
  const parsed = parseServerConfig(text, file, PLUGIN_TABLE, options);
  const plugins = await loadPlugins((name) => parsed.pluginNames.has(name));
  const { runSteps } = options;
  const config = readServerConfig(parsed, plugins, { ...options, checksLater: runSteps !== undefined });
  if (runSteps !== undefined) for (const check of config.checks) await runSteps(check);
  // The table gives each name the options that its definition's parse returns.
  return config as CorefileConfig;
}

/** Whoever writes it may take time, and may have left it non-blocking: reading descriptor 0 at once would fail then. */
async function readStandardInput(): Promise<string> {
  try {
    if (fstatSync(0).isDirectory()) throw new Error('it is a directory');
    const { text } = await import('node:stream/consumers');
    return await text(process.stdin);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new SkyshardError('CONFIG_READ', `cannot read the standard input: ${reason}`, {
      place: { file: STDIN },
      cause: error,
    });
  }
}

function readText(file: string, options: ServerConfigOptions): string {
  const absolute = path.resolve(options.directory ?? '.', file);
  let text: string | undefined;
  try {
    text = (options.files ?? SYSTEM_FILES).read(absolute);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new SkyshardError('CONFIG_READ', `cannot read ${file}: ${reason}`, { place: { file }, cause: error });
  }
  if (text === undefined) throw new SkyshardError('CONFIG_READ', 'there is no such file', { place: { file } });
  return text;
}
