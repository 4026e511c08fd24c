/**
 * The metrics that the shards' cells make: CoreDNS's names and labels, and what skyshard adds.
 *
 * A series of CoreDNS is there after its first use only. Those of own zones are here from the start, with 0, so that a
 * rate sees the first query; those that few clusters ever use (TCP, the rare rcodes, `dropped`) come when they count.
 */
import { RCODE, rcodeName, TYPE } from '../../dns/iana.ts';
import type { CounterCollector } from './counter-collector.ts';
import {
  COMPOSED,
  DROP_REASONS,
  DURATION_BOUNDS,
  FAMILY_LABELS,
  PLUGIN,
  PLUGIN_LABELS,
  PROTO_LABELS,
  RCODE_OTHER,
  SCOPE_CELLS,
  SIZE_BOUNDS,
  SIZE_CELLS,
  TEMPLATE_COUNT,
  TEMPLATE_SECTIONS,
  TYPE_INDEX,
  TYPE_LABELS,
  TYPE_OTHER,
  templateTextAt,
  templateTextCell,
} from './counter-layout.ts';
import type { MetricScope } from './counter-layout.ts';
import { histogramSamples, summed } from './metric-family.ts';
import type { MetricFamily, Sample } from './metric-family.ts';

const AT = SCOPE_CELLS.at;
/** Index of the scope for what never entered a plugin chain. */
const SCOPE_DROPPED = 0;
const PROTO_UDP = 0;
/** Number of the cell of `acl`. */
const ACL_ALLOWED = 3;
const SCOPE_LABELS = ['server', 'zone', 'view'] as const;
/** What the kubernetes plugin answers with. */
const USUAL_RCODES: readonly number[] = [RCODE.NOERROR, RCODE.NXDOMAIN, RCODE.SERVFAIL];

/**
 * @param scopes      by index, as the routes have it; the first is `dropped`
 * @param shardCount  threads that are shards: the first of the collector's
 */
export function queryMetrics(
  collector: CounterCollector,
  scopes: readonly MetricScope[],
  shardCount: number = collector.shardMax,
): readonly MetricFamily[] {
  const metrics = new QueryMetrics(collector, scopes);
  return familiesOf(metrics, collector, shardCount).map((family) => ({
    ...family,
    samples: () => (areUnique(scopes) ? family.samples() : summed(family.samples())),
  }));
}

/** Whether no two are called the same. */
function areUnique(scopes: readonly MetricScope[]): boolean {
  const names = scopes.map(({ server, zone, view, plugin = '' }) => [server, zone, view, plugin].join('\0'));
  return new Set(names).size === names.length;
}

function familiesOf(metrics: QueryMetrics, collector: CounterCollector, shardCount: number): readonly MetricFamily[] {
  return [
    {
      name: 'coredns_dns_requests_total',
      type: 'counter',
      help: 'Queries.',
      labels: [...SCOPE_LABELS, 'proto', 'family', 'type'],
      samples: () => metrics.requests(),
    },
    {
      name: 'coredns_dns_request_duration_seconds',
      type: 'histogram',
      help: 'Time from receiving a query to sending its response.',
      labels: SCOPE_LABELS,
      samples: () => metrics.durations(),
    },
    {
      name: 'coredns_dns_request_size_bytes',
      type: 'histogram',
      help: 'Size of queries as they arrived.',
      labels: [...SCOPE_LABELS, 'proto'],
      samples: () => metrics.sizes(AT.requestSizes, AT.requestSizeSum),
    },
    {
      name: 'coredns_dns_response_size_bytes',
      type: 'histogram',
      help: 'Size of responses as they were sent. CoreDNS counts the size without compression.',
      labels: [...SCOPE_LABELS, 'proto'],
      samples: () => metrics.sizes(AT.responseSizes, AT.responseSizeSum),
    },
    {
      name: 'coredns_dns_do_requests_total',
      type: 'counter',
      help: 'Queries with the DO bit (DNSSEC OK).',
      labels: SCOPE_LABELS,
      samples: () => metrics.dnssecOk(),
    },
    {
      name: 'coredns_dns_responses_total',
      type: 'counter',
      help: 'Responses, by rcode and by the plugin that wrote them; plugin is empty where none did.',
      labels: [...SCOPE_LABELS, 'rcode', 'plugin'],
      samples: () => metrics.responses(),
    },
    {
      name: 'skyshard_truncated_responses_total',
      type: 'counter',
      help: 'Responses with the TC bit, because the client takes no larger ones.',
      labels: ['proto', 'zone'],
      samples: () => metrics.truncated(),
    },
    {
      name: 'skyshard_dropped_datagrams_total',
      type: 'counter',
      help: 'Datagrams that got no answer.',
      labels: ['reason'],
      samples: () => DROP_REASONS.map((reason, index) => ({ labels: { reason }, value: collector.drops(index) })),
    },
    {
      name: 'coredns_local_localhost_requests_total',
      type: 'counter',
      help: 'Counter of special localhost subdomain requests.',
      labels: [],
      samples: () => [{ labels: {}, value: collector.localhostRequests }],
    },
    ...(['blocked', 'filtered', 'dropped', 'allowed'] as const).map((what, action): MetricFamily => ({
      name: `coredns_acl_${what}_requests_total`,
      type: 'counter',
      help: `Counter of DNS requests being ${what}.`,
      labels: action === ACL_ALLOWED ? ['server', 'view'] : SCOPE_LABELS,
      samples: () => metrics.acl(action),
    })),
    {
      name: 'coredns_autopath_success_total',
      type: 'counter',
      help: 'Counter of requests that did autopath.',
      labels: ['server'],
      samples: () => metrics.composed(COMPOSED.AUTOPATH),
    },
    {
      name: 'coredns_dns64_requests_translated_total',
      type: 'counter',
      help: 'Counter of DNS requests translated by dns64.',
      labels: ['server'],
      samples: () => metrics.composed(COMPOSED.DNS64),
    },
    {
      name: 'coredns_siit_requests_translated_total',
      type: 'counter',
      help: 'Counter of DNS requests translated by siit.',
      labels: ['server'],
      samples: () => metrics.composed(COMPOSED.SIIT),
    },
    {
      name: 'coredns_template_matches_total',
      type: 'counter',
      help: 'Questions that a template matched.',
      labels: [...SCOPE_LABELS, 'class', 'type'],
      samples: () => metrics.templateMatches(),
    },
    {
      name: 'coredns_template_template_failures_total',
      type: 'counter',
      help: 'Templates that could not be evaluated; template is empty where it is not known which of those for all types it was.',
      labels: [...SCOPE_LABELS, 'class', 'type', 'section', 'template'],
      samples: () => metrics.templateFailures(TEMPLATE_COUNT.FAILED),
    },
    {
      name: 'coredns_template_rr_failures_total',
      type: 'counter',
      help: 'Templates that gave no record; template is empty where it is not known which of those for all types it was.',
      labels: [...SCOPE_LABELS, 'class', 'type', 'section', 'template'],
      samples: () => metrics.templateFailures(TEMPLATE_COUNT.NO_RECORD),
    },
    {
      name: 'skyshard_shard_requests_total',
      type: 'counter',
      help: 'Queries, by the shard that took them.',
      labels: ['shard'],
      samples: () => metrics.shardRequests(shardCount),
    },
  ];
}

class QueryMetrics {
  private readonly collector: CounterCollector;
  private readonly scopes: readonly MetricScope[];

  constructor(collector: CounterCollector, scopes: readonly MetricScope[]) {
    this.collector = collector;
    this.scopes = scopes;
  }

  private *queryScopes(): Generator<[number, Pick<MetricScope, 'server' | 'zone' | 'view'>]> {
    for (const [scope, { server, zone, view, plugin }] of this.scopes.entries()) {
      if (plugin === undefined) yield [scope, { server, zone, view }];
    }
  }

  *acl(action: number): Generator<Sample> {
    for (const [scope, { server, zone, view, plugin }] of this.scopes.entries()) {
      if (plugin !== 'acl' || (action === ACL_ALLOWED) !== (zone === '')) continue;
      const labels = action === ACL_ALLOWED ? { server, view } : { server, zone, view };
      yield { labels, value: this.collector.total(scope, AT.acl + action) };
    }
  }

  /** By server, where there were any. @param what  COMPOSED */
  *composed(what: number): Generator<Sample> {
    const totals = new Map<string, number>();
    for (const [scope, { server }] of this.queryScopes()) {
      const value = this.collector.total(scope, AT.composed + what);
      if (value > 0) totals.set(server, (totals.get(server) ?? 0) + value);
    }
    for (const [server, value] of totals) yield { labels: { server }, value };
  }

  private *templateCounts(what: number): Generator<[number, string, number]> {
    for (const [scope, labels] of this.scopes.entries()) {
      if (labels.plugin !== 'template') continue;
      for (const [index, type] of TYPE_LABELS.entries()) {
        const value = this.collector.total(scope, AT.responses + what * TYPE_LABELS.length + index);
        if (value > 0) yield [scope, type, value];
      }
    }
  }

  *templateMatches(): Generator<Sample> {
    for (const [scope, type, value] of this.templateCounts(TEMPLATE_COUNT.MATCH)) {
      const { server, zone, view } = this.scopes[scope]!;
      yield { labels: { server, zone, view, class: 'IN', type }, value };
    }
  }

  /** @param what  FAILED or NO_RECORD of TEMPLATE_COUNT */
  *templateFailures(what: number): Generator<Sample> {
    for (const [index, section] of TEMPLATE_SECTIONS.entries()) {
      for (const [scope, type, value] of this.templateCounts(what + index)) {
        const { server, zone, view } = this.scopes[scope]!;
        for (const [template, count] of this.failedTexts(scope, what, index, type, value)) {
          yield { labels: { server, zone, view, class: 'IN', type, section, template }, value: count };
        }
      }
    }
  }

  /**
   * Which templates of a section failed for a type: those for that type alone have a count of their own, and so has one for
   * all types if no other of these failed.
   *
   * @param total  failures of the section for the type
   * @returns texts and counts; '' where it is not known
   */
  private failedTexts(scope: number, what: number, section: number, type: string, total: number): Map<string, number> {
    const { templates = [] } = this.scopes[scope]!;
    const candidates = templates.filter(
      (template) => template.section === section && (template.qtype === TYPE.ANY || labelOf(template.qtype) === type),
    );
    if (candidates.length === 1) return new Map([[candidates[0]!.text, total]]);
    const failed = new Map<string, number>();
    const general = new Set<string>();
    let rest = total;
    for (const { qtype, text } of candidates) {
      const cell = templateTextCell(text);
      const isShared = templates.some((other) => other.text !== text && templateTextCell(other.text) === cell);
      const count = this.collector.total(scope, AT.responses + templateTextAt(what) + cell);
      const isElsewhere = templates.some(
        (other) => other.text === text && (other.section !== section || other.qtype !== qtype),
      );
      if (count === 0) continue;
      if (isShared || isElsewhere || qtype === TYPE.ANY) {
        general.add(text);
      } else if (!failed.has(text)) {
        failed.set(text, Math.min(count, rest));
        rest -= failed.get(text)!;
      }
    }
    const [only = ''] = general;
    if (rest > 0) failed.set(general.size === 1 ? only : '', rest);
    return failed;
  }

  *requests(): Generator<Sample> {
    for (const [scope, labels] of this.queryScopes()) {
      let offset = AT.requests;
      for (const [protoIndex, proto] of PROTO_LABELS.entries()) {
        for (const family of FAMILY_LABELS) {
          for (const type of TYPE_LABELS) {
            const value = this.collector.total(scope, offset++);
            if (value > 0 || isExpected(scope, labels, protoIndex))
              yield { labels: { ...labels, proto, family, type }, value };
          }
        }
      }
    }
  }

  *durations(): Generator<Sample> {
    for (const [scope, { server, zone, view }] of this.queryScopes()) {
      const countAt = (index: number): number => this.collector.total(scope, AT.durations + index);
      const seconds = this.collector.total(scope, AT.durationSum) / 1e9;
      yield* histogramSamples({ server, zone, view }, DURATION_BOUNDS, countAt, seconds);
    }
  }

  *sizes(bucketsAt: number, sumAt: number): Generator<Sample> {
    for (const [scope, labels] of this.queryScopes()) {
      for (const [protoIndex, proto] of PROTO_LABELS.entries()) {
        const at = bucketsAt + protoIndex * SIZE_CELLS;
        const countAt = (index: number): number => this.collector.total(scope, at + index);
        const octets = this.collector.total(scope, sumAt + protoIndex * 2);
        const samples = [...histogramSamples({ ...labels, proto }, SIZE_BOUNDS, countAt, octets)];
        const isUsed = samples.some(({ value }) => value > 0);
        if (isUsed || isExpected(scope, labels, protoIndex)) yield* samples;
      }
    }
  }

  *dnssecOk(): Generator<Sample> {
    for (const [scope, { server, zone, view }] of this.queryScopes()) {
      yield { labels: { server, zone, view }, value: this.collector.total(scope, AT.dnssecOk) };
    }
  }

  *responses(): Generator<Sample> {
    for (const [scope, labels] of this.queryScopes()) {
      let offset = AT.responses;
      for (const [pluginIndex, plugin] of PLUGIN_LABELS.entries()) {
        for (let rcode = 0; rcode <= RCODE_OTHER; rcode++) {
          const value = this.collector.total(scope, offset++);
          const isUsual = scope !== SCOPE_DROPPED && pluginIndex === PLUGIN.KUBERNETES && USUAL_RCODES.includes(rcode);
          if (value === 0 && !isUsual) continue;
          yield { labels: { ...labels, rcode: rcode === RCODE_OTHER ? 'other' : rcodeName(rcode), plugin }, value };
        }
      }
    }
  }

  *truncated(): Generator<Sample> {
    for (const zone of new Set([...this.queryScopes()].map(([, { zone }]) => zone))) {
      for (const [protoIndex, proto] of PROTO_LABELS.entries()) {
        let value = 0;
        let isWanted = false;
        for (const [scope, labels] of this.queryScopes()) {
          if (labels.zone !== zone) continue;
          value += this.collector.total(scope, AT.truncated + protoIndex);
          isWanted ||= isExpected(scope, labels, protoIndex);
        }
        if (value > 0 || isWanted) yield { labels: { proto, zone }, value };
      }
    }
  }

  *shardRequests(shardCount: number): Generator<Sample> {
    for (let shard = 0; shard < shardCount; shard++) {
      yield { labels: { shard: String(shard) }, value: this.collector.shardRequests(shard) };
    }
  }
}

function labelOf(qtype: number): string {
  return TYPE_LABELS[qtype < 256 ? TYPE_INDEX[qtype]! : TYPE_OTHER]!;
}

/** What a listener is there for has a series from the start. */
function isExpected(scope: number, { server }: { readonly server: string }, proto: number): boolean {
  return scope !== SCOPE_DROPPED && (proto === PROTO_UDP) === !/^(?:tls|https):/.test(server);
}
