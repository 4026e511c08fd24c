/**
 * The chain of a route: its steps in their order until one answers, CNAME records followed through the whole server, zones
 * handed over to whoever sends them, questions for others to whoever asks them.
 */
import { CLASS, EDE, RCODE, TYPE } from '../dns/iana.ts';
import { HEADER_SIZE, NAME_SIZE_MAX } from '../dns/wire-header.ts';
import { QUERY_ERROR } from '../observability/queries/query-error.ts';
import { PLUGIN } from '../observability/counters/shard-counters.ts';
import { NOT_FOUND, type SnapshotReader } from '../snapshot/reader.ts';
import {
  POLICY,
  POLICY_FLAG,
  PROGRAM,
  ROUTE,
  STEP,
  STEP_CACHE_SHIFT,
  STEP_FLAG,
  STEP_WORDS,
  TRANSFER_RULE,
  ZONE_RECORDS,
} from '../snapshot/snapshot-layout.ts';
import { hasZone } from './answering-plugin.ts';
import { AclStep } from './steps/acl-step.ts';
import type {
  AnswererOptions,
  ComposedAnswerer,
  Composer,
  HeldQuestion,
  QueryClient,
  QueryForwarder,
  ZoneSender,
} from './answerer-options.ts';
import { CACHE_RESULT, CacheStep } from './steps/cache-step.ts';
import { isClientInside } from './client-networks.ts';
import { FixedSteps } from './steps/fixed-steps.ts';
import { ALIASES_MAX, KubernetesStep } from './steps/kubernetes-step.ts';
import { LocalStep } from './steps/local-step.ts';
import { MetadataValues } from './metadata-values.ts';
import type { OptWriter } from './opt-writer.ts';
import { QueryFacts } from './query-facts.ts';
import type { Query } from './query.ts';
import { RecordsStep } from './steps/records-step.ts';
import type { Response } from './response.ts';
import type { TargetRule } from './rewrite/rewrite-program.ts';
import { RewriteStep, REWRITTEN } from './rewrite/rewrite-step.ts';
import { Rotation } from './order/rotation.ts';
import { isSameName } from './same-name.ts';
import { STEP_RESULT } from './steps/step-result.ts';
import { TemplateStep } from './steps/template-step.ts';
import { TransferStep, TRANSFER_RESULT } from './steps/transfer-step.ts';
import { TsigStep } from './steps/tsig-step.ts';
import { ViewChoice } from './view-choice.ts';
import { ZoneStep } from './steps/zone-step.ts';

const NO_OCTETS = new Uint8Array(0);
const KEPT_SIZE_MIN = 512;

export class Chain implements ComposedAnswerer {
  /** PLUGIN that answers, or has answered last */
  plugin: number = PLUGIN.SERVER;
  /** octets of the query in hand as it came, where its block has steps that ask other questions */
  keptQuery: Uint8Array = NO_OCTETS;
  readonly query: Query;
  readonly response: Response;
  readonly client: QueryClient;
  readonly opt: OptWriter;
  private readonly options: AnswererOptions;
  private readonly reader: SnapshotReader;
  private readonly rotation: Rotation;
  private readonly kubernetes: KubernetesStep;
  private readonly records: RecordsStep;
  private zone: ZoneStep | undefined;
  private readonly fixed: FixedSteps;
  private readonly local: LocalStep;
  private readonly template: TemplateStep;
  private readonly transfer: TransferStep;
  private readonly rewrite: RewriteStep;
  private readonly acl: AclStep;
  /** made by the first query that comes to it: most servers have none */
  private tsig: TsigStep | undefined;
  private readonly forwarder: QueryForwarder | undefined;
  private readonly cache: CacheStep | undefined;
  private readonly transfers: ZoneSender | undefined;
  private readonly facts: QueryFacts;
  private readonly views: ViewChoice;
  private composer: Composer | undefined;
  /** where the wildcard that a zone answers from is logged */
  private onWildcard: ((name: string) => void) | undefined = undefined;
  private readonly noteWildcard = (name: string): void => this.facts.noteWildcard(name);
  /** offsets in the message of the names a chain of CNAME records has led through */
  private readonly aliasTargets = new Uint16Array(ALIASES_MAX + 1);

  constructor(
    options: AnswererOptions,
    reader: SnapshotReader,
    query: Query,
    response: Response,
    client: QueryClient,
    opt: OptWriter,
    composer: Composer | undefined,
  ) {
    this.options = options;
    this.reader = reader;
    this.composer = composer;
    this.query = query;
    this.response = response;
    this.client = client;
    this.opt = opt;
    this.rotation = new Rotation((Math.random() * 0xffff_ffff) >>> 0);
    this.kubernetes = new KubernetesStep(reader, query, response, this.rotation);
    this.records = new RecordsStep(reader, query, response, this.rotation);
    this.fixed = new FixedSteps(reader, query, response, options.counters, options.chaosCounters);
    this.local = new LocalStep(query, response, options.counters);
    this.transfer = new TransferStep(reader, query, response);
    this.acl = new AclStep(reader, query, response, options.counters);
    this.forwarder = options.forwarder;
    const { cache } = options;
    if (cache !== undefined) {
      this.cache = new CacheStep(cache.answers, cache.writer, query, response, options.forwarder);
    }
    this.transfers = options.transfers;
    const metadata = new MetadataValues(reader, query, response, client);
    this.facts = new QueryFacts(reader, query, response, client, metadata);
    this.template = new TemplateStep(reader, query, response, this.facts, options.counters);
    this.rewrite = new RewriteStep(reader, query, response, this.facts);
    this.views = new ViewChoice(reader, query, client, this.facts);
  }

  /** The time of the queries that follow. */
  setTime(): void {
    this.cache?.setTime();
  }

  /** As ZoneStep.hasProofs, of whatever answered. */
  get hasProofs(): boolean {
    return this.zone !== undefined && this.zone.hasProofs;
  }

  /** Made by the first name that such a zone answers: most servers have none. */
  private get zoneStep(): ZoneStep {
    if (this.zone === undefined) {
      this.zone = new ZoneStep(this.reader, this.query, this.response, this.rotation);
      this.zone.setPolicy(this.client.policyFlags);
      this.zone.onWildcard = this.onWildcard;
    }
    return this.zone;
  }

  /**
   * @param flags       POLICY_FLAG bits of the route that answers next
   * @param metadataAt  word index of the PROGRAM of its metadata, 0: none
   */
  setPolicy(flags: number, metadataAt: number): void {
    this.facts.metadataAt = metadataAt;
    this.onWildcard = undefined;
    if (metadataAt !== 0 && (flags & POLICY_FLAG.LOG) !== 0) {
      this.client.loggedMetadata = this.facts.loggedMetadata();
      if (this.facts.logsWildcard()) this.onWildcard = this.noteWildcard;
    }
    this.rotation.setPolicy(flags);
    this.kubernetes.setPolicy(flags);
    if (this.zone !== undefined) {
      this.zone.setPolicy(flags);
      this.zone.onWildcard = this.onWildcard;
    }
  }

  /** @returns STEP_RESULT.DONE, PENDING or WITHHELD */
  answer(routeAt: number): number {
    const { qtype } = this.query;
    if (qtype === TYPE.AXFR || qtype === TYPE.IXFR) return this.answerTransfer(routeAt);
    return this.complete(this.runSteps(routeAt));
  }

  /** What a step has begun that takes more questions than one. @returns STEP_RESULT.DONE, PENDING or WITHHELD */
  private complete(result: number): number {
    if (result === STEP_RESULT.GLUE) return this.addGlue();
    if (result !== STEP_RESULT.FOLLOW) return result;
    const followed = this.followAliases();
    this.template.writeRest(followed === STEP_RESULT.DONE, this.client);
    return followed;
  }

  answerBehind(stepAt: number, stepCount: number): number {
    return this.complete(this.runStepsFrom(stepAt, stepCount));
  }

  get targetRules(): readonly TargetRule[] {
    return this.rewrite.targets;
  }

  holdQuestion(held: HeldQuestion): void {
    const { bytes, messageAt } = this.response;
    const from = messageAt + HEADER_SIZE;
    held.size = this.query.questionEnd - from;
    for (let index = 0; index < held.size; index++) held.octets[index] = bytes[from + index]!;
    held.rewriting = this.client.rewriting;
  }

  beginAnew(held: HeldQuestion): void {
    const { response, query, client } = this;
    const { bytes, view, messageAt } = response;
    const at = messageAt + HEADER_SIZE;
    for (let index = 0; index < held.size; index++) bytes[at + index] = held.octets[index]!;
    query.followName(at);
    query.questionEnd = at + held.size;
    query.qtype = view.getUint16(query.questionEnd - 4);
    query.qclass = view.getUint16(query.questionEnd - 2);
    client.rewriting = held.rewriting;
    client.error = QUERY_ERROR.NONE;
    response.begin(messageAt, query.questionEnd, response.limit, HEADER_SIZE);
    this.plugin = PLUGIN.SERVER;
  }

  /** The response is going to be written over the query. */
  keepQuery(): void {
    const size = this.client.messageSize;
    if (this.keptQuery.length < size) this.keptQuery = new Uint8Array(Math.max(size, KEPT_SIZE_MIN));
    const { bytes, messageAt } = this.response;
    const to = this.keptQuery;
    for (let index = 0; index < size; index++) to[index] = bytes[messageAt + index]!;
  }

  /** A block that has no chain of plugins refuses; one whose plugins all pass the name on fails, `errors` and `log` too. */
  hasHandlers(routeAt: number): boolean {
    const words = this.reader.words;
    if (words[routeAt + ROUTE.at.stepCount] !== 0) return true;
    return (words[words[routeAt + ROUTE.at.policy]! * 2 + POLICY.at.flags]! & POLICY_FLAG.HANDLERS) !== 0;
  }

  /** @returns word index of the ROUTE of the query's name, or NOT_FOUND */
  findRoute(): number {
    const query = this.query;
    const routeAt = this.reader.findRoute(
      this.client.listener,
      query.nameView,
      query.nameSize,
      query.labelStarts,
      query.labelCount,
    );
    if (routeAt === NOT_FOUND) return routeAt;
    if (query.qtype === TYPE.DS) return this.views.chooseParent();
    return this.reader.words[routeAt + ROUTE.at.stepCount] === 0 ? this.views.choose(routeAt) : routeAt;
  }

  /** @returns word index of the ROUTE of the query's name in a LISTENER block, or NOT_FOUND */
  findRouteIn(tableAt: number): number {
    const { nameView, nameSize, labelStarts, labelCount } = this.query;
    return this.reader.findRouteIn(tableAt, nameView, nameSize, labelStarts, labelCount);
  }

  /** Run the chain of a route until a step answers. */
  private runSteps(routeAt: number): number {
    return this.runStepsFrom(routeAt + ROUTE.at.steps, this.reader.words[routeAt + ROUTE.at.stepCount]!);
  }

  /** A chain that runs off its end is SERVFAIL: nobody knows. */
  private runStepsFrom(firstAt: number, count: number): number {
    const words = this.reader.words;
    let stepAt = firstAt;
    for (let left = count - 1; left >= 0; left--) {
      const step = words[stepAt]!;
      const argument = words[stepAt + 1]!;
      const flags = words[stepAt + 2]!;
      stepAt += STEP_WORDS;
      let result: number;
      if (step === STEP.REWRITE) {
        const rewritten = this.rewrite.apply(argument * 2, this.client);
        if (rewritten === REWRITTEN.DONE) return STEP_RESULT.DONE;
        result = this.runRewritten(rewritten, argument * 2, flags, stepAt, left);
      } else if (step >= STEP.DNS64 && step <= STEP.AUTOPATH) {
        result = this.compose(step, argument * 2, flags, stepAt, left);
      } else {
        result = this.runStep(step, argument, flags);
      }
      if (result !== STEP_RESULT.NEXT) return result;
    }
    this.fail(QUERY_ERROR.NO_NEXT_PLUGIN, this.plugin);
    this.plugin = PLUGIN.SERVER;
    this.response.rcode = this.query.qclass === CLASS.IN ? RCODE.SERVFAIL : RCODE.REFUSED;
    return STEP_RESULT.DONE;
  }

  /**
   * Behind `rewrite`. The rest of a chain for a name that it gave is in the same server block, whatever others are for that
   * name. @returns NEXT: the steps behind it answer
   */
  private runRewritten(rewritten: number, programAt: number, flags: number, nextAt: number, nextCount: number): number {
    const isOther = rewritten === REWRITTEN.OTHER_NAME;
    const routeAt = isOther ? this.findRouteIn(this.reader.words[programAt + PROGRAM.at.rest]! * 2) : 0;
    if ((flags & STEP_FLAG.TARGETS) !== 0 && this.rewrite.targets.length > 0) {
      const { words } = this.reader;
      const stepAt = isOther ? routeAt + ROUTE.at.steps : nextAt;
      const stepCount = isOther ? words[routeAt + ROUTE.at.stepCount]! : nextCount;
      const result = this.compose(STEP.REWRITE, programAt, flags, stepAt, stepCount);
      if (result !== STEP_RESULT.NEXT) return result;
    }
    return isOther ? this.runSteps(routeAt) : STEP_RESULT.NEXT;
  }

  /** Steps that look at what those behind them answer. At the target of a CNAME of ours they were before, for the whole. */
  private compose(step: number, programAt: number, flags: number, stepAt: number, stepCount: number): number {
    const { response } = this;
    const isFirst = response.answerCount === 0 && response.ownerOffset === HEADER_SIZE;
    if (!isFirst || this.query.qclass !== CLASS.IN) return STEP_RESULT.NEXT;
    this.composer ??= this.options.createComposer?.(this.options, this.reader);
    if (this.composer !== undefined) return this.composer.answer(this, step, programAt, flags, stepAt, stepCount);
    this.fail(QUERY_ERROR.STEP_UNSUPPORTED, 0);
    response.rcode = RCODE.SERVFAIL;
    return STEP_RESULT.DONE;
  }

  private runStep(step: number, argument: number, flags: number): number {
    if (this.query.qclass !== CLASS.IN && step !== STEP.CHAOS && step !== STEP.TSIG) return STEP_RESULT.NEXT;
    switch (step) {
      case STEP.KUBERNETES:
        this.plugin = PLUGIN.KUBERNETES;
        return this.kubernetes.answer(argument * 2, flags);
      case STEP.EXTERNAL:
        this.plugin = PLUGIN.K8S_EXTERNAL;
        return this.kubernetes.answer(argument * 2, flags);
      case STEP.ZONE:
        this.plugin = this.reader.words[argument * 2 + ZONE_RECORDS.at.plugin]!;
        return this.zoneStep.answer(argument * 2, flags);
      case STEP.RECORDS:
        this.plugin = PLUGIN.HOSTS;
        return this.records.answer(argument * 2, flags);
      case STEP.FIXED_ANSWER:
        this.plugin = PLUGIN.TEMPLATE;
        return this.fixed.answerFixed(argument * 2, flags >>> STEP_CACHE_SHIFT);
      case STEP.ANY:
        this.plugin = PLUGIN.ANY;
        return this.fixed.answerAny();
      case STEP.CHAOS:
        this.plugin = PLUGIN.CHAOS;
        return this.fixed.answerChaos(argument * 2);
      case STEP.WHOAMI: {
        this.plugin = PLUGIN.WHOAMI;
        const { peerOffset, peerSize, peerPort, isStreamClient } = this.client;
        return this.fixed.answerWhoami(peerOffset, peerSize, peerPort, isStreamClient);
      }
      case STEP.TEMPLATE:
        this.plugin = PLUGIN.TEMPLATE;
        return this.template.answer(argument * 2, flags >>> STEP_CACHE_SHIFT, this.client);
      case STEP.LOCAL:
        this.plugin = PLUGIN.LOCAL;
        return this.local.answer(argument !== 0);
      case STEP.FORWARD:
        this.plugin = PLUGIN.FORWARD;
        return this.forward(argument, (flags >>> STEP_CACHE_SHIFT) - 1);
      case STEP.REFUSE:
        // The alias is the answer; where it leads to others is the client's to resolve.
        if (this.response.answerCount > 0) return this.endAlias();
        this.plugin = PLUGIN.SERVER;
        this.response.rcode = RCODE.REFUSED;
        this.response.extendedError = EDE.NOT_AUTHORITATIVE;
        return STEP_RESULT.DONE;
      case STEP.TRANSFER:
      case STEP.NOTIFIED:
        return STEP_RESULT.NEXT;
      case STEP.ACL:
        return this.checkAccess(argument * 2);
      case STEP.TSIG:
        return this.verify(argument * 2);
      default:
        this.plugin = PLUGIN.SERVER;
        this.fail(QUERY_ERROR.STEP_UNSUPPORTED, 0);
    }
    this.response.rcode = RCODE.SERVFAIL;
    return STEP_RESULT.DONE;
  }

  /** Queries that `acl` decides are counted. */
  set countsAccess(isOn: boolean) {
    this.acl.isCounting = isOn;
  }

  private checkAccess(rulesAt: number): number {
    const result = this.acl.answer(rulesAt, this.client);
    if (result !== STEP_RESULT.NEXT) this.plugin = PLUGIN.ACL;
    return result;
  }

  private verify(programAt: number): number {
    const { response, client } = this;
    this.tsig ??= new TsigStep(this.reader, this.query, response);
    const result = this.tsig.answer(programAt, client);
    if (result !== STEP_RESULT.NEXT) this.plugin = PLUGIN.TSIG;
    return result;
  }

  /**
   * The chain for AXFR and IXFR, which no step that answers from records knows: those are passed over. Without a
   * `transfer` for the zone it is refused.
   */
  private answerTransfer(routeAt: number): number {
    const words = this.reader.words;
    let stepAt = routeAt + ROUTE.at.steps;
    for (let left = words[routeAt + ROUTE.at.stepCount]!; left > 0; left--, stepAt += STEP_WORDS) {
      const step = words[stepAt]!;
      if (step === STEP.TRANSFER) {
        this.plugin = PLUGIN.TRANSFER;
        const result = this.transfer.answer(words[stepAt + 1]! * 2, routeAt, this.client);
        if (result === TRANSFER_RESULT.SEND) return this.sendZone();
        if (result === TRANSFER_RESULT.DONE) return STEP_RESULT.DONE;
      } else if (step === STEP.ACL) {
        const result = this.checkAccess(words[stepAt + 1]! * 2);
        if (result !== STEP_RESULT.NEXT) return result;
      } else if (step === STEP.TSIG) {
        const result = this.verify(words[stepAt + 1]! * 2);
        if (result !== STEP_RESULT.NEXT) return result;
      } else if (step === STEP.UNBUILT) {
        // It may be one that would have kept the zone from the client.
        return this.runStep(step, words[stepAt + 1]!, words[stepAt + 2]!);
      }
    }
    this.plugin = PLUGIN.SERVER;
    this.response.rcode = RCODE.REFUSED;
    return STEP_RESULT.DONE;
  }

  /**
   * The chain for NOTIFY (RFC 1996), which only a zone that is transferred in has an answer to: none where it comes from
   * somebody who is no primary of it.
   *
   * @returns STEP_RESULT: DONE or WITHHELD; the response has AA if it is to be followed
   */
  answerNotify(routeAt: number): number {
    const { response, client } = this;
    const { words } = this.reader;
    const isApex = words[routeAt + ROUTE.at.zoneSize] === this.query.nameSize;
    let stepAt = routeAt + ROUTE.at.steps;
    for (let left = words[routeAt + ROUTE.at.stepCount]!; left > 0; left--, stepAt += STEP_WORDS) {
      const step = words[stepAt]!;
      const argument = words[stepAt + 1]! * 2;
      if (step === STEP.ACL || step === STEP.TSIG) {
        const result = step === STEP.ACL ? this.checkAccess(argument) : this.verify(argument);
        if (result !== STEP_RESULT.NEXT) return result;
      } else if (step === STEP.NOTIFIED && isApex) {
        this.plugin = PLUGIN.SECONDARY;
        const { count4, count6, networks } = TRANSFER_RULE.at;
        const networksAt = argument + networks;
        const isPrimary = isClientInside(
          words,
          networksAt,
          words[argument + count4]!,
          words[argument + count6]!,
          response.view,
          client,
        );
        if (!isPrimary) return STEP_RESULT.WITHHELD;
        response.isAuthoritative = true;
        return STEP_RESULT.DONE;
      }
    }
    this.plugin = PLUGIN.SERVER;
    response.rcode = RCODE.NOTAUTH;
    return STEP_RESULT.DONE;
  }

  private sendZone(): number {
    this.response.rcode = RCODE.SERVFAIL;
    if (this.transfers === undefined) return STEP_RESULT.DONE;
    this.writeOptBehind();
    const isTaken = this.transfers.send(this.query, this.response, this.client);
    return isTaken ? STEP_RESULT.PENDING : STEP_RESULT.DONE;
  }

  /**
   * Answer from the cache, or hand the query over, with the OPT record of its response behind what is written so far.
   *
   * @param cacheProfile  -1: answers are not kept
   */
  private forward(group: number, cacheProfile: number): number {
    const { response, client } = this;
    client.cacheProfile = isKeyInBounds(this.query, client) ? cacheProfile : -1;
    client.hasStale = false;
    if (client.cacheProfile >= 0 && this.cache !== undefined) {
      const options = client.upstreamOptions;
      const found = this.cache.answer(cacheProfile, group, options);
      if (found === CACHE_RESULT.HIT_AND_REFRESH) {
        this.forwarder?.refresh(group, this.query, cacheProfile, this.cache.isCheckingDisabled, options);
      }
      if (found === CACHE_RESULT.HIT || found === CACHE_RESULT.HIT_AND_REFRESH) {
        this.plugin = PLUGIN.CACHE;
        return STEP_RESULT.DONE;
      }
      client.hasStale = found === CACHE_RESULT.STALE;
    }
    response.rcode = RCODE.SERVFAIL;
    if (this.forwarder === undefined) return STEP_RESULT.DONE;
    this.writeOptBehind();
    const isTaken = this.forwarder.forward(group, this.query, response, client);
    return isTaken ? STEP_RESULT.PENDING : STEP_RESULT.DONE;
  }

  private writeOptBehind(): void {
    const { response, client } = this;
    const position = response.position;
    client.optSize = 0;
    if (!this.query.hasEdns) return;
    this.opt.write(position);
    client.optSize = response.position - position;
    response.position = position;
  }

  /**
   * Look up the target of the CNAME just written, as often as that is a CNAME again, through the whole server. The rcode
   * is that of the last name (RFC 6604). A target no zone of the server holds is the client's to resolve.
   */
  private followAliases(): number {
    const response = this.response;
    const targets = this.aliasTargets;
    targets[0] = HEADER_SIZE;
    for (let count = 1; count <= ALIASES_MAX; count++) {
      const offset = response.followOffset;
      if (this.isTargetKnown(offset, count)) break;
      targets[count] = offset;
      this.query.followName(response.messageAt + offset);
      const routeAt = this.findRoute();
      if (routeAt === NOT_FOUND || this.reader.words[routeAt + ROUTE.at.stepCount] === 0) {
        return this.endAlias();
      }
      response.ownerOffset = offset;
      const result = this.runSteps(routeAt);
      if (result === STEP_RESULT.GLUE) return STEP_RESULT.DONE;
      if (result !== STEP_RESULT.FOLLOW) return result;
    }
    // A chain without end: the operator's mistake, told as such and without the same records over and over.
    response.position = this.query.questionEnd;
    response.answerCount = 0;
    response.rcode = RCODE.SERVFAIL;
    response.extendedError = EDE.OTHER;
    this.fail(QUERY_ERROR.ALIAS_LOOP, 0);
    return STEP_RESULT.DONE;
  }

  /** The target of an alias is in no zone of the server. */
  private endAlias(): number {
    if (hasZone(this.plugin)) this.zone?.endAlias();
    return STEP_RESULT.DONE;
  }

  /**
   * The addresses of the SRV target just written, for the additional section. They are a kindness: without them the
   * response is as good as whole.
   */
  private addGlue(): number {
    this.composer ??= this.options.createComposer?.(this.options, this.reader);
    return this.composer === undefined ? STEP_RESULT.DONE : this.composer.addGlue(this);
  }

  private fail(error: number, detail: number): void {
    this.client.error = error;
    this.client.errorDetail = detail;
  }

  /** Whether the chain has been at this name before: the message holds them all, uncompressed. */
  private isTargetKnown(offset: number, count: number): boolean {
    const at = this.response.messageAt;
    for (let index = 0; index < count; index++) {
      if (isSameName(this.response.bytes, at + this.aliasTargets[index]!, at + offset)) return true;
    }
    return false;
  }
}

/** Options are part of what an answer is found by in the cache, which has room for a name. */
function isKeyInBounds({ nameSize }: Query, { upstreamOptions }: QueryClient): boolean {
  return upstreamOptions === undefined || nameSize + upstreamOptions.length <= NAME_SIZE_MAX;
}
