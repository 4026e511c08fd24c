/** ExternalName Services: section 7 of the records' reference, and RFC 6604. */
import type { CaseGroup } from './case-format.ts';
import { clusterIp, externalName, headless, namespace, slice } from './objects.ts';

const DROPPED = 'the CNAME is dropped when its target in the zone has nothing';
const TYPES = 'the CNAME is given for A, AAAA and CNAME only';
const LOOP = 'NODATA: a loop is dropped';

/** chain-1 → chain-2 → … → chain-12 → web */
const CHAIN = Array.from({ length: 12 }, (_, i) =>
  externalName(
    `default/chain-${i + 1}`,
    i === 11 ? 'web.default.svc.cluster.local' : `chain-${i + 2}.default.svc.cluster.local`,
  ),
);

const LAST_TEN = Array.from({ length: 10 }, (_, i) => i + 3)
  .map((i) => `chain-${i}.default.svc CNAME ${i === 12 ? 'web' : `chain-${i + 1}`}.default.svc ; `)
  .join('');

export const EXTERNAL_NAME: CaseGroup = {
  name: 'ExternalName',
  objects: [
    namespace('default'),
    namespace('other'),
    clusterIp('default/web', '10.96.0.5', 'http:80/TCP'),
    headless('default/db', 'pg:5432/TCP'),
    slice('default/db-1', 'db', 'pg:5432/TCP', ['10.1.0.1 host=db-0']),
    externalName('default/out', 'www.Example.com'),
    externalName('default/dotted', 'www.example.com.'),
    externalName('default/ported', 'www.example.com', 'http:80/TCP'),
    externalName('other/near', 'web.default.svc.cluster.local'),
    externalName('other/far', 'near.other.svc.cluster.local'),
    externalName('other/leaves', 'out.default.svc.cluster.local'),
    externalName('other/pod', 'db-0.db.default.svc.cluster.local'),
    externalName('other/srv', '_http._tcp.web.default.svc.cluster.local'),
    externalName('other/dangling', 'ghost.default.svc.cluster.local'),
    externalName('other/space', 'default.svc.cluster.local'),
    externalName('other/apex', 'cluster.local'),
    externalName('other/version', 'dns-version.cluster.local'),
    externalName('other/upper', 'WEB.Default.svc.CLUSTER.local'),
    externalName('other/self', 'self.other.svc.cluster.local'),
    externalName('other/below', 'x.below.other.svc.cluster.local'),
    externalName('other/ping', 'pong.other.svc.cluster.local'),
    externalName('other/pong', 'ping.other.svc.cluster.local'),
    externalName('other/number', '192.0.2.1'),
    externalName('other/number6', '2001:db8::1'),
    slice('other/out-1', 'near', 'http:80/TCP', ['10.1.0.9']),
    ...CHAIN,
  ],
  ask: `
    # out of the zone: the CNAME alone, for every type
    A     out.default.svc            = CNAME www.Example.com.
    AAAA  out.default.svc            = CNAME www.Example.com.
    CNAME out.default.svc            = CNAME www.Example.com.
    SRV   out.default.svc            = CNAME www.Example.com.  ~ ${TYPES}
    TXT   out.default.svc            = CNAME www.Example.com.  ~ ${TYPES}
    MX    out.default.svc            = CNAME www.Example.com.  ~ ${TYPES}
    HTTPS out.default.svc            = CNAME www.Example.com.  ~ ${TYPES}
    NS    out.default.svc            = CNAME www.Example.com.  ~ ${TYPES}
    SOA   out.default.svc            = CNAME www.Example.com.  ~ ${TYPES}
    TYPE65280 out.default.svc        = CNAME www.Example.com.  ~ ${TYPES}
    A     OUT.default.SVC            = CNAME www.example.com.
    A     dotted.default.svc         = CNAME www.example.com.
    A     ported.default.svc         = CNAME www.example.com.
    SRV   _http._tcp.ported.default.svc = NXDOMAIN
    A     _tcp.ported.default.svc    = NXDOMAIN
    A     x.out.default.svc          = NXDOMAIN
    CNAME x.out.default.svc          = NXDOMAIN
    A     a.b.out.default.svc        = NXDOMAIN

    # in the zone: followed
    A     near.other.svc             = CNAME web.default.svc ; web.default.svc A 10.96.0.5
    CNAME near.other.svc             = CNAME web.default.svc
    AAAA  near.other.svc             = CNAME web.default.svc ; NODATA  ~ ${DROPPED}
    SRV   near.other.svc             = CNAME web.default.svc ; web.default.svc SRV 0 100 80 web.default.svc \
                                       | web.default.svc A 10.96.0.5  ~ ${TYPES}
    TXT   near.other.svc             = CNAME web.default.svc ; NODATA  ~ ${TYPES}
    A     far.other.svc              = CNAME near.other.svc ; near.other.svc CNAME web.default.svc ; web.default.svc A 10.96.0.5
    A     leaves.other.svc           = CNAME out.default.svc ; out.default.svc CNAME www.example.com.
    A     pod.other.svc              = CNAME db-0.db.default.svc ; db-0.db.default.svc A 10.1.0.1
    SRV   srv.other.svc              = CNAME _http._tcp.web.default.svc ; _http._tcp.web.default.svc SRV 0 100 80 web.default.svc \
                                       | web.default.svc A 10.96.0.5  ~ ${TYPES}
    A     upper.other.svc            = CNAME web.default.svc ; web.default.svc A 10.96.0.5
    A     dangling.other.svc         = CNAME ghost.default.svc ; NXDOMAIN  ~ ${DROPPED}
    CNAME dangling.other.svc         = CNAME ghost.default.svc
    SRV   dangling.other.svc         = CNAME ghost.default.svc ; NXDOMAIN  ~ ${TYPES}
    A     space.other.svc            = CNAME default.svc ; NODATA  ~ ${DROPPED}
    SOA   apex.other.svc             = CNAME @ ; @ SOA ns.dns.cluster.local. hostmaster.cluster.local. * 7200 1800 86400 30  ~ ${TYPES}
    A     apex.other.svc             = CNAME @ ; NODATA  ~ ${DROPPED}
    TXT   version.other.svc          = CNAME dns-version ; dns-version 28800 TXT "1.1.0"  ~ ${TYPES}
    A     10-1-0-9.near.other.svc    = NXDOMAIN  # slices of an ExternalName Service do not count

    # loops and long chains
    A     self.other.svc             = SERVFAIL  ~ ${LOOP}
    A     ping.other.svc             = SERVFAIL  ~ ${LOOP}
    AAAA  pong.other.svc             = SERVFAIL  ~ ${LOOP}
    CNAME ping.other.svc             = CNAME pong.other.svc
    CNAME self.other.svc             = CNAME self.other.svc
    A     below.other.svc            = CNAME x.below.other.svc ; NXDOMAIN  ~ ${DROPPED}
    A     chain-3.default.svc        = ${LAST_TEN} web.default.svc A 10.96.0.5  # ten aliases
    A     chain-1.default.svc        = SERVFAIL  # twelve aliases ~ NODATA: the end of a long chain is dropped

    # an address is no name
    A     number.other.svc           = NXDOMAIN
    CNAME number.other.svc           = NXDOMAIN
    AAAA  number6.other.svc          = NXDOMAIN
  `,
};

export const EXTERNAL_NAME_TTL: CaseGroup = {
  name: 'ExternalName: every record with its own TTL, endpoints and readiness without influence',
  options: { ttlSeconds: 0, ignoreEmptyService: true },
  objects: [
    namespace('default'),
    externalName('default/out', 'example.org'),
    externalName('default/version', 'dns-version.cluster.local'),
  ],
  ask: `
    A   out.default.svc     = 0 CNAME example.org.
    TXT version.default.svc = 0 CNAME dns-version ; dns-version 28800 TXT "1.1.0"  ~ ${TYPES}
    A   version.default.svc = 0 CNAME dns-version ; NODATA  ~ ${DROPPED}
  `,
};
