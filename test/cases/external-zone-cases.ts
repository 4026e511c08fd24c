/** Names outside the cluster: section 18 of the records' reference. */
import type { CaseGroup } from './case-format.ts';
import { clusterIp, externalName, headless, namespace, pod, reachable, slice } from './objects.ts';

const ANY_LABEL = 'X is not looked at: the addresses of S';
const ENT = 'NXDOMAIN although names below it exist';
const ALIAS = 'NODATA';

const OBJECTS = [
  namespace('shop'),
  namespace('dns'),
  namespace('empty'),
  reachable(clusterIp('shop/web', '10.96.0.21', 'http:80/TCP https:443/TCP dns:53/UDP'), '192.0.2.1'),
  reachable(clusterIp('shop/six', '10.96.0.2', 'http:80/TCP'), '2001:db8::5'),
  reachable(clusterIp('shop/dual', '10.96.0.3', 'http:80/TCP'), '192.0.2.3 2001:db8::3'),
  reachable(clusterIp('shop/balanced', '10.96.0.4', 'http:80/TCP'), '', '198.51.100.4 198.51.100.5'),
  reachable(clusterIp('shop/twice', '10.96.0.5', 'http:80/TCP'), '192.0.2.6', '192.0.2.6'),
  reachable(clusterIp('shop/named', '10.96.0.6', 'http:80/TCP https:443/TCP'), '', 'LB.example.com'),
  reachable(clusterIp('shop/mixed', '10.96.0.7', 'http:80/TCP'), '', 'lb.example.com 192.0.2.7'),
  reachable(clusterIp('shop/several', '10.96.0.8', 'http:80/TCP'), '', 'a.example.com b.example.com'),
  reachable(clusterIp('shop/unnamed', '10.96.0.9', ':80/TCP'), '192.0.2.9'),
  reachable(clusterIp('shop/portless', '10.96.0.10'), '192.0.2.10'),
  reachable(clusterIp('shop/nameless', '10.96.0.13'), '', 'np.example.com'),
  reachable(externalName('shop/alias', 'example.com', 'x:1/TCP'), '192.0.2.11'),
  reachable(headless('shop/known', 'pg:5432/TCP'), '192.0.2.12'),
  slice('shop/known-1', 'known', 'pg:5432/TCP', ['10.1.0.12 host=known-0']),
  clusterIp('shop/plain', '10.96.0.14', 'http:80/TCP'),
  slice('shop/plain-1', 'plain', 'http:8080/TCP', ['10.1.0.14 host=plain-0']),
  headless('shop/db', 'pg:5432/TCP'),
  slice('shop/db-1', 'db', 'pg:5432/TCP', ['10.1.0.1 host=db-0', '10.1.0.2', '10.1.0.3 unready']),
  slice('shop/db-2', 'db', 'pg:5432/TCP', ['fd00::1 host=db-0']),
  headless('shop/none', 'pg:5432/TCP'),
  reachable(clusterIp('dns/hidden', '10.96.0.15', 'http:80/TCP'), '192.0.2.15'),
  reachable(clusterIp('nowhere/lost', '10.96.0.16', 'http:80/TCP'), '192.0.2.16'),
  reachable(clusterIp('shop/shared', '10.96.0.17', 'http:80/TCP'), '192.0.2.1'),
];

const EXTERNAL = { zones: ['example.org'], ttlSeconds: 5, apex: 'dns', hasHeadless: false };

export const EXTERNAL_ADDRESSES: CaseGroup = {
  name: 'k8s_external: addresses, load balancers, ports',
  options: { external: EXTERNAL, localAddresses: ['203.0.113.53'] },
  zone: 'example.org',
  objects: OBJECTS,
  ask: `
    A     web.shop              = A 192.0.2.1
    A     WEB.Shop              = A 192.0.2.1
    AAAA  web.shop              = NODATA
    TXT   web.shop              = NODATA
    MX    web.shop              = NODATA
    CNAME web.shop              = NODATA
    PTR   web.shop              = NODATA
    SOA   web.shop              = NODATA
    SRV   web.shop              = SRV 0 33 53 web.shop ; SRV 0 33 80 web.shop ; SRV 0 33 443 web.shop \
                                  | web.shop A 192.0.2.1
    SRV   _http._tcp.web.shop   = SRV 0 100 80 web.shop | web.shop A 192.0.2.1
    SRV   _dns._udp.web.shop    = SRV 0 100 53 web.shop | web.shop A 192.0.2.1
    A     _http._tcp.web.shop   = A 192.0.2.1
    AAAA  _http._tcp.web.shop   = NODATA
    SRV   _http._udp.web.shop   = NXDOMAIN
    SRV   _x._tcp.web.shop      = NXDOMAIN
    A     _tcp.web.shop         = NODATA       ~ the addresses: ${ANY_LABEL}
    SRV   _udp.web.shop         = NODATA       ~ the records of S: ${ANY_LABEL}
    A     _sctp.web.shop        = NXDOMAIN     ~ ${ANY_LABEL}
    A     x.web.shop            = NXDOMAIN     ~ ${ANY_LABEL}
    A     a.x.web.shop          = NXDOMAIN
    A     a.b._http._tcp.web.shop = NXDOMAIN
    AAAA  six.shop              = AAAA 2001:db8::5
    A     six.shop              = NODATA
    SRV   _http._tcp.six.shop   = SRV 0 100 80 six.shop | six.shop AAAA 2001:db8::5
    A     dual.shop             = A 192.0.2.3
    AAAA  dual.shop             = AAAA 2001:db8::3
    SRV   dual.shop             = SRV 0 50 80 dual.shop | dual.shop A 192.0.2.3 ; dual.shop AAAA 2001:db8::3
    A     balanced.shop         = A 198.51.100.4 ; A 198.51.100.5
    SRV   balanced.shop         = SRV 0 50 80 balanced.shop | balanced.shop A 198.51.100.4 ; balanced.shop A 198.51.100.5
    A     twice.shop            = A 192.0.2.6
    SRV   twice.shop            = SRV 0 50 80 twice.shop | twice.shop A 192.0.2.6  # counted twice
    A     unnamed.shop          = A 192.0.2.9
    SRV   unnamed.shop          = SRV 0 100 80 unnamed.shop | unnamed.shop A 192.0.2.9
    A     _tcp.unnamed.shop     = NXDOMAIN     ~ ${ANY_LABEL}
    A     portless.shop         = A 192.0.2.10
    SRV   portless.shop         = NODATA
    A     alias.shop            = A 192.0.2.11  # whatever the type
    CNAME alias.shop            = NODATA
    A     known.shop            = A 192.0.2.12
    SRV   _pg._tcp.known.shop   = SRV 0 100 5432 known.shop | known.shop A 192.0.2.12
    A     known-0.known.shop    = NXDOMAIN     ~ ${ANY_LABEL}
    A     plain.shop            = NXDOMAIN
    TXT   plain.shop            = NXDOMAIN
    SRV   _http._tcp.plain.shop = NXDOMAIN
    A     plain-0.plain.shop    = NXDOMAIN
    A     db.shop               = NXDOMAIN     # headless Services are not asked for
    A     db-0.db.shop          = NXDOMAIN
    A     ghost.shop            = NXDOMAIN
    A     shop                  = NODATA
    TXT   shop                  = NODATA
    SOA   shop                  = NODATA
    A     empty                 = NODATA
    A     nowhere               = NXDOMAIN     # there is no such Namespace
    A     lost.nowhere          = NXDOMAIN
    A     web.shop.svc          = NXDOMAIN
    A     web.shop.svc.cluster.local. = 30 A 10.96.0.21
  `,
};

export const EXTERNAL_BALANCER_NAMES: CaseGroup = {
  name: 'k8s_external: host names of load balancers',
  options: { external: EXTERNAL },
  zone: 'example.org',
  objects: OBJECTS,
  ask: `
    A     named.shop            = CNAME LB.example.com.
    AAAA  named.shop            = CNAME LB.example.com.
    CNAME named.shop            = CNAME LB.example.com.  ~ ${ALIAS}
    TXT   named.shop            = CNAME LB.example.com.  ~ ${ALIAS}
    SRV   named.shop            = SRV 0 50 80 LB.example.com. ; SRV 0 50 443 LB.example.com.
    SRV   _http._tcp.named.shop = SRV 0 100 80 LB.example.com.
    A     _http._tcp.named.shop = CNAME LB.example.com.
    A     _tcp.named.shop       = NODATA       ~ ${ANY_LABEL}
    A     x.named.shop          = NXDOMAIN     ~ ${ANY_LABEL}
    A     mixed.shop            = A 192.0.2.7  ~ the CNAME beside it, which may have no other records beside it
    CNAME mixed.shop            = NODATA
    A     several.shop          = CNAME a.example.com.  ~ both CNAME records, of which a name may have one
    SRV   several.shop          = SRV 0 50 80 a.example.com.  ~ one for each
    A     nameless.shop         = CNAME np.example.com.
    SRV   nameless.shop         = CNAME np.example.com.  ~ NODATA: there is no port
  `,
};

export const EXTERNAL_APEX: CaseGroup = {
  name: 'k8s_external: apex',
  options: { external: EXTERNAL, localAddresses: ['203.0.113.53', '2001:db8::53'] },
  zone: 'example.org',
  objects: OBJECTS,
  ask: `
    SOA   @                     = SOA
    SOA   Example.ORG.          = SOA
    NS    @                     = NS ns1.dns | ns1.dns A 203.0.113.53 ; ns1.dns AAAA 2001:db8::53
    A     @                     = NODATA
    SRV   @                     = NODATA
    TXT   @                     = NODATA
    A     dns                   = NODATA
    NS    dns                   = NODATA
    SRV   dns                   = NODATA
    A     ns1.dns               = A 203.0.113.53
    AAAA  ns1.dns               = AAAA 2001:db8::53
    SRV   ns1.dns               = NODATA
    TXT   ns1.dns               = NODATA
    A     ns2.dns               = NXDOMAIN
    A     hidden.dns            = NXDOMAIN     # a Namespace of the apex name's name is hidden by it
    A     a.ns1.dns             = NXDOMAIN
    A     x.dns                 = NXDOMAIN
  `,
};

export const EXTERNAL_APEX_NAME: CaseGroup = {
  name: 'k8s_external: another apex name and TTL, several zones',
  options: {
    external: { zones: ['a.test', 'b.test'], ttlSeconds: 600, apex: 'Name-Servers'.toLowerCase(), hasHeadless: false },
  },
  zone: 'b.test',
  objects: OBJECTS,
  ask: `
    SOA   @                      = SOA
    NS    @                      = NS ns1.name-servers
    A     name-servers           = NODATA
    A     ns1.name-servers       = NODATA      # nobody knows its address
    A     dns                    = NODATA      # now it is a Namespace
    A     hidden.dns             = A 192.0.2.15
    A     ns1.dns                = NXDOMAIN
    A     web.shop               = A 192.0.2.1
    A     web.shop.a.test.       = A 192.0.2.1
    A     ghost.shop.a.test.     = NXDOMAIN
    # SRV and CNAME records have the TTL of the \`kubernetes\` block.
    SRV   _http._tcp.web.shop.a.test. = SRV 0 100 80 web.shop.a.test. | web.shop.a.test. 600 A 192.0.2.1
    A     named.shop             = CNAME LB.example.com.
  `,
};

export const EXTERNAL_HEADLESS: CaseGroup = {
  name: 'k8s_external: headless Services',
  options: { external: { ...EXTERNAL, hasHeadless: true }, endpointPodNames: true },
  zone: 'example.org',
  objects: OBJECTS,
  ask: `
    A     db.shop               = A 10.1.0.1 ; A 10.1.0.2
    AAAA  db.shop               = AAAA fd00::1
    TXT   db.shop               = NODATA
    SRV   db.shop               = SRV 0 33 5432 db-0.db.shop ; SRV 0 33 5432 10-1-0-2.db.shop \
                                  | db-0.db.shop A 10.1.0.1 ; db-0.db.shop AAAA fd00::1 ; 10-1-0-2.db.shop A 10.1.0.2
    SRV   _pg._tcp.db.shop      = SRV 0 33 5432 db-0.db.shop ; SRV 0 33 5432 10-1-0-2.db.shop \
                                  | db-0.db.shop A 10.1.0.1 ; db-0.db.shop AAAA fd00::1 ; 10-1-0-2.db.shop A 10.1.0.2
    A     _tcp.db.shop          = NODATA       ~ ${ENT}
    A     db-0.db.shop          = A 10.1.0.1
    AAAA  db-0.db.shop          = AAAA fd00::1
    SRV   db-0.db.shop          = SRV 0 50 5432 db-0.db.shop | db-0.db.shop A 10.1.0.1 ; db-0.db.shop AAAA fd00::1
    A     10-1-0-1.db.shop      = NXDOMAIN     # the host name is its label
    A     10-1-0-2.db.shop      = A 10.1.0.2
    A     10-1-0-3.db.shop      = NXDOMAIN
    A     x.db.shop             = NXDOMAIN
    A     none.shop             = NXDOMAIN
    A     known.shop            = A 192.0.2.12  # external addresses come first
    A     known-0.known.shop    = NXDOMAIN
    A     plain.shop            = NXDOMAIN
    A     plain-0.plain.shop    = NXDOMAIN     ~ the endpoint, although \`plain.shop\` does not exist
    A     web.shop              = A 192.0.2.1
  `,
};

export const EXTERNAL_REVERSE: CaseGroup = {
  name: 'k8s_external: reverse names',
  options: {
    zones: ['cluster.local'],
    external: { ...EXTERNAL, zones: ['example.org', 'in-addr.arpa', '8.b.d.0.1.0.0.2.ip6.arpa'] },
  },
  zone: 'example.org',
  objects: OBJECTS,
  ask: `
    PTR   3.2.0.192.in-addr.arpa.     = PTR dual.shop
    PTR   1.2.0.192.in-addr.arpa.     = PTR web.shop ; PTR shared.shop
    PTR   4.100.51.198.in-addr.arpa.  = PTR balanced.shop
    PTR   6.2.0.192.in-addr.arpa.     = PTR twice.shop
    PTR   7.2.0.192.in-addr.arpa.     = PTR mixed.shop
    PTR   15.2.0.192.in-addr.arpa.    = NXDOMAIN  ~ a name that does not exist: the apex name hides it
    PTR   16.2.0.192.in-addr.arpa.    = NXDOMAIN  ~ a name that does not exist
    PTR   9.9.9.9.in-addr.arpa.       = NXDOMAIN
    PTR   1.0.96.10.in-addr.arpa.     = NXDOMAIN  # a cluster IP
    A     3.2.0.192.in-addr.arpa.     = NODATA    ~ NXDOMAIN
    PTR   2.0.192.in-addr.arpa.       = NODATA    ~ NXDOMAIN although names below it exist
    PTR   x.3.2.0.192.in-addr.arpa.   = NXDOMAIN
    SOA   in-addr.arpa.               = SOA
    NS    in-addr.arpa.               = NS ns1.dns.in-addr.arpa.
    A     ns1.dns.in-addr.arpa.       = NODATA
    A     dns.in-addr.arpa.           = NODATA
    A     web.shop.in-addr.arpa.      = A 192.0.2.1  # it is a zone like the others
    PTR   3.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa. = PTR dual.shop
    PTR   4.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa. = NXDOMAIN
    PTR   0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa. = NODATA  ~ NXDOMAIN although names below it exist
  `,
};

const SERVER = '10.1.9.53';
const SERVER_OBJECTS = [
  namespace('kube-system'),
  reachable(
    clusterIp('kube-system/dns-outside', '10.96.0.11', 'dns:53/UDP'),
    '192.0.2.53 2001:db8::53',
    'lb.example.com',
  ),
  slice('kube-system/dns-outside-1', 'dns-outside', 'dns:53/UDP', [SERVER, '10.1.9.54']),
  clusterIp('kube-system/dns-inside', '10.96.0.10', 'dns:53/UDP'),
  slice('kube-system/dns-inside-1', 'dns-inside', 'dns:53/UDP', [SERVER]),
  headless('kube-system/dns-each', 'dns:53/UDP'),
  slice('kube-system/dns-each-1', 'dns-each', 'dns:53/UDP', [SERVER, '10.1.9.54']),
];

export const EXTERNAL_NAME_SERVER: CaseGroup = {
  name: 'k8s_external: the name server has the external addresses of the DNS Service',
  options: { external: EXTERNAL, localAddresses: [SERVER] },
  zone: 'example.org',
  objects: SERVER_OBJECTS,
  ask: `
    NS    @       = NS ns1.dns | ns1.dns A 192.0.2.53 ; ns1.dns AAAA 2001:db8::53
    A     ns1.dns = A 192.0.2.53
    AAAA  ns1.dns = AAAA 2001:db8::53
  `,
};

export const EXTERNAL_NAME_SERVER_HEADLESS: CaseGroup = {
  name: 'k8s_external: the name server of a headless DNS Service',
  options: { external: { ...EXTERNAL, hasHeadless: true }, localAddresses: [SERVER] },
  zone: 'example.org',
  objects: SERVER_OBJECTS,
  ask: `
    A     ns1.dns = A 10.1.9.53 ; A 10.1.9.54 ; A 192.0.2.53
    NS    @       = NS ns1.dns | ns1.dns A 10.1.9.53 ; ns1.dns A 10.1.9.54 ; ns1.dns A 192.0.2.53 ; ns1.dns AAAA 2001:db8::53
  `,
};

export const EXTERNAL_FILTERS: CaseGroup = {
  name: 'k8s_external: what is not exposed',
  options: {
    zones: ['cluster.local'],
    external: { ...EXTERNAL, zones: ['example.org', 'in-addr.arpa'], hasHeadless: true },
    namespaceLabels: 'tier=gold',
    noEndpoints: true,
    ignoreEmptyService: true,
    pods: 'verified',
  },
  zone: 'example.org',
  objects: [
    namespace('gold', { tier: 'gold' }),
    namespace('tin', { tier: 'tin' }),
    reachable(clusterIp('gold/web', '10.96.0.21', 'http:80/TCP'), '192.0.2.1'),
    reachable(clusterIp('tin/web', '10.96.0.2', 'http:80/TCP'), '192.0.2.2'),
    headless('gold/db', 'pg:5432/TCP'),
    slice('gold/db-1', 'db', 'pg:5432/TCP', ['10.1.0.1']),
    pod('gold/one', '10.1.0.5'),
  ],
  ask: `
    A     web.gold                = A 192.0.2.1  # ignore empty_service is not about these zones
    A     web.tin                 = NXDOMAIN
    A     tin                     = NXDOMAIN
    A     gold                    = NODATA
    A     db.gold                 = NXDOMAIN     # there are no endpoints
    A     10-1-0-5.gold           = NXDOMAIN
    PTR   1.2.0.192.in-addr.arpa. = PTR web.gold
    PTR   2.2.0.192.in-addr.arpa. = NXDOMAIN  ~ namespace_labels leaks names
    A     web.gold.svc.cluster.local. = NXDOMAIN
  `,
};
