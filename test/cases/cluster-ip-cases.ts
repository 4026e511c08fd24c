/** Services with cluster IPs: sections 3, 4, 12, 19, 23 of the records' reference. */
import type { CaseGroup } from './case-format.ts';
import { clusterIp, externalName, headless, namespace, service, slice } from './objects.ts';

export const WORKED_VECTORS: CaseGroup = {
  name: 'the worked vectors of the reference',
  options: { pods: 'disabled' },
  objects: [
    namespace('default'),
    clusterIp('default/kubernetes', '10.96.0.1', 'https:443/TCP'),
    clusterIp('default/dual', '10.96.0.9 fd00::9', 'http:80/TCP'),
    headless('default/db', 'pg:5432/TCP'),
    slice('default/db-x', 'db', 'pg:5432/TCP', [
      '10.1.0.1 host=db-0 pod=db-0',
      '10.1.0.2 host=db-1 pod=db-1 unready',
      '10.1.0.3',
    ]),
    externalName('default/ext', 'example.com'),
    headless('default/none', 'pg:5432/TCP'),
  ],
  ask: `
    A    kubernetes.default.svc             = A 10.96.0.1
    AAAA kubernetes.default.svc             = NODATA
    SRV  _https._tcp.kubernetes.default.svc = SRV 0 100 443 kubernetes.default.svc | kubernetes.default.svc A 10.96.0.1
    SRV  _http._tcp.dual.default.svc        = SRV 0 50 80 dual.default.svc \
                                              | dual.default.svc A 10.96.0.9 ; dual.default.svc AAAA fd00::9
    SRV  _http._udp.dual.default.svc        = NXDOMAIN
    A    db.default.svc                     = A 10.1.0.1 ; A 10.1.0.3
    AAAA db.default.svc                     = NODATA
    A    db-0.db.default.svc                = A 10.1.0.1
    A    db-1.db.default.svc                = NXDOMAIN
    A    10-1-0-3.db.default.svc            = A 10.1.0.3
    A    10-1-0-1.db.default.svc            = NXDOMAIN # its hostname is its only label
    SRV  _pg._tcp.db.default.svc            = SRV 0 50 5432 db-0.db.default.svc ; SRV 0 50 5432 10-1-0-3.db.default.svc \
                                              | db-0.db.default.svc A 10.1.0.1 ; 10-1-0-3.db.default.svc A 10.1.0.3
    A    none.default.svc                   = NXDOMAIN
    A    ext.default.svc                    = CNAME example.com.
    PTR  1.0.96.10.in-addr.arpa.            = PTR kubernetes.default.svc
    PTR  1.0.1.10.in-addr.arpa.             = PTR db-0.db.default.svc
    PTR  2.0.1.10.in-addr.arpa.             = NXDOMAIN
    A    default.svc                        = NODATA
    A    missing.svc                        = NXDOMAIN
    A    *.default.svc                      = NXDOMAIN
    TXT  dns-version                        = 28800 TXT "1.1.0"
    A    10-1-0-1.default.pod               = NXDOMAIN
  `,
};

export const CLUSTER_IP: CaseGroup = {
  name: 'services with cluster IPs',
  objects: [
    namespace('default'),
    namespace('kube-system'),
    clusterIp('default/web', '10.96.0.5', 'http:80/TCP https:443/TCP'),
    slice('default/web-1', 'web', 'http:8080/TCP https:8443/TCP', [
      '10.1.0.5 pod=web-a',
      '10.1.0.6 host=front pod=web-b',
    ]),
    clusterIp('kube-system/dns', '10.96.0.10', 'dns:53/UDP dns-tcp:53/TCP metrics:9153/TCP'),
    clusterIp('default/unnamed', '10.96.0.11', ':8080/TCP'),
    clusterIp('default/signal', '10.96.0.12', 'sig:3868/SCTP'),
    clusterIp('default/portless', '10.96.0.13'),
    clusterIp('default/pending', '', 'http:80/TCP'),
    service('default/old', {}, { type: 'ClusterIP', clusterIP: '10.96.0.14', ports: [{ name: 'http', port: 80 }] }),
    service(
      'default/node',
      {},
      {
        type: 'NodePort',
        clusterIP: '10.96.0.15',
        clusterIPs: ['10.96.0.15'],
        ports: [{ name: 'http', port: 80, protocol: 'TCP' }],
      },
    ),
    service(
      'default/balanced',
      {},
      {
        type: 'LoadBalancer',
        clusterIP: '10.96.0.16',
        clusterIPs: ['10.96.0.16'],
        ports: [{ name: 'http', port: 80, protocol: 'TCP' }],
      },
    ),
    clusterIp('lost/web', '10.96.0.17', 'http:80/TCP'),
    clusterIp(
      'default/hundred-and-one',
      '10.96.0.18',
      Array.from({ length: 101 }, (_, i) => `p${i}:${i + 1}/TCP`).join(' '),
    ),
  ],
  ask: `
    A     web.default.svc                  = A 10.96.0.5
    AAAA  web.default.svc                  = NODATA
    SRV   web.default.svc                  = SRV 0 50 80 web.default.svc ; SRV 0 50 443 web.default.svc | web.default.svc A 10.96.0.5
    TXT   web.default.svc                  = NODATA
    MX    web.default.svc                  = NODATA
    CNAME web.default.svc                  = NODATA
    NS    web.default.svc                  = NODATA
    SOA   web.default.svc                  = NODATA
    PTR   web.default.svc                  = NODATA
    HTTPS web.default.svc                  = NODATA
    SVCB  web.default.svc                  = NODATA
    CAA   web.default.svc                  = NODATA
    NAPTR web.default.svc                  = NODATA
    HINFO web.default.svc                  = NODATA
    ANY   web.default.svc                  = NODATA
    DS    web.default.svc                  = NODATA
    RRSIG web.default.svc                  = NODATA
    NULL  web.default.svc                  = NODATA
    TYPE65280 web.default.svc              = NODATA

    # port names
    SRV   _http._tcp.web.default.svc       = SRV 0 100 80 web.default.svc | web.default.svc A 10.96.0.5
    SRV   _https._tcp.web.default.svc      = SRV 0 100 443 web.default.svc | web.default.svc A 10.96.0.5
    A     _http._tcp.web.default.svc       = A 10.96.0.5  # an extension that CoreDNS has
    AAAA  _http._tcp.web.default.svc       = NODATA
    TXT   _http._tcp.web.default.svc       = NODATA
    HTTPS _https._tcp.web.default.svc      = NODATA
    SRV   _http._udp.web.default.svc       = NXDOMAIN
    SRV   _ftp._tcp.web.default.svc        = NXDOMAIN
    A     _ftp._tcp.web.default.svc        = NXDOMAIN
    SRV   _HTTP._TCP.web.default.svc       = SRV 0 100 80 web.default.svc | web.default.svc A 10.96.0.5
    SRV   _http._tcp.ghost.default.svc     = NXDOMAIN
    SRV   _http._tcp.web.ghost.svc         = NXDOMAIN
    SRV   _http._tcp.default.svc           = NXDOMAIN  # read as an endpoint of a Service
    A     a.b.c.web.default.svc            = NXDOMAIN
    SRV   x._http._tcp.web.default.svc     = NXDOMAIN

    A     _._udp.web.default.svc           = NXDOMAIN
    A     __http._tcp.web.default.svc      = NXDOMAIN

    # the empty non-terminal of a protocol
    A     _tcp.web.default.svc             = NODATA  ~ NXDOMAIN: read as an endpoint
    SRV   _tcp.web.default.svc             = NODATA  ~ NXDOMAIN: read as an endpoint
    NS    _tcp.web.default.svc             = NODATA  ~ NXDOMAIN: read as an endpoint
    A     _TCP.web.default.svc             = NODATA  ~ NXDOMAIN: read as an endpoint
    A     _udp.web.default.svc             = NXDOMAIN
    A     _sctp.web.default.svc            = NXDOMAIN

    # endpoint names of a Service with a cluster IP
    A     10-1-0-5.web.default.svc         = A 10.1.0.5
    A     front.web.default.svc            = A 10.1.0.6
    A     FRONT.web.default.svc            = A 10.1.0.6
    AAAA  front.web.default.svc            = NODATA
    TXT   front.web.default.svc            = NODATA
    SRV   front.web.default.svc            = SRV 0 50 8080 front.web.default.svc ; SRV 0 50 8443 front.web.default.svc \
                                             | front.web.default.svc A 10.1.0.6
    A     10-1-0-6.web.default.svc         = NXDOMAIN
    A     web-a.web.default.svc            = NXDOMAIN  # pod names only with the option

    # several protocols on one port number
    SRV   dns.kube-system.svc              = SRV 0 33 53 dns.kube-system.svc ; SRV 0 33 9153 dns.kube-system.svc \
                                             | dns.kube-system.svc A 10.96.0.10
    SRV   _dns._udp.dns.kube-system.svc    = SRV 0 100 53 dns.kube-system.svc | dns.kube-system.svc A 10.96.0.10
    SRV   _dns-tcp._tcp.dns.kube-system.svc = SRV 0 100 53 dns.kube-system.svc | dns.kube-system.svc A 10.96.0.10
    SRV   _dns._tcp.dns.kube-system.svc    = NXDOMAIN
    A     _udp.dns.kube-system.svc         = NODATA  ~ NXDOMAIN: read as an endpoint

    # unnamed port: no port name
    A     unnamed.default.svc              = A 10.96.0.11
    SRV   unnamed.default.svc              = SRV 0 100 8080 unnamed.default.svc | unnamed.default.svc A 10.96.0.11
    SRV   _8080._tcp.unnamed.default.svc   = NXDOMAIN
    A     _tcp.unnamed.default.svc         = NXDOMAIN

    SRV   _sig._sctp.signal.default.svc    = SRV 0 100 3868 signal.default.svc | signal.default.svc A 10.96.0.12
    A     _sctp.signal.default.svc         = NODATA  ~ NXDOMAIN: read as an endpoint
    SRV   _sig._tcp.signal.default.svc     = NXDOMAIN

    A     portless.default.svc             = A 10.96.0.13
    SRV   portless.default.svc             = NODATA
    SRV   _http._tcp.portless.default.svc  = NXDOMAIN

    A     pending.default.svc              = NODATA  ~ the empty address is taken for a host name: CNAME .
    AAAA  pending.default.svc              = NODATA  ~ the empty address is taken for a host name: CNAME .
    CNAME pending.default.svc              = NODATA  ~ the empty address is taken for a host name: CNAME .
    SRV   pending.default.svc              = NODATA
    SRV   _http._tcp.pending.default.svc   = NODATA

    A     old.default.svc                  = A 10.96.0.14  # spec.clusterIP alone, protocol by default
    SRV   _http._tcp.old.default.svc       = SRV 0 100 80 old.default.svc | old.default.svc A 10.96.0.14 \
                                             ~ it leaves it to the API server to fill in the protocol
    A     node.default.svc                 = A 10.96.0.15
    A     balanced.default.svc             = A 10.96.0.16
    A     web.lost.svc                     = NXDOMAIN  # a namespace without an object
    A     lost.svc                         = NXDOMAIN
    SRV   _p7._tcp.hundred-and-one.default.svc = SRV 0 100 8 hundred-and-one.default.svc \
                                             | hundred-and-one.default.svc A 10.96.0.18

    # letter case: the question comes back as written, the zone in targets too
    A     WEB.Default.SVC.Cluster.LOCAL.   = A 10.96.0.5
    AAAA  WEB.Default.SVC.Cluster.LOCAL.   = NODATA
    SRV   _Http._tcp.Web.default.svc.cLUSTER.local. = SRV 0 100 80 web.default.svc.cLUSTER.local. \
                                             | web.default.svc.cLUSTER.local. A 10.96.0.5
    A     Ghost.default.svc.CLUSTER.local. = NXDOMAIN

    # wildcards are ordinary labels
    A     *.web.default.svc                = NXDOMAIN
    A     any.default.svc                  = NXDOMAIN
    SRV   *._tcp.web.default.svc           = NXDOMAIN
    A     web.*.svc                        = NXDOMAIN
  `,
};

export const DUAL_STACK: CaseGroup = {
  name: 'dual stack and IPv6',
  options: { ttlSeconds: 5 },
  objects: [
    namespace('prod'),
    clusterIp('prod/both', '10.96.1.1 fd00::1:1', 'a:1/TCP b:2/UDP'),
    clusterIp('prod/six-first', 'fd00::1:2 10.96.1.2', 'http:80/TCP'),
    clusterIp('prod/six', 'fd00:0:0:0::1:3', 'http:80/TCP'),
  ],
  ask: `
    A    both.prod.svc                = A 10.96.1.1
    AAAA both.prod.svc                = AAAA fd00::1:1
    SRV  both.prod.svc                = SRV 0 25 1 both.prod.svc ; SRV 0 25 2 both.prod.svc \
                                        | both.prod.svc A 10.96.1.1 ; both.prod.svc AAAA fd00::1:1
    SRV  _a._tcp.both.prod.svc        = SRV 0 50 1 both.prod.svc | both.prod.svc A 10.96.1.1 ; both.prod.svc AAAA fd00::1:1
    A    _b._udp.both.prod.svc        = A 10.96.1.1
    AAAA _b._udp.both.prod.svc        = AAAA fd00::1:1
    A    six-first.prod.svc           = A 10.96.1.2
    AAAA six-first.prod.svc           = AAAA fd00::1:2
    A    six.prod.svc                 = NODATA
    AAAA six.prod.svc                 = AAAA fd00::1:3
    SRV  _http._tcp.six.prod.svc      = SRV 0 100 80 six.prod.svc | six.prod.svc AAAA fd00::1:3
    A    _http._tcp.six.prod.svc      = NODATA
    AAAA ghost.prod.svc               = NXDOMAIN
    PTR  1.1.96.10.in-addr.arpa.      = PTR both.prod.svc
    PTR  1.0.0.0.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa. = PTR both.prod.svc
    PTR  3.0.0.0.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.D.F.IP6.ARPA. = PTR six.prod.svc  ~ the address is compared as text
  `,
};

/** CoreDNS takes port names without underscores, and a bare one for any; the specification names neither. */
export const REQUIRED_UNDERSCORES: CaseGroup = {
  name: 'port and protocol have their underscores, and none means any',
  objects: [
    namespace('default'),
    clusterIp('default/web', '10.96.0.5', 'http:80/TCP https:443/TCP'),
    clusterIp('default/unnamed', '10.96.0.11', ':8080/TCP'),
    headless('default/six', 'http:80/TCP'),
    slice('default/six-1', 'six', 'http:80/TCP', ['fd00::6']),
  ],
  ask: `
    SRV   http.tcp.web.default.svc       = NXDOMAIN  ~ underscores are optional there, a bare one means any
    A     http.tcp.web.default.svc       = NXDOMAIN  ~ underscores are optional there, a bare one means any
    A     _http.tcp.web.default.svc      = NXDOMAIN  ~ underscores are optional there, a bare one means any
    A     http._tcp.web.default.svc      = NXDOMAIN  ~ underscores are optional there, a bare one means any
    SRV   _._tcp.web.default.svc         = NXDOMAIN  ~ underscores are optional there, a bare one means any
    SRV   _https._.web.default.svc       = NXDOMAIN  ~ underscores are optional there, a bare one means any
    A     _._.web.default.svc            = NXDOMAIN  ~ underscores are optional there, a bare one means any
    A     _._tcp.unnamed.default.svc     = NXDOMAIN  ~ underscores are optional there, a bare one means any
    SRV   http.tcp.six.default.svc       = NXDOMAIN  ~ underscores are optional there, a bare one means any
  `,
};
