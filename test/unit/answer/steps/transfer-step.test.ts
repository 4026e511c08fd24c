/** AXFR and IXFR where nothing is sent: over UDP, to clients that may not have the zone, of zones that are not whole yet. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rcodeName } from '../../../../src/dns/iana.ts';
import { parseName } from '../../../../src/dns/name.ts';
import type { StepDescription, TransferStep } from '../../../../src/snapshot/config-description.ts';
import { buildIxfr, u16 } from '../../../wire/query.ts';
import { decodeStrictly } from '../../../wire/strict-message.ts';
import { Chain } from '../chain-fixture.ts';

const SOA = 'cluster.local. 30 SOA ns.dns.cluster.local. hostmaster.cluster.local. 1 7200 1800 86400 30';

const KUBERNETES: StepDescription = {
  kind: 'kubernetes',
  dataset: 0,
  ttlSeconds: 30,
  isPodsInsecure: false,
  isZonal: false,
  primary: parseName('cluster.local.')!,
  zone: parseName('cluster.local.')!,
};
const TO_ANYONE: TransferStep = { kind: 'transfer', isAnyoneAllowed: true, networks: [] };

function chainOf(transfer: StepDescription[], isSynced = true): Chain {
  const steps = [...transfer, KUBERNETES];
  return new Chain({
    routes: { 'cluster.local.': steps, 'svc.cluster.local.': steps, '.': [{ kind: 'whoami' }] },
    fill: (sink) => {
      sink.put(Uint8Array.from([3, 0x73, 0x76, 0x63]), { kind: 'ent' });
    },
    isSynced,
  });
}

const ixfr = (serial: number, names?: readonly number[]): Uint8Array => buildIxfr('cluster.local.', serial, names);
const EDNS = { edns: { udpSize: 1232 } };

test('without transfer, of a name that is no zone, and of zones of others it is refused', () => {
  assert.deepEqual(chainOf([]).ask('cluster.local. AXFR'), ['REFUSED']);
  assert.deepEqual(chainOf([]).ask('cluster.local. IXFR'), ['REFUSED']);
  const chain = chainOf([TO_ANYONE]);
  for (const name of ['svc.cluster.local.', 'a.svc.cluster.local.', 'other.test.', '.']) {
    assert.deepEqual(chain.ask(`${name} AXFR`), ['REFUSED'], name);
  }
});

test('an AXFR over UDP is refused; an IXFR gets the SOA alone, whatever the client has', () => {
  const chain = chainOf([TO_ANYONE]);
  assert.deepEqual(chain.ask('cluster.local. AXFR'), ['REFUSED']);
  for (const serial of [0, 1, 5, 0xffff_ffff]) {
    const message = chain.askWire(ixfr(serial));
    assert.equal(rcodeName(message.rcode), 'NOERROR');
    assert.equal(message.aa, true);
    assert.deepEqual(
      message.answer.map(({ rdata }) => rdata),
      [SOA.slice(SOA.indexOf('ns.dns'))],
    );
  }
});

test('an IXFR without a whole SOA record is SERVFAIL', () => {
  const chain = chainOf([TO_ANYONE]);
  assert.deepEqual(chain.ask('cluster.local. IXFR'), ['SERVFAIL']);
  for (const broken of [ixfr(1, [0]), ixfr(1, [0, 0, 0]), ixfr(1, [63, 0])]) {
    assert.equal(rcodeName(chain.askWire(broken).rcode), 'SERVFAIL');
  }
});

test('who may have the zone: hosts and networks of both families', () => {
  const chain = chainOf([
    {
      kind: 'transfer',
      isAnyoneAllowed: false,
      networks: [
        { words: [0xc000_0201], prefixLength: 32 },
        { words: [0x0a01_ffff], prefixLength: 16 },
        { words: [0xfd00_0000, 0, 0, 1], prefixLength: 128 },
        { words: [0x2001_0db8, 0x1234_5678, 0, 0], prefixLength: 40 },
      ],
    },
  ]);
  const v6 = (...words: number[]): number[] => words.flatMap((word) => [...u16(word >>> 16), ...u16(word & 0xffff)]);
  const isAllowed = (peer: number[]): boolean => decodeStrictly(chain.askBytes(ixfr(1), peer)).rcode === 0;
  for (const peer of [[192, 0, 2, 1], [10, 1, 0, 9], v6(0xfd00_0000, 0, 0, 1), v6(0x2001_0db8, 0x12ff_0000, 7, 7)]) {
    assert.equal(isAllowed(peer), true, peer.join('.'));
  }
  for (const peer of [[192, 0, 2, 2], [10, 2, 0, 9], v6(0xfd00_0000, 0, 0, 2), v6(0x2001_0db8, 0x13ff_0000, 7, 7)]) {
    assert.equal(isAllowed(peer), false, peer.join('.'));
  }
  const refused = ['REFUSED EDE 18'];
  assert.deepEqual(chain.ask('cluster.local. AXFR', { peer: [192, 0, 2, 2], ...EDNS }), refused);
});

test('before the first sync a zone is not handed over', () => {
  const chain = chainOf([TO_ANYONE], false);
  assert.deepEqual(chain.ask('cluster.local. IXFR', EDNS), ['SERVFAIL EDE 14']);
});

test('a plugin that is not built may be the one that keeps the zone from the client', () => {
  assert.deepEqual(chainOf([{ kind: 'unbuilt' }, TO_ANYONE]).ask('cluster.local. IXFR'), ['SERVFAIL']);
});

test('other questions do not notice', () => {
  assert.deepEqual(chainOf([TO_ANYONE]).ask('cluster.local. SOA'), ['NOERROR aa', SOA]);
});
