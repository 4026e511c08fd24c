/** Reverse zones: section 11 of the records' reference. */
import type { CaseGroup } from './case-format.ts';
import { clusterIp, externalName, headless, namespace, slice } from './objects.ts';

const OTHER_TYPE = 'another type at a reverse name that exists is NXDOMAIN';
const REVERSE_ENT = 'a partial reverse name is NXDOMAIN';

const OBJECTS = [
  namespace('default'),
  namespace('hidden', { dns: 'no' }),
  clusterIp('default/web', '10.96.0.5 fd00::5', 'http:80/TCP'),
  slice('default/web-1', 'web', 'http:8080/TCP', ['10.1.0.5']),
  slice('default/web-2', 'web', 'metrics:9090/TCP', ['10.1.0.5']),
  headless('default/db', 'pg:5432/TCP'),
  slice('default/db-1', 'db', 'pg:5432/TCP', ['10.1.0.6 host=db-0', '10.1.0.7 unready', '10.1.0.8']),
  slice('default/db-2', 'db', 'pg:5432/TCP', ['fd00:1::6 host=db-0', '1234:abcd::']),
  headless('default/node-a', 'x:1/TCP'),
  slice('default/node-a-1', 'node-a', 'x:1/TCP', ['192.0.2.1', '192.0.2.2 host=both', '192.0.2.2 host=other']),
  headless('default/node-b', 'x:1/TCP'),
  slice('default/node-b-1', 'node-b', 'x:1/TCP', ['192.0.2.1']),
  clusterIp('default/dual-role', '10.96.0.6', 'http:80/TCP'),
  slice('default/dual-role-1', 'dual-role', 'http:80/TCP', ['10.96.0.5']),
  clusterIp('hidden/secret', '10.96.0.7', 'http:80/TCP'),
  slice('hidden/secret-1', 'secret', 'http:80/TCP', ['10.5.0.7']),
  externalName('default/number', '10.7.7.7'),
];

export const REVERSE: CaseGroup = {
  name: 'reverse names',
  objects: OBJECTS,
  ask: `
    PTR  5.0.96.10.in-addr.arpa.   = PTR web.default.svc  # not the endpoint that has this address too
    PTR  5.0.1.10.in-addr.arpa.    = PTR 10-1-0-5.web.default.svc  # in two slices, once
    PTR  6.0.1.10.in-addr.arpa.    = PTR db-0.db.default.svc
    PTR  7.0.1.10.in-addr.arpa.    = NXDOMAIN
    PTR  8.0.1.10.in-addr.arpa.    = PTR 10-1-0-8.db.default.svc
    PTR  1.2.0.192.in-addr.arpa.   = PTR 192-0-2-1.node-a.default.svc ; PTR 192-0-2-1.node-b.default.svc
    PTR  2.2.0.192.in-addr.arpa.   = PTR both.node-a.default.svc ; PTR other.node-a.default.svc
    PTR  7.0.96.10.in-addr.arpa.   = PTR secret.hidden.svc
    PTR  9.9.9.9.in-addr.arpa.     = NXDOMAIN
    PTR  7.7.7.10.in-addr.arpa.    = NXDOMAIN  # an external name that looks like an address
    PTR  5.0.96.10.IN-ADDR.ARPA.   = PTR web.default.svc
    PTR  5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa. = PTR web.default.svc
    PTR  6.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.1.0.0.0.0.0.d.f.ip6.arpa. = PTR db-0.db.default.svc
    PTR  6.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.1.0.0.0.0.0.D.F.Ip6.Arpa. = PTR db-0.db.default.svc
    PTR  0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.c.b.a.4.3.2.1.ip6.arpa. = PTR 1234-abcd--0.db.default.svc
    PTR  9.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa. = NXDOMAIN

    # other types
    A     5.0.96.10.in-addr.arpa.  = NODATA  ~ ${OTHER_TYPE}
    TXT   5.0.96.10.in-addr.arpa.  = NODATA  ~ ${OTHER_TYPE}
    CNAME 5.0.96.10.in-addr.arpa.  = NODATA  ~ ${OTHER_TYPE}
    NS    5.0.96.10.in-addr.arpa.  = NODATA  ~ ${OTHER_TYPE}
    SOA   5.0.96.10.in-addr.arpa.  = NODATA
    ANY   5.0.96.10.in-addr.arpa.  = NODATA  ~ ${OTHER_TYPE}
    HTTPS 6.0.1.10.in-addr.arpa.   = NODATA  ~ ${OTHER_TYPE}
    A     9.9.9.9.in-addr.arpa.    = NXDOMAIN
    SOA   9.9.9.9.in-addr.arpa.    = NXDOMAIN  ~ SOA below the apex is NODATA even where there is no name

    # empty non-terminals, and names that are no addresses
    PTR   0.96.10.in-addr.arpa.    = NODATA  ~ ${REVERSE_ENT}
    PTR   96.10.in-addr.arpa.      = NODATA  ~ ${REVERSE_ENT}
    PTR   10.in-addr.arpa.         = NODATA  ~ ${REVERSE_ENT}
    A     10.in-addr.arpa.         = NODATA  ~ ${REVERSE_ENT}
    NS    10.in-addr.arpa.         = NODATA  ~ ${REVERSE_ENT}
    PTR   1.96.10.in-addr.arpa.    = NXDOMAIN
    PTR   11.in-addr.arpa.         = NXDOMAIN
    PTR   d.f.ip6.arpa.            = NODATA  ~ ${REVERSE_ENT}
    PTR   0.0.0.d.f.ip6.arpa.      = NODATA  ~ ${REVERSE_ENT}
    PTR   1.0.0.d.f.ip6.arpa.      = NXDOMAIN
    PTR   0.5.0.96.10.in-addr.arpa. = NXDOMAIN
    PTR   0.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa. = NXDOMAIN  ~ the 33rd label is ignored
    PTR   05.0.96.10.in-addr.arpa. = NXDOMAIN
    PTR   256.0.96.10.in-addr.arpa. = NXDOMAIN
    PTR   x.0.96.10.in-addr.arpa.  = NXDOMAIN
    PTR   g.f.ip6.arpa.            = NXDOMAIN
    A     web.default.svc.in-addr.arpa. = NXDOMAIN  # names of the cluster are in the forward zones only

    # the apexes
    SOA   in-addr.arpa.            = SOA
    SOA   ip6.arpa.                = SOA
    A     in-addr.arpa.            = NODATA
    PTR   in-addr.arpa.            = NODATA
    PTR   ip6.arpa.                = NODATA
    TXT   in-addr.arpa.            = NODATA  ~ TXT at an empty non-terminal is NXDOMAIN
    SOA   IN-addr.ARPA.            = SOA
    PTR   arpa.                    = REFUSED

    # PTR in a forward zone
    PTR   web.default.svc          = NODATA
    PTR   ghost.default.svc        = NXDOMAIN
    PTR   5.0.96.10                = NXDOMAIN
  `,
};

export const REVERSE_BY_CIDR: CaseGroup = {
  name: 'reverse zones of address ranges',
  options: {
    zones: ['96.10.in-addr.arpa', 'cluster.local', '0.1.10.in-addr.arpa', '1.2.0.192.in-addr.arpa', '0.0.d.f.ip6.arpa'],
    localAddresses: ['10.1.0.5'],
  },
  zone: 'cluster.local',
  objects: OBJECTS,
  ask: `
    PTR 5.0.96.10.in-addr.arpa. = PTR web.default.svc
    PTR 9.0.96.10.in-addr.arpa. = NXDOMAIN  # the SOA is the range's own
    PTR 0.96.10.in-addr.arpa.   = NODATA  ~ ${REVERSE_ENT}
    SOA 96.10.in-addr.arpa.     = SOA
    PTR 96.10.in-addr.arpa.     = NODATA
    PTR 10.in-addr.arpa.        = REFUSED
    PTR 1.0.97.10.in-addr.arpa. = REFUSED
    PTR 6.0.1.10.in-addr.arpa.  = PTR db-0.db.default.svc
    PTR 1.1.1.10.in-addr.arpa.  = REFUSED
    SOA 0.1.10.in-addr.arpa.    = SOA
    PTR 1.2.0.192.in-addr.arpa. = PTR 192-0-2-1.node-a.default.svc ; PTR 192-0-2-1.node-b.default.svc # the apex of a range of one address
    SOA 1.2.0.192.in-addr.arpa. = SOA
    A   1.2.0.192.in-addr.arpa. = NODATA
    PTR 2.2.0.192.in-addr.arpa. = REFUSED
    PTR 5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa. = PTR web.default.svc
    PTR 0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.c.b.a.4.3.2.1.ip6.arpa. = REFUSED
    SOA 0.0.d.f.ip6.arpa.       = SOA
    PTR 1.0.0.d.f.ip6.arpa.     = NXDOMAIN
    NS  96.10.in-addr.arpa.     = NS web.default.svc \
                                  | web.default.svc A 10.96.0.5 ; web.default.svc AAAA fd00::5 \
                                  ~ it names web.default.svc.96.10.in-addr.arpa, which does not exist
  `,
};

export const REVERSE_FILTERED: CaseGroup = {
  name: 'reverse names under namespace_labels',
  options: { namespaceLabels: 'dns notin (no)' },
  objects: OBJECTS,
  ask: `
    PTR 5.0.96.10.in-addr.arpa. = PTR web.default.svc
    PTR 7.0.96.10.in-addr.arpa. = NXDOMAIN  ~ the filter is not applied to reverse names
    PTR 7.0.5.10.in-addr.arpa.  = NXDOMAIN  ~ the filter is not applied to reverse names
    PTR 0.5.10.in-addr.arpa.    = NXDOMAIN
    A   secret.hidden.svc       = NXDOMAIN
    A   hidden.svc              = NXDOMAIN
    A   10-5-0-7.hidden.pod     = NXDOMAIN
  `,
};
