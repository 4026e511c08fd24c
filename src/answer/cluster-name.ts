/** What the labels of a cluster name say, as CoreDNS reads them for its metadata. */
import { presentName } from './name-text.ts';

const POD_OR_SERVICE: readonly string[] = ['pod', 'svc'];
const ZONE_ANCHOR = '_zone';
const ZONE_DIRECTIVES: readonly string[] = ['pin', 'prefer'];

interface ClusterName {
  port: string;
  protocol: string;
  endpoint: string;
  cluster: string;
  zone: string;
  service: string;
  namespace: string;
  kind: string;
}

/** Text of `kubernetes/parse-error`. */
const INVALID_TEXT = 'invalid query name';

/**
 * The value of `kubernetes/FIELD`.
 *
 * @param name       wire form, lower-cased
 * @param zoneStart  where its zone begins
 * @returns undefined if nothing is known: no such field, or the name is none of a cluster
 */
export function clusterNameValue(
  name: Uint8Array,
  zoneStart: number,
  field: string,
  isMulticluster: boolean,
  isZonal: boolean,
): string | undefined {
  const parsed = parseClusterName(labelsOf(name, zoneStart), isMulticluster, isZonal);
  if (parsed === undefined) return field === 'parse-error' ? INVALID_TEXT : undefined;
  switch (field) {
    case 'port-name':
      return parsed.port;
    case 'protocol':
      return parsed.protocol;
    case 'endpoint':
      return parsed.endpoint;
    case 'service':
      return parsed.service;
    case 'namespace':
      return parsed.namespace;
    case 'kind':
      return parsed.kind;
    case 'cluster':
      return isMulticluster ? parsed.cluster : undefined;
    case 'zone':
      return isZonal ? parsed.zone : undefined;
    default:
      return undefined;
  }
}

/** @param labels  left of the zone @returns undefined if they are none of a cluster name */
function parseClusterName(
  labels: readonly string[],
  isMulticluster: boolean,
  isZonal: boolean,
): ClusterName | undefined {
  const name: ClusterName = {
    port: '',
    protocol: '',
    endpoint: '',
    cluster: '',
    zone: '',
    service: '',
    namespace: '',
    kind: '',
  };
  const [kind, namespace, service, ...rest] = labels.toReversed();
  // The zone itself, and what is directly below it, has no parts yet.
  if (kind === undefined || (namespace === undefined && POD_OR_SERVICE.includes(kind))) return name;
  name.kind = kind;
  if (!POD_OR_SERVICE.includes(kind)) return undefined;
  name.namespace = namespace ?? '';
  name.service = service ?? '';
  const [last, before, ...more] = rest;
  if (last === undefined) return name;
  if (before === undefined) return { ...name, endpoint: last };
  if (more.length > 0) {
    const isZoneName = isZonal && !isMulticluster && last === ZONE_ANCHOR && kind === 'svc';
    if (!isZoneName || !ZONE_DIRECTIVES.includes(before)) return undefined;
    return { ...name, zone: more.toReversed().join('.') };
  }
  if (isMulticluster && !last.startsWith('_') && !before.startsWith('_')) {
    return { ...name, cluster: last, endpoint: before };
  }
  return { ...name, protocol: last.replace(/^_/, ''), port: before.replace(/^_/, '') };
}

function labelsOf(name: Uint8Array, end: number): readonly string[] {
  const labels: string[] = [];
  for (let at = 0; at < end; at += 1 + name[at]!) {
    const label = new Uint8Array(name[at]! + 2);
    label.set(name.subarray(at, at + 1 + name[at]!));
    labels.push(presentName(label, 0).slice(0, -1));
  }
  return labels;
}
