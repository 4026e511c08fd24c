/** What a configuration reads of the cluster. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_RECORD_OPTIONS, type RecordOptions } from '../../../../src/records/record-options.ts';
import { kindsOf } from '../../../../src/server/configuration/server-plan.ts';

function kinds(options: Partial<RecordOptions>): string {
  return kindsOf({ ...DEFAULT_RECORD_OPTIONS, ...options }).join(' ');
}

test('only the kinds are listed and watched that records are made from', () => {
  assert.equal(kinds({}), 'Namespace Service EndpointSlice');
  assert.equal(kinds({ noEndpoints: true }), 'Namespace Service');
  assert.equal(kinds({ noEndpoints: true, pods: 'verified' }), 'Namespace Service Pod');
  assert.equal(kinds({ clientIndex: true }), 'Namespace Service EndpointSlice Pod');
  const multiclusterZones = ['clusterset.local'];
  assert.equal(kinds({ multiclusterZones }), 'Namespace Service EndpointSlice ServiceImport');
  assert.equal(kinds({ multiclusterZones, noEndpoints: true }), 'Namespace Service EndpointSlice ServiceImport');
});
