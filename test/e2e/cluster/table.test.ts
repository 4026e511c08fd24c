/**
 * The same conversation with both: the table of cases, loaded with kubectl into a real API server, asked of skyshard and
 * of CoreDNS. What they owe is worked out by the oracle from the objects as the API server gives them back.
 *
 * Each cluster is asked about twice: with the EndpointSlices of the table, which both servers list when they start; then
 * with Pods in their place, from which the API server's controller makes slices, which both servers watch.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { CLUSTERS } from '../../cases/all-cases.ts';
import type { Case, Cluster } from '../../cases/case-format.ts';
import { DnsPair } from '../../cluster/dns-pair.ts';
import { DnsSite } from '../../cluster/dns-site.ts';
import { whyNoNetworkNamespace } from '../../cluster/network-namespace.ts';
import { ObjectLoader } from '../../cluster/object-loader.ts';
import type { OwedAnswer } from '../../cluster/owed-answers.ts';
import { useCluster } from '../../cluster/use-cluster.ts';
import type { Expected } from '../../oracle/expected.ts';
import type { RawObject } from '../../oracle/kubernetes-objects.ts';
import { RecordModel } from '../../oracle/record-model.ts';
import { keptDifference, NOT_AS_TABLED, NOT_TAKEN } from './kept-differences.ts';
import '../leftovers.ts';

const { cluster, skip } = await useCluster();

describe('the table of cases on a real API server', { skip: skip || whyNoNetworkNamespace() }, () => {
  let loader: ObjectLoader;
  let site: DnsSite;

  before(async () => {
    loader = new ObjectLoader(cluster!);
    site = await DnsSite.create(cluster!.server);
  });
  after(async () => {
    await site?.close();
    await loader?.clear();
  });

  for (const one of byNamespaces(CLUSTERS)) {
    test(one.name, async () => {
      const rejections = await loader.replace(one.objects);
      assert.deepEqual(
        rejections.filter((text) => !NOT_TAKEN.some(({ says }) => says.test(text))),
        [],
      );
      const objects = await loader.readBack();
      assert.deepEqual(otherThanTabled(one, objects), []);
      const pair = await DnsPair.start(cluster!, site, one.options);
      try {
        const owed = owedAnswers(one, objects);
        const faults = await pair.faults(owed);
        faults.push(...(await staleDifferences(pair, one, owed)));
        assert.equal(faults.length, 0, `${faults.length} of ${owed.length}:\n${faults.join('\n')}`);
        const isMade = await loader.letControllerMakeSlices();
        if (isMade) await pair.assertSettles(owedAnswers(one, await loader.readBack()));
      } finally {
        await pair.stop();
      }
    });
  }
});

/** Clusters with the same namespaces after one another: it takes the API server seconds to end one. */
function byNamespaces(clusters: readonly Cluster[]): Cluster[] {
  const key = ({ objects }: Cluster): string =>
    objects.flatMap(({ kind, metadata }) => (kind === 'Namespace' ? [metadata.name] : [])).join();
  return clusters.toSorted((a, b) => key(a).localeCompare(key(b)));
}

function owedAnswers({ name, cases, options }: Cluster, objects: readonly RawObject[]): OwedAnswer[] {
  const model = new RecordModel(objects, options);
  return cases.map(({ line, qname, qtype, coredns }) => {
    const owed: OwedAnswer = { question: { line, qname, qtype }, expected: model.ask(qname, qtype) };
    return { ...owed, question: { ...owed.question, kept: keptDifference(name, owed, coredns) } };
  });
}

/** The API server and the oracle between them change nothing that is not accounted for. */
function otherThanTabled({ cases, options }: Cluster, objects: readonly RawObject[]): string[] {
  const model = new RecordModel(objects, options);
  return cases
    .filter(({ qname }) => NOT_AS_TABLED[qname] === undefined)
    .filter(({ qname, qtype, expected }) => !isDeepStrictEqual(inOrder(model.ask(qname, qtype)), inOrder(expected)))
    .map(({ line }) => line);
}

const inOrder = ({ rcode, aa, answer, authority, additional }: Expected): unknown =>
  rcode === 'SERVFAIL' ? rcode : [rcode, aa, answer.toSorted(), authority.toSorted(), additional.toSorted()];

/** Differences that the table keeps, and that CoreDNS does not show. */
async function staleDifferences(pair: DnsPair, { cases }: Cluster, owed: readonly OwedAnswer[]): Promise<string[]> {
  const isKept = (one: Case, index: number): boolean =>
    one.coredns !== undefined && owed[index]!.question.kept === one.coredns && NOT_AS_TABLED[one.qname] === undefined;
  const kept = owed.filter((_, index) => isKept(cases[index]!, index));
  const found = await Promise.all(kept.map((one) => pair.isAsOwedByCoreDns(one)));
  return kept.filter((_, index) => found[index]).map(({ question }) => `no difference any more: ${question.line}`);
}
