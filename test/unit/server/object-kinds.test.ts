/** Which objects are watched, by the options that need them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_RECORD_OPTIONS } from '../../../src/records/record-options.ts';
import { kindsOf } from '../../../src/server/configuration/server-plan.ts';

test('namespaces, Services and slices are watched by default', () => {
  assert.deepEqual(kindsOf(DEFAULT_RECORD_OPTIONS), ['Namespace', 'Service', 'EndpointSlice']);
});

test('noendpoints leaves slices out, unless they may come from other clusters', () => {
  const options = { ...DEFAULT_RECORD_OPTIONS, noEndpoints: true };
  assert.deepEqual(kindsOf(options), ['Namespace', 'Service']);
  assert.deepEqual(kindsOf({ ...options, multiclusterZones: ['clusterset.local'] }), [
    'Namespace',
    'Service',
    'EndpointSlice',
    'ServiceImport',
  ]);
});

test('Pods are watched where their names or addresses count', () => {
  assert.ok(kindsOf({ ...DEFAULT_RECORD_OPTIONS, pods: 'verified' }).includes('Pod'));
  assert.ok(kindsOf({ ...DEFAULT_RECORD_OPTIONS, clientIndex: true }).includes('Pod'));
});
