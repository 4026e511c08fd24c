/** What the table of cases does not say of a real API server and of a real CoreDNS, each with the reason. */
import type { OwedAnswer } from '../../cluster/owed-answers.ts';

/** Objects of the table that an API server does not take: a part of what it says of them. */
export const NOT_TAKEN: readonly { readonly says: RegExp; readonly because: string }[] = [
  {
    says: /Service "(portless|nameless)" is invalid: spec.ports: Required/,
    because: 'only headless ones may be without',
  },
  { says: /Service "(srv|number6)" is invalid: spec.externalName/, because: 'no host name' },
  { says: /namespaces "(lost|ghost|nowhere)" not found/, because: 'the namespace is not there, on purpose' },
  { says: /pods "one" not found/, because: 'its namespace is not there' },
];

/** Names whose answers are not those of the table, because of what the API server has made of the objects. */
export const NOT_AS_TABLED: Readonly<Record<string, string>> = {
  'portless.default.svc.cluster.local.': 'not taken',
  'portless.shop.example.org.': 'not taken',
  'nameless.shop.example.org.': 'not taken',
  'srv.other.svc.cluster.local.': 'not taken',
  '16.2.0.192.in-addr.arpa.': 'not taken: a Service in a namespace that is not there',
  'pending.default.svc.cluster.local.': 'the API server gives it an address',
  '_http._tcp.pending.default.svc.cluster.local.': 'the API server gives it an address',
  'out.default.svc.cluster.local.': 'external names are lower-case',
  'named.shop.example.org.': 'host names of load balancers are lower-case',
  'named.shop.b.test.': 'host names of load balancers are lower-case',
  '_http._tcp.named.shop.example.org.': 'host names of load balancers are lower-case',
};

/** Differences of the table that are none here. */
const NOT_SEEN_HERE = [
  // It listens on every address and so knows its own.
  'with `bind`',
  // The API server has filled it in.
  'it leaves it to the API server',
];

const NO_ADDRESS = 'for each IPv4 address an AAAA record without address';
const APEX = 'k8s_external: another apex name and TTL, several zones';
const BALANCERS = 'k8s_external: host names of load balancers';
const DNS_SERVICE = 'k8s_external: the name server has the external addresses of the DNS Service';

/** Differences that the table does not know: cluster, name and type → reason. */
const SEEN_HERE: Readonly<Record<string, string>> = {
  'NS: the Service that selects this server | cluster.local. 2':
    'the addresses twice: once for each family that the server has an address of',
  [`${DNS_SERVICE} | example.org. 2`]: NO_ADDRESS,
  [`${DNS_SERVICE} | ns1.dns.example.org. 28`]: NO_ADDRESS,
  'k8s_external: the name server of a headless DNS Service | example.org. 2': NO_ADDRESS,
  'k8s_external: apex | Example.ORG. 6': 'the zone is not written as the client has it',
  [`${BALANCERS} | named.shop.example.org. 1`]: 'the CNAME once for each port',
  [`${BALANCERS} | named.shop.example.org. 28`]: 'the CNAME once for each port',
  [`${APEX} | named.shop.b.test. 1`]: 'the CNAME once for each port',
  'k8s_external: headless Services | known-0.known.shop.example.org. 1': 'the label is not looked at',
  'multicluster: imported Services | a-0.anonymous.shop.svc.clusterset.local. 1':
    'an endpoint of a cluster without a name is found without it',
  'multicluster: imported Services | 1.1.16.172.in-addr.arpa. 12': 'no response',
  'multicluster: imported Services | 2.1.16.172.in-addr.arpa. 12': 'no response',
};

/** Why CoreDNS gives another answer than is owed; undefined: it gives this one. */
export function keptDifference(
  cluster: string,
  { question: { qname, qtype } }: OwedAnswer,
  tabled: string | undefined,
): string | undefined {
  const seen = SEEN_HERE[`${cluster} | ${qname} ${qtype}`];
  if (seen !== undefined) return seen;
  return tabled !== undefined && !NOT_SEEN_HERE.some((reason) => tabled.startsWith(reason)) ? tabled : undefined;
}
