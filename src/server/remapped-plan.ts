/**
 * A plan numbers scopes, datasets and listeners from 0. In a running server those that stay keep the numbers they have, so
 * what a later plan names is to be moved to them.
 */
import type { RouteDescription, SnapshotConfig, StepDescription } from '../snapshot/config-description.ts';
import type { ServicesPlan } from './server-plan.ts';

/** @param scopeOf  the running server's number, by that of the plan; so are the others */
export function remapServices(
  services: ServicesPlan,
  scopeOf: readonly number[],
  scopeCount: number,
  datasetOf: ReadonlyMap<number, number>,
): ServicesPlan {
  const move = <Block>(blocks: readonly (Block | undefined)[]): (Block | undefined)[] => {
    const moved = Array.from<Block | undefined>({ length: scopeCount });
    for (const [index, block] of blocks.entries()) moved[scopeOf[index]!] = block;
    return moved;
  };
  const ready = services.ready.map((block) => ({
    ...block,
    datasets: block.datasets.map((dataset) => datasetOf.get(dataset)!),
  }));
  const notified = services.notified.map((zone) => ({ ...zone, dataset: datasetOf.get(zone.dataset)! }));
  return { ...services, ready, notified, queryLog: move(services.queryLog), errorLog: move(services.errorLog) };
}

export function remapConfig(
  config: SnapshotConfig,
  scopeOf: readonly number[],
  datasetOf: ReadonlyMap<number, number>,
  listenerIds: readonly number[],
): SnapshotConfig {
  // A block's routes share one, and it is written once.
  const programs = new Map<StepDescription, StepDescription>();
  const moveRoute = (route: RouteDescription): RouteDescription => ({
    ...route,
    scope: scopeOf[route.scope]!,
    steps: route.steps.map(moveStep),
  });
  const moveStep = (step: StepDescription): StepDescription => {
    if ('rest' in step) {
      const moved = programs.get(step) ?? { ...step, rest: step.rest?.map(moveRoute) };
      programs.set(step, moved);
      return moved;
    }
    if ('dataset' in step) return { ...step, dataset: datasetOf.get(step.dataset)! };
    if (step.kind !== 'acl') return step;
    const policies = step.policies.map((policy) => ({ ...policy, scope: scopeOf[policy.scope]! }));
    return { ...step, allowedScope: scopeOf[step.allowedScope]!, policies };
  };
  return {
    listeners: config.listeners.map(({ id, routes, keys }) => ({
      id: listenerIds[id]!,
      keys,
      routes: routes.map(moveRoute),
    })),
  };
}
