/** Names of pods: section 8 of the records' reference. */
import type { CaseGroup } from './case-format.ts';
import { clusterIp, namespace, pod } from './objects.ts';

const EXTRA_LABELS = 'one or two labels to the left of the address are ignored';

const OBJECTS = [
  namespace('default'),
  namespace('empty'),
  clusterIp('default/web', '10.96.0.5', 'http:80/TCP'),
  pod('default/one', '10.1.0.1 fd01::1'),
  pod('default/upper', 'FD01::2'),
  pod('default/done', '10.1.0.3', { phase: 'Succeeded' }),
  pod('default/failed', '10.1.0.4', { phase: 'Failed' }),
  pod('default/lost', '10.1.0.5', { phase: 'Unknown' }),
  pod('default/waiting', '10.1.0.6', { phase: 'Pending' }),
  pod('default/leaving', '10.1.0.7', { deleted: true }),
  pod('default/host-a', '192.0.2.1'),
  pod('default/host-b', '192.0.2.1'),
  pod('ghost/one', '10.1.0.9'),
];

export const PODS_DISABLED: CaseGroup = {
  name: 'pods disabled',
  options: { pods: 'disabled' },
  objects: OBJECTS,
  ask: `
    A    10-1-0-1.default.pod = NXDOMAIN
    AAAA fd01--1.default.pod  = NXDOMAIN
    A    default.pod          = NXDOMAIN
    A    ghost.pod            = NXDOMAIN
    A    pod                  = NODATA
    TXT  default.pod          = NXDOMAIN
    A    x.10-1-0-1.default.pod = NXDOMAIN
  `,
};

export const PODS_INSECURE: CaseGroup = {
  name: 'pods insecure',
  options: { pods: 'insecure' },
  objects: OBJECTS,
  ask: `
    A    10-1-0-1.default.pod       = A 10.1.0.1
    A    203-0-113-9.default.pod    = A 203.0.113.9  # no pod needed
    AAAA 10-1-0-1.default.pod       = NODATA
    TXT  10-1-0-1.default.pod       = NODATA
    SRV  10-1-0-1.default.pod       = NODATA  ~ an SRV record with port 0
    HTTPS 10-1-0-1.default.pod      = NODATA
    A    10-1-0-1.DEFAULT.pod       = A 10.1.0.1
    A    0-0-0-0.default.pod        = A 0.0.0.0
    A    255-255-255-255.default.pod = A 255.255.255.255
    A    256-0-0-1.default.pod      = NXDOMAIN
    A    10-1-0.default.pod         = NXDOMAIN
    A    10-1-0-1-1.default.pod     = NXDOMAIN
    A    010-1-0-1.default.pod      = NXDOMAIN  # a zero in front is no address
    A    10--1-0.default.pod        = NODATA    # reads as the IPv6 address 10::1:0
    AAAA 10--1-0.default.pod        = AAAA 10::1:0
    AAAA fd01--1.default.pod        = AAAA fd01::1
    AAAA FD01--1.default.pod        = AAAA fd01::1
    A    fd01--1.default.pod        = NODATA
    AAAA fd01-0-0-0-0-0-0-1.default.pod = AAAA fd01::1
    AAAA --1.default.pod            = AAAA ::1
    AAAA 2001-db8--.default.pod     = AAAA 2001:db8::
    AAAA fd01--1--2.default.pod     = NXDOMAIN
    AAAA 1-2-3-4-5-6-7-8-9.default.pod = NXDOMAIN
    AAAA fd01--12345.default.pod    = NXDOMAIN
    A    web.default.pod            = NXDOMAIN
    A    10-1-0-1.ghost.pod         = NXDOMAIN  # the namespace must exist
    A    10-1-0-1.empty.pod         = A 10.1.0.1
    A    default.pod                = NODATA
    TXT  default.pod                = NODATA  ~ TXT at an empty non-terminal is NXDOMAIN
    A    ghost.pod                  = NXDOMAIN
    A    pod                        = NODATA
    A    x.10-1-0-1.default.pod     = NXDOMAIN  ~ ${EXTRA_LABELS}
    A    x.y.10-1-0-1.default.pod   = NXDOMAIN  ~ ${EXTRA_LABELS}
    A    x.y.z.10-1-0-1.default.pod = NXDOMAIN
    A    10.1.0.1.default.pod       = NXDOMAIN
    PTR  1.0.1.10.in-addr.arpa.     = NXDOMAIN  # pods have no reverse names
  `,
};

export const PODS_VERIFIED: CaseGroup = {
  name: 'pods verified',
  options: { pods: 'verified' },
  objects: OBJECTS,
  ask: `
    A    10-1-0-1.default.pod    = A 10.1.0.1
    AAAA 10-1-0-1.default.pod    = NODATA
    AAAA fd01--1.default.pod     = AAAA fd01::1
    AAAA FD01--1.default.pod     = AAAA fd01::1
    A    fd01--1.default.pod     = NODATA
    AAAA fd01-0-0-0-0-0-0-1.default.pod = NXDOMAIN  # compared as text
    A    203-0-113-9.default.pod = NXDOMAIN
    A    10-1-0-1.empty.pod      = NXDOMAIN  # of another namespace
    A    10-1-0-3.default.pod    = NXDOMAIN  # Succeeded
    A    10-1-0-4.default.pod    = NXDOMAIN  # Failed
    A    10-1-0-5.default.pod    = NXDOMAIN  # Unknown
    A    10-1-0-6.default.pod    = A 10.1.0.6
    A    10-1-0-7.default.pod    = NXDOMAIN  # already being deleted when it is first seen
    A    192-0-2-1.default.pod   = A 192.0.2.1  # shared by two pods
    A    10-1-0-9.ghost.pod      = NXDOMAIN
    A    default.pod             = NODATA
    A    empty.pod               = NODATA
    A    ghost.pod               = NXDOMAIN
    A    one.default.pod         = NXDOMAIN
    A    x.10-1-0-1.default.pod  = NXDOMAIN  ~ ${EXTRA_LABELS}
  `,
};
