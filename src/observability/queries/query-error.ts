/** Why a query failed: the number an answering thread reports, and the text that `errors` prints, which is CoreDNS's. */
import { PLUGIN_LABELS } from '../counters/counter-layout.ts';

export const QUERY_ERROR = {
  NONE: 0,
  /** the chain ran off its end; detail: PLUGIN of the last step */
  NO_NEXT_PLUGIN: 1,
  /** a step of the chain is a plugin that is not built yet */
  STEP_UNSUPPORTED: 2,
  /** a chain of CNAME records without end */
  ALIAS_LOOP: 3,
  /** an upstream did not answer in time; with its address */
  UPSTREAM_TIMEOUT: 4,
  /** an upstream's host says that nobody listens there; with its address */
  UPSTREAM_REFUSED: 5,
  /** there is no way to an upstream; with its address */
  UPSTREAM_UNREACHABLE: 6,
  /** an upstream answered another question, or what is no DNS; with its address */
  UPSTREAM_MALFORMED: 7,
  /** all upstreams are down */
  NO_HEALTHY_UPSTREAM: 8,
  /** `max_concurrent`; detail: the limit */
  MAX_CONCURRENT: 9,
  /** no room for one more query under way */
  NO_CAPACITY: 10,
  /** a template could not be evaluated, or what it gave is no record */
  TEMPLATE_FAILED: 11,
  /** what `rewrite` made of the question is none */
  NAME_INVALID: 12,
  /** one client has too many queries under way; detail: the limit */
  CLIENT_SHARE: 13,
} as const;

/** Where the error says to whom it was: the address in presentation form, an IPv6 one in brackets, with the port. */
export interface QueryErrorFacts {
  /** QUERY_ERROR; an unknown number is told as such */
  readonly error: number;
  readonly errorDetail: number;
  /** '' where no upstream is concerned */
  readonly upstream: string;
  /** how the upstream was asked */
  readonly upstreamProto: string;
}

/** Without rcode and name, which stand before it; what the patterns of `consolidate` are matched against. */
export function queryErrorText({ error, errorDetail, upstream, upstreamProto }: QueryErrorFacts): string {
  const read = `read ${upstreamProto}${upstream === '' ? '' : ` ${upstream}`}`;
  switch (error) {
    case QUERY_ERROR.NO_NEXT_PLUGIN: {
      const plugin = PLUGIN_LABELS[errorDetail] ?? '';
      return plugin === '' ? 'no next plugin found' : `plugin/${plugin}: no next plugin found`;
    }
    case QUERY_ERROR.STEP_UNSUPPORTED:
      return 'a plugin of this server block is not served yet';
    case QUERY_ERROR.ALIAS_LOOP:
      return 'CNAME records lead to no end';
    case QUERY_ERROR.UPSTREAM_TIMEOUT:
      return `${read}: i/o timeout`;
    case QUERY_ERROR.UPSTREAM_REFUSED:
      return upstreamProto === 'tcp'
        ? `dial tcp ${upstream}: connect: connection refused`
        : `${read}: read: connection refused`;
    case QUERY_ERROR.UPSTREAM_UNREACHABLE:
      return `${read}: network is unreachable`;
    case QUERY_ERROR.UPSTREAM_MALFORMED:
      return `${read}: the response does not fit the query`;
    case QUERY_ERROR.NO_HEALTHY_UPSTREAM:
      return 'no healthy proxies';
    case QUERY_ERROR.MAX_CONCURRENT:
      return `concurrent queries exceeded maximum ${errorDetail}`;
    case QUERY_ERROR.NO_CAPACITY:
      return 'too many queries wait for upstreams';
    case QUERY_ERROR.CLIENT_SHARE:
      return `more than ${errorDetail} queries of one client wait for upstreams`;
    case QUERY_ERROR.TEMPLATE_FAILED:
      return 'plugin/template: the template gives no record for this query';
    case QUERY_ERROR.NAME_INVALID:
      return 'invalid name after rewrite';
    default:
      return `error ${error}`;
  }
}
