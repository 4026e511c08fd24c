/**
 * Relative wire names as binary text (cluster/binary-text.ts), which join by `+` and serve as keys of maps:
 * `\x02db\x07default\x03svc`. They become octets where they leave the record model.
 */
import { PART_SEPARATOR, partsOfLabel } from '../cluster/change-set.ts';
import { LABEL_SIZE_MAX } from '../dns/name.ts';
import { ScratchOctets } from '../memory/scratch-octets.ts';

export const SVC = '\x03svc';
export const POD = '\x03pod';
export const ZONE_LABEL = '\x05_zone';
export const PIN = '\x03pin';
export const PREFER = '\x06prefer';

/** A label with its length octet; undefined if it is empty or too long to be one. */
export function nameOf(label: string): string | undefined {
  return label.length === 0 || label.length > LABEL_SIZE_MAX ? undefined : String.fromCharCode(label.length) + label;
}

/**
 * What stands before the Service's name in an endpoint's: its label and, if it is imported, the source cluster's.
 *
 * @param label  binary text, or importedLabel
 * @returns undefined if one of them is no label: an imported endpoint of no known cluster has no name
 */
export function endpointName(label: string): string | undefined {
  // Few are imported.
  if (!label.includes(PART_SEPARATOR)) return nameOf(label);
  let name = '';
  for (const part of partsOfLabel(label)) {
    const own = nameOf(part);
    if (own === undefined) return undefined;
    name += own;
  }
  return name;
}

/** Several labels at the dots of a text: `eu.west` → `\x02eu\x04west`. */
export function nameOfDotted(text: string): string | undefined {
  let name = '';
  for (const label of text.split('.')) {
    const part = nameOf(label);
    if (part === undefined) return undefined;
    name += part;
  }
  return name;
}

/** `S.N.svc` */
export function serviceName(service: string, namespace: string): string | undefined {
  const first = nameOf(service);
  const second = nameOf(namespace);
  return first === undefined || second === undefined ? undefined : first + second + SVC;
}

/** `_tcp` */
export function protocolName(protocol: string): string | undefined {
  return nameOf(`_${protocol.toLowerCase()}`);
}

/** `_http._tcp`; undefined for a port without name, or with one that leaves no room for the underscore. */
export function portName(port: string, protocol: string): string | undefined {
  const first = port === '' ? undefined : nameOf(`_${port}`);
  const second = protocolName(protocol);
  return first === undefined || second === undefined ? undefined : first + second;
}

/** Far longer than a name may be. */
const KEY_SIZE_MAX = 1024;
const keys = new ScratchOctets(KEY_SIZE_MAX);

/** The octets of two texts, one behind the other, for a key of RecordSink: good until the next call. */
export function keyOf(prefix: string, rest: string): Uint8Array {
  const prefixSize = prefix.length;
  const size = prefixSize + rest.length;
  const octets = size > KEY_SIZE_MAX ? new Uint8Array(size) : keys.ofSize(size);
  for (let at = 0; at < prefixSize; at++) octets[at] = prefix.charCodeAt(at);
  for (let at = prefixSize; at < size; at++) octets[at] = rest.charCodeAt(at - prefixSize);
  return octets;
}
