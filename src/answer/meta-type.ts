/** Types that are no data (RFC 6895 §3.1). */
import { RCODE, TYPE } from '../dns/iana.ts';

/** What a question for a type that is no data gets, NOERROR if it is answered like any other. */
export function rcodeOfMetaType(qtype: number): number {
  switch (qtype) {
    case TYPE.OPT:
    case TYPE.TSIG:
      return RCODE.FORMERR;
    case TYPE.TKEY:
    case TYPE.MAILA:
    case TYPE.MAILB:
      return RCODE.NOTIMP;
    default:
      return RCODE.NOERROR;
  }
}
