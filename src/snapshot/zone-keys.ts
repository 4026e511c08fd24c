/** In which key space the names of a zone lie. */
import { KEY_SPACE, ZONE_KIND } from './snapshot-layout.ts';
import type { KeySpace, ZoneKind } from './snapshot-layout.ts';

const IN_ADDR_ARPA = wireName('in-addr', 'arpa');
const IP6_ARPA = wireName('ip6', 'arpa');

const FORWARD_SPACES = [KEY_SPACE.FORWARD, KEY_SPACE.EXTERNAL, KEY_SPACE.CLUSTERSET] as const;

/** Key space of the names of a zone, and the octets at their end that are not part of their keys. */
export function keySpaceOf(
  zone: Uint8Array,
  zoneKind: ZoneKind = ZONE_KIND.CLUSTER,
): { readonly keySpace: KeySpace; readonly keySuffixSize: number } {
  const isExternal = zoneKind === ZONE_KIND.EXTERNAL;
  if (isAtOrBelow(zone, IN_ADDR_ARPA)) {
    const keySpace = isExternal ? KEY_SPACE.EXTERNAL_REVERSE4 : KEY_SPACE.REVERSE4;
    return { keySpace, keySuffixSize: IN_ADDR_ARPA.length };
  }
  if (isAtOrBelow(zone, IP6_ARPA)) {
    const keySpace = isExternal ? KEY_SPACE.EXTERNAL_REVERSE6 : KEY_SPACE.REVERSE6;
    return { keySpace, keySuffixSize: IP6_ARPA.length };
  }
  return { keySpace: FORWARD_SPACES[zoneKind], keySuffixSize: zone.length };
}

/** Both in wire form, lower-cased. */
function isAtOrBelow(name: Uint8Array, suffix: Uint8Array): boolean {
  let offset = 0;
  while (name.length - offset > suffix.length) offset += name[offset]! + 1;
  if (name.length - offset !== suffix.length) return false;
  return suffix.every((octet, index) => name[offset + index] === octet);
}

function wireName(...labels: readonly string[]): Uint8Array {
  return Uint8Array.from([...labels.flatMap((label) => [label.length, ...Buffer.from(label, 'latin1')]), 0]);
}
