/** `header`: flags of a response that are as the operator wants them, whoever it is from. */
import { AA, FLAGS_HIGH_AT, RA, RD } from '../dns/wire-header.ts';
import { PLUGIN } from '../observability/counters/counter-layout.ts';
import { QUERY_RD } from '../snapshot/snapshot-layout.ts';

const RA_CLEARED = RA * 0x1_0000;
/** Flags that a response has from the answer it was made of. */
const INHERITED = ((AA << 8) | RA) * 0x1_0001;
const NOT_QUERY_RD = ~(QUERY_RD * 0x1_0001);

/** @param headerFlags  POLICY.headerFlags, or of headerFlagsFor */
export function setHeaderFlags(view: DataView, messageAt: number, headerFlags: number): void {
  const flags = view.getUint16(messageAt + FLAGS_HIGH_AT);
  const wanted = headerFlags & NOT_QUERY_RD;
  view.setUint16(messageAt + FLAGS_HIGH_AT, (flags & ~(wanted >>> 16)) | (wanted & 0xffff));
}

/**
 * What `header` says of a response that a plugin has made; 0: nothing. It stands behind some plugins. `dns64` and `siit` stand
 * before it and make a response of their own: RD is that of the query, as it was changed on its way; AA and RA are those of the
 * answer that `siit` has translated; `dns64` sets neither.
 *
 * @param headerFlags  POLICY.headerFlags
 */
export function headerFlagsFor(plugin: number, headerFlags: number): number {
  switch (plugin) {
    case PLUGIN.SERVER:
    case PLUGIN.LOCAL:
    case PLUGIN.ANY:
    case PLUGIN.CHAOS:
    case PLUGIN.ACL:
    case PLUGIN.TSIG:
      return 0;
    case PLUGIN.DNS64:
      return (headerFlags & RA_CLEARED) | queryRd(headerFlags);
    case PLUGIN.SIIT:
      return (headerFlags & INHERITED) | queryRd(headerFlags);
    default:
      return headerFlags;
  }
}

function queryRd(headerFlags: number): number {
  return (headerFlags & ~NOT_QUERY_RD) * ((RD << 8) / QUERY_RD);
}
