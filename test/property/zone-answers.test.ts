/** Random zones: what is answered from them is what the naive model says, and what is written as text is read back. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { rcodeName, typeName } from '../../src/dns/iana.ts';
import { equalOctets, formatName, parseName } from '../../src/dns/name.ts';
import { parseType } from '../../src/dns/records/record-words.ts';
import { PLUGIN } from '../../src/observability/counters/shard-counters.ts';
import { Chain } from '../unit/answer/chain-fixture.ts';
import { recordsIn } from '../unit/zones/zone-file-records.ts';
import { zoneOf } from '../unit/zones/zone-fixture.ts';
import { formatName as wireText } from '../wire/names.ts';
import { buildQuery } from '../wire/query.ts';
import type { DecodedRecord } from '../wire/strict-message.ts';
import { budget } from './budget.ts';
import { ModelZone, type ModelRecord } from './zone-model.ts';

const ZONE = 'z.test.';
const SOA = `@ 60 SOA ns.${ZONE} host.${ZONE} 1 2 3 4 30`;

const label = fc.constantFrom('a', 'b', '*', 'C');
const labels = fc.array(label, { maxLength: 4 }).map((found) => found.map((text) => text.toLowerCase()));
const record: fc.Arbitrary<ModelRecord> = fc.record({
  owner: labels,
  type: fc.constantFrom('A', 'A', 'A', 'TXT', 'MX', 'CNAME', 'NS', 'DNAME'),
  target: labels,
  text: fc.nat({ max: 9 }).map(String),
});

/** What a zone can hold: an alias alone, one DNAME, nothing twice. The apex has NS and no alias. */
function sensible(records: readonly ModelRecord[]): ModelRecord[] {
  const kept: ModelRecord[] = [{ owner: [], type: 'NS', target: ['ns'], text: '' }];
  for (const { owner, type, target, text } of records) {
    const data = type === 'A' ? `192.0.2.${text}` : type === 'TXT' ? `"${text}"` : text;
    const same = kept.filter((other) => other.owner.join('.') === owner.join('.'));
    const isTwice = same.some(
      (other) =>
        other.type === type && (type === 'DNAME' || lineOf(other) === lineOf({ owner, type, target, text: data })),
    );
    const hasAlias = same.some((other) => other.type === 'CNAME');
    if (isTwice || hasAlias || (type === 'CNAME' && (same.length > 0 || owner.length === 0))) continue;
    kept.push({ owner, type, target, text: data });
  }
  return kept;
}

function lineOf({ owner, type, target, text }: ModelRecord): string {
  const name = [...target, ZONE].join('.');
  const data = type === 'A' || type === 'TXT' ? text : type === 'MX' ? `${text} ${name}` : name;
  return `${[...owner, ZONE].join('.')} 5 ${type} ${data}`;
}

function chainOf(records: readonly ModelRecord[]): Chain {
  return new Chain({
    routes: { [ZONE]: [{ kind: 'zone', zone: parseName(ZONE)!, dataset: 0, plugin: PLUGIN.FILE }] },
    zones: [zoneOf([SOA, ...records.map(lineOf), ''].join('\n'), ZONE)],
    policy: { udpSizeMax: 4096 },
  });
}

function textOf({ owner, type, rdata }: DecodedRecord): string {
  if (type === 6) return 'SOA';
  const data = type === 39 ? formatName(Buffer.from(rdata.split(' ').at(-1)!, 'hex')) : rdata;
  return `${wireText(owner).toLowerCase()} ${typeName(type)} ${data}`;
}

test('random questions to random zones are answered as the model says', () => {
  const question = fc.record({ name: labels, type: fc.constantFrom('A', 'TXT', 'MX', 'CNAME', 'NS', 'DNAME', 'DS') });
  fc.assert(
    fc.property(
      fc.array(record, { maxLength: 14 }),
      fc.array(question, { minLength: 1, maxLength: 20 }),
      (found, questions) => {
        const records = sensible(found);
        const model = new ModelZone(records, ZONE);
        const chain = chainOf(records);
        for (const { name, type } of questions) {
          const expected = model.answer(name, type);
          const query = buildQuery({
            name: [...name, ZONE].join('.'),
            type: parseType(type)!,
            edns: { udpSize: 4096 },
          });
          const message = chain.askWire(query);
          const sorted = (lines: readonly string[]): string[] => lines.toSorted();
          assert.deepEqual(
            {
              rcode: rcodeName(message.rcode),
              isAuthoritative: message.aa,
              answers: message.answer.map(textOf),
              authority: sorted(message.authority.map(textOf)),
              additional: sorted(message.additional.map(textOf)),
            },
            { ...expected, authority: sorted(expected.authority), additional: sorted(expected.additional) },
            `${name.join('.')} ${type} in\n${records.map(lineOf).join('\n')}`,
          );
        }
      },
    ),
    budget(),
  );
});

test('records in the text form of RFC 3597, with names of any octets, are read back as they were', () => {
  const octetLabel = fc.uint8Array({ minLength: 1, maxLength: 10 });
  const wire = fc
    .array(octetLabel, { maxLength: 6 })
    .map((parts) => Uint8Array.from([...parts.flatMap((part) => [part.length, ...part]), 0]));
  const stored = fc.record({
    owner: wire,
    type: fc.integer({ min: 1, max: 65_535 }).filter((type) => type !== 41),
    ttl: fc.nat({ max: 2 ** 31 - 1 }),
    rdata: fc.uint8Array({ maxLength: 40 }),
    space: fc.constantFrom(' ', '\t', '  ', ' ( ', ' (\n ; a comment\n\t'),
  });
  fc.assert(
    fc.property(fc.array(stored, { maxLength: 10 }), (records) => {
      const text = records
        .map(({ owner, type, ttl, rdata, space }) => {
          const hex = Buffer.from(rdata).toString('hex');
          return `${formatName(owner)} ${ttl} IN TYPE${type}${space}\\# ${rdata.length} ${hex}${space.includes('(') ? ' )' : ''}\n`;
        })
        .join('');
      const read = recordsIn(text, 'db', Uint8Array.of(0), { read: () => undefined });
      assert.equal(read.length, records.length);
      for (const [index, { owner, type, ttl, rdata }] of records.entries()) {
        const back = read[index]!;
        assert.ok(equalOctets(back.owner, owner), formatName(owner));
        assert.deepEqual([back.type, back.ttlSeconds], [type, ttl]);
        assert.ok(equalOctets(back.rdata, rdata));
      }
    }),
    budget(),
  );
});
