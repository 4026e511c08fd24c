/** Names at the limits of DNS, odd octets in labels. */
import type { CaseGroup } from './case-format.ts';
import { clusterIp, headless, namespace, slice } from './objects.ts';

const L63 = 'x'.repeat(63);
const N63 = 'n'.repeat(63);

export const NAME_LIMITS: CaseGroup = {
  name: 'long and odd names',
  objects: [
    namespace(N63),
    namespace('default'),
    clusterIp(`${N63}/${L63}`, '10.96.9.1', 'http:80/TCP'),
    headless(`${N63}/db`, 'pg:5432/TCP'),
    slice(`${N63}/db-1`, 'db', 'pg:5432/TCP', [`10.9.0.1 host=${L63}`]),
    clusterIp('default/web', '10.96.0.5', 'http:80/TCP'),
  ],
  ask: `
    A   ${L63}.${N63}.svc            = A 10.96.9.1
    SRV _http._tcp.${L63}.${N63}.svc = SRV 0 100 80 ${L63}.${N63}.svc | ${L63}.${N63}.svc A 10.96.9.1
    A   ${L63}.db.${N63}.svc         = A 10.9.0.1
    SRV _pg._tcp.db.${N63}.svc       = SRV 0 100 5432 ${L63}.db.${N63}.svc | ${L63}.db.${N63}.svc A 10.9.0.1
    A   ${L63}.${L63}.${L63}.${'y'.repeat(47)} = NXDOMAIN  # 255 octets
    A   ${L63}.${L63}.${L63}.${'y'.repeat(43)}.svc = NXDOMAIN
    A   ${'a.'.repeat(119)}b         = NXDOMAIN  # as many labels as there can be: 255 octets
    A   ${L63}.default.svc           = NXDOMAIN
    A   we\\000b.default.svc         = NXDOMAIN
    A   we\\.b.default.svc           = NXDOMAIN
    A   \\255\\254.default.svc       = NXDOMAIN
    A   web\\032.default.svc         = NXDOMAIN
    A   web.default\\.svc            = NXDOMAIN  # one label, not two
    A   web.default.svc.cluster\\.local. = REFUSED
    A   ${'web.'.repeat(20)}default.svc = NXDOMAIN
  `,
};
