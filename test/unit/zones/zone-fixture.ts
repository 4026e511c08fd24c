/** Zones for tests, written as zone files. */
import { readZoneFile } from '../../../src/config/zone-file.ts';
import { parseName } from '../../../src/dns/name.ts';
import { ZoneBuilder, type Zone } from '../../../src/zones/zone-data.ts';
import { testFiles } from '../plugins/corefile-fixture.ts';

/** @throws ZoneFault, ZoneFileFault */
export function zoneOf(text: string, origin = 'example.org.', files: Readonly<Record<string, string>> = {}): Zone {
  const apex = parseName(origin)!;
  const builder = new ZoneBuilder(apex);
  for (const record of readZoneFile(text, 'db.test', apex, testFiles(files))) {
    assertKnown(record.rdata);
    builder.add({ ...record, rdata: record.rdata });
  }
  const steps = builder.finish();
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
  }
}

function assertKnown(rdata: Uint8Array | null): asserts rdata is Uint8Array {
  if (rdata === null) throw new Error('a type that is not read');
}
