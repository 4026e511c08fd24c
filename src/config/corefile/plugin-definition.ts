import type { BlockContext } from './block-context.ts';
import { faultAt } from './corefile-token.ts';
import type { CorefileLine } from './corefile-tree.ts';

/** How the directive of one plugin is read. */
export interface PluginDefinition<Name extends string = string, Options = unknown> {
  readonly name: Name;
  /** more than one directive of that name in a block is an error */
  readonly isOncePerBlock: boolean;
  /**
   * Turn all directives of that name in one block into options.
   *
   * @param lines  in the order of the text, at least one
   * @throws SkyshardError CONFIG_ARGUMENT or CONFIG_UNSUPPORTED with the place
   */
  parse(lines: readonly [CorefileLine, ...CorefileLine[]], block: BlockContext): Options;
}

type ParseLines<Options> = (lines: readonly [CorefileLine, ...CorefileLine[]], block: BlockContext) => Options;

/** A plugin whose directives may stand several times in a block; `parse` decides what that means. */
export function definePlugin<const Name extends string, Options>(
  name: Name,
  parse: ParseLines<Options>,
): PluginDefinition<Name, Options> {
  return { name, isOncePerBlock: false, parse };
}

/** A plugin whose directive may stand once in a block. */
export function definePluginOnce<const Name extends string, Options>(
  name: Name,
  parse: (line: CorefileLine, block: BlockContext) => Options,
): PluginDefinition<Name, Options> {
  return { name, isOncePerBlock: true, parse: ([line], block) => parse(line, block) };
}

/** A plugin of CoreDNS that skyshard will not have. */
export function refusePlugin<const Name extends string>(name: Name, reason: string): PluginDefinition<Name, never> {
  return {
    name,
    isOncePerBlock: false,
    parse: ([line]) => {
      throw faultAt(line.name, 'CONFIG_UNSUPPORTED', `skyshard does not have it: ${reason}`);
    },
  };
}
