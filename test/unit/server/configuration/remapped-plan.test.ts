import assert from 'node:assert/strict';
import test from 'node:test';
import { remapConfig } from '../../../../src/server/configuration/remapped-plan.ts';
import { compileCorefile } from '../../../../src/server/compile/compile-corefile.ts';
import type { SnapshotConfig, StepDescription } from '../../../../src/snapshot/config-description.ts';
import { readAtOnce } from '../../plugins/corefile-fixture.ts';

const COREFILE = `.:53 {
    bind 127.0.0.1
    acl {
        block net 192.0.2.0/24
    }
    rewrite name a.test b.test
    hosts {
        192.0.2.1 b.test
        fallthrough
    }
    kubernetes cluster.local
}`;

/** Every step of a configuration, those behind a rewrite too, each once. */
function stepsOf({ listeners }: SnapshotConfig): Set<StepDescription> {
  const steps = new Set<StepDescription>();
  const add = (step: StepDescription): void => {
    if (steps.has(step)) return;
    steps.add(step);
    if (step.kind === 'rewrite') for (const route of step.rest) route.steps.forEach(add);
  };
  for (const { routes } of listeners) for (const { steps: all } of routes) all.forEach(add);
  return steps;
}

test('datasets and scopes are moved wherever a step stands: in a route, and behind a rewrite', () => {
  const { config, scopes, datasetCount } = compileCorefile(readAtOnce(COREFILE, 'Corefile', {}), {
    version: '',
    hostName: '',
    numberOfGroup: () => 0,
    indexOfCacheProfile: () => 0,
  });
  const scopeOf = scopes.map((_, index) => index + 10);
  const datasetOf = new Map(Array.from({ length: datasetCount }, (_, index) => [index, index + 20]));
  const moved = remapConfig(config, scopeOf, datasetOf, [7]);
  assert.deepEqual(
    moved.listeners.map(({ id }) => id),
    [7],
  );
  const steps = [...stepsOf(moved)];
  const datasets = steps.flatMap((step) => ('dataset' in step ? [step.dataset] : []));
  assert.ok(datasets.length >= 2);
  assert.ok(datasets.every((dataset) => dataset !== undefined && dataset >= 20));
  const acls = steps.filter((step) => step.kind === 'acl');
  assert.ok(acls.length > 0);
  for (const { allowedScope, policies } of acls) {
    assert.ok(allowedScope >= 10);
    assert.ok(policies.every(({ scope }) => scope >= 10));
  }
  const rewrites = steps.filter((step) => step.kind === 'rewrite');
  assert.ok(rewrites.length > 0);
  for (const { rest } of rewrites) assert.ok(rest.every(({ scope }) => scope >= 10));
});
