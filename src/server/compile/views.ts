/** `view`: which of several server blocks answers, decided for each query. */
import type { ViewProgram } from '../../answer/view-choice.ts';
import type { CorefileBlock } from '../../plugins/corefile-config.ts';
import type { RouteChoice, RouteDescription } from '../../snapshot/config-description.ts';
import { covers } from './zone-cover.ts';
import { encodeProgram } from '../../snapshot/program-text.ts';

/** A block under one of the zones of its keys. */
export interface ServingBlock {
  readonly zone: string;
  readonly block: CorefileBlock;
}

/**
 * The blocks that may answer for names below a suffix, as they are tried: longer zones first, then in the order of the
 * text. Behind the first zone's only as many as can be reached: the last one answers in any case, if any does.
 */
export function serversOf(serving: readonly ServingBlock[], suffix: string): readonly ServingBlock[] {
  const covering = serving.filter(({ zone }) => covers(zone, suffix)).sort((a, b) => b.zone.length - a.zone.length);
  const isOfFirstZone = ({ zone }: ServingBlock): boolean => zone === covering[0]!.zone;
  const endAt = covering.findIndex(({ block }) => block.plugins.view === undefined);
  const lastOfFirst = covering.findLastIndex(isOfFirstZone);
  return covering.slice(0, Math.max(endAt < 0 ? covering.length : endAt + 1, lastOfFirst + 1));
}

/** Whether a query decides it; without that the first of them answers. */
export function isChosenByView(servers: readonly ServingBlock[]): boolean {
  return servers[0]!.block.plugins.view !== undefined;
}

/** @param routes  of the servers, in the same order */
export function chosenRoute(
  routes: readonly RouteDescription[],
  servers: readonly ServingBlock[],
  conditionOfBlock: (block: CorefileBlock) => RouteChoice['condition'],
): RouteDescription {
  const { zone, serverZoneSize, scope, policy } = routes[0]!;
  const choices = servers.map(({ zone: ownZone, block }, index) => ({
    condition: conditionOfBlock(block),
    route: routes[index]!,
    isOfFirstZone: ownZone === servers[0]!.zone,
  }));
  return {
    zone,
    ...(serverZoneSize === undefined ? {} : { serverZoneSize }),
    scope,
    ...(policy === undefined ? {} : { policy }),
    steps: [],
    choices,
  };
}

/** What a block's expressions ask. */
export function conditionOf({ plugins }: CorefileBlock): RouteChoice['condition'] {
  const { view } = plugins;
  if (view === undefined) return null;
  const program: ViewProgram = { expressions: view.expressions };
  return { program: encodeProgram(program) };
}
