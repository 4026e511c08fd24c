/** Before the first lists are complete: what depends on an object is not answered, one way or the other. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseName, reverseKey4 } from '../../../src/dns/name.ts';
import type { KubernetesStep } from '../../../src/snapshot/config-description.ts';
import type { RecordSink } from '../../../src/snapshot/entry-content.ts';
import { KEY_SPACE } from '../../../src/snapshot/snapshot-layout.ts';
import { ClusterRecords } from '../../../src/records/cluster-records.ts';
import { DEFAULT_RECORD_OPTIONS } from '../../../src/records/record-options.ts';
import { namespace, put, service } from '../records/cluster.ts';
import { Chain } from './chain-fixture.ts';

const step: KubernetesStep = {
  kind: 'kubernetes',
  dataset: 0,
  ttlSeconds: 30,
  isPodsInsecure: true,
  isZonal: false,
  primary: parseName('cluster.local')!,
  isFallthrough: true,
};

/** Half of the lists have come: nothing of it may be seen. */
function fillHalf(sink: RecordSink): void {
  const records = new ClusterRecords({ ...DEFAULT_RECORD_OPTIONS, localAddresses: ['192.0.2.1'] }, sink);
  records.apply([put(namespace('default')), put(service('default/web', ['10.96.1.1'], ['http/80/TCP']))]);
  const label = Buffer.from('\x03web\x07default\x03svc', 'latin1');
  sink.point(KEY_SPACE.REVERSE4, reverseKey4(0x0a600101), label, [], true);
}

const zones = ['cluster.local.', 'in-addr.arpa.', '1.1.96.10.in-addr.arpa.'];
const chain = new Chain({ routes: Object.fromEntries(zones.map((zone) => [zone, [step]])), fill: fillHalf });

describe('an unsynced kubernetes step', () => {
  for (const question of [
    'web.default.svc.cluster.local. A',
    'web.default.svc.cluster.local. TXT',
    'missing.default.svc.cluster.local. A',
    '_http._tcp.web.default.svc.cluster.local. SRV',
    'default.svc.cluster.local. A',
    'default.pod.cluster.local. A',
    '10-1-0-1.default.pod.cluster.local. A',
    'ns.dns.cluster.local. A',
    'cluster.local. NS',
    '1.1.96.10.in-addr.arpa. PTR',
    '2.1.96.10.in-addr.arpa. PTR',
    '96.10.in-addr.arpa. PTR',
    '10.in-addr.arpa. PTR',
  ]) {
    test(`${question}: SERVFAIL with extended error 14, and no other step is asked`, () => {
      assert.deepEqual(chain.ask(question, { edns: { udpSize: 1232 } }), ['SERVFAIL aa EDE 14']);
    });
  }

  for (const name of ['cluster.local.', 'svc.cluster.local.', 'pod.cluster.local.', 'dns.cluster.local.']) {
    test(`${name} is there, whatever the cluster holds`, () => {
      assert.equal(chain.ask(`${name} A`)[0], 'NOERROR aa');
    });
  }

  test('the SOA and the version of the specification are answered', () => {
    assert.match(chain.ask('cluster.local. SOA').join('\n'), /^NOERROR aa\ncluster\.local\. 30 SOA /);
    assert.match(chain.ask('in-addr.arpa. SOA').join('\n'), /^NOERROR aa\nin-addr\.arpa\. 30 SOA /);
    assert.deepEqual(chain.ask('dns-version.cluster.local. TXT'), [
      'NOERROR aa',
      'dns-version.cluster.local. 28800 TXT "1.1.0"',
    ]);
  });
});
