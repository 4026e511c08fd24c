/** The table of cases against the slow oracle. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { RecordModel } from '../oracle/record-model.ts';
import { lowerAscii } from '../wire/names.ts';
import { CLUSTERS } from './all-cases.ts';

const sorted = (lines: readonly string[]) => lines.map(lowerAscii).toSorted();

for (const cluster of CLUSTERS) {
  suite(cluster.name, () => {
    const model = new RecordModel(cluster.objects, cluster.options);
    for (const { line, qname, qtype, expected } of cluster.cases) {
      test(line, () => {
        const got = model.ask(qname, qtype);
        assert.equal(got.rcode, expected.rcode);
        assert.equal(got.unclear, undefined, 'rests on what the reference leaves open');
        if (expected.rcode === 'SERVFAIL') return;
        assert.equal(got.aa, expected.aa);
        assert.deepEqual(sorted(got.answer), sorted(expected.answer));
        assert.deepEqual(sorted(got.authority), sorted(expected.authority));
        assert.deepEqual(sorted(got.additional), sorted(expected.additional));
      });
    }
  });
}

test('the table holds at least 300 cases over 15 clusters', () => {
  assert.ok(CLUSTERS.length >= 15, `${CLUSTERS.length} clusters`);
  const count = CLUSTERS.reduce((sum, cluster) => sum + cluster.cases.length, 0);
  assert.ok(count >= 300, `${count} cases`);
});

test('no question stands twice in a cluster', () => {
  for (const cluster of CLUSTERS) {
    const questions = cluster.cases.map(({ qname, qtype }) => `${qname} ${qtype}`);
    assert.deepEqual(
      questions.filter((question, i) => questions.indexOf(question) !== i),
      [],
      cluster.name,
    );
  }
});
