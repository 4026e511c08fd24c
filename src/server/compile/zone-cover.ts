/** Which zones hold which names: canonical names in text. */
import { assert } from '../../base/assert.ts';
import { lowerCaseName, parseName } from '../../dns/name.ts';

export function addAll(zones: Set<string>, more: readonly string[]): void {
  for (const zone of more) zones.add(zone);
}

/** Whether a canonical name lies in a zone: at it or below it. */
export function covers(zone: string, name: string): boolean {
  return zone === '.' || name === zone || name.endsWith(`.${zone}`);
}

export function isCovered(zones: readonly string[] | null, name: string): boolean {
  return zones?.some((zone) => covers(zone, name)) ?? false;
}

export function longestZone(zones: readonly string[], name: string): string | undefined {
  return zones.filter((zone) => covers(zone, name)).sort((a, b) => b.length - a.length)[0];
}

export function wireOf(zone: string): Uint8Array {
  const wire = parseName(zone);
  assert(wire !== null, 'a zone is a name');
  return lowerCaseName(wire);
}
