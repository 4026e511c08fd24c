/** Zones for tests, written as zone files. */
import { parseName } from '../../../src/dns/name.ts';
import { ZoneBuilder, type Zone } from '../../../src/zones/zone-data.ts';
import { testFiles } from '../plugins/corefile-fixture.ts';
import { recordsIn } from './zone-file-records.ts';

/** @throws ZoneFault, ZoneFileFault */
export function zoneOf(text: string, origin = 'example.org.', files: Readonly<Record<string, string>> = {}): Zone {
  const apex = parseName(origin)!;
  const builder = new ZoneBuilder(apex);
  for (const record of recordsIn(text, 'db.test', apex, testFiles(files))) {
    builder.add(record);
  }
  const steps = builder.finish();
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
  }
}
