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

/** Objects of the table that an API server does not take: name → a part of what it says. */
const NOT_TAKEN = [
  {
    says: /Service "(portless|nameless)" is invalid: spec.ports: Required value/,
    because: 'only headless ones may be without',
  },
  { says: /Service "(srv|number6)" is invalid: spec.externalName/, because: 'no host name' },
  { says: /namespaces "(lost|ghost|nowhere)" not found/, because: 'the namespace is not there, on purpose' },
  { says: /pods "one" not found/, because: 'its namespace is not there' },
];

/** Names whose answers are not those of the table, because of what the API server has made of the objects. */
const NOT_AS_TABLED: Readonly<Record<string, string>> = {
  'portless.default.svc.cluster.local.': 'not taken',
  'srv.other.svc.cluster.local.': 'not taken',
  'pending.default.svc.cluster.local.': 'the API server gives it an address',
  '_http._tcp.pending.default.svc.cluster.local.': 'the API server gives it an address',
  'out.default.svc.cluster.local.': 'external names are lower-case',
};

/** Differences of the table that are none here: CoreDNS knows its addresses, objects are completed. */
const NOT_SEEN_HERE = ['with `bind`', 'it leaves it to the API server'];

const TWICE = 'the addresses twice: once for each family that the server has an address of';
const NO_ADDRESS = 'for each IPv4 address an AAAA record without address';
const DNS_SERVICE = 'k8s_external: the name server has the external addresses of the DNS Service';

/** Differences that are seen here alone: cluster, name and type → reason. */
const SEEN_HERE: Readonly<Record<string, string>> = {
  'NS: the Service that selects this server | cluster.local. 2': TWICE,
  [`${DNS_SERVICE} | example.org. 2`]: NO_ADDRESS,
  [`${DNS_SERVICE} | ns1.dns.example.org. 28`]: NO_ADDRESS,
  'k8s_external: the name server of a headless DNS Service | example.org. 2': NO_ADDRESS,
};

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
    const isSeen = coredns !== undefined && !NOT_SEEN_HERE.some((reason) => coredns.startsWith(reason));
    const kept = SEEN_HERE[`${name} | ${qname} ${qtype}`] ?? (isSeen ? coredns : undefined);
    return { question: { line, qname, qtype, kept }, expected: model.ask(qname, qtype) };
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
    owed[index]!.question.kept !== undefined && NOT_AS_TABLED[one.qname] === undefined;
  const kept = owed.filter((_, index) => isKept(cases[index]!, index));
  const found = await Promise.all(kept.map((one) => pair.isAsOwedByCoreDns(one)));
  return kept.filter((_, index) => found[index]).map(({ question }) => `no difference any more: ${question.line}`);
}
