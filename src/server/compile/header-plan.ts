/** From the rules of `header` to bits of the header of responses. */
import { AA, RA, RD } from '../../dns/wire-header.ts';
import type { HeaderOptions } from '../../plugins/header/parse.ts';
import type { PolicyDescription } from '../../snapshot/config-description.ts';
import { QUERY_RD } from '../../snapshot/snapshot-layout.ts';

/** Bits of the flags word of a header. */
const HEADER_BITS = { aa: AA << 8, rd: RD << 8, ra: RA } as const;

/**
 * The last rule for a flag counts. What is set in queries shows in responses for RD alone, which they copy; to upstream
 * servers queries go with flags of their own. QUERY_RD is what queries have, for who makes a response of their own.
 */
export function headerFlagsOf(options: HeaderOptions | undefined): PolicyDescription['headerFlags'] {
  let set = 0;
  let cleared = 0;
  const rules = [...(options?.query.filter(({ flag }) => flag === 'rd') ?? []), ...(options?.response ?? [])];
  for (const { flag, isSet } of rules) {
    const bit = HEADER_BITS[flag];
    set = isSet ? set | bit : set & ~bit;
    cleared = isSet ? cleared & ~bit : cleared | bit;
  }
  const rd = options?.query.findLast(({ flag }) => flag === 'rd');
  if (rd?.isSet === true) set |= QUERY_RD;
  if (rd?.isSet === false) cleared |= QUERY_RD;
  return { set, cleared };
}
