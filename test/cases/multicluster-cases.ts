/** Services of other clusters: section 17 of the records' reference. */
import type { CaseGroup } from './case-format.ts';
import { clusterIp, headless, importedSlice, namespace, pod, serviceImport, slice } from './objects.ts';

const ENT = 'NXDOMAIN although names below it exist';
const ZONES = ['cluster.local', 'clusterset.local', 'in-addr.arpa'];

const OBJECTS = [
  namespace('shop'),
  namespace('other'),
  serviceImport('shop/web', '10.42.0.1', 'http:80/TCP https:443/TCP'),
  importedSlice('shop/web-east', 'web', 'east', 'http:8080/TCP', ['172.16.0.1 host=web-0']),
  serviceImport('shop/dual', '10.42.0.2 fd42::2', 'http:80/TCP'),
  serviceImport('shop/pending', '', 'http:80/TCP'),
  serviceImport('shop/portless', '10.42.0.3'),
  serviceImport('shop/db', 'headless', 'pg:5432/TCP'),
  importedSlice('shop/db-east', 'db', 'east', 'pg:5432/TCP', [
    '172.16.1.1 host=db-0',
    '172.16.1.2',
    '172.16.1.3 unready',
  ]),
  importedSlice('shop/db-west', 'db', 'west', 'pg:5432/TCP', ['172.17.1.1 host=db-0', '172.17.1.4 host=db-0 pod=db-x']),
  importedSlice('shop/db-west6', 'db', 'west', 'pg:5432/TCP', ['fd17::1 host=db-0']),
  importedSlice('shop/orphan-1', 'orphan', 'east', 'pg:5432/TCP', ['172.16.9.1']),
  serviceImport('shop/none', 'headless', 'pg:5432/TCP'),
  serviceImport('shop/anonymous', 'headless', 'pg:5432/TCP'),
  importedSlice('shop/anonymous-1', 'anonymous', '', 'pg:5432/TCP', ['172.16.2.1 host=a-0']),
  serviceImport('nowhere/web', '10.42.0.9', 'http:80/TCP'),
  clusterIp('shop/web', '10.96.0.21', 'http:80/TCP'),
  slice('shop/web-1', 'web', 'http:8080/TCP', ['10.1.0.1']),
  headless('shop/local', 'pg:5432/TCP'),
  slice('shop/local-1', 'local', 'pg:5432/TCP', ['172.16.1.1']),
  pod('shop/one', '10.1.0.1'),
];

export const MULTICLUSTER: CaseGroup = {
  name: 'multicluster: imported Services',
  options: { zones: ZONES, multiclusterZones: ['clusterset.local'], ttlSeconds: 5 },
  zone: 'clusterset.local',
  objects: OBJECTS,
  ask: `
    A     web.shop.svc            = A 10.42.0.1
    A     WEB.shop.SVC            = A 10.42.0.1
    AAAA  web.shop.svc            = NODATA
    TXT   web.shop.svc            = NODATA
    SRV   _http._tcp.web.shop.svc = SRV 0 100 80 web.shop.svc | web.shop.svc A 10.42.0.1
    SRV   web.shop.svc            = SRV 0 50 80 web.shop.svc ; SRV 0 50 443 web.shop.svc | web.shop.svc A 10.42.0.1
    SRV   _http._udp.web.shop.svc = NXDOMAIN
    A     _tcp.web.shop.svc       = NODATA     ~ ${ENT}
    A     web-0.east.web.shop.svc = A 172.16.0.1  # as in the cluster, endpoints of a ClusterIP Service have names
    A     web-0.web.shop.svc      = NXDOMAIN
    A     dual.shop.svc           = A 10.42.0.2
    AAAA  dual.shop.svc           = AAAA fd42::2
    SRV   _http._tcp.dual.shop.svc = SRV 0 50 80 dual.shop.svc | dual.shop.svc A 10.42.0.2 ; dual.shop.svc AAAA fd42::2
    A     pending.shop.svc        = NODATA     # no address is allocated
    A     portless.shop.svc       = A 10.42.0.3  ~ NXDOMAIN: a Service without ports is not found
    A     db.shop.svc             = A 172.16.1.1 ; A 172.16.1.2 ; A 172.17.1.1 ; A 172.17.1.4
    AAAA  db.shop.svc             = AAAA fd17::1
    SRV   _pg._tcp.db.shop.svc    = SRV 0 20 5432 db-0.east.db.shop.svc ; SRV 0 20 5432 172-16-1-2.east.db.shop.svc ; \
                                    SRV 0 20 5432 db-0.west.db.shop.svc \
                                    | db-0.east.db.shop.svc A 172.16.1.1 ; 172-16-1-2.east.db.shop.svc A 172.16.1.2 ; \
                                    db-0.west.db.shop.svc A 172.17.1.1 ; db-0.west.db.shop.svc A 172.17.1.4 ; \
                                    db-0.west.db.shop.svc AAAA fd17::1
    A     db-0.east.db.shop.svc   = A 172.16.1.1
    A     db-0.EAST.db.shop.svc   = A 172.16.1.1
    A     db-0.west.db.shop.svc   = A 172.17.1.1 ; A 172.17.1.4
    AAAA  db-0.west.db.shop.svc   = AAAA fd17::1
    SRV   db-0.east.db.shop.svc   = SRV 0 100 5432 db-0.east.db.shop.svc | db-0.east.db.shop.svc A 172.16.1.1
    A     172-16-1-2.east.db.shop.svc = A 172.16.1.2
    A     172-16-1-2.west.db.shop.svc = NXDOMAIN
    A     172-16-1-3.east.db.shop.svc = NXDOMAIN
    A     db-0.db.shop.svc        = NXDOMAIN
    A     east.db.shop.svc        = NXDOMAIN   # a cluster has no name
    A     db-0.north.db.shop.svc  = NXDOMAIN
    A     x.db-0.east.db.shop.svc = NXDOMAIN
    A     none.shop.svc           = NXDOMAIN
    A     anonymous.shop.svc      = A 172.16.2.1
    A     a-0.anonymous.shop.svc  = NXDOMAIN
    A     orphan.shop.svc         = NXDOMAIN
    A     local.shop.svc          = NXDOMAIN   # not imported
    A     web.nowhere.svc         = NXDOMAIN   # the Namespace is not here
    A     nowhere.svc             = NXDOMAIN
    A     shop.svc                = NODATA
    A     other.svc               = NODATA
    A     svc                     = NODATA
    A     pod                     = NODATA
    A     10-9-9-9.shop.pod       = A 10.9.9.9
    A     foo                     = NXDOMAIN
    TXT   dns-version             = 28800 TXT "1.1.0"
    SOA   @                       = SOA
    SOA   web.shop.svc            = NODATA
    A     web.shop.svc.cluster.local. = A 10.96.0.21
    A     db.shop.svc.cluster.local.  = NXDOMAIN  # imported only
    A     10-1-0-1.web.shop.svc.cluster.local. = A 10.1.0.1
    PTR   1.1.16.172.in-addr.arpa. = PTR 172-16-1-1.local.shop.svc.cluster.local.  # the local name
    PTR   2.1.16.172.in-addr.arpa. = NXDOMAIN
    PTR   1.0.42.10.in-addr.arpa.  = NXDOMAIN
  `,
};

export const MULTICLUSTER_OPTIONS: CaseGroup = {
  name: 'multicluster: other options',
  options: {
    zones: ZONES,
    multiclusterZones: ['clusterset.local'],
    noEndpoints: true,
    ignoreEmptyService: true,
    endpointPodNames: true,
    zonal: false,
    pods: 'verified',
    labels: 'team=a',
    localAddresses: ['203.0.113.53'],
  },
  zone: 'clusterset.local',
  objects: [
    namespace('shop'),
    serviceImport('shop/full', '10.42.0.1', 'http:80/TCP'),
    withLabel(importedSlice('shop/full-1', 'full', 'east', 'http:80/TCP', ['172.16.0.1 pod=full-x'])),
    serviceImport('shop/empty', '10.42.0.2', 'http:80/TCP'),
    withLabel(importedSlice('shop/empty-1', 'empty', 'east', 'http:80/TCP', ['172.16.0.2 unready'])),
    serviceImport('shop/filtered', 'headless', 'http:80/TCP'),
    importedSlice('shop/filtered-1', 'filtered', 'east', 'http:80/TCP', ['172.16.0.3']),
    pod('shop/one', '10.1.0.1', { labels: { team: 'a' } }),
  ],
  ask: `
    A     full.shop.svc             = A 10.42.0.1  # noendpoints is not about imported slices
    A     full-x.east.full.shop.svc = A 172.16.0.1
    A     empty.shop.svc            = NXDOMAIN
    A     filtered.shop.svc         = NXDOMAIN     # labels are asked of slices, not of imports
    A     10-1-0-1.shop.pod         = A 10.1.0.1
    A     10-1-0-2.shop.pod         = NXDOMAIN
    A     ns.dns                    = A 203.0.113.53
    NS    @                         = NS ns.dns | ns.dns A 203.0.113.53  ~ with \`bind\` it finds no address of its own
  `,
};

function withLabel<Slice extends { readonly metadata: { readonly labels?: Readonly<Record<string, string>> } }>(
  one: Slice,
): Slice {
  return { ...one, metadata: { ...one.metadata, labels: { ...one.metadata.labels, team: 'a' } } };
}
