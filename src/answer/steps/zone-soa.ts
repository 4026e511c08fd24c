import { ZONE_INFO } from '../../snapshot/snapshot-layout.ts';
import type { Response } from '../response.ts';

/**
 * Write the SOA record of a zone.
 *
 * @param zoneAt      word index of the ZONE_INFO
 * @param datasetAt   word index of its DATASET
 * @param zoneOffset  where the zone's name stands in the message
 * @returns whether it fits
 */
export function writeZoneSoa(
  response: Response,
  words: Uint32Array,
  zoneAt: number,
  datasetAt: number,
  zoneOffset: number,
): boolean {
  const field = ZONE_INFO.at;
  const negativeTtl = words[zoneAt + field.negativeTtl]!;
  const serial = words[datasetAt + words[zoneAt + field.serialField]!]!;
  const ttl = words[zoneAt + field.ttl]!;
  const apexSize = words[zoneAt + field.apexSize]!;
  if (apexSize === 0) return response.writeSoa(zoneOffset, negativeTtl, serial, ttl);
  const apexAt = zoneAt + field.primary + ((words[zoneAt + field.primarySize]! + 3) >>> 2);
  return response.writeExternalSoa(zoneOffset, negativeTtl, serial, ttl, words, apexAt, apexSize);
}
