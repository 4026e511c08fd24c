import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { dashedLabel } from '../../../src/cluster/address.ts';
import type { ServiceView } from '../../../src/cluster/cluster-state.ts';
import { NO_EXTERNALS } from '../../../src/cluster/externals.ts';
import { plainHeadlessNames } from '../../../src/records/plain-endpoints.ts';
import { headlessNames, type OwnNames } from '../../../src/records/service-names.ts';
import { encodeEntry, WordWriter } from '../../../src/snapshot/entry-encoder.ts';
import { KEY_SPACE } from '../../../src/snapshot/snapshot-layout.ts';

/** Octets whose decimal texts sort in another order than they do. */
const octet = fc.oneof(fc.constantFrom(0, 1, 2, 9, 10, 19, 20, 99, 100, 101, 199, 200, 255), fc.nat(255));
const address = fc
  .tuple(octet, octet, octet, octet)
  .map(([a, b, c, d]) => ((a << 24) | (b << 16) | (c << 8) | d) >>> 0);
const port = fc.record({
  name: fc.constantFrom('', 'http', 'dns'),
  port: fc.constantFrom(0, 53, 80, 8080),
  protocol: fc.constantFrom('TCP', 'UDP'),
});

function entriesOf(names: OwnNames): [string, number[]][] {
  const writer = new WordWriter();
  return [...names].map(([prefix, content]) => {
    encodeEntry(writer, Buffer.from(`${prefix}\x01s`, 'latin1'), KEY_SPACE.FORWARD, content);
    return [prefix, [...writer.words.subarray(0, writer.count)]];
  });
}

test('names of a headless Service from numbers are those from texts', () => {
  fc.assert(
    fc.property(
      // more than are sorted by insertion, now and then
      fc.uniqueArray(address, { minLength: 1, maxLength: 100, size: 'max' }),
      fc.array(port, { minLength: 1, maxLength: 4 }),
      (unsorted, ports) => {
        const addresses = unsorted.toSorted((a, b) => a - b);
        const endpoints = addresses.map((own) => ({ label: dashedLabel(own), address: own, zone: '', ports }));
        const service: ServiceView = {
          id: 1,
          namespace: 'n',
          name: 's',
          type: 'Headless',
          clusterIPs: [],
          ports,
          ownPorts: ports,
          externals: NO_EXTERNALS,
          externalName: '',
          zones: [],
        };
        assert.deepEqual(
          entriesOf(plainHeadlessNames(service, { addresses, ports })),
          entriesOf(headlessNames(service, endpoints, false)),
        );
      },
    ),
    { numRuns: 200 },
  );
});
