import type { PluginOptions } from '../../plugins/order.ts';
import type { ScopeOf } from './block-compilation.ts';

/**
 * One step for all routes of a listener. What acl and templates do is counted by listener; without
 * them all listeners have the same.
 */
export function onceAListener<Step>(
  plugins: PluginOptions,
  make: (scopeOf: ScopeOf) => Step,
): (scopeOf: ScopeOf) => Step {
  const steps = new Map<ScopeOf | undefined, Step>();
  return (scopeOf) => {
    const key = plugins.acl === undefined && plugins.template === undefined ? undefined : scopeOf;
    const step = steps.get(key) ?? make(scopeOf);
    steps.set(key, step);
    return step;
  };
}
