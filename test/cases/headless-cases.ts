/** Headless Services and their endpoints: sections 2, 5, 6 of the records' reference. */
import type { CaseGroup } from './case-format.ts';
import { clusterIp, headless, namespace, slice } from './objects.ts';

export const HEADLESS: CaseGroup = {
  name: 'headless services',
  objects: [
    namespace('default'),
    headless('default/plain', 'http:80/TCP'),
    slice('default/plain-4', 'plain', 'http:8080/TCP', [
      '10.1.0.1',
      '10.1.0.2',
      '10.1.0.3 unready',
      '10.1.0.4 unknown',
    ]),
    slice('default/plain-6', 'plain', 'http:8080/TCP', ['fd00::a', '1234:abcd::', 'fd00::b terminating']),

    headless('default/shared', 'x:1/TCP'),
    slice('default/shared-a', 'shared', 'x:1/TCP', ['10.1.1.1 host=twin', '10.1.1.2 host=twin', '10.1.1.3 host=Solo']),
    slice('default/shared-b', 'shared', 'x:1/TCP', ['fd00::1:1 host=twin']),

    headless('default/six', 'http:80/TCP'),
    slice('default/six-1', 'six', 'http:80/TCP', ['fd00::6']),

    headless('default/portless'),
    slice('default/portless-1', 'portless', '', ['10.1.2.1 host=p0']),

    headless('default/unnamed', ':80/TCP'),
    slice('default/unnamed-1', 'unnamed', ':8080/TCP', ['10.1.3.1']),

    headless('default/gone', 'http:80/TCP'),
    slice('default/gone-1', 'gone', 'http:80/TCP', ['10.1.4.1 unready', '10.1.4.2 terminating']),

    headless('default/mixed', 'a:1/TCP b:2/UDP'),
    slice('default/mixed-1', 'mixed', 'a:1001/TCP b:1002/UDP', ['10.1.5.1', '10.1.5.2']),
    slice('default/mixed-2', 'mixed', 'a:2001/TCP', ['10.1.5.3']),
    slice('default/mixed-3', 'mixed', 'b:1002/UDP', ['10.1.5.1']),

    slice('default/orphan-1', 'orphan', 'http:80/TCP', ['10.1.6.1']),
    clusterIp('default/virtual', '10.96.2.1', 'http:80/TCP'),
    slice('default/virtual-1', 'virtual', 'http:80/TCP', ['10.1.7.1']),
    slice('default/no-owner', '', 'http:80/TCP', ['10.1.8.1']),
  ],
  ask: `
    A    plain.default.svc                 = A 10.1.0.1 ; A 10.1.0.2 ; A 10.1.0.4
    AAAA plain.default.svc                 = AAAA fd00::a ; AAAA 1234:abcd::
    TXT  plain.default.svc                 = NODATA
    CNAME plain.default.svc                = NODATA
    HTTPS plain.default.svc                = NODATA
    ANY  plain.default.svc                 = NODATA
    SRV  _http._tcp.plain.default.svc      = SRV 0 20 8080 10-1-0-1.plain.default.svc ; SRV 0 20 8080 10-1-0-2.plain.default.svc ; \
                                             SRV 0 20 8080 10-1-0-4.plain.default.svc ; SRV 0 20 8080 fd00--a.plain.default.svc ; \
                                             SRV 0 20 8080 1234-abcd--0.plain.default.svc \
                                             | 10-1-0-1.plain.default.svc A 10.1.0.1 ; 10-1-0-2.plain.default.svc A 10.1.0.2 ; \
                                             10-1-0-4.plain.default.svc A 10.1.0.4 ; fd00--a.plain.default.svc AAAA fd00::a ; \
                                             1234-abcd--0.plain.default.svc AAAA 1234:abcd::
    A    _http._tcp.plain.default.svc      = A 10.1.0.1 ; A 10.1.0.2 ; A 10.1.0.4
    AAAA _http._tcp.plain.default.svc      = AAAA fd00::a ; AAAA 1234:abcd::
    SRV  _http._udp.plain.default.svc      = NXDOMAIN
    SRV  _https._tcp.plain.default.svc     = NXDOMAIN
    A    _tcp.plain.default.svc            = NODATA  ~ NXDOMAIN: read as an endpoint
    A    _udp.plain.default.svc            = NXDOMAIN
    A    10-1-0-1.plain.default.svc        = A 10.1.0.1
    AAAA 10-1-0-1.plain.default.svc        = NODATA
    A    10-1-0-3.plain.default.svc        = NXDOMAIN  # not ready
    A    10-1-0-4.plain.default.svc        = A 10.1.0.4  # no condition counts as ready
    AAAA fd00--a.plain.default.svc         = AAAA fd00::a
    AAAA FD00--A.plain.default.svc         = AAAA fd00::a
    A    fd00--a.plain.default.svc         = NODATA
    AAAA 1234-abcd--0.plain.default.svc    = AAAA 1234:abcd::
    AAAA 1234-abcd--.plain.default.svc     = NXDOMAIN
    AAAA fd00--b.plain.default.svc         = NXDOMAIN  # terminating: serving does not keep it
    SRV  10-1-0-1.plain.default.svc        = SRV 0 100 8080 10-1-0-1.plain.default.svc | 10-1-0-1.plain.default.svc A 10.1.0.1
    SRV  _http._tcp.10-1-0-1.plain.default.svc = NXDOMAIN
    A    x.10-1-0-1.plain.default.svc      = NXDOMAIN

    # one hostname, several addresses: one SRV record, all its addresses beside it
    A    twin.shared.default.svc           = A 10.1.1.1 ; A 10.1.1.2
    AAAA twin.shared.default.svc           = AAAA fd00::1:1
    SRV  _x._tcp.shared.default.svc        = SRV 0 25 1 twin.shared.default.svc ; SRV 0 25 1 solo.shared.default.svc \
                                             | twin.shared.default.svc A 10.1.1.1 ; twin.shared.default.svc A 10.1.1.2 ; \
                                             twin.shared.default.svc AAAA fd00::1:1 ; solo.shared.default.svc A 10.1.1.3
    SRV  twin.shared.default.svc           = SRV 0 33 1 twin.shared.default.svc \
                                             | twin.shared.default.svc A 10.1.1.1 ; twin.shared.default.svc A 10.1.1.2 ; \
                                             twin.shared.default.svc AAAA fd00::1:1
    A    solo.shared.default.svc           = A 10.1.1.3
    AAAA solo.shared.default.svc           = NODATA

    A    six.default.svc                   = NODATA  # ready endpoints of the other family only
    AAAA six.default.svc                   = AAAA fd00::6
    A    _http._tcp.six.default.svc        = NODATA

    A    portless.default.svc              = A 10.1.2.1
    SRV  portless.default.svc              = NODATA
    A    p0.portless.default.svc           = A 10.1.2.1
    SRV  p0.portless.default.svc           = NODATA
    SRV  _http._tcp.portless.default.svc   = NXDOMAIN
    A    _tcp.portless.default.svc         = NXDOMAIN

    SRV  unnamed.default.svc               = SRV 0 100 8080 10-1-3-1.unnamed.default.svc | 10-1-3-1.unnamed.default.svc A 10.1.3.1
    A    _tcp.unnamed.default.svc          = NXDOMAIN
    SRV  _8080._tcp.unnamed.default.svc    = NXDOMAIN

    # nothing ready: the name does not exist for any type
    A    gone.default.svc                  = NXDOMAIN
    SRV  gone.default.svc                  = NXDOMAIN
    TXT  gone.default.svc                  = NXDOMAIN
    SOA  gone.default.svc                  = NXDOMAIN  ~ NODATA: SOA below the apex is never NXDOMAIN
    SRV  _http._tcp.gone.default.svc       = NXDOMAIN
    A    _tcp.gone.default.svc             = NXDOMAIN
    A    10-1-4-1.gone.default.svc         = NXDOMAIN

    # several slices with different ports; the weight counts entries before equal ones collapse
    A    mixed.default.svc                 = A 10.1.5.1 ; A 10.1.5.2 ; A 10.1.5.3
    SRV  _a._tcp.mixed.default.svc         = SRV 0 33 1001 10-1-5-1.mixed.default.svc ; SRV 0 33 1001 10-1-5-2.mixed.default.svc ; \
                                             SRV 0 33 2001 10-1-5-3.mixed.default.svc \
                                             | 10-1-5-1.mixed.default.svc A 10.1.5.1 ; 10-1-5-2.mixed.default.svc A 10.1.5.2 ; \
                                             10-1-5-3.mixed.default.svc A 10.1.5.3
    SRV  _b._udp.mixed.default.svc         = SRV 0 33 1002 10-1-5-1.mixed.default.svc ; SRV 0 33 1002 10-1-5-2.mixed.default.svc \
                                             | 10-1-5-1.mixed.default.svc A 10.1.5.1 ; 10-1-5-2.mixed.default.svc A 10.1.5.2
    SRV  mixed.default.svc                 = SRV 0 16 1001 10-1-5-1.mixed.default.svc ; SRV 0 16 1002 10-1-5-1.mixed.default.svc ; \
                                             SRV 0 16 1001 10-1-5-2.mixed.default.svc ; SRV 0 16 1002 10-1-5-2.mixed.default.svc ; \
                                             SRV 0 16 2001 10-1-5-3.mixed.default.svc \
                                             | 10-1-5-1.mixed.default.svc A 10.1.5.1 ; 10-1-5-2.mixed.default.svc A 10.1.5.2 ; \
                                             10-1-5-3.mixed.default.svc A 10.1.5.3
    A    _b._udp.mixed.default.svc         = A 10.1.5.1 ; A 10.1.5.2
    A    _udp.mixed.default.svc            = NODATA  ~ NXDOMAIN: read as an endpoint
    SRV  10-1-5-1.mixed.default.svc        = SRV 0 33 1001 10-1-5-1.mixed.default.svc ; SRV 0 33 1002 10-1-5-1.mixed.default.svc \
                                             | 10-1-5-1.mixed.default.svc A 10.1.5.1
    SRV  10-1-5-3.mixed.default.svc        = SRV 0 100 2001 10-1-5-3.mixed.default.svc | 10-1-5-3.mixed.default.svc A 10.1.5.3

    A    orphan.default.svc                = NXDOMAIN  # a slice without its Service
    A    10-1-6-1.orphan.default.svc       = NXDOMAIN
    A    virtual.default.svc               = A 10.96.2.1
    A    10-1-7-1.virtual.default.svc      = A 10.1.7.1
  `,
};

export const STATEFUL_SET: CaseGroup = {
  name: 'pods of a StatefulSet, not ready ones published',
  options: { ttlSeconds: 60 },
  objects: [
    namespace('data'),
    headless('data/db', 'pg:5432/TCP'),
    slice('data/db-1', 'db', 'pg:5432/TCP', [
      '10.2.0.1 host=db-0 pod=db-0',
      '10.2.0.2 host=db-1 pod=db-1',
      '10.2.0.3 host=db-2 pod=db-2 unready',
    ]),
    // publishNotReadyAddresses: the slice's controller sets ready itself
    headless('data/peers', 'pg:5432/TCP'),
    slice('data/peers-1', 'peers', 'pg:5432/TCP', ['10.2.0.1 host=db-0', '10.2.0.2 host=db-1', '10.2.0.3 host=db-2']),
  ],
  ask: `
    A    db-0.db.data.svc         = A 10.2.0.1
    A    db-1.db.data.svc         = A 10.2.0.2
    A    db-2.db.data.svc         = NXDOMAIN
    AAAA db-2.db.data.svc         = NXDOMAIN
    AAAA db-0.db.data.svc         = NODATA
    A    db-2.peers.data.svc      = A 10.2.0.3
    A    peers.data.svc           = A 10.2.0.1 ; A 10.2.0.2 ; A 10.2.0.3
    A    db.data.svc              = A 10.2.0.1 ; A 10.2.0.2
    SRV  _pg._tcp.db.data.svc     = SRV 0 50 5432 db-0.db.data.svc ; SRV 0 50 5432 db-1.db.data.svc \
                                    | db-0.db.data.svc A 10.2.0.1 ; db-1.db.data.svc A 10.2.0.2
    SRV  _pg._tcp.db-0.db.data.svc = NXDOMAIN
    PTR  1.0.2.10.in-addr.arpa.   = PTR db-0.db.data.svc ; PTR db-0.peers.data.svc
    PTR  3.0.2.10.in-addr.arpa.   = PTR db-2.peers.data.svc
    NS   db-0.db.data.svc         = NODATA
  `,
};

export const ENDPOINT_POD_NAMES: CaseGroup = {
  name: 'endpoint_pod_names',
  options: { endpointPodNames: true },
  objects: [
    namespace('default'),
    headless('default/web', 'http:80/TCP'),
    slice('default/web-1', 'web', 'http:80/TCP', [
      '10.3.0.1 pod=web-7d9f-abcde',
      '10.3.0.2 host=named pod=web-7d9f-fghij',
      '10.3.0.3',
      `10.3.0.4 pod=${'p'.repeat(64)}`,
      `10.3.0.5 pod=${'q'.repeat(63)}`,
    ]),
  ],
  ask: `
    A   web-7d9f-abcde.web.default.svc = A 10.3.0.1
    A   10-3-0-1.web.default.svc       = NXDOMAIN
    A   named.web.default.svc          = A 10.3.0.2
    A   web-7d9f-fghij.web.default.svc = NXDOMAIN
    A   10-3-0-3.web.default.svc       = A 10.3.0.3
    A   10-3-0-4.web.default.svc       = A 10.3.0.4  # a pod name of 64 characters is no label
    A   ${'q'.repeat(63)}.web.default.svc = A 10.3.0.5
    A   10-3-0-5.web.default.svc       = NXDOMAIN
    PTR 1.0.3.10.in-addr.arpa.         = PTR web-7d9f-abcde.web.default.svc
    PTR 2.0.3.10.in-addr.arpa.         = PTR named.web.default.svc
    PTR 4.0.3.10.in-addr.arpa.         = PTR 10-3-0-4.web.default.svc
  `,
};
