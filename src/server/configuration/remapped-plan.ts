/**
 * A plan numbers scopes, datasets and listeners from 0. In a running server those that stay keep the numbers they have, so
 * what a later plan names is to be moved to them.
 */
import type {
  MetadataDescription,
  PolicyDescription,
  RouteDescription,
  SnapshotConfig,
  StepDescription,
} from '../../snapshot/config-description.ts';
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
  const policies = new Map<PolicyDescription, PolicyDescription>();
  const moveRoute = (route: RouteDescription): RouteDescription => ({
    ...route,
    scope: scopeOf[route.scope]!,
    ...(route.policy === undefined ? {} : { policy: movePolicy(route.policy) }),
    steps: route.steps.map(moveStep),
    ...(route.choices === undefined
      ? {}
      : { choices: route.choices.map((choice) => ({ ...choice, route: moveRoute(choice.route) })) }),
  });
  const movePolicy = (policy: PolicyDescription): PolicyDescription => {
    if (policy.metadata === null) return policy;
    const moved = policies.get(policy) ?? { ...policy, metadata: moveMetadata(policy.metadata, datasetOf) };
    policies.set(policy, moved);
    return moved;
  };
  const moveStep = (step: StepDescription): StepDescription => {
    if ('rest' in step) {
      const dataset = step.kind === 'autopath' && step.dataset !== undefined ? datasetOf.get(step.dataset)! : undefined;
      const moved = programs.get(step) ?? {
        ...step,
        rest: step.rest?.map(moveRoute),
        ...(dataset !== undefined && { dataset }),
      };
      programs.set(step, moved);
      return moved;
    }
    if ('dataset' in step) return { ...step, dataset: datasetOf.get(step.dataset)! };
    if ('scope' in step) return { ...step, scope: scopeOf[step.scope ?? 0]! };
    if (step.kind !== 'acl') return step;
    const policies = step.policies.map((policy) => ({ ...policy, scope: scopeOf[policy.scope]! }));
    return { ...step, allowedScope: scopeOf[step.allowedScope]!, policies };
  };
  return {
    listeners: config.listeners.map((listener) => ({
      ...listener,
      id: listenerIds[listener.id]!,
      routes: listener.routes.map(moveRoute),
    })),
  };
}

function moveMetadata(metadata: MetadataDescription, datasetOf: ReadonlyMap<number, number>): MetadataDescription {
  const { cluster } = metadata;
  return cluster === null
    ? metadata
    : { ...metadata, cluster: { ...cluster, dataset: datasetOf.get(cluster.dataset)! } };
}
