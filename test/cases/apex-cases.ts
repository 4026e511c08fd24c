/** The zone's own names, its name servers, several zones: sections 3, 9, 10, 12, 22 of the records' reference. */
import type { CaseGroup } from './case-format.ts';
import { clusterIp, externalName, headless, namespace, slice } from './objects.ts';

const TXT_AT_ENT = 'TXT at an empty non-terminal is NXDOMAIN';
const SOA_BELOW = 'SOA below the apex is NODATA even where there is no name';
const VERSION = 'the name exists for TXT only';
const NO_BIND_ADDRESS = 'with `bind` it finds no address of its own';

const KUBE_DNS = [
  namespace('kube-system'),
  namespace('default'),
  clusterIp('kube-system/kube-dns', '10.96.0.10 fd00::10', 'dns:53/UDP dns-tcp:53/TCP'),
  slice('kube-system/kube-dns-4', 'kube-dns', 'dns:53/UDP dns-tcp:53/TCP', ['10.244.0.2', '10.244.0.3']),
  slice('kube-system/kube-dns-6', 'kube-dns', 'dns:53/UDP dns-tcp:53/TCP', ['fd00:244::2', 'fd00:244::3']),
];

export const APEX: CaseGroup = {
  name: 'the apex and the names that always exist',
  options: { localAddresses: [] },
  objects: [namespace('default'), clusterIp('default/web', '10.96.0.5', 'http:80/TCP')],
  ask: `
    SOA   @               = SOA
    NS    @               = NODATA
    A     @               = NODATA
    AAAA  @               = NODATA
    SRV   @               = NODATA
    MX    @               = NODATA
    CNAME @               = NODATA
    PTR   @               = NODATA
    TXT   @               = NODATA  ~ ${TXT_AT_ENT}
    HTTPS @               = NODATA
    CAA   @               = NODATA
    ANY   @               = NODATA
    DS    @               = NODATA
    TYPE65280 @           = NODATA
    SOA   CLUSTER.Local.  = SOA
    A     CLUSTER.Local.  = NODATA

    A     svc             = NODATA
    NS    svc             = NODATA
    SOA   svc             = NODATA
    TXT   svc             = NODATA  ~ ${TXT_AT_ENT}
    SRV   SVC             = NODATA
    A     pod             = NODATA
    TXT   pod             = NODATA  ~ ${TXT_AT_ENT}
    A     default.svc     = NODATA
    AAAA  default.svc     = NODATA
    SRV   default.svc     = NODATA
    HTTPS default.svc     = NODATA
    TXT   default.svc     = NODATA  ~ ${TXT_AT_ENT}
    NS    default.svc     = NODATA
    A     DEFAULT.svc     = NODATA
    A     missing.svc     = NXDOMAIN
    NS    missing.svc     = NXDOMAIN
    SOA   missing.svc     = NXDOMAIN  ~ ${SOA_BELOW}
    A     svc.svc         = NXDOMAIN

    TXT   dns-version     = 28800 TXT "1.1.0"
    TXT   DNS-Version     = 28800 TXT "1.1.0"
    A     dns-version     = NODATA  ~ ${VERSION}
    SRV   dns-version     = NODATA  ~ ${VERSION}
    CNAME dns-version     = NODATA  ~ ${VERSION}
    ANY   dns-version     = NODATA  ~ ${VERSION}
    A     x.dns-version   = NXDOMAIN
    TXT   x.dns-version   = NXDOMAIN

    A     dns             = NODATA  ~ NXDOMAIN although ns.dns exists
    NS    dns             = NODATA  ~ NXDOMAIN although ns.dns exists
    TXT   dns             = NODATA  ~ NXDOMAIN although ns.dns exists
    A     ns.dns          = NODATA
    AAAA  ns.dns          = NODATA
    TXT   ns.dns          = NODATA  ~ ${TXT_AT_ENT}
    A     x.dns           = NXDOMAIN
    A     x.ns.dns        = NXDOMAIN
    A     ns              = NXDOMAIN

    A     foo             = NXDOMAIN
    TXT   foo             = NXDOMAIN
    ANY   foo             = NXDOMAIN
    HTTPS foo             = NXDOMAIN
    DS    foo             = NXDOMAIN
    TYPE65280 foo         = NXDOMAIN
    SOA   foo             = NXDOMAIN  ~ ${SOA_BELOW}
    A     web.default     = NXDOMAIN
    A     web.default.svcs = NXDOMAIN
    A     default         = NXDOMAIN
    A     *               = NXDOMAIN

    # types that are no question about data; there is no zone transfer
    AXFR  @               = REFUSED
    IXFR  @               = REFUSED
    AXFR  default.svc     = REFUSED
    OPT   @               = FORMERR  ~ passed down the chain
    TSIG  @               = FORMERR  ~ passed down the chain
    TKEY  @               = NOTIMP  ~ passed down the chain
    MAILA @               = NOTIMP  ~ passed down the chain
    MAILB @               = NOTIMP  ~ passed down the chain

    # not served
    A     local.          = REFUSED
    A     .               = REFUSED
    NS    .               = REFUSED
    A     example.org.    = REFUSED
    SOA   example.org.    = REFUSED
    A     cluster.local.example.org. = REFUSED
    A     notcluster.local. = REFUSED
    A     web.default.svc.cluster.loca. = REFUSED
  `,
};

export const NAME_SERVERS: CaseGroup = {
  name: 'NS: the Service that selects this server',
  options: { localAddresses: ['10.244.0.2', 'fd00:244:0:0::2'] },
  objects: KUBE_DNS,
  ask: `
    NS   @              = NS kube-dns.kube-system.svc \
                          | kube-dns.kube-system.svc A 10.96.0.10 ; kube-dns.kube-system.svc AAAA fd00::10  ~ ${NO_BIND_ADDRESS}
    NS   ClUsTeR.LoCaL. = NS kube-dns.kube-system.svc.ClUsTeR.LoCaL. \
                          | kube-dns.kube-system.svc.ClUsTeR.LoCaL. A 10.96.0.10 ; \
                          kube-dns.kube-system.svc.ClUsTeR.LoCaL. AAAA fd00::10  ~ NODATA: compared with regard to case
    A    ns.dns         = A 10.96.0.10  ~ ${NO_BIND_ADDRESS}
    AAAA ns.dns         = AAAA fd00::10  ~ ${NO_BIND_ADDRESS}
    A    NS.dns         = A 10.96.0.10  ~ ${NO_BIND_ADDRESS}
    TXT  ns.dns         = NODATA  ~ ${TXT_AT_ENT}
    NS   ns.dns         = NODATA
    A    dns            = NODATA  ~ NXDOMAIN although ns.dns exists
    SOA  @              = SOA
    A    kube-dns.kube-system.svc = A 10.96.0.10
    NS   default.svc    = NODATA
    A    apex           = NXDOMAIN
    A    apex.dns       = NXDOMAIN
  `,
};

export const NAME_SERVERS_HEADLESS: CaseGroup = {
  name: 'NS: a headless Service selects this server too',
  options: { localAddresses: ['10.244.0.2'], ttlSeconds: 5 },
  objects: [
    ...KUBE_DNS,
    headless('kube-system/dns-pods', 'dns:53/UDP'),
    slice('kube-system/dns-pods-1', 'dns-pods', 'dns:53/UDP', [
      '10.244.0.2 host=a',
      '10.244.0.3',
      '10.244.0.4 unready',
    ]),
  ],
  ask: `
    NS @      = NS kube-dns.kube-system.svc ; NS a.dns-pods.kube-system.svc ; NS 10-244-0-3.dns-pods.kube-system.svc \
                | kube-dns.kube-system.svc A 10.96.0.10 ; kube-dns.kube-system.svc AAAA fd00::10 ; \
                a.dns-pods.kube-system.svc A 10.244.0.2 ; 10-244-0-3.dns-pods.kube-system.svc A 10.244.0.3  ~ ${NO_BIND_ADDRESS}
    A    ns.dns = A 10.96.0.10 ; A 10.244.0.2 ; A 10.244.0.3  ~ ${NO_BIND_ADDRESS}
    AAAA ns.dns = AAAA fd00::10  ~ ${NO_BIND_ADDRESS}
  `,
};

export const NAME_SERVERS_FALLBACK: CaseGroup = {
  name: 'NS: no Service selects this server',
  options: { localAddresses: ['192.0.2.53', '2001:db8::53'], ttlSeconds: 3600 },
  objects: KUBE_DNS,
  ask: `
    NS   @      = NS ns.dns | ns.dns A 192.0.2.53 ; ns.dns AAAA 2001:db8::53  ~ ${NO_BIND_ADDRESS}
    A    ns.dns = A 192.0.2.53  ~ ${NO_BIND_ADDRESS}
    AAAA ns.dns = AAAA 2001:db8::53  ~ ${NO_BIND_ADDRESS}
    MX   ns.dns = NODATA
    SOA  @      = SOA  # TTL 300, minimum 3600
    A    foo    = NXDOMAIN
    A    kube-dns.kube-system.svc = A 10.96.0.10
    TXT  dns-version = 28800 TXT "1.1.0"
  `,
};

export const TTL_ZERO: CaseGroup = {
  name: 'ttl 0',
  options: { ttlSeconds: 0, localAddresses: ['192.0.2.53'] },
  objects: [namespace('default'), clusterIp('default/web', '10.96.0.5', 'http:80/TCP')],
  ask: `
    A   web.default.svc       = 0 A 10.96.0.5
    SRV web.default.svc       = 0 SRV 0 100 80 web.default.svc | web.default.svc 0 A 10.96.0.5
    A   foo                   = NXDOMAIN  # SOA with TTL and minimum 0
    SOA @                     = SOA
    NS  @                     = 0 NS ns.dns | ns.dns 0 A 192.0.2.53  ~ ${NO_BIND_ADDRESS}
    TXT dns-version           = 28800 TXT "1.1.0"
    PTR 5.0.96.10.in-addr.arpa. = 0 PTR web.default.svc
  `,
};

export const TTL_LONG: CaseGroup = {
  name: 'ttl 3600',
  options: { ttlSeconds: 3600 },
  objects: [namespace('default'), clusterIp('default/web', '10.96.0.5', 'http:80/TCP')],
  ask: `
    A    web.default.svc = 3600 A 10.96.0.5
    AAAA web.default.svc = NODATA
    A    foo             = NXDOMAIN
    SOA  @               = @ 300 SOA ns.dns.cluster.local. hostmaster.cluster.local. * 7200 1800 86400 3600
  `,
};

export const SEVERAL_ZONES: CaseGroup = {
  name: 'several zones',
  options: {
    zones: ['cluster.local', 'transwarp.local', 'deep.transwarp.local', 'in-addr.arpa'],
    localAddresses: ['10.244.0.2'],
  },
  objects: [
    ...KUBE_DNS,
    headless('default/db', 'pg:5432/TCP'),
    slice('default/db-1', 'db', 'pg:5432/TCP', ['10.1.0.1 host=db-0']),
    externalName('default/other', 'kube-dns.kube-system.svc.transwarp.local'),
  ],
  ask: `
    A    kube-dns.kube-system.svc                          = A 10.96.0.10
    A    kube-dns.kube-system.svc.transwarp.local.         = A 10.96.0.10
    AAAA kube-dns.kube-system.svc.Transwarp.local.         = AAAA fd00::10
    A    kube-dns.kube-system.svc.deep.transwarp.local.    = A 10.96.0.10
    SRV  _dns._udp.kube-dns.kube-system.svc.transwarp.local. = SRV 0 50 53 kube-dns.kube-system.svc.transwarp.local. \
              | kube-dns.kube-system.svc.transwarp.local. A 10.96.0.10 ; kube-dns.kube-system.svc.transwarp.local. AAAA fd00::10
    SRV  _pg._tcp.db.default.svc.transwarp.local.          = SRV 0 100 5432 db-0.db.default.svc.transwarp.local. \
              | db-0.db.default.svc.transwarp.local. A 10.1.0.1
    A    ghost.default.svc.transwarp.local.                = NXDOMAIN
    A    default.svc.transwarp.local.                      = NODATA
    SOA  transwarp.local.                                  = SOA
    SOA  deep.transwarp.local.                             = SOA
    TXT  dns-version.transwarp.local.                      = 28800 TXT "1.1.0"
    NS   transwarp.local. = NS kube-dns.kube-system.svc.transwarp.local. \
              | kube-dns.kube-system.svc.transwarp.local. A 10.96.0.10 ; kube-dns.kube-system.svc.transwarp.local. AAAA fd00::10  ~ ${NO_BIND_ADDRESS}
    A    deep.transwarp.local.                             = NODATA  # the longest zone, not a name of the shorter one
    A    shallow.transwarp.local.                          = NXDOMAIN
    PTR  10.0.96.10.in-addr.arpa.                          = PTR kube-dns.kube-system.svc  # the first zone that is no reverse zone
    CNAME other.default.svc                                = CNAME kube-dns.kube-system.svc.transwarp.local.
    PTR  0.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa. = REFUSED
    A    local.                                            = REFUSED
  `,
};

export const ONE_LABEL_ZONE: CaseGroup = {
  name: 'zones of one label and of many',
  options: { zones: ['k8s', 'a.b.c.d.e.example.com'] },
  objects: [namespace('default'), clusterIp('default/web', '10.96.0.5', 'http:80/TCP')],
  ask: `
    A   web.default.svc                        = A 10.96.0.5
    A   web.default.svc.a.b.c.d.e.example.com. = A 10.96.0.5
    SRV web.default.svc.a.b.c.d.e.example.com. = SRV 0 100 80 web.default.svc.a.b.c.d.e.example.com. \
                                                 | web.default.svc.a.b.c.d.e.example.com. A 10.96.0.5
    A   foo.a.b.c.d.e.example.com.             = NXDOMAIN
    SOA @                                      = SOA
    A   b.c.d.e.example.com.                   = REFUSED
    A   web.default.svc.cluster.local.         = REFUSED
  `,
};
