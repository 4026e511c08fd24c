import { readZoneFile, type ReadRecord } from '../../../src/config/zone-file/zone-file.ts';

/** The records of a zone file, without the pauses between them. @throws ZoneFileFault */
export function recordsIn(...parameters: Parameters<typeof readZoneFile>): ReadRecord[] {
  return [...readZoneFile(...parameters)].filter((record) => record !== null);
}
