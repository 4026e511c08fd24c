/** A zone that is transferred in, as primaries come, go, change and lie. */
import assert from 'node:assert/strict';
import { after, test, type TestContext } from 'node:test';
import { reserveSharedBuffer } from '../../../src/memory/shared-buffer.ts';
import { SkyshardError } from '../../../src/base/skyshard-error.ts';
import { parseName } from '../../../src/dns/name.ts';
import type { RecordPublisher } from '../../../src/server/objects/record-publisher.ts';
import { CheckTurns } from '../../../src/server/zones/check-turns.ts';
import { secondaryMetrics } from '../../../src/server/zones/secondary-metrics.ts';
import { SecondaryZone } from '../../../src/server/zones/secondary-zone.ts';
import type { PlannedSecondary } from '../../../src/server/configuration/server-plan.ts';
import { SnapshotBuilder } from '../../../src/snapshot/builder.ts';
import { storedRecords } from '../../../src/zones/stored-records.ts';
import { StubPrimary } from './stub-primary.ts';
import { addressOf, IXFR, messageOf, recordOf, SOA, soaOf } from './transfer-messages.ts';

const ORIGIN = 'example.org.';
const DEADLINE_MS = 20_000;

const closers: (() => unknown)[] = [];
after(async () => {
  for (const close of closers) await close();
});

class Fixture {
  readonly lines: string[] = [];
  readonly members: unknown[] = [];
  readonly builder = new SnapshotBuilder(reserveSharedBuffer({ sizeMax: 1 << 20 }));
  readonly zone: SecondaryZone;
  readonly #dataset = this.builder.dataset(0);

  constructor(primaries: PlannedSecondary['primaries'], secondMs: number, isCatalog = false, turns = new CheckTurns()) {
    const plan = {
      dataset: 0,
      block: 'b',
      blockKeys: 'dns://.:53',
      origin: ORIGIN,
      primaries,
      memberId: null,
      isCatalog,
      memberZones: [],
    };
    const publisher = {
      writeInSteps: async (steps: () => Generator<void, void>) => {
        try {
          for (const _ of steps());
          this.builder.publish(1);
        } catch (error) {
          if (!(error instanceof SkyshardError)) throw error;
          this.builder.abort();
          return error;
        }
        return undefined;
      },
    } as unknown as RecordPublisher;
    this.zone = new SecondaryZone(plan, 0, this.#dataset, {
      publisher,
      turns,
      log: (level, text) => this.lines.push(`${level} ${text}`),
      onMembers: (_, members) => this.members.push(members),
      secondMs,
    });
    closers.push(() => this.zone.close());
  }

  /** Last octets of the addresses of `www`; undefined: nothing is served. */
  get addresses(): number[] | undefined {
    if (!this.#dataset.isSynced) return undefined;
    const records = [...storedRecords(this.#dataset, parseName(ORIGIN)!)];
    return records.filter(({ type }) => type === 1).map(({ rdata }) => rdata[3]!);
  }

  /** The value of `skyshard_secondary_…`, and what tells several apart. */
  metric(name: string): string {
    const named = [{ block: 'dns://.:53', zone: ORIGIN, figures: this.zone.figures }];
    const family = secondaryMetrics(() => named).find((found) => found.name === `skyshard_secondary_${name}`)!;
    const samples = [...family.samples()];
    return samples
      .map(({ labels: { type, result }, value }) => (type === undefined ? `${value}` : `${type} ${result} ${value}`))
      .join(', ');
  }

  async until(condition: () => boolean, what: string): Promise<void> {
    const endMs = performance.now() + DEADLINE_MS;
    while (!condition()) {
      assert.ok(performance.now() < endMs, `not within ${DEADLINE_MS} ms: ${what}\n${this.lines.join('\n')}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}

async function primaryOf(
  serial: number,
): Promise<{ readonly stub: StubPrimary; readonly at: PlannedSecondary['primaries'][0] }> {
  const stub = new StubPrimary(serial);
  const at = await stub.listen();
  closers.push(() => stub.close());
  return { stub, at };
}

/** A port where nobody listens. */
async function deadPrimary(): Promise<PlannedSecondary['primaries'][0]> {
  const stub = new StubPrimary(1);
  const at = await stub.listen();
  await stub.close();
  return at;
}

test('a zone is transferred at start, and again when its serial is later after the refresh time', async () => {
  const { stub, at } = await primaryOf(0xffff_ffff);
  // 7200 s of the SOA record pass in 36 ms.
  const fixture = new Fixture([at], 0.005);
  assert.equal(fixture.addresses, undefined);
  fixture.zone.start();
  await fixture.until(() => fixture.zone.serial === 0xffff_ffff, 'the first transfer');
  assert.deepEqual(fixture.addresses, [1]);
  await fixture.until(() => stub.asked.filter((what) => what === 'SOA').length > 2, 'checks');
  assert.deepEqual(
    stub.asked.filter((what) => what !== 'SOA'),
    ['AXFR'],
  );
  stub.address = 2;
  stub.serial = 3;
  await fixture.until(() => fixture.zone.serial === 3, 'the later serial');
  assert.deepEqual(fixture.addresses, [2]);
  assert.deepEqual(
    stub.asked.filter((what) => what !== 'SOA'),
    ['AXFR', 'IXFR'],
  );
  stub.address = 4;
  stub.serial = 2;
  const asked = stub.asked.length;
  await fixture.until(() => stub.asked.length > asked + 3, 'checks');
  assert.deepEqual(fixture.addresses, [2]);
  // Told once, for a secondary that takes no change any more looks as one whose zone has none.
  assert.deepEqual(
    fixture.lines.filter((line) => line.startsWith('warn')),
    [
      `warn plugin/secondary: zone "example.org." is not taken from ${at.address}:${at.port}: its SOA serial 2 is not later than 3, which is served`,
    ],
  );
});

test('where the first primary is away, the next is asked, and each until one has something newer', async () => {
  const { stub: stale, at: staleAt } = await primaryOf(5);
  const { stub: fresh, at: freshAt } = await primaryOf(5);
  const fixture = new Fixture([await deadPrimary(), staleAt, freshAt], 0.01);
  fixture.zone.start();
  await fixture.until(() => fixture.zone.serial === 5, 'the first transfer');
  assert.deepEqual([stale.asked, fresh.asked], [['AXFR'], []]);
  fresh.serial = 6;
  fresh.address = 9;
  fixture.zone.notify('127.0.0.1');
  await fixture.until(() => fixture.zone.serial === 6, 'the newer zone of the last primary');
  assert.deepEqual(fixture.addresses, [9]);
  // Said once, not each time.
  assert.equal(
    fixture.lines.filter((line) => line.includes('ECONNREFUSED')).length <= 2,
    true,
    fixture.lines.join('\n'),
  );
});

test('nothing is served before the first transfer, which is tried until it works', async () => {
  const { stub, at } = await primaryOf(1);
  let refusals = 0;
  stub.respond = ({ id, qtype }) =>
    refusals++ < 2 ? [messageOf([], { id, question: { qtype }, flags: 0x8405 })] : undefined;
  const fixture = new Fixture([at], 1000);
  fixture.zone.start();
  await fixture.until(() => fixture.zone.serial === 1, 'the third attempt');
  assert.ok(fixture.lines.some((line) => /Failed to transfer .*rcode was REFUSED/.test(line)));
});

test('a primary that promises a later zone and sends an earlier one is not believed', async () => {
  const { stub, at } = await primaryOf(5);
  const fixture = new Fixture([at], 1000);
  fixture.zone.start();
  await fixture.until(() => fixture.zone.serial === 5, 'the first transfer');
  stub.respond = ({ id, qtype }) => {
    if (qtype === SOA) return [messageOf([soaOf(6)], { id, question: { qtype } })];
    return [messageOf([soaOf(4), addressOf('www.example.org.', 9), soaOf(4)], { id })];
  };
  fixture.zone.notify('127.0.0.1');
  await fixture.until(() => stub.asked.length > 2, 'a transfer');
  stub.respond = () => undefined;
  stub.serial = 7;
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.deepEqual([fixture.zone.serial, fixture.addresses], [5, [1]]);
});

test('a notification is followed at once, and not more often than now and then', async () => {
  const { stub, at } = await primaryOf(1);
  const fixture = new Fixture([at], 1000);
  fixture.zone.start();
  await fixture.until(() => fixture.zone.serial === 1, 'the first transfer');
  stub.serial = 2;
  fixture.zone.notify('127.0.0.1');
  await fixture.until(() => fixture.zone.serial === 2, 'the notified change');
  assert.equal(fixture.metric('transfers_total'), 'axfr success 1, axfr failure 0, ixfr success 1, ixfr failure 0');
  assert.deepEqual(
    ['zone_serial', 'zone_records', 'notifications_total'].map((name) => fixture.metric(name)),
    ['2', '2', '1'],
  );
  const nowSeconds = Date.now() / 1000;
  for (const name of ['last_check', 'last_success', 'last_transfer']) {
    const ago = nowSeconds - Number(fixture.metric(`${name}_timestamp_seconds`));
    assert.ok(ago >= 0 && ago < 60, `${name}: ${ago} s ago`);
  }
  const left = Number(fixture.metric('expiry_timestamp_seconds')) - nowSeconds;
  assert.ok(left > 86_300 && left <= 86_400, `expires in ${left} s`);
  const asked = stub.asked.length;
  for (let count = 0; count < 50; count++) fixture.zone.notify('127.0.0.1');
  stub.serial = 3;
  await fixture.until(() => fixture.zone.serial === 3, 'the second notified change');
  assert.ok(stub.asked.length - asked <= 4, `${stub.asked.length - asked} questions`);
});

test('a zone that no primary answers for is served until it expires, and again when one is back', async () => {
  const { stub, at } = await primaryOf(1);
  // Expires after 86,400 s of the record: 432 ms; refresh 36 ms, retry 4.5 ms.
  const fixture = new Fixture([at], 0.005);
  fixture.zone.start();
  await fixture.until(() => fixture.zone.serial === 1, 'the first transfer');
  await stub.close();
  await fixture.until(() => fixture.lines.some((line) => line.includes('Failed')), 'a check that fails');
  assert.deepEqual(fixture.addresses, [1]);
  await fixture.until(() => fixture.addresses === undefined, 'the end of the zone');
  assert.ok(fixture.lines.some((line) => /^error .* with 1 SOA serial has expired, and is SERVFAIL/.test(line)));
  assert.equal(fixture.metric('zone_served'), '0');
  assert.equal(fixture.metric('expirations_total'), '1');
  assert.equal(fixture.metric('zone_serial'), '', 'nothing is served');
  const again = new StubPrimary(1);
  await again.listen(at.port);
  closers.push(() => again.close());
  await fixture.until(() => fixture.addresses !== undefined, 'the zone again');
  assert.equal(
    again.asked.find((what) => what !== 'SOA'),
    'AXFR',
  );
});

test('differences that do not fit are replaced by the whole zone', async (t: TestContext) => {
  for (const [what, differences] of [
    ['that take away what is not there', [soaOf(2), soaOf(1), addressOf('no.example.org.', 1), soaOf(2), soaOf(2)]],
    ['of another serial', [soaOf(2), soaOf(0), soaOf(2), soaOf(2)]],
    ['that break off', [soaOf(2), soaOf(1)]],
  ] as const) {
    await t.test(what, async () => {
      const { stub, at } = await primaryOf(1);
      const fixture = new Fixture([at], 1000);
      fixture.zone.start();
      await fixture.until(() => fixture.zone.serial === 1, 'the first transfer');
      stub.serial = 2;
      stub.address = 8;
      stub.respond = ({ id, qtype }) => {
        if (qtype !== IXFR) return undefined;
        const message = messageOf(differences, { id });
        // A message more, which is cut: the connection goes nowhere.
        return [message, Buffer.alloc(3)];
      };
      fixture.zone.notify('127.0.0.1');
      await fixture.until(() => fixture.zone.serial === 2, 'the whole zone');
      assert.deepEqual(fixture.addresses, [8]);
      assert.deepEqual(stub.asked.slice(-2), ['IXFR', 'AXFR']);
    });
  }
});

test('differences are applied to what is served', async () => {
  const { stub, at } = await primaryOf(1);
  const fixture = new Fixture([at], 1000);
  fixture.zone.start();
  await fixture.until(() => fixture.zone.serial === 1, 'the first transfer');
  stub.serial = 2;
  stub.respond = ({ id, qtype }) =>
    qtype === IXFR
      ? [messageOf([soaOf(2), soaOf(1), soaOf(2), addressOf('mail.example.org.', 5), soaOf(2)], { id })]
      : undefined;
  fixture.zone.notify('127.0.0.1');
  await fixture.until(() => fixture.zone.serial === 2, 'the differences');
  assert.deepEqual(fixture.addresses!.sort(), [1, 5]);
});

test('what is no zone changes nothing, and the next primary is asked', async (t: TestContext) => {
  for (const [what, respond] of [
    ['another id', ({ id }: { id: number }) => [messageOf([soaOf(2)], { id: id ^ 1 })]],
    ['a truncated message', ({ id }: { id: number }) => [messageOf([soaOf(2)], { id, flags: 0x8600 })]],
    [
      'a zone without an end',
      ({ id }: { id: number }) => [messageOf([soaOf(2), addressOf('a.example.org.', 1)], { id }), Buffer.alloc(1)],
    ],
    [
      'data that is none',
      ({ id }: { id: number }) => [messageOf([soaOf(2), recordOf('a.example.org.', 1, Buffer.alloc(3))], { id })],
    ],
    ['octets that are no message', () => [Buffer.from('GET / HTTP/1.1')]],
  ] as const) {
    await t.test(what, async () => {
      const { stub, at } = await primaryOf(1);
      const { stub: good, at: goodAt } = await primaryOf(2);
      good.address = 7;
      stub.respond = ({ id, qtype }) => (qtype === SOA ? undefined : respond({ id }));
      const fixture = new Fixture([at, goodAt], 1000);
      fixture.zone.start();
      await fixture.until(() => fixture.zone.serial === 2, 'the zone of the other primary');
      assert.deepEqual(fixture.addresses, [7]);
      assert.ok(fixture.lines.some((line) => line.includes(`Failed to transfer`)));
      assert.ok(stub.asked.includes('AXFR'));
    });
  }
});

test('a catalog that is none is not taken over, and its members are told of when it is one', async () => {
  const { stub, at } = await primaryOf(1);
  const fixture = new Fixture([at], 1000, true);
  const catalog = (serial: number, version: string) => (question: { id: number; qtype: number }) => {
    if (question.qtype === SOA) return undefined;
    const records = [
      soaOf(serial),
      recordOf(ORIGIN, 2, parseName('invalid.')!),
      recordOf('version.example.org.', 16, Buffer.from(`\x01${version}`)),
      recordOf('a.zones.example.org.', 12, parseName('member.test.')!),
      soaOf(serial),
    ];
    return [messageOf(records, { id: question.id, question: { qtype: question.qtype } })];
  };
  stub.respond = catalog(1, '1');
  fixture.zone.start();
  await fixture.until(() => fixture.lines.some((line) => line.includes('unsupported version')), 'a refusal');
  assert.deepEqual([fixture.addresses, fixture.members], [undefined, []]);
  stub.respond = catalog(1, '2');
  await fixture.until(() => fixture.members.length > 0, 'members');
  assert.deepEqual(fixture.members, [[{ id: 'a', zone: 'member.test.', nextCatalog: undefined }]]);
});

test('no more zones than a few are transferred at once, and the others have their turn', async () => {
  const { stub, at } = await primaryOf(1);
  const turns = new CheckTurns(2);
  const fixtures = Array.from({ length: 9 }, () => new Fixture([at], 1000, false, turns));
  for (const fixture of fixtures) fixture.zone.start();
  for (const fixture of fixtures) await fixture.until(() => fixture.zone.serial === 1, 'the transfer');
  assert.equal(stub.asked.length, 9);
  const running: number[] = [];
  let taken = 0;
  await Promise.all(
    Array.from({ length: 9 }, () =>
      turns.run(async () => {
        running.push(++taken);
        await new Promise((resolve) => setImmediate(resolve));
        taken--;
      }),
    ),
  );
  assert.deepEqual([Math.max(...running), running.length], [2, 9]);
});

test('a primary that says nothing is left after a while, and closing does not wait for it', async () => {
  const { stub, at } = await primaryOf(1);
  stub.respond = () => null;
  const fixture = new Fixture([at], 1000);
  fixture.zone.start();
  await fixture.until(() => stub.asked.length > 0, 'a question');
  fixture.zone.close();
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(stub.asked.length, 1);
  assert.equal(stub.asked[0], 'AXFR');
});
