/** Options that change data: sections 14 and 15 of the records' reference. */
import type { CaseGroup } from './case-format.ts';
import { clusterIp, externalName, headless, namespace, pod, slice } from './objects.ts';

const OBJECTS = [
  namespace('prod', { tier: 'gold', env: 'prod' }),
  namespace('test', { tier: 'tin', env: 'test' }),
  namespace('bare'),
  clusterIp('prod/web', '10.96.0.5', 'http:80/TCP', { app: 'web' }),
  slice('prod/web-1', 'web', 'http:8080/TCP', ['10.1.0.5'], { app: 'web' }),
  clusterIp('prod/empty', '10.96.0.6', 'http:80/TCP', { app: 'empty' }),
  slice('prod/empty-1', 'empty', 'http:80/TCP', ['10.1.0.6 unready'], { app: 'empty' }),
  clusterIp('prod/unsliced', '10.96.0.7', 'http:80/TCP', { app: 'web' }),
  headless('prod/db', 'pg:5432/TCP', { app: 'db' }),
  slice('prod/db-1', 'db', 'pg:5432/TCP', ['10.1.0.8 host=db-0'], { app: 'db' }),
  externalName('prod/ext', 'example.com'),
  clusterIp('test/web', '10.96.1.5', 'http:80/TCP', { app: 'web' }),
  slice('test/web-1', 'web', 'http:8080/TCP', ['10.1.1.5'], { app: 'web' }),
  clusterIp('bare/web', '10.96.2.5', 'http:80/TCP'),
  pod('prod/one', '10.1.0.5', { labels: { app: 'web' } }),
  pod('prod/two', '10.1.0.9'),
];

export const IGNORE_EMPTY_SERVICE: CaseGroup = {
  name: 'ignore empty_service',
  options: { ignoreEmptyService: true },
  objects: OBJECTS,
  ask: `
    A    web.prod.svc               = A 10.96.0.5
    AAAA web.prod.svc               = NODATA
    A    empty.prod.svc             = NXDOMAIN
    AAAA empty.prod.svc             = NXDOMAIN
    TXT  empty.prod.svc             = NXDOMAIN
    SRV  empty.prod.svc             = NXDOMAIN
    SRV  _http._tcp.empty.prod.svc  = NXDOMAIN
    A    _tcp.empty.prod.svc        = NXDOMAIN
    A    unsliced.prod.svc          = NXDOMAIN
    A    10-1-0-5.web.prod.svc      = A 10.1.0.5
    A    db.prod.svc                = A 10.1.0.8
    A    ext.prod.svc               = CNAME example.com.
    A    prod.svc                   = NODATA
    PTR  6.0.96.10.in-addr.arpa.    = PTR empty.prod.svc  # the option is about the Service's own name
  `,
};

export const NO_ENDPOINTS: CaseGroup = {
  name: 'noendpoints',
  options: { noEndpoints: true, localAddresses: ['10.1.0.5'] },
  objects: OBJECTS,
  ask: `
    A    web.prod.svc            = A 10.96.0.5
    SRV  _http._tcp.web.prod.svc = SRV 0 100 80 web.prod.svc | web.prod.svc A 10.96.0.5
    A    10-1-0-5.web.prod.svc   = NXDOMAIN
    A    db.prod.svc             = NXDOMAIN
    SRV  _pg._tcp.db.prod.svc    = NXDOMAIN
    A    db-0.db.prod.svc        = NXDOMAIN
    PTR  5.0.96.10.in-addr.arpa. = PTR web.prod.svc
    PTR  5.0.1.10.in-addr.arpa.  = NXDOMAIN
    PTR  8.0.1.10.in-addr.arpa.  = NXDOMAIN
    NS   @                       = NS ns.dns | ns.dns A 10.1.0.5  ~ with \`bind\` it finds no address of its own
    A    empty.prod.svc          = A 10.96.0.6
  `,
};

export const NAMESPACES: CaseGroup = {
  name: 'namespaces',
  options: { namespaces: ['prod', 'absent'] },
  objects: OBJECTS,
  ask: `
    A    web.prod.svc            = A 10.96.0.5
    A    web.PROD.svc            = A 10.96.0.5
    A    prod.svc                = NODATA
    A    web.test.svc            = NXDOMAIN
    A    test.svc                = NXDOMAIN
    TXT  test.svc                = NXDOMAIN
    A    absent.svc              = NXDOMAIN  # exposed, but there is no such namespace
    A    10-1-0-5.test.pod       = NXDOMAIN
    A    10-1-0-5.prod.pod       = A 10.1.0.5
    A    test.pod                = NXDOMAIN
    PTR  5.0.96.10.in-addr.arpa. = PTR web.prod.svc
    PTR  5.1.96.10.in-addr.arpa. = NXDOMAIN
    PTR  5.1.1.10.in-addr.arpa.  = NXDOMAIN
    PTR  5.0.1.10.in-addr.arpa.  = PTR 10-1-0-5.web.prod.svc
    A    svc                     = NODATA
  `,
};

export const NAMESPACE_LABELS: CaseGroup = {
  name: 'namespace_labels',
  options: { namespaceLabels: 'tier in (gold, silver),env=prod' },
  objects: OBJECTS,
  ask: `
    A web.prod.svc = A 10.96.0.5
    A web.test.svc = NXDOMAIN
    A test.svc     = NXDOMAIN
    A bare.svc     = NXDOMAIN
    A web.bare.svc = NXDOMAIN
    A prod.pod     = NODATA
    A bare.pod     = NXDOMAIN
  `,
};

export const NAMESPACE_LABEL_ABSENT: CaseGroup = {
  name: 'namespace_labels: a label that must be absent, one that must be there',
  options: { namespaceLabels: '!tier' },
  objects: OBJECTS,
  ask: `
    A web.bare.svc = A 10.96.2.5
    A web.prod.svc = NXDOMAIN
    A bare.svc     = NODATA
    A test.svc     = NXDOMAIN
  `,
};

export const LABELS: CaseGroup = {
  name: 'labels',
  options: { labels: 'app in (web, db)', pods: 'verified' },
  objects: OBJECTS,
  ask: `
    A    web.prod.svc            = A 10.96.0.5
    A    10-1-0-5.web.prod.svc   = A 10.1.0.5
    A    db.prod.svc             = A 10.1.0.8
    A    empty.prod.svc          = NXDOMAIN
    A    ext.prod.svc            = NXDOMAIN
    A    web.bare.svc            = NXDOMAIN
    A    bare.svc                = NODATA  # namespaces are not filtered
    A    10-1-0-5.prod.pod       = A 10.1.0.5
    A    10-1-0-9.prod.pod       = NXDOMAIN
    PTR  6.0.96.10.in-addr.arpa. = NXDOMAIN
    PTR  5.2.96.10.in-addr.arpa. = NXDOMAIN
  `,
};

const ENT = 'NXDOMAIN although names below it exist';
const ZONAL_OBJECTS = [
  namespace('default'),
  headless('default/db', 'pg:5432/TCP'),
  slice('default/db-4', 'db', 'pg:5432/TCP', [
    '10.1.0.1 zone=west-2a host=db-0',
    '10.1.0.2 zone=West-2B',
    '10.1.0.3 zone=west-2b',
    '10.1.0.4',
  ]),
  slice('default/db-6', 'db', 'pg:5432/TCP', ['fd00::6 zone=six', 'fd00::9 zone=dark unready']),
  headless('default/dotted', 'x:1/TCP'),
  slice('default/dotted-1', 'dotted', 'x:1/TCP', ['10.1.1.1 zone=rack.row.hall']),
  headless('default/none', 'x:1/TCP'),
  clusterIp('default/web', '10.96.0.5', 'http:80/TCP'),
  slice('default/web-1', 'web', 'http:80/TCP', ['10.1.2.1 zone=west-2a']),
  externalName('default/ext', 'example.com'),
];

export const ZONAL: CaseGroup = {
  name: 'zonal',
  options: { zonal: true },
  objects: ZONAL_OBJECTS,
  ask: `
    A    west-2a.pin._zone.db.default.svc = A 10.1.0.1
    A    west-2b.pin._zone.db.default.svc = A 10.1.0.2 ; A 10.1.0.3
    A    WEST-2B.PIN._ZONE.db.default.svc = A 10.1.0.2 ; A 10.1.0.3
    AAAA west-2b.pin._zone.db.default.svc = NODATA
    A    six.pin._zone.db.default.svc     = NODATA
    AAAA six.pin._zone.db.default.svc     = AAAA fd00::6
    A    moon.pin._zone.db.default.svc    = NODATA
    TXT  moon.pin._zone.db.default.svc    = NODATA
    SRV  moon.pin._zone.db.default.svc    = NODATA
    A    dark.pin._zone.db.default.svc    = NODATA  # no ready endpoint there
    SRV  west-2b.pin._zone.db.default.svc = SRV 0 50 5432 10-1-0-2.db.default.svc ; SRV 0 50 5432 10-1-0-3.db.default.svc \
                                            | 10-1-0-2.db.default.svc A 10.1.0.2 ; 10-1-0-3.db.default.svc A 10.1.0.3
    SRV  west-2a.pin._zone.db.default.svc = SRV 0 100 5432 db-0.db.default.svc | db-0.db.default.svc A 10.1.0.1
    A    west-2a.prefer._zone.db.default.svc = A 10.1.0.1
    A    six.prefer._zone.db.default.svc  = NODATA
    A    moon.prefer._zone.db.default.svc = A 10.1.0.1 ; A 10.1.0.2 ; A 10.1.0.3 ; A 10.1.0.4
    AAAA moon.prefer._zone.db.default.svc = AAAA fd00::6
    TXT  moon.prefer._zone.db.default.svc = NODATA
    SRV  moon.prefer._zone.db.default.svc = SRV 0 20 5432 db-0.db.default.svc ; SRV 0 20 5432 10-1-0-2.db.default.svc ; \
                                            SRV 0 20 5432 10-1-0-3.db.default.svc ; SRV 0 20 5432 10-1-0-4.db.default.svc ; \
                                            SRV 0 20 5432 fd00--6.db.default.svc \
                                            | db-0.db.default.svc A 10.1.0.1 ; 10-1-0-2.db.default.svc A 10.1.0.2 ; \
                                            10-1-0-3.db.default.svc A 10.1.0.3 ; 10-1-0-4.db.default.svc A 10.1.0.4 ; \
                                            fd00--6.db.default.svc AAAA fd00::6
    A    rack.row.hall.pin._zone.dotted.default.svc = A 10.1.1.1
    A    row.hall.pin._zone.dotted.default.svc      = NODATA
    A    hall.prefer._zone.dotted.default.svc       = A 10.1.1.1
    A    a.b.c.d.e.prefer._zone.dotted.default.svc  = A 10.1.1.1
    A    west-2a.florp._zone.db.default.svc = NXDOMAIN
    A    west-2a.pin._zones.db.default.svc  = NXDOMAIN
    A    west-2a.pin._zone.ghost.default.svc = NXDOMAIN
    A    west-2a.pin._zone.web.default.svc  = NXDOMAIN  # headless Services only
    A    west-2a.prefer._zone.web.default.svc = NXDOMAIN
    A    west-2a.pin._zone.ext.default.svc  = NXDOMAIN
    A    _zone.db.default.svc               = NODATA  ~ ${ENT}
    A    pin._zone.db.default.svc           = NODATA  ~ ${ENT}
    A    prefer._zone.db.default.svc        = NODATA  ~ ${ENT}
    SRV  prefer._zone.db.default.svc        = NODATA  ~ ${ENT}
    A    florp._zone.db.default.svc         = NXDOMAIN
    A    _zone.web.default.svc              = NXDOMAIN
    A    pin._zone.web.default.svc          = NXDOMAIN
    A    west-2a.pin._zone.none.default.svc = NXDOMAIN  ~ NODATA although none.default.svc is NXDOMAIN
    A    moon.prefer._zone.none.default.svc = NXDOMAIN  ~ NODATA although none.default.svc is NXDOMAIN
    A    _zone.none.default.svc             = NXDOMAIN
    A    db.default.svc                     = A 10.1.0.1 ; A 10.1.0.2 ; A 10.1.0.3 ; A 10.1.0.4
    SRV  _pg._tcp.none.default.svc          = NXDOMAIN
    A    x.y.z.db.default.svc               = NXDOMAIN
    A    west-2a.pin._zone.db.default.pod   = NXDOMAIN
  `,
};

export const ZONAL_OFF: CaseGroup = {
  name: 'zone-scoped names without the option',
  objects: ZONAL_OBJECTS,
  ask: `
    A west-2a.pin._zone.db.default.svc = NXDOMAIN
    A moon.prefer._zone.db.default.svc = NXDOMAIN
    A pin._zone.db.default.svc         = NXDOMAIN
    A _zone.db.default.svc             = NXDOMAIN
  `,
};
